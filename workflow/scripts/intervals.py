"""Intervals that several chapters share."""

import numpy as np
from numpy.typing import ArrayLike

from nnjax import stats

N_SEEDS = "; n: seeds"
"""Ends the words for an interval over units and seeds, whose n is the number of seeds."""


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
        >>> print("%.1f %.1f %.1f %d" % geometric_mean([10.0, 10.0, 10.0]))
        10.0 10.0 10.0 3
    """
    return exp(stats.mean_interval(np.log(values)))
