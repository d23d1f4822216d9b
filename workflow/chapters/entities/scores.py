"""Scores by tag, accuracy on ambiguous names, and their intervals.

Intervals of F1 resample sentences and seeds together; those of ambiguous names resample names and
seeds, because what is learned of a name holds in all of its sentences. Models are compared on the
same draws.
"""

import numpy as np
import polars as pl
from text import OUTSIDE, TAGS

from nnjax import stats
from workflow.lib.estimates import over_units

ENTITIES = [tag for tag in TAGS if tag != OUTSIDE]
RESAMPLES = 2_000


class Draws:
    """How often each resample contains each sentence and each seed."""

    def __init__(self, sentences: int, seeds: int) -> None:
        rng = np.random.default_rng(0)
        self.sentences = rng.multinomial(
            sentences, np.full(sentences, 1 / sentences), size=RESAMPLES
        )
        self.seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=RESAMPLES)

    def totals(self, counts: np.ndarray) -> np.ndarray:
        """Sums of counts (seeds, sentences, ...) in each resample: (resamples, ...)."""
        seeds, sentences = counts.shape[:2]
        flat = counts.reshape(seeds, sentences, -1)
        # A model without chance is the same for every seed.
        weights = self.seeds if seeds > 1 else np.ones((RESAMPLES, 1))
        mixed = np.einsum("bs,snk,bn->bk", weights, flat, self.sentences, optimize=True)
        return (mixed / weights.sum(1, keepdims=True)).reshape(RESAMPLES, *counts.shape[2:])


def counts(rows: pl.DataFrame, sentences: int) -> np.ndarray:
    """True positives, predicted and actual words of each entity tag.

    Args:
        rows: predictions of one model, one row per word and seed.
        sentences: how many there are.

    Returns:
        (seeds, sentences, tags, 3).
    """
    seed, sentence = rows["seed"].to_numpy(), rows["sentence"].to_numpy()
    tag, predicted = rows["tag"].to_numpy(), rows["predicted"].to_numpy()
    found = np.zeros((seed.max() + 1, sentences, len(ENTITIES), 3))
    for k, name in enumerate(ENTITIES):
        for j, hit in enumerate(
            ((tag == name) & (predicted == name), predicted == name, tag == name)
        ):
            np.add.at(found[:, :, k, j], (seed[hit], sentence[hit]), 1)
    return found


def scores(totals: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 from true positives, predicted and actual: (..., tags, 3).

    F1 = 2 tp / (predicted + actual). Where nothing was predicted, F1 and precision are 0.

    Example:
        >>> scores(np.array([[1.0, 2.0, 4.0]]))["f1"].round(3).tolist()
        [0.333]
    """
    tp, predicted, actual = np.moveaxis(totals, -1, 0)
    some = np.maximum(predicted + actual, 1e-12)
    return {
        "precision": tp / np.maximum(predicted, 1e-12),
        "recall": tp / np.maximum(actual, 1e-12),
        "f1": 2 * tp / some,
    }


def _interval(value: float, drawn: np.ndarray, n: int) -> stats.Interval:
    lo, hi = np.quantile(drawn, [0.025, 0.975])
    return stats.Interval(float(value), float(lo), float(hi), n)


class Measured:
    """One model in the test by folds: its scores and those of every resample."""

    def __init__(self, rows: pl.DataFrame, sentences: int, draws: Draws) -> None:
        found = counts(rows, sentences)
        # Without seeds, the sentences alone are resampled.
        self.n = len(found) if len(found) > 1 else sentences
        self.value = scores(found.sum(axis=(0, 1)))
        self.drawn = scores(draws.totals(found))

    def of(self, measure: str, tag: str) -> stats.Interval:
        """One measure of one tag; for `macro` its mean over the tags."""
        if tag == "macro":
            return _interval(self.value[measure].mean(), self.drawn[measure].mean(-1), self.n)
        k = ENTITIES.index(tag)
        return _interval(self.value[measure][k], self.drawn[measure][:, k], self.n)

    def minus(self, other: "Measured") -> stats.Interval:
        """Macro F1 minus that of a model without seeds, paired by sentences."""
        return _interval(
            self.value["f1"].mean() - other.value["f1"].mean(),
            (self.drawn["f1"] - other.drawn["f1"]).mean(-1),
            self.n,
        )


def hits(rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """How often each ambiguous name got the right tag, and how often it occurs.

    Returns:
        (seeds, names) and (names,).
    """
    table = (
        rows.filter("ambiguous")
        .group_by("seed", "word")
        .agg(hits=(pl.col("tag") == pl.col("predicted")).sum(), words=pl.len())
        .sort("seed", "word")
    )
    seeds = table["seed"].n_unique()
    return (
        table["hits"].to_numpy().reshape(seeds, -1).astype(float),
        table["words"].to_numpy().reshape(seeds, -1)[0].astype(float),
    )


def person_or_not(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows with PER and "other" as the only tags."""
    return rows.with_columns(
        pl.when(pl.col(name) == "PER").then(pl.col(name)).otherwise(pl.lit("other")).alias(name)
        for name in ("tag", "predicted")
    )


def accuracy(rows: pl.DataFrame, other: pl.DataFrame | None = None) -> stats.Interval:
    """Accuracy on the ambiguous names, or that minus another model's, paired by names."""
    correct, words = hits(rows)
    if other is not None:
        correct = correct - hits(other)[0]
    return over_units(correct, words)
