"""Rows of a chapter's numbers: one form for all of them."""

from typing import Any

import polars as pl

from nnjax import stats

ROWS_AND_SEEDS = "95 % over rows and seeds (bootstrap)"
ROWS = "95 % over rows (bootstrap)"
DRAWS_WILSON = "95 % over random draws (Wilson)"
NO_INTERVAL = "none: a count or a single case"

COLUMNS = ["key", "value", "lo", "hi", "n", "p", "unit", "interval", "what", "data"]


def number(
    key: str,
    what: str,
    interval: stats.Interval,
    unit: str,
    covers: str,
    p: float | None = None,
) -> dict[str, Any]:
    """One number with its interval; a fraction's is cut to [0, 1], where t may pass its ends.

    Args:
        key: claim id or chapter, dot, quantity.
        what: in words.
        interval: value, ends and n.
        unit: one that the page can write.
        covers: what the interval covers and how it was made.
        p: of a test that belongs to the number, where one was made.
    """
    if unit == "fraction":
        value, lo, hi, n = interval
        interval = stats.Interval(value, max(lo, 0.0), min(hi, 1.0), n)
    found = interval._asdict() | {"p": p}
    return {"key": key, **found, "unit": unit, "interval": covers, "what": what}


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
    may_be_missing = ("lo", "hi", "p")
    frame = pl.DataFrame(
        rows, infer_schema_length=None, schema_overrides=dict.fromkeys(may_be_missing, pl.Float64)
    )
    known = pl.col(*may_be_missing).fill_nan(None)
    frame = frame.with_columns(known, data=pl.lit(data))
    # A chapter that tests nothing has no column of p values.
    tested = frame["p"].is_not_null().any()
    return frame.select(name for name in COLUMNS if tested or name != "p")
