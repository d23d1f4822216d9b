"""The rows of a table as models take them: encoded and standardised by the training rows only."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from nnjax import tables
from workflow.lib.runs.folds import SPLIT_SEED, Fold

TARGET, GROUP = "target of the study", "group of the study"
TEST, NUMBER = "test row of the study", "row number of the study"
"""Columns added by the job that reads the table."""


FARTHEST = 1e6
"""Standard deviations from the mean at which features are cut, since models compute in float32."""


class Rows(NamedTuple):
    """Rows of a table: columns to predict from, targets (class numbers, or amounts), groups.

    `numbers` are those of the rows in the table, from 0.
    """

    frame: pl.DataFrame
    y: np.ndarray
    groups: np.ndarray | None
    classes: list[str] | None
    numbers: np.ndarray

    def where(self, chosen: np.ndarray) -> "Rows":
        """Some of the rows, by number."""
        groups = None if self.groups is None else self.groups[chosen]
        return Rows(self.frame[chosen], self.y[chosen], groups, self.classes, self.numbers[chosen])

    @property
    def is_regression(self) -> bool:
        """Whether the targets are amounts."""
        return self.classes is None


class Encoded(NamedTuple):
    """Features of the rows to train on, and of others in the same scale."""

    x: np.ndarray
    others: np.ndarray


def stored(path: Path, about: Path) -> tuple[Rows, Rows]:
    """The training rows and the test rows."""
    found, described = pl.read_parquet(path), json.loads(about.read_text(encoding="utf-8"))
    own = [name for name in (TARGET, GROUP, TEST, NUMBER) if name in found.columns]
    rows = Rows(
        found.drop(own),
        found[TARGET].to_numpy(),
        found[GROUP].to_numpy() if GROUP in found.columns else None,
        described["classes"],
        found[NUMBER].to_numpy(),
    )
    test = found[TEST].to_numpy()
    return rows.where(np.flatnonzero(~test)), rows.where(np.flatnonzero(test))


def encoded(train: Rows, others: Rows) -> Encoded:
    """Both as features; categories, medians and scale come from the training rows only."""
    columns = tables.learn(train.frame)
    x, other = (tables.encode(rows.frame, columns).x for rows in (train, others))
    # By powers of two, which changes no digit: squares of 1e300 or 1e-300 are no numbers.
    exponent = np.frexp(np.abs(x).max(axis=0))[1]
    x, other = np.ldexp(x, -exponent), np.ldexp(other, -exponent)
    mean, std = x.mean(axis=0), x.std(axis=0)
    std = np.where(np.ptp(x, axis=0) > 0, std, 1.0)
    scaled = (np.clip((part - mean) / std, -FARTHEST, FARTHEST) for part in (x, other))
    return Encoded(*(part.astype(np.float32) for part in scaled))


def folds(rows: Rows, k: int, by_row: bool = False) -> list[Fold]:
    """Every row is held out once: with its group, if there are groups, else in a mix of classes."""
    options: dict[str, Any] = {"n_splits": k, "shuffle": True, "random_state": SPLIT_SEED}
    numbers = np.arange(len(rows.y))
    if rows.groups is not None and not by_row:
        return list(GroupKFold(**options).split(numbers, groups=rows.groups))
    if rows.is_regression:
        return list(KFold(**options).split(numbers))
    return list(StratifiedKFold(**options).split(numbers, rows.y))


def units(rows: Rows) -> np.ndarray:
    """The number of the group of each row; of the row itself where there are no groups."""
    if rows.groups is None:
        return np.arange(len(rows.y))
    return np.unique(rows.groups, return_inverse=True)[1]


def scores(rows: Rows, predicted: np.ndarray) -> np.ndarray:
    """What each prediction is worth; the mean is the accuracy, or R² of amounts.

        classes: 1 if right, else 0          amounts: 1 - (y - ŷ)² / variance of y

    Args:
        rows: the rows.
        predicted: class numbers or amounts, (..., rows).
    """
    if rows.is_regression:
        return 1 - (predicted - rows.y) ** 2 / max(rows.y.var(), 1e-300)
    return (predicted == rows.y).astype(float)
