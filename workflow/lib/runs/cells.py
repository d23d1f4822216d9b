"""Cells: combinations of settings that a declared number names, and the runs that belong to them.

A cell names an experiment, as published or of the clean protocol, and every setting that has
several values there: `{experiment: fig7, hidden_layers: 1, beta1: 0.9}`, `{clean: momentum,
momentum: 0.0}`. In place of a value it may say

- `least`, `greatest`: the smallest or largest value in the experiment;
- `best`, `worst`: the value with the highest or lowest accuracy, on the test rows as published, in
  cross-validation in the clean protocol;
- `all`, `[2, 16]`, `{at_most: 256}`: several values; the accuracy of the cell is their mean.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, model_validator

from workflow.lib.job import JobError
from workflow.lib.runs.counts import Counts, Runs
from workflow.lib.runs.experiments import OPTIMIZER_NAMES
from workflow.lib.settings import Count, Name

MEASURED = {"seed", "epoch", "train_loss", "test_loss", "test_accuracy", "judged"}
"""Columns of runs that are not settings."""
CHOSEN = {"learning_rate", "epoch", "cv_accuracy", "trials", "edge"}
"""Columns of choices that are not settings of the cell."""

Row = dict[str, Any]


def _setting(value: Any) -> Any:
    """What a cell may say of a setting."""
    bounded = isinstance(value, dict) and list(value) == ["at_most"]
    several = list(value.values()) if bounded else value if isinstance(value, list) else [value]
    if not several or not all(type(each) in (str, int, float) for each in several):
        raise ValueError("expected a value, a list of values, or {at_most: VALUE}")
    return value


Setting = Annotated[Any, PlainValidator(_setting)]


class Cell(BaseModel):
    """A combination of settings of an experiment, or several that are averaged."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    __pydantic_extra__: dict[str, Setting]  # pyright: ignore[reportIncompatibleVariableOverride]

    experiment: Name | None = Field(default=None, description="an experiment as published")
    clean: Name | None = Field(default=None, description="an experiment of the clean protocol")
    epoch: Count | Literal["last"] | None = Field(
        default=None,
        description="after so many epochs, or after the last of a shorter run; default: last, in "
        "the clean protocol the epoch of the choice",
    )
    chosen_at: Count | Literal["last", "all"] | None = Field(
        default=None, description="at which epoch the choice was made, where there are several"
    )
    other_than: dict[Name, Setting] | None = Field(
        default=None, description="settings of the cells that best and worst pass over"
    )

    @property
    def protocol(self) -> str:
        """published or clean."""
        return "clean" if self.clean else "published"

    @property
    def name(self) -> str:
        """The name of its experiment."""
        return self.clean or self.experiment or ""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the cell names."""
        return self.__pydantic_extra__

    @property
    def picked(self) -> list[str]:
        """The settings whose value the accuracy picks."""
        return [name for name, value in self.settings.items() if value in ("best", "worst")]

    @model_validator(mode="after")
    def consistent(self) -> "Cell":
        """The best or the worst cell is a single one; choices belong to the clean protocol."""
        if bool(self.experiment) == bool(self.clean):
            raise ValueError("name an experiment or a clean one, not both")
        picks = {self.settings[name] for name in self.picked}
        several = any(v == "all" or isinstance(v, list | dict) for v in self.settings.values())
        if len(picks) + several > 1:
            raise ValueError("best or worst picks one cell; give every other setting one value")
        if self.other_than and not picks:
            raise ValueError("other_than needs a setting that is best or worst")
        if self.chosen_at and not self.clean:
            raise ValueError("chosen_at needs a clean experiment")
        return self

    def at(self, setting: str, value: Any) -> "Cell":
        """The same with one value of a setting."""
        return self.model_copy(update={setting: value})

    def mistakes(self, known: dict[str, list[Any]]) -> list[str]:
        """What does not fit the experiment, one sentence each.

        Args:
            known: the settings that may have several values, with their values in ascending order.

        Example:
            >>> cell = Cell(experiment="fig5", hidden_units=20)
            >>> cell.mistakes({"learning_rate": [0.01], "hidden_units": [16, 64]})
            ['fig5 has no hidden_units 20; known: 16, 64']
        """
        unknown = {**self.settings, **(self.other_than or {})}.keys() - known.keys()
        if unknown:
            varied = ", ".join(known)
            return [f"{self.name} does not vary {n}; it may vary {varied}" for n in sorted(unknown)]
        lines = []
        for name, values in known.items():
            listed, asked = ", ".join(map(str, values)), self.settings.get(name)
            if asked is None and len(values) > 1:
                lines.append(f"{self.name} has several values of {name}; name {listed} or all")
            if asked is not None and not set() < set(selected(asked, values)) <= set(values):
                lines.append(f"{self.name} has no {name} {asked}; known: {listed}")
        return lines


def selected(value: Any, known: list[Any]) -> list[Any]:
    """The values of a setting that a cell asks for; all of them if the accuracy picks one.

    Args:
        value: what the cell says.
        known: the values of the experiment, in ascending order.

    Example:
        >>> selected("least", [2, 16, 8192]), selected({"at_most": 256}, [2, 16, 8192])
        ([2], [2, 16])
    """
    if value in ("all", "best", "worst"):
        return known
    if value in ("least", "greatest"):
        return [known[0 if value == "least" else -1]]
    if isinstance(value, dict):
        return [each for each in known if each <= value["at_most"]]
    return value if isinstance(value, list) else [value]


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


def word(value: Any) -> str:
    """The value of a setting in words.

    Example:
        >>> word("sgd_momentum"), word(0.001)
        ('SGD with momentum', '0.001')
    """
    if isinstance(value, str):
        return OPTIMIZER_NAMES.get(value, value.replace("_", " "))
    return f"{value:g}"
