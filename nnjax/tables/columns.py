"""Columns as numbers: what is learnt from training rows, and applied to any rows.

Nothing here reads a target, and nothing of the rows to predict changes how they are encoded.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import psutil

from nnjax.tables.errors import TableError, counted, listed, near

MOST_CATEGORIES = 1000
"""A column of texts with more categories is left out; each of them would be a feature."""

NEARLY_EVERY = 0.5
"""A column of texts with more categories than this share of its values is left out, like names."""

DENSE, ENOUGH = 0.5, 10
"""A column of whole numbers, all different, that are this share of those between its least and
greatest one numbers the rows, if there are so many."""

ONE_VALUE = "one value"
"""Why a column is left out that is the same in all rows."""

_DAY = 86_400_000_000  # microseconds


class Numeric(NamedTuple):
    """A column of numbers, booleans or dates: one feature, and one for gaps if there were any.

    Args:
        name: of the column.
        fill: what stands for a missing value, the median of the training rows.
        indicator: whether training rows had missing values, so that "NAME is missing" is a feature.
        days: whether the column has dates, as days since 1970.
    """

    name: str
    fill: float
    indicator: bool = False
    days: bool = False


class Categorical(NamedTuple):
    """A column of texts: one feature for each category, 1 where the row has it and 0 elsewhere.

    Args:
        name: of the column.
        categories: sorted; a last one of None stands for missing values.
    """

    name: str
    categories: tuple[str | None, ...]


class Columns(NamedTuple):
    """How a table becomes numbers.

    Args:
        used: the columns that become features, in the order of the features.
        left_out: the reasons for the others, by name.
    """

    used: tuple[Numeric | Categorical, ...]
    left_out: dict[str, str]


class Encoded(NamedTuple):
    """Rows as numbers, and what was not known of them.

    Args:
        x: float64 (rows, features).
        unknown: values of categories that no training row has, by column, where there are any.
        filled: missing numbers that the median stands for, by column, where there are any.
    """

    x: np.ndarray
    unknown: dict[str, int]
    filled: dict[str, int]


def learn(frame: pl.DataFrame) -> Columns:
    """Learn from training rows how their columns become numbers.

    Numbers, booleans (0 and 1) and dates (days since 1970) are one feature each. Texts are
    categories, one feature each. Left out are columns with one value, columns of texts with a
    category for more than half of the rows or with more than 1000, whole numbers that number the
    rows, and columns of other things, such as lists.

    Args:
        frame: the training rows, with columns of features only.

    Returns:
        The columns.

    Raises:
        TableError: if no column is left, or one has an infinite number.

    Example:
        >>> import polars as pl
        >>> frame = pl.DataFrame({"age": [30, None, 50], "city": ["a", "b", "a"], "x": [1, 1, 1]})
        >>> columns = learn(frame[[0, 1, 2, 0]])
        >>> columns.used[1], columns.left_out
        (Categorical(name='city', categories=('a', 'b')), {'x': 'one value, 1'})
    """
    used: list[Numeric | Categorical] = []
    left_out: dict[str, str] = {}
    for series in frame:
        learnt = _learnt(series)
        if isinstance(learnt, str):
            left_out[series.name] = learnt
        else:
            used.append(learnt)
    if not used:
        reasons = "; ".join(f"{name!r}: {reason}" for name, reason in list(left_out.items())[:3])
        raise TableError(
            f"no usable column among {frame.width}" + (f" ({reasons})" if reasons else "")
            + "; expected at least one of numbers, or of texts that repeat"
        )  # fmt: skip
    return Columns(tuple(used), left_out)


def encode(frame: pl.DataFrame, columns: Columns) -> Encoded:
    """Rows as numbers.

    Args:
        frame: any rows; its columns are found by name. Those that were left out may be missing.
        columns: what `learn` learnt.

    Returns:
        The numbers, and counts of unknown categories and filled values.

    Raises:
        TableError: if a column is missing, is not known, or has values of another kind, or the
            numbers do not fit into the memory.

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
            f"{frame.height} rows of {sum(widths)} features take {size / 2**30:.1f} GiB, and "
            f"{free / 2**30:.1f} GiB are free; give fewer rows, or columns with fewer categories"
        )
    x = np.zeros((frame.height, sum(widths)))
    unknown: dict[str, int] = {}
    filled: dict[str, int] = {}
    start = 0
    for column, width in zip(columns.used, widths, strict=True):
        part, series = x[:, start : start + width], frame[column.name]
        if isinstance(column, Numeric):
            missing = _put_numbers(part, series, column)
            counts = filled
        else:
            missing = _put_categories(part, series, column)
            counts = unknown
        if missing:
            counts[column.name] = missing
        start += width
    return Encoded(x, unknown, filled)


def feature_names(columns: Columns) -> list[str]:
    """The names of the features, in the order of the numbers.

    Args:
        columns: what `learn` learnt.

    Returns:
        "NAME" of a number, "NAME = CATEGORY" of a category, "NAME is missing".

    Example:
        >>> feature_names(Columns((Numeric("age", 3.0, True), Categorical("city", ("a",))), {}))
        ['age', 'age is missing', 'city = a']
    """
    return [name for column in columns.used for name in _names(column)]


def plain(columns: Columns) -> dict[str, Any]:
    """Columns as data that JSON can hold.

    Args:
        columns: what `learn` learnt.

    Returns:
        Dicts, lists, texts and numbers for `made`.

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
        ValueError: if the data describe no columns.

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


def _learnt(series: pl.Series) -> Numeric | Categorical | str:
    """What is learnt of a column, or why it is left out."""
    if not is_flat(series):
        return f"values of the type {series.dtype}"
    values = series if _is_text(series.dtype) else _numbers(series)
    present = values.drop_nulls()
    count = present.n_unique()
    if not count:
        return "no value"
    if count == 1 and len(present) == len(values):
        return f"{ONE_VALUE}, {_short(series[0])}"
    if _is_text(series.dtype):
        if count > NEARLY_EVERY * len(present):
            return f"{count} texts in {len(present)} rows, as names or ids{spoilt(present)}"
        if count > MOST_CATEGORIES:
            return f"{count} categories, more than {MOST_CATEGORIES}"
        categories: list[str | None] = sorted(present.cast(pl.String).unique())
        missing = [None] if values.has_nulls() else []
        return Categorical(series.name, tuple(categories + missing))
    if count == len(values) and series.dtype.is_integer() and _numbers_rows(series):
        return "numbers the rows"
    median: Any = present.median()
    return Numeric(series.name, float(median), values.has_nulls(), series.dtype.is_temporal())


def _numbers_rows(series: pl.Series) -> bool:
    low: Any = series.min()
    high: Any = series.max()
    return len(series) >= ENOUGH and len(series) >= DENSE * (high - low + 1)


def spoilt(texts: pl.Series) -> str:
    """What keeps texts from being numbers, if most of them are.

    Example:
        >>> spoilt(pl.Series(["1", "2", "3", "4 kg"]))
        "; 3 are numbers, '4 kg' is not"
    """
    wrong = texts.cast(pl.String).cast(pl.Float64, strict=False).is_null()
    if 2 * wrong.sum() >= len(texts):
        return ""
    return f"; {len(texts) - wrong.sum()} are numbers, {_short(texts.filter(wrong)[0])} is not"


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def is_flat(series: pl.Series) -> bool:
    """Whether values are numbers, texts, booleans or dates.

    Example:
        >>> is_flat(pl.Series([1])), is_flat(pl.Series([[1]]))
        (True, False)
    """
    return not series.dtype.is_nested() and series.dtype not in (pl.Binary, pl.Object)


def _is_text(dtype: pl.DataType) -> bool:
    return dtype in (pl.String, pl.Categorical, pl.Enum)


def _numbers(series: pl.Series) -> pl.Series:
    """Numbers, booleans and dates as float64; missing ones are null, and none is infinite."""
    if series.dtype == pl.Date:
        return series.cast(pl.Int32).cast(pl.Float64)
    if series.dtype == pl.Time:
        return series.cast(pl.Int64).cast(pl.Float64) / (1000 * _DAY)
    if series.dtype == pl.Duration:
        return series.dt.total_microseconds().cast(pl.Float64) / _DAY
    if series.dtype.is_temporal():
        return series.dt.epoch("us").cast(pl.Float64) / _DAY
    numbers = series.cast(pl.Float64).fill_nan(None)
    if numbers.is_infinite().any():
        row = numbers.is_infinite().arg_true()[0] + 1
        raise TableError(
            f"column {series.name!r}, row {row}: {numbers[row - 1]}; expected finite numbers, so "
            "leave the value empty if it is missing"
        )
    return numbers


# --- encoding -------------------------------------------------------------------------------------


def _check_names(frame: pl.DataFrame, columns: Columns) -> None:
    needed = [column.name for column in columns.used]
    missing = [name for name in needed if name not in frame.columns]
    surplus = [name for name in frame.columns if name not in {*needed, *columns.left_out}]
    if missing:
        alike = [f"{name!r}" for name in near(missing[0], surplus or frame.columns)]
        raise TableError(
            f"the table lacks {counted(len(missing), 'column')}, {listed(missing)}"
            + (f"; is {alike[0]} what {missing[0]!r} was?" if alike else "")
            + f"; expected the {len(needed)} columns of the training rows, in any order"
        )
    if surplus:
        raise TableError(
            f"the table has {counted(len(surplus), 'column')} more than the training rows, "
            f"{listed(surplus)}; leave them out"
        )


def _names(column: Numeric | Categorical) -> list[str]:
    if isinstance(column, Numeric):
        return [column.name] + ([f"{column.name} is missing"] if column.indicator else [])
    return [
        f"{column.name} is missing" if category is None else f"{column.name} = {category}"
        for category in column.categories
    ]


def _put_numbers(part: np.ndarray, series: pl.Series, column: Numeric) -> int:
    """Write a column of numbers; how many are missing."""
    series = _as_numbers(series, column)
    missing = series.is_null().to_numpy()
    part[:, 0] = series.fill_null(column.fill).to_numpy()
    if column.indicator:
        part[:, 1] = missing
    return int(missing.sum())


def _as_numbers(series: pl.Series, column: Numeric) -> pl.Series:
    kind = "dates" if column.days else "numbers"
    if series.null_count() == len(series):
        return series.cast(pl.Float64)
    if _is_text(series.dtype):
        wrong = series.cast(pl.String).cast(pl.Float64, strict=False).is_null()
        row = (wrong & series.is_not_null()).arg_true()
        shown = f", row {row[0] + 1}: {_short(series[row[0]])}" if len(row) else " has texts"
        raise TableError(f"column {column.name!r}{shown}; expected {kind}, as in the training rows")
    if not is_flat(series) or series.dtype.is_temporal() != column.days:
        raise TableError(
            f"column {column.name!r} has values of the type {series.dtype}; expected {kind}, as in "
            "the training rows"
        )
    return _numbers(series)


def _put_categories(part: np.ndarray, series: pl.Series, column: Categorical) -> int:
    """Write a column of categories; how many are unknown."""
    if not is_flat(series):
        raise TableError(
            f"column {column.name!r} has values of the type {series.dtype}; expected texts"
        )
    known = [category for category in column.categories if category is not None]
    texts = as_text(series)
    codes = texts.cast(pl.Enum(known), strict=False).to_physical().cast(pl.Int64)
    if None in column.categories:
        codes = pl.select(
            pl.when(texts.is_null()).then(len(known)).otherwise(codes).cast(pl.Int64)
        ).to_series()
    rows = codes.is_not_null().to_numpy()
    part[rows, codes.drop_nulls().to_numpy()] = 1.0
    return int((~rows).sum())


def as_text(series: pl.Series) -> pl.Series:
    """Values as texts; whole numbers without a point.

    Example:
        >>> as_text(pl.Series([1.0, None, 3.0])).to_list()
        ['1', None, '3']
    """
    if series.dtype.is_float():
        series = series.fill_nan(None)
        whole = series.cast(pl.Int64, strict=False)
        if (whole == series).all():
            series = whole
    return series.cast(pl.String)
