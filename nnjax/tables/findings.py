"""What to know about a table before training: duplicates, missing values, leaks, imbalance."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from nnjax.tables.columns import ONE_VALUE, Categorical, Columns
from nnjax.tables.errors import listed
from nnjax.tables.values import as_numbers, column, is_flat, sorted_names

IMBALANCE = 3.0
"""Classes are called unbalanced if the largest is at least this many times the smallest."""

MOST_NAMED = 20
"""Columns with the same finding are listed one by one if they are at most this many."""

FAR = 100.0
"""Amounts are called far if they are this many interquartile ranges from the median."""

LINEAR = 1 - 1e-9
"""A column with a larger correlation with the target is the target in other units."""


@dataclass(frozen=True)
class Finding:
    """Something found in a table.

    Args:
        what: what was found.
        where: the column, or another place.
        count: number of rows, values or columns.
        done: what was done about it.

    Example:
        >>> print(Finding("missing values", "age", 3, "filled by the median"))
        missing values, age: 3; filled by the median
    """

    what: str
    where: str
    count: int
    done: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.what}, {self.where}: {self.count}; {self.done}"


def about_rows(frame: pl.DataFrame, test: np.ndarray | None) -> list[Finding]:
    """Rows that are equal in all columns, within the table and between training and test rows.

    Args:
        frame: the table, without the column that says which rows are test rows.
        test: which rows are test rows, or None.

    Returns:
        The findings.

    Example:
        >>> frame = pl.DataFrame({"a": [1, 1, 2, 1]})
        >>> for finding in about_rows(frame, np.array([False, False, False, True])):
        ...     print(finding)
        rows, equal in all columns: 2; kept
        test rows, equal to a training row: 1; kept; the model has seen them in training
    """
    hashes = pl.DataFrame([series for series in frame if is_flat(series.dtype)]).hash_rows(seed=0)
    found: list[Finding] = []
    more = len(hashes) - hashes.n_unique()
    if more:
        found.append(Finding("rows", "equal in all columns", more, "kept"))
    if test is not None:
        both = hashes.filter(test).is_in(hashes.filter(~test).unique().implode()).sum()
        if both:
            done = "kept; the model has seen them in training"
            found.append(Finding("test rows", "equal to a training row", int(both), done))
    return found


def about_columns(
    features: pl.DataFrame,
    columns: Columns,
    target: str,
    y: np.ndarray,
    is_class: bool,
    groups: str | None,
    by_group: np.ndarray | None,
) -> list[Finding]:
    """Columns that are left out, have missing values, or determine target or groups; the target.

    Args:
        features: the columns of features.
        columns: the encoding learnt from the training rows.
        target: the name of the target.
        y: the target.
        is_class: whether it has classes.
        groups: the name of the groups, or None.
        by_group: the group of each row, or None.

    Returns:
        The findings.
    """
    rows = features.height
    reasons = columns.left_out
    constant = [name for name, reason in reasons.items() if reason.startswith(ONE_VALUE)]
    found = [
        Finding(f"left out ({reason})", name, rows, "not a feature")
        for name, reason in reasons.items()
        if name not in constant
    ]
    if constant:
        found.append(Finding("columns with one value", listed(constant), len(constant), "left out"))
    gaps = dict(zip(features.columns, features.null_count().row(0), strict=True))
    for known in columns.used:
        name, series = known.name, column(features, known.name)
        missing = gaps[name]
        if series.dtype.is_float():
            missing += int(series.is_nan().sum())
        if missing:
            done = (
                "treated as a separate category"
                if isinstance(known, Categorical)
                else "filled by the median of the training rows"
            )
            found.append(Finding("missing values", name, missing, done))
    kept = "kept; leave the column out if it is not known before the target"
    for name in _one_to_one(features, y) if is_class else _linear(features, y):
        found.append(Finding(f"determines the target {target}", name, rows, kept))
    if by_group is not None:
        for name in _one_to_one(features, by_group):
            done = "kept; leave the column out if the model must not know the group"
            found.append(Finding(f"determines the group {groups}", name, rows, done))
    found = _together(found)
    return found + (_about_classes(target, y) if is_class else _about_amounts(target, y))


def _together(found: list[Finding]) -> list[Finding]:
    """Merge equal findings of many columns, such as thousands of genes with gaps, into one."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for each in found:
        alike.setdefault((each.what, each.done), []).append(each)
    few = [each for same in alike.values() if len(same) <= MOST_NAMED for each in same]
    return few + [
        Finding(f"columns with: {what}", listed(each.where for each in same), len(same), done)
        for (what, done), same in alike.items()
        if len(same) > MOST_NAMED
    ]


def _about_classes(target: str, y: np.ndarray) -> list[Finding]:
    names = sorted_names(y)
    counts = np.array([(y == name).sum() for name in names])
    shown = ", ".join(f"{n} {c}" for n, c in list(zip(names, counts, strict=True))[:20])
    found = [
        Finding(
            f"classes ({shown}{', ...' if len(names) > 20 else ''})", target, len(names), "kept"
        )
    ]
    if counts.max() >= IMBALANCE * counts.min():
        largest, smallest = names[counts.argmax()], names[counts.argmin()]
        found.append(
            Finding(
                f"unbalanced classes (the smallest is {smallest}, the largest {largest})",
                target,
                int(counts.min()),
                f"kept; always predicting {largest} is right for {counts.max() / len(y):.1%} of "
                "the rows",
            )
        )
    return found


def _about_amounts(target: str, y: np.ndarray) -> list[Finding]:
    """Amounts that dominate squared errors."""
    low, middle, high = np.quantile(y, [0.25, 0.5, 0.75])
    far = int((np.abs(y - middle) > FAR * (high - low)).sum()) if high > low else 0
    done = "kept; they dominate squared errors, so correct or leave out mistakes"
    return [Finding("amounts far from all others", target, far, done)] if far else []


def _one_to_one(features: pl.DataFrame, labels: np.ndarray) -> list[str]:
    """Columns whose values correspond one-to-one to the labels."""
    given = pl.Series("labels", labels.tolist())
    count = given.n_unique()
    if count == len(given):
        return []
    return [
        name
        for name, dtype in features.schema.items()
        if is_flat(dtype)
        and column(features, name).n_unique() == count
        and pl.DataFrame([column(features, name), given]).n_unique() == count
    ]


def _linear(features: pl.DataFrame, y: np.ndarray) -> list[str]:
    """Columns of numbers that are the target in other units."""
    numeric = [c for c in features if c.dtype.is_numeric() and not c.null_count()]
    x = as_numbers(pl.DataFrame(numeric))
    x = np.ldexp(x, -np.frexp(np.abs(x).max(axis=0))[1])  # squares of 1e300 overflow
    spread = x.std(axis=0) * y.std()
    covariance = (x - x.mean(axis=0)).T @ (y - y.mean()) / len(y)
    equal = (np.abs(covariance) > LINEAR * spread) & (spread > 0)
    return [series.name for series, same in zip(numeric, equal, strict=True) if same]
