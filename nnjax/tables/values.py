"""Values of columns as numbers or as strings, whatever their type."""

from collections.abc import Collection
from typing import Any

import numpy as np
import polars as pl

from nnjax.tables.errors import TableError

_DAY = 86_400_000_000  # microseconds


def column(frame: pl.DataFrame, name: str) -> pl.Series:
    """A column under another name: methods of a series named "^x$" would treat it as a pattern.

    Example:
        >>> column(pl.DataFrame({"^.*$": [1, None]}), "^.*$").is_null().to_list()
        [False, True]
    """
    return frame[name].alias("values")


def chosen(frame: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
    """The named columns; `select` and `drop` would treat names as patterns, and a list renames "".

    Example:
        >>> chosen(pl.DataFrame({"a": [1], "^.*$": [2], "": [3]}), ["", "^.*$"]).columns
        ['', '^.*$']
    """
    return pl.DataFrame({name: frame[name] for name in names})


def without(frame: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
    """The other columns.

    Example:
        >>> without(pl.DataFrame({"a": [1], "^.*$": [2]}), ["^.*$", "b"]).columns
        ['a']
    """
    return chosen(frame, [name for name in frame.columns if name not in names])


def is_flat(dtype: pl.DataType) -> bool:
    """Whether values are numbers, strings, booleans or dates.

    Example:
        >>> is_flat(pl.Int64()), is_flat(pl.List(pl.Int64))
        (True, False)
    """
    return not dtype.is_nested() and dtype not in (pl.Binary, pl.Object)


def is_text(dtype: pl.DataType) -> bool:
    """Whether values are strings or names of categories.

    Example:
        >>> is_text(pl.String()), is_text(pl.Enum(["a"])), is_text(pl.Boolean())
        (True, True, False)
    """
    return dtype in (pl.String, pl.Categorical, pl.Enum)


def as_numbers(frame: pl.DataFrame) -> np.ndarray:
    """Numbers, booleans as 0 and 1, dates and times as days; NaN where a value is missing.

    Args:
        frame: the columns.

    Returns:
        float64 (rows, columns).

    Raises:
        TableError: if a number is infinite.

    Example:
        >>> as_numbers(pl.DataFrame({"a": [1, None], "b": [True, False]})).tolist()
        [[1.0, 1.0], [nan, 0.0]]
    """
    if not frame.width:
        return np.zeros((frame.height, 0))
    # All columns at once, which takes a hundredth of the time; by number, since a name such as
    # "^x$" would be a pattern.
    numbered = frame.clone()
    numbered.columns = [str(i) for i in range(frame.width)]
    x = numbered.select(_number(pl.col(n), t) for n, t in numbered.schema.items()).to_numpy()
    infinite = np.isinf(x)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise TableError(
            f"column {frame.columns[column]!r}, row {row + 1}: {x[row, column]}; expected finite "
            "numbers, so leave the value empty if it is missing"
        )
    return x


def _number(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype == pl.Date:
        return column.cast(pl.Int32).cast(pl.Float64)
    if dtype == pl.Time:
        return column.cast(pl.Int64).cast(pl.Float64) / (1000 * _DAY)
    if dtype == pl.Duration:
        return column.dt.total_microseconds().cast(pl.Float64) / _DAY
    if dtype.is_temporal():
        return column.dt.epoch("us").cast(pl.Float64) / _DAY
    return column.cast(pl.Float64, strict=False)


def as_text(series: pl.Series) -> pl.Series:
    """Values as strings; whole numbers without a decimal point.

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


def sorted_names(labels: np.ndarray) -> tuple[str, ...]:
    """The different labels, sorted; by their values if all are numbers.

    Example:
        >>> sorted_names(np.array(["10", "9", "9"])), sorted_names(np.array(["10", "9", "a"]))
        (('9', '10'), ('10', '9', 'a'))
    """
    names = [str(name) for name in np.unique(labels)]
    values = pl.Series(names, dtype=pl.String).cast(pl.Float64, strict=False).to_list()
    return tuple(
        names if None in values else [n for _, n in sorted(zip(values, names, strict=True))]
    )


def spoilt(texts: pl.Series) -> str:
    """For a message: which strings are not numbers, if most of them are.

    Example:
        >>> spoilt(pl.Series(["1", "2", "3", "4 kg"]))
        "; 3 are numbers, '4 kg' is not"
    """
    wrong = texts.cast(pl.String).cast(pl.Float64, strict=False).is_null()
    if not wrong.any() or 2 * wrong.sum() >= len(texts):
        return ""
    return f"; {len(texts) - wrong.sum()} are numbers, {short(texts.filter(wrong)[0])} is not"


def short(value: Any) -> str:
    """A value in a sentence, at most 40 characters long.

    Example:
        >>> short("x"), short(3), len(short("long " * 100))
        ("'x'", '3', 40)
    """
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
