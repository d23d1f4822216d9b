"""Intervals of a mean, a proportion, and an accuracy over speakers and seeds."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special


class Interval(NamedTuple):
    """An estimate, the limits of its interval and the number of observations."""

    value: float
    lo: float
    hi: float
    n: int


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """The mean of independent observations with Student's t interval.

        mean ± t(n - 1) s / √n

    Args:
        values: one observation per seed, (n,). NaN counts as an observation: the mean is then NaN.
        level: coverage, in (0, 1).

    Returns:
        The mean and its interval; for a single observation the interval is NaN.

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
    """The success rate of independent trials with Wilson's score interval.

        all p with |successes / n - p| ≤ z √(p (1 - p) / n)

    The interval stays within [0, 1] and has a positive width even for 0 or n successes.

    Args:
        successes: number of successful trials.
        n: number of trials.
        level: coverage, in (0, 1).

    Returns:
        The success rate and its interval.

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
    from scipy import stats  # imported here because it takes a second and is rarely needed

    ends = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    return Interval(successes / n, float(ends.low), float(ends.high), n)


def two_level_interval(
    correct: ArrayLike,
    rows: ArrayLike,
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 10_000,
) -> Interval:
    """Accuracy over all rows, with a bootstrap interval over speakers and seeds.

    Rows of the same speaker are correlated, and all runs share the speakers. The bootstrap
    therefore resamples both seeds and speakers with replacement,

        accuracy* = Σ_(s in seeds*) Σ_(k in speakers*) correct[s, k]
                    / (|seeds| Σ_(k in speakers*) rows[k])

    and the interval consists of percentiles of accuracy*. It generalises over speakers and seeds;
    an interval over seeds alone, or a binomial one, is too narrow for that.

    Args:
        correct: rows classified correctly, (seeds, speakers).
        rows: rows of each speaker, (speakers,).
        rng: the random generator.
        level: coverage, in (0, 1).
        resamples: number of bootstrap samples.

    Returns:
        The accuracy over all rows and seeds, its interval, and n = the number of seeds.

    Raises:
        ValueError: if the shapes do not match or there are no rows.

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
    # Speakers with equal counts are drawn as one kind, in order of first appearance: the same
    # distribution, but far fewer draws if a "speaker" is one of thousands of single rows.
    _, first, alike = np.unique(np.vstack([c, r]), axis=1, return_index=True, return_counts=True)
    order = np.argsort(first)
    kinds, shares = first[order], alike[order] / speakers
    # How often each resample contains each seed and each kind of speaker.
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
    """Slope of the accuracy over a setting, with a bootstrap interval over speakers and seeds.

    Cell c has the setting x[c] and the accuracy a[c]. The least-squares line through the cells has

        slope = Σ_c w[c] a[c],    w[c] = (x[c] - mean(x)) / Σ_j (x[j] - mean(x))²

    Derivation: the slope is linear in the accuracies, which are linear in the counts. So it is the
    accuracy of the weighted counts Σ_c w[c] correct[c], and `two_level_interval` gives its
    interval: each resample uses the same seeds and speakers in all cells.

    Args:
        correct: rows classified correctly, (cells, seeds, speakers); the cells share both.
        rows: rows of each speaker, (speakers,).
        x: the setting of each cell, (cells,), with at least two different values. For a setting
            that doubles from cell to cell pass its log2; the slope is then per doubling.
        rng: the random generator.
        level: coverage, in (0, 1).
        resamples: number of bootstrap samples.

    Returns:
        The slope in accuracy per unit of x, its interval, and n = the number of seeds.

    Raises:
        ValueError: if the shapes do not match, or if x is not finite or constant.

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
            f"two_level_slope: expected finite x with at least two different values, got {settings}"
        )
    centred = settings - settings.mean()
    weighted = np.tensordot(centred / (centred @ centred), c, axes=1)
    return two_level_interval(weighted, rows, rng, level, resamples)
