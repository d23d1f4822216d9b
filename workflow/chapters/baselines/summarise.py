"""Classifiers, the source's network and the literature side by side, each with its interval."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from nnjax import stats
from workflow.lib import job, settings
from workflow.lib.estimates import SPEAKERS, SPEAKERS_AND_SEEDS, number
from workflow.lib.estimates import table as numbers_table
from workflow.lib.runs.classifiers import NAMES, words
from workflow.lib.runs.counts import Runs, rng
from workflow.lib.tables import data_of, write_csv

IID = "95 % (Wilson) treating rows as independent: too narrow"
HERE = "this study"


def fitted(speakers: pl.DataFrame) -> list[dict[str, Any]]:
    """One row per classifier; the fit is deterministic, so the interval is over speakers alone.

    `design_effect` says how much wider that interval is than one that takes rows for independent:
    the squared ratio of their widths.
    """
    rows = []
    for (model, setting), cell in speakers.group_by("model", "setting", maintain_order=True):
        correct, total = (int(cell[name].sum()) for name in ("correct", "rows"))
        interval = _over_speakers(cell)
        iid = stats.proportion_interval(correct, total)
        rows.append(
            {
                "model": model,
                "name": NAMES[str(model)],
                "kind": "baseline",
                **_ends(interval),
                "errors": float(total - correct),
                "rows": total,
                "n": interval.n,
                "speakers": cell.height,
                "setting": setting,
                "source": HERE,
                "interval": SPEAKERS,
                "design_effect": ((interval.hi - interval.lo) / (iid.hi - iid.lo)) ** 2,
            }
        )
    return rows


def network(runs: Runs, momentum: float) -> dict[str, Any]:
    """The source's network on the same test speakers."""
    correct, rows = runs.counts(momentum=momentum)
    interval = stats.two_level_interval(correct, rows, rng())
    return {
        "model": "network",
        "name": "the source's network",
        "kind": "network",
        **_ends(interval),
        "errors": float(rows.sum() - correct.sum(axis=1).mean()),
        "rows": int(rows.sum()),
        "n": interval.n,
        "speakers": len(rows),
        "setting": f"momentum {momentum:g}",
        "source": HERE,
        "interval": SPEAKERS_AND_SEEDS,
        "design_effect": None,
    }


def in_print(content: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per result in the literature; errors by speaker are unknown, which leaves Wilson."""
    rows = []
    for result in content["results"]:
        interval = stats.proportion_interval(content["rows"] - result["errors"], content["rows"])
        rows.append(
            {
                "model": result["model"],
                "name": result["name"],
                "kind": "literature",
                **_ends(interval),
                "errors": float(result["errors"]),
                "rows": content["rows"],
                "n": 1,
                "speakers": content["speakers"],
                "setting": result["setting"],
                "source": result["source"],
                "interval": IID,
                "design_effect": None,
            }
        )
    return rows


def by_trial(trials: pl.DataFrame, choices: dict[str, dict[str, Any]]) -> pl.DataFrame:
    """Cross-validated accuracy of every trial, the chosen one marked.

    Raises:
        ValueError: if a trial does not hold every speaker out exactly once.
    """
    rows = []
    for (model, trial, setting), cell in trials.group_by(
        "model", "trial", "setting", maintain_order=True
    ):
        if cell["speaker"].is_duplicated().any():
            raise ValueError(f"{model}, {setting}: a speaker is held out twice")
        interval = _over_speakers(cell)
        rows.append(
            {
                "model": model,
                "trial": trial,
                "setting": setting,
                **_ends(interval),
                "errors": int((cell["rows"] - cell["correct"]).sum()),
                "n": interval.n,
                "speakers": cell.height,
                "chosen": setting == words(choices[str(model)]),
            }
        )
    return pl.DataFrame(rows).sort("model", "trial")


def _over_speakers(cell: pl.DataFrame) -> stats.Interval:
    ordered = cell.sort("speaker")
    return stats.two_level_interval(
        ordered["correct"].to_numpy()[None], ordered["rows"].to_numpy(), rng()
    )


def _ends(interval: stats.Interval) -> dict[str, float]:
    return {"accuracy": interval.value, "lo": interval.lo, "hi": interval.hi}


def numbers_of(table: pl.DataFrame) -> list[dict[str, Any]]:
    """Test accuracy and errors of every classifier that was fitted here."""
    rows = []
    for row in table.filter(kind="baseline").iter_rows(named=True):
        key, about = f"baseline.{row['model']}", f"{row['name']} ({row['setting']}), test"
        value, lo, hi, n, total = (row[name] for name in ("accuracy", "lo", "hi", "n", "rows"))
        accuracy = stats.Interval(value, lo, hi, n)
        errors = stats.Interval(row["errors"], total * (1 - hi), total * (1 - lo), n)
        rows += [
            number(f"{key}_accuracy", f"{about} accuracy", accuracy, "fraction", SPEAKERS),
            number(f"{key}_errors", f"{about} errors of {total} rows", errors, "rows", SPEAKERS),
        ]
    return rows


def main(
    speakers: Path,
    trials: Path,
    choices: Path,
    reference: Path,
    literature: Path,
    origin: Path,
    momentum: float,
    table: Path,
    tuning: Path,
    numbers: Path,
) -> None:
    """Write the table of the figure, the table of the trials, and the numbers.

    Args:
        speakers: Parquet of the test counts per speaker.
        trials: Parquet of the cross-validated counts per speaker.
        choices: JSON of the chosen hyper-parameters.
        reference: Parquet of the source's network by speaker, with its history.
        literature: YAML of the results in the literature.
        origin: where the data came from (JSON).
        momentum: of the source's network.
        table: CSV to write, one row per result, the best first.
        tuning: CSV to write, one row per trial.
        numbers: CSV of the chapter's numbers.
    """
    data = data_of(origin)
    rows = [
        *fitted(pl.read_parquet(speakers)),
        network(Runs(reference.parent), momentum),
        *in_print(settings.read(literature)),
    ]
    together = pl.DataFrame(rows, infer_schema_length=None).sort(
        "accuracy", descending=True, maintain_order=True
    )
    chosen = json.loads(choices.read_text(encoding="utf-8"))
    by_trials = by_trial(pl.read_parquet(trials), chosen)
    write_csv(together.with_columns(data=pl.lit(data)), table)
    write_csv(by_trials.with_columns(data=pl.lit(data)), tuning)
    write_csv(numbers_table(numbers_of(together), data), numbers)


job.run(main, globals().get("snakemake"))
