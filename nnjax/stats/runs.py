"""Summaries and comparisons of runs: P(A > B), interquartile mean, profile, expected best of k."""

from collections.abc import Callable
from math import comb

import numpy as np
from numpy.typing import ArrayLike

from nnjax.stats.intervals import Interval, proportion_interval


def probability_of_improvement(
    a: ArrayLike,
    b: ArrayLike,
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 10_000,
) -> Interval:
    """P(A > B): how often a run of A is better than the run of B with the same seed.

        P(A > B) = 1/n Σ_s ([a[s] > b[s]] + 1/2 [a[s] = b[s]])

    with percentiles over resampled seeds. The comparison is paired: runs with the same seed share
    their initial weights and the order of their batches, so they are compared with each other and
    resampled together. (The unpaired form, the Mann-Whitney statistic, compares every run of A with
    every run of B; it suits runs that share nothing.) The interval generalises over seeds,
    conditional on the rows. If A wins all pairs, or none, the interval has zero width whatever n
    is, so read it together with n.

    Args:
        a: one score per seed, (n,), higher is better (negate a loss). NaN, a diverged run, is worse
            than every number and ties with another NaN.
        b: the scores of B for the same seeds in the same order, (n,).
        rng: the random generator.
        level: coverage, in (0, 1).
        resamples: number of bootstrap samples.

    Returns:
        The probability, its interval (NaN for a single seed), and n = the number of seeds.

    Raises:
        ValueError: if a and b are not non-empty vectors of equal length without +inf.

    Example:
        >>> import numpy as np
        >>> from nnjax import stats
        >>> a, b = [0.9, 0.8, 0.7, np.nan], [0.8, 0.8, 0.6, 0.5]  # better, equal, better, diverged
        >>> interval = stats.probability_of_improvement(a, b, np.random.default_rng(0))
        >>> print("%.3f %.3f %.3f %d" % interval)
        0.625 0.250 1.000 4

    Source: Bouthillier et al., Accounting for variance in machine learning benchmarks, MLSys 2021;
    unpaired: Agarwal et al., Deep reinforcement learning at the edge of the statistical precipice,
    NeurIPS 2021.
    """
    x, y = _scores(a, "probability_of_improvement"), _scores(b, "probability_of_improvement")
    if x.shape != y.shape:
        raise ValueError(
            "probability_of_improvement: expected the same seeds in a and b, "
            f"got {len(x)} and {len(y)} runs"
        )
    wins = (x > y) + 0.5 * (x == y)
    return _bootstrap(wins, lambda w: w.mean(axis=-1), rng, level, resamples)


def interquartile_mean(
    values: ArrayLike, rng: np.random.Generator, level: float = 0.95, resamples: int = 10_000
) -> Interval:
    """Mean of the middle half of the runs, with percentiles over resampled runs.

    With the values sorted in ascending order and g = ⌊n / 4⌋,

        IQM = 1 / (n - 2 g) Σ_(i = g + 1 ... n - g) values[i]

    This is `scipy.stats.trim_mean(values, 0.25)`: whole observations are cut, without fractional
    weights. It is more robust to outliers than the mean and uses more of the data than the median.

    Args:
        values: one score per run, (n,), higher is better (negate a loss). NaN, a diverged run, is
            worse than every number: it is sorted first and cut like any other value. With more
            than g diverged runs the IQM is -inf.
        rng: the random generator.
        level: coverage, in (0, 1).
        resamples: number of bootstrap samples.

    Returns:
        The interquartile mean, its interval (NaN for a single run; the lower limit is -inf if many
        resamples have too many diverged runs), and n = the number of runs, including diverged ones.

    Raises:
        ValueError: if values is not a non-empty vector without +inf.

    Example:
        >>> import numpy as np
        >>> from nnjax import stats
        >>> interval = stats.interquartile_mean([1, 2, 3, 4, 5, 6, 7, 80], np.random.default_rng(0))
        >>> print("%.2f %d" % (interval.value, interval.n))  # the mean of 3, 4, 5, 6
        4.50 8

    Source: Agarwal et al., Deep reinforcement learning at the edge of the statistical precipice,
    NeurIPS 2021.
    """
    scores = _scores(values, "interquartile_mean")
    from scipy import stats  # see proportion_interval

    return _bootstrap(scores, lambda v: stats.trim_mean(v, 0.25, axis=-1), rng, level, resamples)


def performance_profile(
    values: ArrayLike, thresholds: ArrayLike, level: float = 0.95
) -> list[Interval]:
    """Fraction of runs that reach each threshold, with Wilson's interval at each.

        profile(τ) = 1/n Σ_i [values[i] ≥ τ]

    The number of runs that reach one threshold is binomial, so `proportion_interval` gives the
    band; it is pointwise, not simultaneous for the whole curve.

    Args:
        values: one score per run, (n,), higher is better (negate a loss). NaN, a diverged run,
            reaches no threshold but counts towards n.
        thresholds: the values of τ, (t,), in any order.
        level: coverage at each threshold, in (0, 1).

    Returns:
        The fraction and its interval for each threshold, in the order given; n = number of runs.

    Raises:
        ValueError: if values or thresholds is not a non-empty vector, or a threshold is NaN.

    Example:
        >>> from nnjax import stats
        >>> profile = stats.performance_profile([0.9, 0.95, float("nan")], [0.5, 0.95])
        >>> ["%.2f of %d" % (point.value, point.n) for point in profile]
        ['0.67 of 3', '0.33 of 3']

    Source: Dolan & More, Benchmarking optimization software with performance profiles,
    Mathematical Programming 91, 2002; over runs: Agarwal et al., Deep reinforcement learning at the
    edge of the statistical precipice, NeurIPS 2021. Band: Wilson, JASA 22, 1927.
    """
    x, taus = np.asarray(values, dtype=float), np.asarray(thresholds, dtype=float)
    if x.ndim != 1 or not len(x):
        raise ValueError(f"performance_profile: expected values of shape (n,), got {x.shape}")
    if taus.ndim != 1 or not len(taus) or np.isnan(taus).any():
        raise ValueError(
            f"performance_profile: expected thresholds of shape (t,) without NaN, got {taus}"
        )
    return [proportion_interval(int((x >= tau).sum()), len(x), level) for tau in taus]


def expected_best(values: ArrayLike) -> np.ndarray:
    """Expected best of k trials drawn at random, without replacement, from m given trials.

    With the values sorted in ascending order, v[1] ≤ ... ≤ v[m], and C the binomial coefficient,

        E[k] = Σ_(i = 1 ... m) v[i] C(i - 1, k - 1) / C(m, k),    k = 1 ... m

    Derivation: all C(m, k) sets of k trials are equally likely. The best of a set is v[i] if the
    set contains i and the other k - 1 trials are among the i - 1 before it, which holds for
    C(i - 1, k - 1) sets. E[1] is the mean and E[m] the best of all: the result of random search
    with a smaller budget. It is exact for the given trials and unbiased for new trials from the
    same distribution.

    Args:
        values: one score per trial, (..., m), in any order, higher is better (negate a loss). Give
            a diverged trial a finite score, such as the accuracy of guessing.

    Returns:
        The expected best of 1 ... m trials, (..., m), non-decreasing along the last axis.

    Raises:
        ValueError: if there are no trials or a value is not finite.

    Example:
        >>> from nnjax import stats
        >>> stats.expected_best([0.5, 0.9, 0.7]).round(4).tolist()  # k = 2: 0.9, 0.9 or 0.7
        [0.7, 0.8333, 0.9]

    Source: Dodge et al., Show your work: improved reporting of experimental results, EMNLP 2019.
    They draw with replacement, P(best ≤ v[i]) = (i / m)ᵏ, which counts some trials twice and is
    biased downwards; without replacement: Tang et al., Showing your work doesn't always work, ACL
    2020.
    """
    v = np.asarray(values, dtype=float)
    if not v.ndim or not v.shape[-1] or not np.isfinite(v).all():
        raise ValueError(
            f"expected_best: expected finite values of shape (..., m), got shape {v.shape}, "
            f"{int((~np.isfinite(v)).sum())} not finite"
        )
    m = v.shape[-1]
    share = [[comb(i, k) / comb(m, k + 1) for k in range(m)] for i in range(m)]
    return np.sort(v, axis=-1) @ np.array(share)


def _scores(values: ArrayLike, function: str) -> np.ndarray:
    """The scores of runs; higher is better, and a diverged run is worse than every number."""
    x = np.asarray(values, dtype=float)
    if x.ndim != 1 or not len(x) or np.isposinf(x).any():
        raise ValueError(
            f"{function}: expected scores of shape (n,) without +inf (higher is better; negate a "
            f"loss), got shape {x.shape}"
        )
    return np.where(np.isnan(x), -np.inf, x)


def _bootstrap(
    observations: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    level: float,
    resamples: int,
) -> Interval:
    """A statistic along the last axis, with percentiles over resampled observations."""
    n = len(observations)
    value = float(statistic(observations))
    if n == 1:
        return Interval(value, float("nan"), float("nan"), 1)
    drawn = statistic(observations[rng.integers(n, size=(resamples, n))])
    # No interpolation, which is undefined between -inf and a number.
    lo, hi = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return Interval(value, float(lo), float(hi), n)
