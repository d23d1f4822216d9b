"""Cross-validation over the training speakers: whole speakers are held out, never single rows.

The rows of a speaker are alike, and the row ranges usually called isolet3 and isolet4 hold the same
60 people. A split that does not keep a speaker together answers how well known voices are
recognised; `row_folds` is such a split, kept to show what it would have reported.
"""

import numpy as np
from sklearn.model_selection import GroupKFold, KFold

from nnjax.datasets.isolet import Examples, standardise

SPLIT_SEED = 0
"""Deals the speakers, or the rows, to the folds."""

Fold = tuple[np.ndarray, np.ndarray]
"""Row numbers to train on and row numbers held out."""


def speaker_folds(speakers: np.ndarray, k: int) -> list[Fold]:
    """Every speaker is held out once, with all of his or her rows.

    Example:
        >>> for rows, held_out in speaker_folds(np.array([1, 1, 2, 2]), 2):
        ...     print(rows, held_out)
        [0 1] [2 3]
        [2 3] [0 1]
    """
    split = GroupKFold(k, shuffle=True, random_state=SPLIT_SEED)
    return list(split.split(speakers, groups=speakers))


def row_folds(rows: int, k: int) -> list[Fold]:
    """Every row is held out once; its speaker's other rows are trained on. It leaks."""
    return list(KFold(k, shuffle=True, random_state=SPLIT_SEED).split(np.empty(rows)))


def of_one_shape(folds: list[Fold]) -> list[Fold]:
    """Folds with as many rows to train on, and as many held out, as one another.

    Two speakers lack a row, so folds differ by a row or two, and every shape is a program to be
    compiled. Rows to train on beyond the smallest fold's are left out; a fold short of held-out
    rows repeats its first ones, which must not be counted twice (`training.grouped`).

    Example:
        >>> a, b = np.array([0, 1]), np.array([2, 3, 4])
        >>> of_one_shape([(b, a), (a, b)])
        [(array([2, 3]), array([0, 1, 0])), (array([0, 1]), array([2, 3, 4]))]
    """
    rows = min(len(train) for train, _ in folds)
    held_out = max(len(held) for _, held in folds)
    return [(train[:rows], np.resize(held, held_out)) for train, held in folds]


def scaled(
    examples: Examples, fold: Fold
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Features and labels to train on and held out, standardised by the former alone."""
    rows, held_out = fold
    x, x_held_out = standardise(examples.x[rows], examples.x[held_out])
    return (x, examples.labels[rows]), (x_held_out, examples.labels[held_out])
