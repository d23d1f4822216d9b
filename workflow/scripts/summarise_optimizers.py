"""The optimizers at the rate they share and at their tuned rates: runs, means, profiles."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import polars as pl
from cells import Runs, rng
from summarise import boxes
from tables import write_csv

from nnjax import stats

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def arm_rows(runs: Runs) -> list[dict[str, Any]]:
    """All parts of the table for one arm.

    The profile is exact: its thresholds are the accuracies that any run of the arm reached, and
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


def table(arms: dict[str, Runs]) -> pl.DataFrame:
    """All parts for every arm.

    Args:
        arms: name of the arm to its runs, one cell per optimizer.
    """
    rows = [{"arm": arm} | row for arm, runs in arms.items() for row in arm_rows(runs)]
    columns = ["part", "arm", "optimizer", "learning_rate", "seed", "threshold"]
    columns += ["value", "lo", "hi", "n", "diverged"]
    return pl.DataFrame(rows, infer_schema_length=None).select(columns)


def main(published: Path, clean: Path, record: Path, output: Path) -> None:
    """Write the table.

    Args:
        published: folder of the runs at the shared rate.
        clean: folder of the refits at the rates chosen by cross-validation.
        record: the data's source record (JSON).
        output: CSV to write, the arms "shared" and "tuned". part "run": final test accuracy of
            every seed, empty where it diverged; "mean": over speakers and seeds; that and
            "interquartile_mean" with interval, n seeds and how many of them diverged; "profile":
            fraction of the seeds that reach the threshold; data.
    """
    data = json.loads(record.read_text(encoding="utf-8"))["data"]
    made = table({"shared": Runs(published), "tuned": Runs(clean)})
    write_csv(made.with_columns(data=pl.lit(data)), output)


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        Path(snakemake.input.runs[0]).parent,
        Path(snakemake.input.refits[0]).parent,
        Path(snakemake.input.record),
        Path(snakemake.output.table),
    )
