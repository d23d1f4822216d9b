"""The runs of a cell: which combinations it means, their counts, histories and words."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from workflow.lib.job import JobError
from workflow.lib.runs.cells import Cell, selected, word
from workflow.lib.runs.counts import Counts, Runs

MEASURED = {"seed", "epoch", "train_loss", "test_loss", "test_accuracy", "judged"}
"""Columns of runs that are not settings."""
CHOSEN = {"learning_rate", "epoch", "cv_accuracy", "trials", "edge"}
"""Columns of choices that are not settings of the cell."""

Row = dict[str, Any]


class Source(NamedTuple):
    """The runs of an experiment, and in the clean protocol the table of its choices."""

    runs: Runs
    choices: pl.DataFrame | None = None


@dataclass(frozen=True)
class Found:
    """The runs of a cell: one combination of settings, or several that are averaged."""

    runs: Runs
    rows: list[Row]
    """The settings of each combination, its epoch and, in the clean protocol, its choice."""

    def counts(self) -> Counts:
        """Correct rows (seeds, speakers), averaged over the combinations, and speakers' rows."""
        counts = [self.runs.counts(**self._place(row)) for row in self.rows]
        return np.mean([correct for correct, _ in counts], axis=0), counts[0][1]

    def histories(self) -> pl.DataFrame:
        """Losses and accuracies of all seeds at the epoch of the cell."""
        return pl.concat(self.runs.epochs.filter(**self._place(row)) for row in self.rows)

    def by(self, setting: str) -> dict[Any, "Found"]:
        """The same at each value of a setting."""
        return {
            value: Found(self.runs, [row for row in self.rows if row[setting] == value])
            for value in sorted({row[setting] for row in self.rows})
        }

    def words(self) -> dict[str, str]:
        """Every setting in words, by name, and in the clean protocol the `choice`."""
        values = {name: dict.fromkeys(row[name] for row in self.rows) for name in self.rows[0]}
        found = {name: ", ".join(map(word, several)) for name, several in values.items()}
        if "edge" in values:
            epochs = "1 epoch" if found["epoch"] == "1" else f"{found['epoch']} epochs"
            edge = ", at an edge of the grid" if any(values["edge"]) else ""
            rate = f"rate {found['learning_rate']}"
            found["choice"] = f"{rate}, {epochs}, chosen on training speakers{edge}"
        return found

    def _place(self, row: Row) -> Row:
        """What picks the combination among the runs."""
        return {name: row[name] for name in row if name in self.runs.speakers.columns}


def find(cell: Cell, source: Source) -> Found:
    """The runs of a cell.

    Raises:
        JobError: if the experiment lacks a value, or the cell leaves open which one it means.
    """
    rows, names = _published(cell, source) if source.choices is None else _clean(cell, source)
    known = {name: sorted({row[name] for row in rows}) for name in names}
    mistakes = cell.mistakes(known)
    if mistakes:
        raise JobError("; ".join(mistakes))

    def fits(row: Row, settings: dict[str, Any]) -> bool:
        return all(row[name] in selected(value, known[name]) for name, value in settings.items())

    rows = [row for row in rows if fits(row, cell.settings)]
    if cell.picked:
        rows = [row for row in rows if not (cell.other_than and fits(row, cell.other_than))]
        if not rows:
            raise JobError(f"{cell.name} has no other cell; leave out other_than")
        rows.sort(key=lambda row: [row[name] for name in ("score", *cell.picked)])
        rows = rows[-1:] if cell.settings[cell.picked[0]] == "best" else rows[:1]
    rows.sort(key=lambda row: [row[name] for name in cell.settings])
    return Found(source.runs, rows)


def _published(cell: Cell, source: Source) -> tuple[list[Row], list[str]]:
    """All combinations at the cell's epoch, with the test accuracy as score; their settings."""
    epochs = source.runs.epochs
    names = [name for name in epochs.columns if name not in MEASURED]
    epoch = _epoch(cell.epoch or "last", epochs["epoch"].max())
    scores = epochs.filter(epoch=epoch).group_by(names).agg(score=pl.col("test_accuracy").mean())
    return [row | {"epoch": epoch} for row in scores.rows(named=True)], names


def _clean(cell: Cell, source: Source) -> tuple[list[Row], list[str]]:
    """All choices, with the accuracy in cross-validation as score; their settings."""
    assert source.choices is not None
    names = [name for name in source.choices.columns if name not in CHOSEN]
    last = dict(source.runs.epochs.group_by("judged").agg(pl.col("epoch").max()).rows())
    at = max(last) if cell.chosen_at == "last" else cell.chosen_at
    rows = []
    for choice in source.choices.rows(named=True):
        judged = choice["epoch"]
        if at in (None, "all", judged):
            epoch = _epoch(cell.epoch or judged, last[judged])
            rows.append(
                {**choice, "judged": judged, "epoch": epoch, "score": choice["cv_accuracy"]}
            )
    combinations = {tuple(row[name] for name in names) for row in rows}
    if not rows or (at is None and len(combinations) < len(rows)):
        epochs = ", ".join(map(str, sorted(last)))
        raise JobError(f"{cell.name} chooses at the epochs {epochs}; name one by chosen_at")
    return rows, names


def _epoch(wanted: int | str, last: Any) -> int:
    return last if wanted == "last" else min(int(wanted), last)
