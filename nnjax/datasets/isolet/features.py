"""ISOLET as arrays for training: features, scaled or not, labels and speakers."""

from typing import NamedTuple

import numpy as np
import polars as pl

from nnjax.datasets.isolet.table import COLUMNS, LETTERS, SPLITS


class Examples(NamedTuple):
    """Rows of ISOLET as arrays, unscaled.

    Example:
        >>> import polars as pl
        >>> row = {"split": "train", "speaker": 1, "letter": 3, **dict.fromkeys(COLUMNS, 0.5)}
        >>> rows = examples(pl.DataFrame([row]))
        >>> rows.x.shape, rows.labels, rows.speakers
        ((1, 617), array([2], dtype=int32), array([1], dtype=int32))
    """

    x: np.ndarray
    labels: np.ndarray
    speakers: np.ndarray


class Arrays(NamedTuple):
    """ISOLET as arrays: scaled float32 features, int32 letters 0 ... 25 and speaker ids."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    speakers_train: np.ndarray
    speakers_test: np.ndarray


def examples(table: pl.DataFrame) -> Examples:
    """Convert the rows of a table to unscaled arrays, to be scaled within a fold, for instance.

    Args:
        table: as `load` returns it, or some of its rows.

    Returns:
        x (rows, 617) float32 in [-1, 1], labels (rows,) int32 0 ... 25, speakers (rows,) int32.
    """
    return Examples(
        table.select(COLUMNS).to_numpy().astype(np.float32),
        table["letter"].to_numpy().astype(np.int32) - 1,
        table["speaker"].to_numpy().astype(np.int32),
    )


def arrays(table: pl.DataFrame) -> Arrays:
    """Arrays for training, features standardised with the training rows only.

    Args:
        table: as `load` returns it.

    Returns:
        x (rows, 617) float32, y (rows,) int32 0 ... 25, speakers (rows,) int32, of train and test.
    """
    train, test = (examples(table.filter(pl.col("split") == split)) for split in SPLITS)
    x_train, x_test = standardise(train.x, test.x)
    return Arrays(x_train, train.labels, x_test, test.labels, train.speakers, test.speakers)


def standardise(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale features to zero mean and unit variance over the training rows.

        z = (x - mean) / sd

    with the biased standard deviation. A feature that is constant in `train` is only shifted
    (sd = 1), because it has no spread to divide by.

    Args:
        train: (rows, features).
        other: rows to scale with the mean and sd of `train`, (rows, features).

    Returns:
        Both, scaled, float32.

    Example:
        >>> standardise(np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[4.0, 6.0]]))[1]
        array([[2., 1.]], dtype=float32)
    """
    reference = np.asarray(train, np.float64)
    mean, sd = reference.mean(axis=0), reference.std(axis=0)
    # Not sd == 0: the mean of equal numbers may be rounded, which leaves a tiny sd.
    scale = np.where(np.ptp(reference, axis=0) == 0, 1.0, sd)
    return ((reference - mean) / scale).astype(np.float32), ((other - mean) / scale).astype(
        np.float32
    )


def one_hot(labels: np.ndarray, classes: int = LETTERS) -> np.ndarray:
    """One-hot rows.

    Args:
        labels: 0 ... classes - 1, (rows,), integer.
        classes: number of classes.

    Returns:
        (rows, classes), float32.

    Raises:
        ValueError: if a label is outside 0 ... classes - 1.

    Example:
        >>> one_hot(np.array([2, 0]), 3)
        array([[0., 0., 1.],
               [1., 0., 0.]], dtype=float32)
    """
    labels = np.asarray(labels)
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"one_hot: expected labels 0 ... {classes - 1}, got {labels.min()} ... {labels.max()}"
        )
    return (labels[:, None] == np.arange(classes)).astype(np.float32)
