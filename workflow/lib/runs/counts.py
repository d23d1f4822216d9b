"""Reading runs back: the cells of an experiment, their counts per speaker and their intervals."""

from pathlib import Path

import numpy as np
import polars as pl

from nnjax import stats

BOOTSTRAP_SEED = 0
"""Seed of the generator behind every bootstrap interval and sampled test."""

GUESSING = 0.053
"""Accuracy of guessing one of 26 letters for 1559 rows, 1/26, plus three standard errors."""

Counts = tuple[np.ndarray, np.ndarray]
"""Correct rows (seeds, speakers) of one cell, and each speaker's rows (speakers,)."""


class Runs:
    """The runs of one experiment: histories and speaker counts in one table each."""

    def __init__(self, folder: Path) -> None:
        """Read the runs.

        Args:
            folder: where `training.write` left them.
        """
        self.epochs = pl.read_parquet(folder / "epochs.parquet")
        self.speakers = pl.read_parquet(folder / "speakers.parquet")

    def final(self) -> pl.DataFrame:
        """The last epoch of every run, separately for each choice of the clean protocol."""
        end = pl.col("epoch").max()
        last = end.over("judged") if "judged" in self.epochs.columns else end
        return self.epochs.filter(pl.col("epoch") == last)

    def counts(self, **cell: float | str) -> Counts:
        """Correct rows (seeds, speakers) of one cell, and each speaker's rows.

        Args:
            cell: its settings; with `epoch` after that epoch, without it after the last.

        Raises:
            ValueError: if the cell mixes arms, so that a seed occurs twice.
        """
        rows = self.speakers.filter(**cell).sort("seed", "speaker")
        if "epoch" not in cell:
            rows = rows.filter(pl.col("epoch") == pl.col("epoch").max())
        if rows.select("seed", "speaker").is_duplicated().any():
            raise ValueError(f"the cell {cell} holds several arms; name all that are varied")
        seeds = rows["seed"].n_unique()
        correct = rows["correct"].to_numpy().reshape(seeds, -1)
        return correct, rows["rows"].to_numpy().reshape(seeds, -1)[0]

    def accuracy(self, **cell: float | str) -> stats.Interval:
        """Final test accuracy of one cell, with the two-level interval over speakers and seeds."""
        return stats.two_level_interval(*self.counts(**cell), rng())


def diverged(runs: pl.DataFrame) -> pl.Series:
    """Runs that ended without finite losses, or guessing: NaN scores all name the first letter."""
    finite = runs["train_loss"].is_finite() & runs["test_loss"].is_finite()
    return ~finite | (runs["test_accuracy"] < GUESSING)


def difference(a: Counts, b: Counts) -> stats.Interval:
    """Final test accuracy of cell a minus cell b, paired: the same seeds and the same speakers.

    The accuracy is linear in the counts, so the interval of a difference is the interval of the
    counts' differences, with both cells resampled alike.
    """
    return stats.two_level_interval(a[0] - b[0], a[1], rng())


def rng() -> np.random.Generator:
    """A fresh generator, so that every interval can be had on its own."""
    return np.random.default_rng(BOOTSTRAP_SEED)
