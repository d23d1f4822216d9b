"""The rows of an estimator: their precision and their weights."""

from typing import Any, NamedTuple

import numpy as np


class Rows(NamedTuple):
    """Inputs, targets as numbers, and a weight for each row or None."""

    x: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None = None

    def where(self, chosen: np.ndarray) -> "Rows":
        """Some of the rows."""
        weights = None if self.weights is None else self.weights[chosen]
        return Rows(self.x[chosen], self.targets[chosen], weights)


def native(x: np.ndarray) -> np.ndarray:
    """Rows in a dtype that JAX supports."""
    wide = x.dtype.kind == "f" and x.dtype.itemsize > 8
    return x.astype(np.float64 if wide else x.dtype.newbyteorder("="), copy=False)


def as_given(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Rows in the dtype of the rows of `fit`; ValueError for numbers that it cannot represent."""
    with np.errstate(invalid="ignore", over="ignore"):
        converted = x.astype(dtype, copy=False)
    if dtype.kind != "f" and (wrong := converted != x).any():
        raise ValueError(
            f"X: the rows of fit were of dtype {dtype}, which cannot represent {x[wrong][0]}; fit "
            "on rows of a float dtype, or convert these"
        )
    return converted


def float_of(x: np.ndarray) -> np.dtype:
    """The dtype of parameters, targets and weights for rows."""
    return x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)


def weights_of(given: Any, rows: int) -> np.ndarray:
    """Weights of the rows as numbers; ValueError unless they are finite and at least 0."""
    try:
        weights = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"sample_weight: expected {rows} numbers, one for each row, got {given!r}"
        ) from None
    if weights.shape != (rows,) or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(
            f"sample_weight: expected {rows} finite numbers of at least 0, one for each row, "
            f"got an array of shape {weights.shape}"
            + (f" from {weights.min()} to {weights.max()}" if weights.size else "")
        )
    if not weights.any():
        raise ValueError("sample_weight: all weights are zero, so no row counts")
    return weights


def counted(rows: Rows) -> Rows:
    """The rows with a positive weight, scaled so that the largest is 1: only ratios matter."""
    if rows.weights is None:
        return rows
    most = rows.weights.max(initial=0)
    if most == 0:
        raise ValueError("class_weight: all classes of these rows have weight 0, so no row counts")
    weights = (rows.weights / most).astype(float_of(rows.x))
    return rows._replace(weights=weights).where(weights > 0)
