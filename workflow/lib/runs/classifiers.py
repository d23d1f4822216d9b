"""The classifiers that networks are compared with, and their choice by cross-validation.

Hyper-parameters have scikit-learn's names. All models are deterministic: one fit is enough, and the
only chance left in their accuracy is that of the speakers.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from nnjax.datasets.isolet import Examples
from workflow.lib.runs import folds

Grids = dict[str, dict[str, list[Any]]]
"""Model to hyper-parameter to its values."""

Pair = tuple[np.ndarray, np.ndarray]
"""Features, already scaled, and labels of the same rows."""


def linear_kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """K = a bᵀ, (rows of a, rows of b), in float32."""
    return np.asarray(a, np.float32) @ np.asarray(b, np.float32).T


def rbf_kernel(a: np.ndarray, b: np.ndarray, gamma: float) -> np.ndarray:
    """Kᵢⱼ = exp(-gamma |aᵢ - bⱼ|²), (rows of a, rows of b), in float32.

    Example:
        >>> rbf_kernel(np.array([[0.0], [2.0]]), np.array([[0.0]]), gamma=0.5).round(4)
        array([[1.    ],
               [0.1353]], dtype=float32)
    """
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None, :]
    return np.exp(-np.float32(gamma) * np.maximum(squares - 2 * a @ b.T, 0))


def svm(kernel: Any, C: float) -> SVC:
    """A support vector machine, one against one; a kernel function fills the matrix at once."""
    return SVC(C=C, kernel=kernel)


CLASSIFIERS: dict[str, Callable[..., Any]] = {
    "logistic_regression": functools.partial(LogisticRegression, max_iter=1000),
    "k_nn": functools.partial(KNeighborsClassifier, algorithm="brute"),
    "lda": functools.partial(LinearDiscriminantAnalysis, solver="lsqr"),
    "linear_svm": functools.partial(svm, linear_kernel),
    "rbf_svm": lambda C, gamma: svm(functools.partial(rbf_kernel, gamma=gamma), C),
}

NAMES = {
    "logistic_regression": "logistic regression",
    "k_nn": "k nearest neighbours",
    "lda": "linear discriminant, shrunk covariance",
    "linear_svm": "linear SVM",
    "rbf_svm": "SVM, Gaussian kernel",
}


def hits(model: str, point: dict[str, Any], train: Pair, held_out: Pair) -> np.ndarray:
    """Fit a classifier, and whether it gets each held-out row right, (rows,), bool.

    Args:
        model: a name of CLASSIFIERS.
        point: its hyper-parameters.
        train: the rows to fit.
        held_out: the rows to predict.
    """
    fitted = CLASSIFIERS[model](**point).fit(*train)
    return fitted.predict(held_out[0]) == held_out[1]


def per_speaker(hits: np.ndarray, **keys: np.ndarray) -> pl.DataFrame:
    """Rows and correct rows of every speaker (or of every combination of several keys).

    Example:
        >>> per_speaker(np.array([True, False, True]), speaker=np.array([7, 7, 8])).rows()
        [(7, 2, 1), (8, 1, 1)]
    """
    return (
        pl.DataFrame({**keys, "hit": hits})
        .group_by(*keys)
        .agg(rows=pl.len().cast(pl.Int64), correct=pl.col("hit").sum().cast(pl.Int64))
        .sort(*keys)
    )


def words(point: dict[str, Any]) -> str:
    """Hyper-parameters in words: `C 3, gamma 0.001`."""
    return ", ".join(f"{name} {value:g}" for name, value in point.items())


def points(grid: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """The combinations of a grid.

    Example:
        >>> points({"C": [1, 3], "gamma": [0.1]})
        [{'C': 1, 'gamma': 0.1}, {'C': 3, 'gamma': 0.1}]
    """
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def trials(data: Examples, grids: Grids, k: int) -> pl.DataFrame:
    """Fit every point of every grid on every fold of speakers.

    Args:
        data: the training rows.
        grids: model to its grid.
        k: folds.

    Returns:
        One row per trial and speaker: model, trial (from 0, in the grid's order), setting (in
        words), speaker, rows and correct when held out.
    """
    parts = []
    for fold in folds.speaker_folds(data.speakers, k):
        known, held_out = folds.scaled(data, fold)
        for model, grid in grids.items():
            for trial, point in enumerate(points(grid)):
                found = hits(model, point, known, held_out)
                parts.append(
                    per_speaker(found, speaker=data.speakers[fold[1]]).select(
                        pl.lit(model).alias("model"),
                        pl.lit(trial).alias("trial"),
                        pl.lit(words(point)).alias("setting"),
                        pl.all(),
                    )
                )
    return pl.concat(parts)


def best(trials: pl.DataFrame, grids: Grids) -> dict[str, dict[str, Any]]:
    """Every model's hyper-parameters: of the trial with the most held-out rows right.

    Of equal trials the first in the grid's order counts.
    """
    chosen = {}
    for model, grid in grids.items():
        totals = trials.filter(model=model).group_by("trial").agg(pl.col("correct").sum())
        ranked = totals.sort("correct", "trial", descending=[True, False])
        chosen[model] = points(grid)[ranked["trial"][0]]
    return chosen
