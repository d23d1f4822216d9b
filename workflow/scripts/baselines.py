"""The classifiers that networks are compared with, by the names the configuration uses.

Hyperparameters carry scikit-learn's names. All are deterministic: one fit says all, and the only
chance left in their accuracy is that of the speakers.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

Pair = tuple[np.ndarray, np.ndarray]
"""Features, already scaled, and labels of the same rows."""


def linear_kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """K = a b^T, (rows of a, rows of b), in float32."""
    return np.asarray(a, np.float32) @ np.asarray(b, np.float32).T


def rbf_kernel(a: np.ndarray, b: np.ndarray, gamma: float) -> np.ndarray:
    """K_ij = exp(-gamma |a_i - b_j|^2), (rows of a, rows of b), in float32.

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


def hits(model: str, hyperparameters: dict[str, Any], train: Pair, held_out: Pair) -> np.ndarray:
    """Fit a classifier and say which held-out rows it gets right, (rows,), bool."""
    fitted = CLASSIFIERS[model](**hyperparameters).fit(*train)
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


def words(hyperparameters: dict[str, Any]) -> str:
    """Hyperparameters as a reader wants them: `C 3, gamma 0.001`."""
    return ", ".join(f"{name} {value:g}" for name, value in hyperparameters.items())
