"""Estimates as rows of numbers: intervals, and the words for what they cover."""

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.special import bdtr

from nnjax import stats
from workflow.lib.numbers import COLUMNS, Number

# The words printed next to an interval: what it covers and how it was computed.
SPEAKERS_AND_SEEDS = "95 % over speakers and seeds (bootstrap)"
SPEAKERS = "95 % over speakers (bootstrap)"
SPEAKERS_T = "95 % over speakers (Student's t)"
SEEDS_T = "95 % over seeds (Student's t)"
SEEDS_WILSON = "95 % over seeds (Wilson)"
SEEDS_BOOTSTRAP = "95 % over seeds (bootstrap)"
SEEDS_ORDER = "95 % over seeds (order statistics)"
REPEATS_ORDER = "95 % over repeats (order statistics)"
RUNS_WILSON = "95 % over runs (Wilson)"
IMAGES_AND_SEEDS = "95 % over test images and seeds (bootstrap)"
IMAGES_WILSON = "95 % over test images (Wilson)"
ROWS_AND_SEEDS = "95 % over rows and seeds (bootstrap)"
ROWS = "95 % over rows (bootstrap)"
DRAWS_WILSON = "95 % over random draws (Wilson)"
NO_INTERVAL = "none: a count or a single case"
N_SEEDS = "; n: seeds"
"""Ends the words for an interval over units and seeds whose n is the number of seeds."""


def number(
    key: str,
    what: str,
    interval: stats.Interval,
    unit: str,
    covers: str,
    p: float | None = None,
) -> Number:
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


def single(key: str, what: str, value: float, unit: str, n: int = 1) -> Number:
    """One number that has no interval: a count, a counter-example."""
    alone = stats.Interval(float(value), float("nan"), float("nan"), n)
    return number(key, what, alone, unit, NO_INTERVAL)


def table(rows: list[Number], data: str) -> pl.DataFrame:
    """The rows as numbers_NAME.csv has them; an end that is not known is empty.

    Args:
        rows: as `number` gives them.
        data: what they were measured on, one of tables.SOURCES.
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


def over_units(correct: ArrayLike, rows: ArrayLike, resamples: int = 10_000) -> stats.Interval:
    """`stats.two_level_interval` whose n counts the units where there is one seed only.

    A model without chance has one seed, and nothing but the units is resampled.

    Args:
        correct: rows classified correctly, (seeds, units).
        rows: rows of each unit, (units,).
        resamples: bootstrap samples.

    Example:
        >>> over_units([[1, 0, 1, 1]], [1, 1, 1, 1]).n, over_units([[1, 0], [1, 1]], [1, 1]).n
        (4, 2)
    """
    found = stats.two_level_interval(correct, rows, np.random.default_rng(0), resamples=resamples)
    seeds, units = np.shape(correct)
    return found._replace(n=seeds if seeds > 1 else units)


def exp(of_logs: stats.Interval) -> stats.Interval:
    """The interval of a quantity from that of its logarithm."""
    value, lo, hi = (float(end) for end in np.exp(of_logs[:3]))
    return stats.Interval(value, lo, hi, of_logs.n)


def geometric_mean(values: ArrayLike) -> stats.Interval:
    """The geometric mean with Student's t interval of the logarithms.

    Example:
        >>> found = geometric_mean([1.0, 100.0])
        >>> print("%.1f %.1f" % (found.value, found.lo * found.hi))
        10.0 100.0
    """
    return exp(stats.mean_interval(np.log(values)))


def median_interval(values: np.ndarray) -> stats.Interval:
    """The median, with the interval between two order statistics.

        P(x_(k) <= median <= x_(n+1-k)) >= 1 - 2 P(Binomial(n, 1/2) < k) >= 0.95

    with the largest k for which that holds. It needs no distribution, and values that are infinite
    (never reached) are ordered like any other. Fewer than six values have no such k: the ends of
    the interval are not known (NaN).

    Example:
        >>> median_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0, np.inf]))
        Interval(value=3.5, lo=1.0, hi=inf, n=6)
    """
    ordered = np.sort(np.asarray(values, float))
    n = len(ordered)
    k = int(np.searchsorted(bdtr(np.arange(n), n, 0.5), 0.025, side="right"))
    low, high = ordered[(n - 1) // 2], ordered[n // 2]
    # Not the mean of two infinities, which is no number.
    value = float(low if low == high else (low + high) / 2)
    if k == 0:
        return stats.Interval(value, float("nan"), float("nan"), n)
    return stats.Interval(value, float(ordered[k - 1]), float(ordered[n - k]), n)
