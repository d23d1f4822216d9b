"""Rows of a chapter's numbers: one form for all of them."""

from typing import Any

import polars as pl

from nnjax import stats

ROWS_AND_SEEDS = "95 % over rows and seeds (bootstrap)"
ROWS = "95 % over rows (bootstrap)"
DRAWS_WILSON = "95 % over random draws (Wilson)"
NO_INTERVAL = "none: a count or a single case"

COLUMNS = ["key", "value", "lo", "hi", "n", "unit", "interval", "what", "data"]


def number(key: str, what: str, interval: stats.Interval, unit: str, covers: str) -> dict[str, Any]:
    """One number with its interval.

    Args:
        key: claim id or chapter, dot, quantity.
        what: in words.
        interval: value, ends and n.
        unit: one that the page can write.
        covers: what the interval covers and how it was made.
    """
    return {"key": key, **interval._asdict(), "unit": unit, "interval": covers, "what": what}


def single(key: str, what: str, value: float, unit: str, n: int = 1) -> dict[str, Any]:
    """One number that has no interval: a count, a counter-example."""
    alone = stats.Interval(float(value), float("nan"), float("nan"), n)
    return number(key, what, alone, unit, NO_INTERVAL)


def table(rows: list[dict[str, Any]], data: str) -> pl.DataFrame:
    """The rows as numbers_NAME.csv has them; an end that is not known is empty.

    Args:
        rows: as `number` gives them.
        data: what they were measured on, one of figtable.SOURCES.
    """
    frame = pl.DataFrame(
        rows, infer_schema_length=None, schema_overrides={"lo": pl.Float64, "hi": pl.Float64}
    )
    ends = pl.col("lo", "hi").fill_nan(None)
    return frame.with_columns(ends, data=pl.lit(data)).select(COLUMNS)
