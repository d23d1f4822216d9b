"""Is the hand-written network on a par with the libraries? Accuracies, differences, parameters."""

from typing import Any

import numpy as np
import polars as pl
from settings import Parity

from nnjax import stats
from workflow.lib.estimates import SPEAKERS_AND_SEEDS, number
from workflow.lib.numbers import Number
from workflow.lib.runs.counts import GUESSING, Counts, rng

Cell = tuple[str, str]
"""An implementation and an optimizer."""

KEYS = {
    "hand-derived": "nnjax",
    "jax.grad": "jax_grad",
    "PyTorch": "torch",
    "numpy": "numpy",
    "scikit-learn": "sklearn",
}
"""Implementations as keys of numbers name them."""

OPTIMIZERS = {"sgd": "SGD with momentum 0.9", "adam": "Adam"}

OURS = "hand-derived"
# Every implementation against the hand-derived training with its optimizer; then the source's own
# claim, its network with momentum against a library's Adam.
PAIRS: list[tuple[Cell, Cell]] = [
    (("jax.grad", "sgd"), (OURS, "sgd")),
    (("PyTorch", "sgd"), (OURS, "sgd")),
    (("scikit-learn", "sgd"), (OURS, "sgd")),
    (("jax.grad", "adam"), (OURS, "adam")),
    (("PyTorch", "adam"), (OURS, "adam")),
    ((OURS, "sgd"), ("jax.grad", "adam")),
    ((OURS, "sgd"), ("PyTorch", "adam")),
]
NONE = "none"
ABSENT = "PyTorch is not installed"


def counts(speakers: pl.DataFrame, cell: Cell) -> Counts | None:
    """Correct rows (seeds, speakers) of a cell, each speaker's rows; None if not trained."""
    rows = speakers.filter(implementation=cell[0], optimizer=cell[1]).sort("seed", "speaker")
    if rows.is_empty():
        return None
    correct = rows["correct"].to_numpy().reshape(rows["seed"].n_unique(), -1)
    return correct, rows["rows"].to_numpy()[: correct.shape[1]]


def difference(first: Counts | None, second: Counts | None, margin: float) -> dict[str, Any]:
    """Accuracy of the first minus that of the second, paired by seed and speaker.

    `equivalent`: the 95 % interval lies inside the margin. `tost_equivalent`: that of 90 % does,
    which is the outcome of two one-sided tests at 5 % (Schuirmann, 1987), the weaker statement.
    """
    if first is None or second is None:
        names = ("difference", "difference_lo", "difference_hi", "tost_lo", "tost_hi")
        return dict.fromkeys(names) | {"pairs": 0, "equivalent": None, "tost_equivalent": None}
    # The one with fewer seeds has the first ones of the other.
    seeds = min(len(first[0]), len(second[0]))
    gap, rows = first[0][:seeds] - second[0][:seeds], first[1]
    wide, narrow = (stats.two_level_interval(gap, rows, rng(), level) for level in (0.95, 0.90))
    return {
        "difference": wide.value,
        "difference_lo": wide.lo,
        "difference_hi": wide.hi,
        "tost_lo": narrow.lo,
        "tost_hi": narrow.hi,
        "pairs": wide.n,
        "equivalent": max(-wide.lo, wide.hi) < margin,
        "tost_equivalent": max(-narrow.lo, narrow.hi) < margin,
    }


def accuracy(found: Counts | None) -> dict[str, Any]:
    """Test accuracy of a cell with its two-level interval, and how many seeds only guess."""
    if found is None:
        return {"accuracy": None, "lo": None, "hi": None, "n": 0, "diverged": 0}
    correct, rows = found
    interval = stats.two_level_interval(correct, rows, rng())
    diverged = int((correct.sum(axis=1) / rows.sum() < GUESSING).sum())
    return {"accuracy": interval.value, "lo": interval.lo, "hi": interval.hi} | {
        "n": interval.n,
        "diverged": diverged,
    }


def note(cell: Cell, other: Cell, torch: str | None) -> str:
    """What a row needs to be understood."""
    if torch is None and "PyTorch" in (cell[0], other[0]):
        return ABSENT
    if cell[0] == "scikit-learn":
        return "same initial parameters and batches; parameters compared after the last epoch only"
    if other[0] not in (OURS, NONE):
        return "another optimizer: the same seeds, not the same batches"
    return "same initial parameters and batches" if other[0] == OURS else "the reference"


def distances(steps: pl.DataFrame, cell: Cell, other: Cell, epochs: int) -> pl.DataFrame:
    """The worst parameter difference of a pair by epoch; one empty row where there is none."""
    found = steps.filter(implementation=cell[0], optimizer=cell[1]).sort("epoch")
    if other != (OURS, cell[1]) or found.is_empty():
        return pl.DataFrame(
            {"epoch": [epochs], "worst": [None], "worst_so_far": [None]},
            schema={"epoch": pl.Int64, "worst": pl.Float64, "worst_so_far": pl.Float64},
        )
    # numpy's maximum keeps a NaN: a parameter that is no number is the worst there is.
    so_far = np.maximum.accumulate(found["worst"].to_numpy())
    return found.select("epoch", "worst", pl.Series("worst_so_far", so_far))


def table(
    steps: pl.DataFrame, speakers: pl.DataFrame, parity: Parity, torch: str | None
) -> pl.DataFrame:
    """One row for each comparison of two implementations and epoch; the last epoch has it all.

    Args:
        steps: as `train` writes them.
        speakers: also written by `train`.
        parity: the optimizers, the margin and the limit.
        torch: version of PyTorch, or None.
    """
    epochs = int(steps["epoch"].to_numpy().max())
    parts = []
    for optimizer in type(parity.optimizers).model_fields:
        own = ((OURS, optimizer), (NONE, NONE))
        for cell, other in [own, *(pair for pair in PAIRS if pair[0][1] == optimizer)]:
            row = (
                {"implementation": cell[0], "optimizer": cell[1]}
                | accuracy(counts(speakers, cell))
                | {"minus_implementation": other[0], "minus_optimizer": other[1]}
                | difference(counts(speakers, cell), counts(speakers, other), parity.margin)
                | {"note": note(cell, other, torch)}
            )
            by_epoch = distances(steps, cell, other, epochs)
            columns = [pl.lit(value).alias(name) for name, value in row.items()]
            parts.append(by_epoch.select(*columns, pl.all()))
    return pl.concat(parts, how="vertical_relaxed").with_columns(
        margin=pl.lit(parity.margin), limit=pl.lit(parity.limit)
    )


def numbers(table: pl.DataFrame) -> list[Number]:
    """Accuracies and differences of the last epoch; none of what is not installed."""
    # By key, since the accuracy of a cell is in each row that compares it.
    found: dict[str, Number] = {}
    last = table.filter(pl.col("epoch") == pl.col("epoch").max(), pl.col("n") > 0)
    for row in last.iter_rows(named=True):
        name, optimizer = KEYS[row["implementation"]], row["optimizer"]
        what = f"{row['implementation']}, {OPTIMIZERS[optimizer]}"
        interval = stats.Interval(row["accuracy"], row["lo"], row["hi"], row["n"])
        key, words = f"k6.{name}_{optimizer}_accuracy", f"{what}: test accuracy"
        found[key] = number(key, words, interval, "fraction", SPEAKERS_AND_SEEDS)
        if row["difference"] is None:
            continue
        other = KEYS[row["minus_implementation"]], row["minus_optimizer"]
        key = f"k6.{name}_{optimizer}_minus_{other[0]}_{other[1]}"
        if (name, optimizer, *other) == ("nnjax", "sgd", "torch", "adam"):
            key = "k6.momentum_minus_torch_adam"
        words = f"{what}, minus {row['minus_implementation']}, {OPTIMIZERS[other[1]]}"
        gap = stats.Interval(
            row["difference"], row["difference_lo"], row["difference_hi"], row["pairs"]
        )
        found[key] = number(key, words, gap, "difference of fractions", SPEAKERS_AND_SEEDS)
    return list(found.values())
