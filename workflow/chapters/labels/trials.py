"""Trials at several learning rates: how many diverged, and whether a grid was wide enough."""

from collections.abc import Iterator

import polars as pl

from workflow.lib.estimates import single
from workflow.lib.numbers import Number


def lost(key: str, what: str, trained: pl.DataFrame, chosen: pl.DataFrame) -> Iterator[Number]:
    """How many runs diverged, of all runs and of those at a chosen rate.

    Args:
        key: claim or chapter.
        what: the runs, in words.
        trained: epoch, loss of all runs.
        chosen: the same of the runs at chosen rates.
    """
    for name, rates, runs in (
        ("diverged", "any rate", trained),
        ("diverged_chosen", "a rate that was chosen", chosen),
    ):
        end = runs.filter(pl.col("epoch") == pl.col("epoch").max())
        count = int((~end["loss"].is_finite()).sum())
        yield single(
            f"{key}.{name}", f"{what} that diverged, at {rates}", count, "runs", end.height
        )


def at_an_end(key: str, problem: str, trials: pl.DataFrame) -> Number:
    """How many of the chosen rates lie at an end of their grid; each `problem` has its own grid."""
    rate = pl.col("learning_rate")
    ends = (rate == rate.min().over(problem)) | (rate == rate.max().over(problem))
    cells = trials.with_columns(end=ends).filter("chosen").unique([problem, "fold"])
    what = "chosen rates that lie at an end of their grid, of all folds"
    return single(f"{key}.at_an_end", what, int(cells["end"].sum()), "count", cells.height)
