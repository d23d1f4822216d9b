"""The choices of one experiment of the clean protocol, made on held-out training speakers alone."""

from pathlib import Path

import polars as pl
from settings import BEST_EPOCH

from workflow.lib import job
from workflow.lib.tables import write_parquet

MEASURED = {"seed", "epoch", "fold", "speaker", "rows", "correct"}
"""Columns of a run's table that are not settings."""


def main(speakers: Path, choose_at: str | list[int], trials: Path, choices: Path) -> None:
    """Average every trial over folds and seeds; the best learning rate of each cell wins.

    A cell is what the experiment compares: all settings but the learning rate, and the epoch unless
    that is chosen as well. The accuracy of a trial is that over all training rows, each judged by
    the network that was trained without its speaker. Ties go to the smaller rate, and then to fewer
    epochs.

    Args:
        speakers: what `tune` counted.
        choose_at: "best epoch" to choose the number of epochs too; else the epochs after which a
            choice is made, each for itself.
        trials: Parquet to write, one row per trial (and epoch, if that is chosen): its settings and
            `cv_accuracy`.
        choices: Parquet to write, one row per cell: the chosen trial, how many `trials` the cell
            had, and whether the chosen rate is at an `edge` of its grid, so that a better one may
            lie outside.
    """
    counts = pl.read_parquet(speakers)
    if choose_at != BEST_EPOCH:
        counts = counts.filter(pl.col("epoch").is_in(choose_at))
    settings = [column for column in counts.columns if column not in MEASURED]
    all_trials = (
        counts.group_by(*settings, "epoch")
        .agg(cv_accuracy=pl.col("correct").sum() / pl.col("rows").sum())
        .sort(*settings, "epoch")
    )
    cell = [column for column in settings if column != "learning_rate"]
    cell += [] if choose_at == BEST_EPOCH else ["epoch"]
    rates = pl.col("learning_rate")
    # Every cell has the same grid of rates: the arms are all combinations.
    ranked = all_trials.with_columns(
        trials=rates.n_unique(), edge=(rates == rates.min()) | (rates == rates.max())
    ).sort("cv_accuracy", "learning_rate", "epoch", descending=[True, False, False])
    best = ranked.unique(cell, keep="first").sort(cell) if cell else ranked.head(1)
    write_parquet(all_trials, trials)
    write_parquet(best, choices)


job.run(main, globals().get("snakemake"))
