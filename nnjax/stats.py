"""Intervals for the numbers of a report: exact about what they cover, and reproducible."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


class Interval(NamedTuple):
    """An estimate with the ends of its 95 % interval and the number of observations."""

    value: float
    lo: float
    hi: float
    n: int


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """The mean of independent observations with Student's t interval.

        mean +- t(n - 1) * s / sqrt(n)

    Args:
        values: one observation per seed, (n,). NaN is an observation and makes the mean NaN.
        level: coverage, in (0, 1).

    Returns:
        The mean and its interval; with one observation the interval is unknown (NaN).

    Raises:
        ValueError: if there are no observations.

    Example:
        >>> from nnjax import stats
        >>> print("%.2f %.2f %.2f %d" % stats.mean_interval([1.0, 2.0, 3.0]))
        2.00 -0.48 4.48 3

    Source: Student, The probable error of a mean, Biometrika 6, 1908.
    """
    x = np.asarray(values, dtype=float)
    if x.ndim != 1 or not len(x):
        raise ValueError(f"mean_interval: expected observations of shape (n,), got {x.shape}")
    mean = float(x.mean())
    if len(x) == 1:
        return Interval(mean, float("nan"), float("nan"), 1)
    half = float(stats.t.ppf((1 + level) / 2, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))
    return Interval(mean, mean - half, mean + half, len(x))


def proportion_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """A fraction of independent trials with Wilson's score interval.

    The values p for which |successes/n - p| <= z sqrt(p (1 - p) / n); it stays inside [0, 1] and
    is not empty at 0 of n or n of n.

    Args:
        successes: trials that succeeded.
        n: trials.
        level: coverage, in (0, 1).

    Returns:
        The fraction and its interval.

    Raises:
        ValueError: if not 0 <= successes <= n with n > 0.

    Example:
        >>> from nnjax import stats
        >>> print("%.4f %.4f %.4f %d" % stats.proportion_interval(0, 1000))
        0.0000 0.0000 0.0038 1000

    Source: Wilson, JASA 22, 1927; `scipy.stats.binomtest`.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"proportion_interval: expected 0 <= successes <= n, got {successes}, {n}")
    ends = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    return Interval(successes / n, float(ends.low), float(ends.high), n)


def two_level_interval(
    correct: ArrayLike,
    rows: ArrayLike,
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 10_000,
) -> Interval:
    """Accuracy over all rows with a bootstrap over speakers and seeds at once.

    Rows of one speaker are alike and runs of one data set share its speakers, so the interval of an
    accuracy comes from resampling both levels with replacement:

        accuracy* = sum_{s in seeds*} sum_{k in speakers*} correct[s, k]
                    / (|seeds| * sum_{k in speakers*} rows[k])

    and taking the percentiles of accuracy*. It says what to expect of other speakers and other
    seeds; an interval over seeds alone, or a binomial one, is too narrow for that.

    Args:
        correct: rows classified correctly, (seeds, speakers).
        rows: rows of each speaker, (speakers,).
        rng: the generator to draw from.
        level: coverage, in (0, 1).
        resamples: bootstrap samples.

    Returns:
        The accuracy over all rows and seeds, its interval, and n = the number of seeds.

    Raises:
        ValueError: if the shapes do not fit or there are no rows.

    Example:
        >>> import numpy as np
        >>> from nnjax import stats
        >>> correct, rows = np.array([[9, 5], [10, 6]]), np.array([10, 10])
        >>> interval = stats.two_level_interval(correct, rows, np.random.default_rng(0))
        >>> print("%.2f %.2f %.2f %d" % interval)
        0.75 0.50 1.00 2

    Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 8; two levels:
    Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1, 2007.
    """
    c, r = np.asarray(correct, dtype=float), np.asarray(rows, dtype=float)
    if c.ndim != 2 or r.shape != c.shape[1:] or not c.size or not (r > 0).all():
        raise ValueError(
            "two_level_interval: expected correct (seeds, speakers) and positive rows (speakers,), "
            f"got {c.shape} and {r.shape}"
        )
    seeds, speakers = c.shape
    # How often each seed and each speaker stands in a resample.
    seed_counts = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples)
    speaker_counts = rng.multinomial(speakers, np.full(speakers, 1 / speakers), size=resamples)
    hits = np.einsum("bk,bk->b", seed_counts @ c, speaker_counts)
    accuracies = hits / (seeds * (speaker_counts @ r))
    lo, hi = np.quantile(accuracies, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(c.sum() / (seeds * r.sum())), float(lo), float(hi), seeds)
