"""Intervals and tests for the numbers of a report: exact about what they cover, reproducible."""

from collections.abc import Callable
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

EXACT_FLIPS = 16
"""The most differences whose 2**16 = 65,536 signs `sign_flip_test` enumerates."""


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
    half = float(special.stdtrit(len(x) - 1, (1 + level) / 2) * x.std(ddof=1) / np.sqrt(len(x)))
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
    from scipy import stats  # takes a second to import; most users of this file do not need it

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
    # Speakers with the same counts are drawn as one kind, in the order of their first: the same
    # distribution, and much less to draw where a "speaker" is one of thousands of single rows.
    _, first, alike = np.unique(np.vstack([c, r]), axis=1, return_index=True, return_counts=True)
    order = np.argsort(first)
    kinds, shares = first[order], alike[order] / speakers
    # How often each seed and each kind of speaker stands in a resample.
    seed_counts = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples)
    kind_counts = rng.multinomial(speakers, shares, size=resamples)
    hits = np.einsum("bk,bk->b", seed_counts @ c[:, kinds], kind_counts)
    accuracies = hits / (seeds * (kind_counts @ r[kinds]))
    lo, hi = np.quantile(accuracies, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(c.sum() / (seeds * r.sum())), float(lo), float(hi), seeds)


def two_level_slope(
    correct: ArrayLike,
    rows: ArrayLike,
    x: ArrayLike,
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 10_000,
) -> Interval:
    """Slope of the accuracy over a setting, with a bootstrap over speakers and seeds at once.

    Cell c has the setting x[c] and the accuracy a[c]. The least-squares line through the cells has

        slope = sum_c w[c] a[c],    w[c] = (x[c] - mean(x)) / sum_j (x[j] - mean(x))^2

    Derivation: the slope is linear in the accuracies and these are linear in the counts, so it is
    the accuracy of the weighted counts sum_c w[c] correct[c], and its interval is that of
    `two_level_interval`: every resample takes the same seeds and speakers in all cells.

    Args:
        correct: rows classified correctly, (cells, seeds, speakers); the cells share both.
        rows: rows of each speaker, (speakers,).
        x: the setting of each cell, (cells,), at least two different ones. For a setting that
            doubles from cell to cell, its logarithm to base 2: the slope is then per doubling.
        rng: the generator to draw from.
        level: coverage, in (0, 1).
        resamples: bootstrap samples.

    Returns:
        The slope in accuracy per unit of x, its interval, and n = the number of seeds.

    Raises:
        ValueError: if the shapes do not fit, x is not finite or all of x is equal.

    Example:
        >>> import numpy as np
        >>> from nnjax import stats
        >>> correct = np.array([[[8, 6]], [[7, 5]], [[6, 4]]])  # 0.7, 0.6, 0.5 with one seed
        >>> slope = stats.two_level_slope(correct, [10, 10], [3, 4, 5], np.random.default_rng(0))
        >>> print("%.2f %.2f %.2f %d" % slope)
        -0.10 -0.10 -0.10 1

    Source: Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1, 2007.
    """
    c, settings = np.asarray(correct, dtype=float), np.asarray(x, dtype=float)
    if c.ndim != 3 or settings.shape != c.shape[:1]:
        raise ValueError(
            "two_level_slope: expected correct (cells, seeds, speakers) and x (cells,), "
            f"got {c.shape} and {settings.shape}"
        )
    if not np.isfinite(settings).all() or len(np.unique(settings)) < 2:
        raise ValueError(
            f"two_level_slope: x must be finite with two different values or more, got {settings}"
        )
    centred = settings - settings.mean()
    weighted = np.tensordot(centred / (centred @ centred), c, axes=1)
    return two_level_interval(weighted, rows, rng, level, resamples)


def sign_flip_test(
    differences: ArrayLike, rng: np.random.Generator | None = None, resamples: int = 99_999
) -> float:
    """Two-sided p value of paired differences: are they symmetric about zero?

    If A and B are exchangeable within every pair, each difference d[k] could as well have had the
    other sign. Over all signs e in {-1, 1}^n,

        p = fraction of e with |sum_k e[k] d[k]| >= |sum_k d[k]|

    where sums that differ by rounding alone are equal. A zero difference is an observation without
    a sign: it changes neither side, so p does not depend on it. All signs are enumerated if at most
    `EXACT_FLIPS` differences are not zero; else signs are drawn and the observed ones counted among
    them, p = (k + 1) / (resamples + 1) with k of the drawn ones as extreme, which is never zero
    and never rejects too often.

    For two programs give one difference per speaker, the mean over seeds of correct_a - correct_b:
    rows of one speaker are alike, so the speaker is what could have come out the other way. The
    test speaks of other speakers and takes the seeds as they are.

    Args:
        differences: one per pair, (n,).
        rng: the generator to draw signs from; may be None where all signs are enumerated.
        resamples: signs drawn where they are not enumerated.

    Returns:
        The p value, in (0, 1].

    Raises:
        ValueError: if the differences are not a non-empty vector of finite numbers, if resamples
            is not positive, or if signs must be drawn and rng is None.

    Example:
        >>> from nnjax import stats
        >>> stats.sign_flip_test([1.0, 2.0, 3.0])  # only + + + and - - - reach 6: 2 of 8
        0.25

    Source: Good, Permutation, Parametric, and Bootstrap Tests of Hypotheses, 2005; Ojala &
    Garriga, Permutation tests for studying classifier performance, JMLR 11, 2010. Counting the
    observed signs: Phipson & Smyth, Permutation p-values should never be zero, Statistical
    Applications in Genetics and Molecular Biology 9, 2010.
    """
    d = np.asarray(differences, dtype=float)
    if d.ndim != 1 or not len(d) or not np.isfinite(d).all():
        raise ValueError(
            f"sign_flip_test: expected finite differences of shape (n,), got {d.shape}, "
            f"{int((~np.isfinite(d)).sum())} not finite"
        )
    if resamples < 1:
        raise ValueError(f"sign_flip_test: resamples must be positive, got {resamples}")
    signed = d[d != 0]
    n = len(signed)
    least = abs(signed.sum()) - 1e-12 * np.abs(signed).sum()
    if n <= EXACT_FLIPS:
        signs = 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
        return float(np.mean(np.abs(signs @ signed) >= least))
    if rng is None:
        raise ValueError(
            f"sign_flip_test: {n} differences have too many signs to enumerate; give a generator"
        )
    signs = rng.choice([-1.0, 1.0], size=(resamples, n))
    return float((np.sum(np.abs(signs @ signed) >= least) + 1) / (resamples + 1))


def holm(p_values: ArrayLike) -> np.ndarray:
    """P values of a family of tests, adjusted so that the family errs at most at the level.

    With p sorted ascending, p[1] <= ... <= p[m],

        adjusted[i] = min(1, max_{j <= i} (m - j + 1) p[j])

    Rejecting every test with adjusted p <= alpha rejects any true hypothesis with probability at
    most alpha, however the tests depend on each other.

    Args:
        p_values: one per test of the family, (m,), in any order.

    Returns:
        The adjusted p values, (m,), in the order given.

    Raises:
        ValueError: if p_values is not a non-empty vector of numbers in [0, 1]; a test without a
            p value (NaN) has to be left out of the family by the caller, or counted as 1.

    Example:
        >>> from nnjax import stats
        >>> stats.holm([0.01, 0.04, 0.03]).round(3).tolist()
        [0.03, 0.06, 0.06]

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 6, 1979.
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not len(p) or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            f"holm: expected p values of shape (m,) in [0, 1] and none of them NaN, got {p}"
        )
    order = np.argsort(p)
    steps = np.maximum.accumulate(np.arange(len(p), 0, -1) * p[order])
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1)
    return adjusted


def probability_of_improvement(
    a: ArrayLike,
    b: ArrayLike,
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 10_000,
) -> Interval:
    """P(A > B): how often a run of A is better than the run of B with the same seed.

        P(A > B) = (1/n) sum_s ( [a[s] > b[s]] + 1/2 [a[s] = b[s]] )

    with the percentiles over resampled seeds. It is paired: runs of one seed share their initial
    weights and the order of their batches, so they are compared with each other and drawn together.
    (The unpaired form compares every run of A with every run of B, the Mann-Whitney statistic; it
    suits runs that share nothing.) The interval speaks of other seeds on the same rows. Where A
    wins every pair, or none, it has no width whatever n is: read it together with n.

    Args:
        a: one score per seed, (n,), higher is better (negate a loss). NaN, a diverged run, is worse
            than every number and ties with another NaN.
        b: the scores of B for the same seeds in the same order, (n,).
        rng: the generator to draw from.
        level: coverage, in (0, 1).
        resamples: bootstrap samples.

    Returns:
        The probability and its interval (unknown, NaN, for a single seed), and n = the number of
        seeds.

    Raises:
        ValueError: if a and b are not non-empty vectors of one length without +inf.

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

    With the values sorted ascending and g = floor(n / 4),

        IQM = (1 / (n - 2 g)) sum_{i = g+1 .. n-g} values[i]

    that is `scipy.stats.trim_mean(values, 0.25)`: whole observations are cut, without fractional
    weights. It is less moved by outliers than the mean and less wasteful than the median.

    Args:
        values: one score per run, (n,), higher is better (negate a loss). NaN, a diverged run, is
            worse than every number: it stands first in the order and is cut only like any other
            value. More than g of them reach the middle half, and the IQM is -inf.
        rng: the generator to draw from.
        level: coverage, in (0, 1).
        resamples: bootstrap samples.

    Returns:
        The interquartile mean and its interval (unknown, NaN, for a single run; its lower end is
        -inf where resamples with too many diverged runs are not rare), and n = the number of runs,
        diverged ones among them.

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

        profile(tau) = (1/n) sum_i [values[i] >= tau]

    At one threshold the runs that reach it are a binomial count, so `proportion_interval` gives the
    band; it is pointwise, not for the whole curve at once.

    Args:
        values: one score per run, (n,), higher is better (negate a loss). NaN, a diverged run,
            reaches no threshold and counts in n.
        thresholds: the values of tau, (t,), in any order.
        level: coverage at each threshold, in (0, 1).

    Returns:
        The fraction and its interval for each threshold, in the order given; n = the runs.

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
    """Expected best of k trials drawn at random, without replacement, from the m that were made.

    With the values sorted ascending, v[1] <= ... <= v[m],

        E[k] = sum_{i = 1 .. m} v[i] C(i - 1, k - 1) / C(m, k),    k = 1 ... m

    Derivation: all C(m, k) sets of k trials are equally likely. The best of a set is v[i] if i is
    in it and the other k - 1 come from the i - 1 before it, so for C(i - 1, k - 1) sets. E[1] is
    the mean and E[m] the best of all: what random search over these trials finds with a smaller
    budget. It is exact for the trials made, and unbiased for other trials drawn like them.

    Args:
        values: one score per trial, (..., m), in any order, higher is better (negate a loss). A
            diverged trial must have the score that it is worth, such as the accuracy of guessing.

    Returns:
        The expected best of 1 ... m trials, (..., m), never falling along the last axis.

    Raises:
        ValueError: if there are no trials or a value is not finite.

    Example:
        >>> from nnjax import stats
        >>> stats.expected_best([0.5, 0.9, 0.7]).round(4).tolist()  # k = 2: 0.9, 0.9 or 0.7
        [0.7, 0.8333, 0.9]

    Source: Dodge et al., Show your work: improved reporting of experimental results, EMNLP 2019.
    They draw with replacement, P(best <= v[i]) = (i / m)^k, which tries some trials twice and is
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
    """The scores of runs, where higher is better and a diverged run is worse than every number."""
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
    """A statistic of the last axis with the percentiles over resampled observations."""
    n = len(observations)
    value = float(statistic(observations))
    if n == 1:
        return Interval(value, float("nan"), float("nan"), 1)
    drawn = statistic(observations[rng.integers(n, size=(resamples, n))])
    # Values that occurred, not between two: between -inf and a number there is nothing.
    lo, hi = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return Interval(value, float(lo), float(hi), n)
