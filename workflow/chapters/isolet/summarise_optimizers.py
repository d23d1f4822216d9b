"""The optimizers at the rate they share and at their tuned rates: runs, means, profiles."""

from pathlib import Path
from typing import Any

import polars as pl
from summarise import boxes

from nnjax import stats
from workflow.lib import job
from workflow.lib.runs.counts import Runs, rng
from workflow.lib.tables import data_of, write_csv


def protocol_rows(runs: Runs) -> list[dict[str, Any]]:
    """All parts of the table for one protocol.

    The profile is exact: its thresholds are the accuracies that any run reached, and
    between two of them no fraction changes.
    """
    rates = runs.final().select("optimizer", "seed", "learning_rate")
    finals = boxes(runs).join(rates, on=["optimizer", "seed"], maintain_order="left")
    thresholds = [0.0, *finals["test_accuracy"].drop_nulls().unique().sort(), 1.0]
    rows = []
    for (optimizer, rate), cell in finals.group_by(
        "optimizer", "learning_rate", maintain_order=True
    ):
        name = {"optimizer": optimizer, "learning_rate": rate}
        accuracy = cell["test_accuracy"].to_numpy()
        rows += [
            {"part": "run", **name, "seed": run["seed"], "value": run["test_accuracy"], "n": 1}
            | {"diverged": int(run["test_accuracy"] is None)}
            for run in cell.iter_rows(named=True)
        ]
        diverged = {"diverged": cell["test_accuracy"].null_count()}
        mean = runs.accuracy(optimizer=str(optimizer))
        middle = stats.interquartile_mean(accuracy, rng())
        rows += [{"part": "mean", **name} | mean._asdict() | diverged]
        rows += [{"part": "interquartile_mean", **name} | middle._asdict() | diverged]
        profile = stats.performance_profile(accuracy, thresholds)
        rows += [
            {"part": "profile", **name, "threshold": tau} | point._asdict() | diverged
            for tau, point in zip(thresholds, profile, strict=True)
        ]
    return rows


def main(published: Path, clean: Path, origin: Path, output: Path) -> None:
    """Write the table.

    Args:
        published: Parquet at the shared rate, next to the speakers' table.
        clean: the same of the refits at the rates chosen by cross-validation.
        origin: where the data came from (JSON).
        output: CSV to write, by protocol ("published", "clean"). part "run": final test accuracy of
            every seed, empty where it diverged; "mean": over speakers and seeds; that and
            "interquartile_mean" with interval, n seeds and how many of them diverged; "profile":
            fraction of the seeds that reach the threshold; data.
    """
    rows = [
        {"protocol": protocol} | row
        for protocol, epochs in (("published", published), ("clean", clean))
        for row in protocol_rows(Runs(epochs.parent))
    ]
    columns = ["part", "protocol", "optimizer", "learning_rate", "seed", "threshold"]
    columns += ["value", "lo", "hi", "n", "diverged"]
    made = pl.DataFrame(rows, infer_schema_length=None).select(columns)
    write_csv(made.with_columns(data=pl.lit(data_of(origin))), output)


job.run(main, globals().get("snakemake"))
