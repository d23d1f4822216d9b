"""Columns as numbers: an encoding learnt from training rows and applied to any rows.

The encoding depends neither on a target nor on the rows to predict.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import psutil

from nnjax.tables.errors import TableError, counted, listed, near
from nnjax.tables.values import as_numbers, as_text, chosen, column, is_flat, is_text, short, spoilt

MOST_CATEGORIES = 1000
"""A column of strings with more categories is left out: each category would be a feature."""

NEARLY_EVERY = 0.5
"""A column of strings with more categories than this share of its values is left out."""

DENSE, ENOUGH = 0.5, 10
"""A column numbers the rows if it has at least `ENOUGH` values, all different whole numbers, and at
least this share of the whole numbers from the smallest to the largest."""

ONE_VALUE = "one value"
"""The reason for leaving out a column that has the same value in all rows."""


class Numeric(NamedTuple):
    """A column of numbers, booleans or dates: one feature, and one for missing values if any.

    Args:
        name: of the column.
        fill: the value that replaces missing ones: the median of the training rows.
        indicator: whether "NAME is missing" is a feature too: if training values are missing.
        days: whether the column contains dates, encoded as days since 1970.
    """

    name: str
    fill: float
    indicator: bool = False
    days: bool = False


class Categorical(NamedTuple):
    """A column of strings: one feature for each category, 1 if the row has it, else 0.

    Args:
        name: of the column.
        categories: sorted; a None at the end stands for missing values.
    """

    name: str
    categories: tuple[str | None, ...]


class Columns(NamedTuple):
    """How a table is encoded as numbers.

    Args:
        used: the columns that become features, in the order of the features.
        left_out: the reasons for the others, by name.
    """

    used: tuple[Numeric | Categorical, ...]
    left_out: dict[str, str]


class Encoded(NamedTuple):
    """Rows as numbers, with counts of unknown and missing values.

    Args:
        x: float64 (rows, features).
        unknown: number of values whose category is in no training row, by column, if there are any.
        filled: number of missing values replaced by the median, by column, if there are any.
    """

    x: np.ndarray
    unknown: dict[str, int]
    filled: dict[str, int]


def learn(frame: pl.DataFrame) -> Columns:
    """Learn from training rows how to encode their columns as numbers.

    A column of numbers, booleans (0 and 1) or dates (days since 1970) becomes one feature. A column
    of strings becomes one feature for each category. These columns are left out: columns with one
    value, columns of strings with more than 1000 categories or with more categories than half of
    the rows, whole numbers that number the rows, and columns of other types, such as lists.

    Args:
        frame: the training rows, with columns of features only.

    Returns:
        The columns.

    Raises:
        TableError: if no column is left, or a column contains an infinite number.

    Example:
        >>> import polars as pl
        >>> frame = pl.DataFrame({"age": [30, None, 50], "city": ["a", "b", "a"], "x": [1, 1, 1]})
        >>> columns = learn(frame[[0, 1, 2, 0]])
        >>> columns.used[1], columns.left_out
        (Categorical(name='city', categories=('a', 'b')), {'x': 'one value, 1'})
    """
    used: list[Numeric | Categorical] = []
    left_out: dict[str, str] = {}
    numeric = [name for name, t in frame.schema.items() if is_flat(t) and not is_text(t)]
    rows = as_numbers(chosen(frame, numeric)).T
    numbers = dict(zip(numeric, rows, strict=True))
    for name, dtype in frame.schema.items():
        if not is_flat(dtype):
            learnt = f"values of type {dtype}"
        elif is_text(dtype):
            learnt = _categories(name, column(frame, name))
        else:
            learnt = _number(name, column(frame, name), numbers[name])
        if isinstance(learnt, str):
            left_out[name] = learnt
        else:
            used.append(learnt)
    if not used:
        reasons = "; ".join(f"{name!r}: {reason}" for name, reason in list(left_out.items())[:3])
        raise TableError(
            f"no usable column among {frame.width}" + (f" ({reasons})" if reasons else "")
            + "; expected at least one column of numbers or of repeated strings"
        )  # fmt: skip
    return Columns(tuple(used), left_out)


def encode(frame: pl.DataFrame, columns: Columns) -> Encoded:
    """Encode rows as numbers.

    Args:
        frame: any rows; columns are found by name. Columns that were left out may be missing.
        columns: the result of `learn`.

    Returns:
        The numbers, and counts of unknown categories and filled values.

    Raises:
        TableError: if a column is missing, unknown, or of another type, or if the numbers do not
            fit into memory.

    Example:
        >>> import polars as pl
        >>> frame = pl.DataFrame({"age": [30, 50, 40, 30], "city": ["a", "b", "a", "b"]})
        >>> columns = learn(frame)
        >>> encoded = encode(pl.DataFrame({"city": ["b", "c"], "age": [20, None]}), columns)
        >>> encoded.x.tolist(), encoded.unknown, encoded.filled
        ([[20.0, 0.0, 1.0], [35.0, 0.0, 0.0]], {'city': 1}, {'age': 1})
    """
    _check_names(frame, columns)
    widths = [len(_names(column)) for column in columns.used]
    size, free = 8 * frame.height * sum(widths), psutil.virtual_memory().available
    if size > free:
        raise TableError(
            f"{frame.height} rows of {sum(widths)} features take {size / 2**30:.1f} GiB, but only "
            f"{free / 2**30:.1f} GiB are free; use fewer rows, or columns with fewer categories"
        )
    numeric = [c for c in columns.used if isinstance(c, Numeric)]
    for known in numeric:
        _check_kind(column(frame, known.name), known)
    numbers = iter(as_numbers(chosen(frame, [known.name for known in numeric])).T)
    x = np.zeros((frame.height, sum(widths)))
    unknown: dict[str, int] = {}
    filled: dict[str, int] = {}
    start = 0
    for known, width in zip(columns.used, widths, strict=True):
        part = x[:, start : start + width]
        start += width
        if isinstance(known, Numeric):
            count, counts = _put_numbers(part, next(numbers), known), filled
        else:
            count, counts = _put_categories(part, column(frame, known.name), known), unknown
        if count:
            counts[known.name] = count
    return Encoded(x, unknown, filled)


def feature_names(columns: Columns) -> list[str]:
    """The names of the features, in the order of the numbers.

    Args:
        columns: the result of `learn`.

    Returns:
        "NAME" for a number, "NAME = CATEGORY" for a category, "NAME is missing".

    Example:
        >>> feature_names(Columns((Numeric("age", 3.0, True), Categorical("city", ("a",))), {}))
        ['age', 'age is missing', 'city = a']
    """
    return [name for column in columns.used for name in _names(column)]


def plain(columns: Columns) -> dict[str, Any]:
    """Columns as data that JSON can represent.

    Args:
        columns: the result of `learn`.

    Returns:
        Dicts, lists, strings and numbers for `made`.

    Example:
        >>> plain(Columns((Categorical("city", ("a", None)),), {}))
        {'used': [{'name': 'city', 'categories': ['a', None]}], 'left_out': {}}
    """
    used = [
        column._asdict()
        | ({} if isinstance(column, Numeric) else {"categories": list(column.categories)})
        for column in columns.used
    ]
    return {"used": used, "left_out": dict(columns.left_out)}


def made(data: Any) -> Columns:
    """The columns that `plain` describes.

    Args:
        data: plain data.

    Returns:
        Equal columns.

    Raises:
        ValueError: if the data do not describe columns.

    Example:
        >>> columns = Columns((Numeric("age", 3.0), Categorical("city", ("a",))), {"id": "why"})
        >>> made(plain(columns)) == columns
        True
    """
    match data:
        case {"used": list(used), "left_out": dict(left_out)} if used:
            texts = {str(name): str(reason) for name, reason in left_out.items()}
            return Columns(tuple(map(_made, used)), texts)
    raise ValueError(f"expected the description of columns, got {str(data)[:80]}")


def _made(data: Any) -> Numeric | Categorical:
    match data:
        case {
            "name": str(name), "fill": float(fill) | int(fill), "indicator": bool(indicator),
            "days": bool(days),
        } if math.isfinite(fill):  # fmt: skip
            return Numeric(name, float(fill), indicator, days)
        case {"name": str(name), "categories": list(categories)} if categories and all(
            category is None or isinstance(category, str) for category in categories
        ):
            return Categorical(name, tuple(categories))
    raise ValueError(f"expected the description of a column, got {str(data)[:80]}")


# --- learning -------------------------------------------------------------------------------------


def _categories(name: str, series: pl.Series) -> Categorical | str:
    """The encoding of a column of strings, or the reason for leaving it out."""
    present = series.drop_nulls()
    count = present.n_unique()
    if not count:
        return "no value"
    if count == 1 and not series.has_nulls():
        return f"{ONE_VALUE}, {short(series[0])}"
    if count > NEARLY_EVERY * len(present):
        return f"{count} strings in {len(present)} rows, like names or ids{spoilt(present)}"
    if count > MOST_CATEGORIES:
        return f"{count} categories, more than {MOST_CATEGORIES}"
    categories: list[str | None] = sorted(present.cast(pl.String).unique())
    missing = [None] if series.has_nulls() else []
    return Categorical(name, tuple(categories + missing))


def _number(name: str, series: pl.Series, numbers: np.ndarray) -> Numeric | str:
    """The encoding of a column of numbers, or the reason for leaving it out."""
    missing = np.isnan(numbers)
    present = np.sort(numbers[~missing])
    if not len(present):
        return "no value"
    if present[0] == present[-1] and not missing.any():
        return f"{ONE_VALUE}, {short(series[0])}"
    if series.dtype.is_integer() and len(present) == len(series) >= ENOUGH:
        dense = len(series) >= DENSE * (present[-1] - present[0] + 1)
        if dense and (np.diff(present) > 0).all():
            return "numbers the rows"
    fill = float(np.median(present))
    return Numeric(name, fill, bool(missing.any()), series.dtype.is_temporal())


# --- encoding -------------------------------------------------------------------------------------


def _check_names(frame: pl.DataFrame, columns: Columns) -> None:
    needed = [column.name for column in columns.used]
    given, known = set(frame.columns), {*needed, *columns.left_out}
    missing = [name for name in needed if name not in given]
    surplus = [name for name in frame.columns if name not in known]
    if missing:
        alike = [f"{name!r}" for name in near(missing[0], surplus or frame.columns)]
        raise TableError(
            f"the table lacks {counted(len(missing), 'column')}, {listed(missing)}"
            + (f"; was {missing[0]!r} renamed to {alike[0]}?" if alike else "")
            + f"; expected the {len(needed)} columns of the training rows, in any order"
        )
    if surplus:
        raise TableError(
            f"the table has {counted(len(surplus), 'column')} that the training rows lack; leave "
            f"out {listed(surplus)}"
        )


def _names(column: Numeric | Categorical) -> list[str]:
    if isinstance(column, Numeric):
        return [column.name] + ([f"{column.name} is missing"] if column.indicator else [])
    return [
        f"{column.name} is missing" if category is None else f"{column.name} = {category}"
        for category in column.categories
    ]


def _check_kind(series: pl.Series, known: Numeric) -> None:
    """Refuse a column that is not of the type of the training rows: numbers or dates."""
    kind = "dates" if known.days else "numbers"
    if series.null_count() == len(series):
        return
    if is_text(series.dtype):
        wrong = series.cast(pl.String).cast(pl.Float64, strict=False).is_null()
        row = (wrong & series.is_not_null()).arg_true()
        shown = f", row {row[0] + 1}: {short(series[row[0]])}" if len(row) else " contains strings"
        raise TableError(f"column {known.name!r}{shown}; expected {kind}, as in the training rows")
    if not is_flat(series.dtype) or series.dtype.is_temporal() != known.days:
        raise TableError(
            f"column {known.name!r} has values of type {series.dtype}; expected {kind}, as in the "
            "training rows"
        )


def _put_numbers(part: np.ndarray, numbers: np.ndarray, known: Numeric) -> int:
    """Write a column of numbers; returns how many are missing."""
    missing = np.isnan(numbers)
    part[:, 0] = np.where(missing, known.fill, numbers)
    if known.indicator:
        part[:, 1] = missing
    return int(missing.sum())


def _put_categories(part: np.ndarray, series: pl.Series, known: Categorical) -> int:
    """Write a column of categories; returns how many are unknown."""
    if not is_flat(series.dtype):
        raise TableError(
            f"column {known.name!r} has values of type {series.dtype}; expected strings"
        )
    names = [category for category in known.categories if category is not None]
    texts = as_text(series)
    codes = texts.cast(pl.Enum(names), strict=False).to_physical().cast(pl.Int64)
    if None in known.categories:
        codes = pl.select(
            pl.when(texts.is_null()).then(len(names)).otherwise(codes).cast(pl.Int64)
        ).to_series()
    rows = codes.is_not_null().to_numpy()
    part[rows, codes.drop_nulls().to_numpy()] = 1.0
    return int((~rows).sum())
