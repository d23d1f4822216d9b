"""The choices of one experiment of the clean arm, made on held-out training speakers alone."""

from pathlib import Path
from typing import TYPE_CHECKING

import job
import polars as pl
from tables import write_parquet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

MEASURED = {"seed", "epoch", "fold", "speaker", "rows", "correct"}
"""Columns of a run's table that are not settings."""


def main(speakers: Path, choose_epoch: bool, trials: Path, choices: Path) -> None:
    """Average every trial over folds and seeds; the best learning rate of each cell wins.

    A cell is what the experiment compares: all settings but the learning rate. The accuracy of a
    trial is that over all training rows, each judged by the network that had not heard its speaker.
    Ties go to the smaller rate, and then to fewer epochs.

    Args:
        speakers: what `tune_isolet` counted.
        choose_epoch: whether the number of epochs is chosen too; otherwise it is the last.
        trials: Parquet to write, one row per trial (and epoch, if that is chosen): its settings and
            `cv_accuracy`.
        choices: Parquet to write, one row per cell: the chosen trial, how many `trials` the cell
            had, and whether the chosen rate is at an `edge` of its grid, so that a better one may
            lie outside.
    """
    counts = pl.read_parquet(speakers)
    if not choose_epoch:
        counts = counts.filter(pl.col("epoch") == pl.col("epoch").max())
    settings = [column for column in counts.columns if column not in MEASURED]
    tried = (
        counts.group_by(*settings, "epoch")
        .agg(cv_accuracy=pl.col("correct").sum() / pl.col("rows").sum())
        .sort(*settings, "epoch")
    )
    cell = [column for column in settings if column != "learning_rate"]
    rates = pl.col("learning_rate")
    best = (
        tried.with_columns(
            trials=rates.n_unique().over(cell),
            edge=((rates == rates.min()) | (rates == rates.max())).over(cell),
        )
        .sort("cv_accuracy", "learning_rate", "epoch", descending=[True, False, False])
        .group_by(cell, maintain_order=True)
        .first()
        .sort(cell)
    )
    write_parquet(tried, trials)
    write_parquet(best, choices)


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        Path(snakemake.input.speakers),
        snakemake.params["choose_epoch"],
        Path(snakemake.output.trials),
        Path(snakemake.output.choices),
    )
