"""Intervals and tests on cases whose answer is known."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import scipy.stats

from nnjax import stats

NAN, INF = float("nan"), float("inf")


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def quantiles_of_all_resamples(
    values: Sequence[float], statistic: Callable[[np.ndarray], float], level: float
) -> tuple[float, float]:
    """What a percentile bootstrap tends to: every resample once, instead of some at random."""
    every = sorted(statistic(np.array(r)) for r in itertools.product(values, repeat=len(values)))
    ends = np.quantile(every, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return float(ends[0]), float(ends[1])


def test_the_mean_interval_is_students() -> None:
    """n = 4, s = 1.290994, t(3) = 3.182446: half width 2.054260, by hand."""
    interval = stats.mean_interval([1.0, 2.0, 3.0, 4.0])
    assert interval == pytest.approx((2.5, 0.445740, 4.554260, 4), abs=1e-5)


def test_one_observation_has_no_interval_and_nan_is_not_dropped() -> None:
    value, lo, hi, n = stats.mean_interval([0.5])
    assert (value, n) == (0.5, 1)
    assert np.isnan(lo)
    assert np.isnan(hi)
    assert np.isnan(stats.mean_interval([0.5, np.nan]).value)


def test_the_proportion_interval_is_wilsons() -> None:
    """z = 1.959964, p = 0.8, n = 10: centre (p + z^2/2n) / (1 + z^2/n) = 0.716735, by hand."""
    interval = stats.proportion_interval(8, 10)
    assert (interval.lo + interval.hi) / 2 == pytest.approx(0.716735, abs=1e-5)
    assert stats.proportion_interval(0, 50).lo == 0
    assert stats.proportion_interval(50, 50).hi == 1


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_an_impossible_proportion_is_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes"):
        stats.proportion_interval(successes, n)


def test_the_two_level_bootstrap_agrees_with_all_resamples() -> None:
    """Two seeds and two speakers have 16 equally likely resamples: the quantiles are theirs."""
    correct, rows = np.array([[9.0, 4.0], [10.0, 7.0]]), np.array([10.0, 20.0])
    every = [
        sum(correct[s, k] for s in seeds for k in speakers) / (2 * sum(rows[k] for k in speakers))
        for seeds in itertools.product(range(2), repeat=2)
        for speakers in itertools.product(range(2), repeat=2)
    ]
    interval = stats.two_level_interval(correct, rows, np.random.default_rng(1), level=0.8)
    assert interval.value == pytest.approx(30 / 60)
    assert interval.lo == pytest.approx(np.quantile(every, 0.1), abs=1e-9)
    assert interval.hi == pytest.approx(np.quantile(every, 0.9), abs=1e-9)


def test_the_two_level_interval_of_single_rows_is_binomial() -> None:
    """Rows that are alike are drawn as one kind: as many of them as of n draws with their share."""
    n, right = 400, 300
    correct = np.arange(n)[None] < right
    found = stats.two_level_interval(correct, np.ones(n), np.random.default_rng(0))
    expected = scipy.stats.binom.ppf([0.025, 0.975], n, right / n) / n
    assert [found.value, found.lo, found.hi] == pytest.approx([right / n, *expected], abs=1.5 / n)


def test_the_two_level_interval_is_wider_than_one_over_seeds_when_speakers_differ() -> None:
    rng = np.random.default_rng(0)
    skill = rng.uniform(0.7, 1.0, size=30)
    correct = rng.binomial(52, skill, size=(20, 30))
    both = stats.two_level_interval(correct, np.full(30, 52), np.random.default_rng(0))
    seeds = stats.mean_interval(correct.sum(axis=1) / (30 * 52))
    assert both.hi - both.lo > 5 * (seeds.hi - seeds.lo)
    again = stats.two_level_interval(correct, np.full(30, 52), np.random.default_rng(0))
    assert again == both


@pytest.mark.parametrize(
    ("correct", "rows"),
    [([1, 2], [2, 2]), ([[1, 2]], [2, 2, 2]), ([[1, 2]], [2, 0]), (np.zeros((0, 2)), [1, 1])],
)
def test_counts_that_do_not_fit_are_refused(correct: object, rows: object) -> None:
    with pytest.raises(ValueError, match="seeds, speakers"):
        stats.two_level_interval(correct, rows, np.random.default_rng(0))  # pyright: ignore[reportArgumentType]


def test_the_two_level_interval_covers_the_truth() -> None:
    """Other speakers and seeds from one population, 300 times: 12 seeds, 30 speakers of 52 rows.

    The standard error of a coverage of 0.95 is sqrt(0.95 * 0.05 / 300) = 0.013, so that 0.90 and
    0.99 are more than three of them away. An interval over the seeds alone leaves the speakers out.
    """
    draw, both, seeds = generator(), 0, 0
    for _ in range(300):
        speaker, seed = draw.normal(0, 0.05, size=30), draw.normal(0, 0.01, size=(12, 1))
        correct = draw.binomial(52, np.clip(0.85 + speaker + seed, 0, 1))
        interval = stats.two_level_interval(correct, np.full(30, 52), draw, resamples=400)
        both += interval.lo <= 0.85 <= interval.hi
        interval = stats.mean_interval(correct.mean(axis=1) / 52)
        seeds += interval.lo <= 0.85 <= interval.hi
    assert 0.90 <= both / 300 <= 0.99
    assert seeds / 300 < 0.75


# --- slope ----------------------------------------------------------------------------------------


def test_the_slope_of_a_line_is_exact() -> None:
    """Every seed and speaker loses 2 rows of 100 per doubling: no resample differs."""
    x = np.log2([2, 8, 16, 64])
    correct = np.broadcast_to((50 - 2 * x)[:, None, None], (4, 3, 5))
    slope = stats.two_level_slope(correct, np.full(5, 100), x, generator())
    assert slope == pytest.approx((-0.02, -0.02, -0.02, 3), abs=1e-12)


def test_the_slope_is_that_of_least_squares_in_every_resample() -> None:
    """Two seeds and two speakers have 16 resamples: fit a line through the cells in each."""
    x, rows = np.array([0.0, 0.5, 0.99]), np.array([10, 20])
    correct = np.array([[[9, 12], [8, 17]], [[9, 15], [7, 10]], [[5, 14], [4, 9]]])
    both = [0, 1]

    def fitted(seeds: Sequence[int], speakers: Sequence[int]) -> float:
        hits = correct[:, seeds][:, :, speakers].sum(axis=(1, 2))
        return float(np.polyfit(x, hits / (2 * rows[list(speakers)].sum()), 1)[0])

    pairs = list(itertools.product(both, repeat=2))
    every = [fitted(seeds, speakers) for seeds in pairs for speakers in pairs]
    slope = stats.two_level_slope(correct, rows, x, generator(), level=0.8)
    assert slope.value == pytest.approx(fitted(both, both), abs=1e-12)
    ends = np.quantile(every, [0.1, 0.9], method="inverted_cdf")
    assert (slope.lo, slope.hi) == pytest.approx(tuple(ends), abs=1e-12)


def test_the_slope_between_two_cells_one_apart_is_their_paired_difference() -> None:
    correct, rows = generator(4).integers(30, 50, size=(2, 6, 8)), np.full(8, 52)
    slope = stats.two_level_slope(correct, rows, [3, 4], generator(1))
    paired = stats.two_level_interval(correct[1] - correct[0], rows, generator(1))
    assert slope == pytest.approx(paired, abs=1e-12)


# --- sign flips -----------------------------------------------------------------------------------

FLIPS: dict[str, tuple[list[float], float]] = {
    # 1, 2 and 4 have the sums 7, 5, 3 and 1, each with either sign
    "the largest sum": ([1, 2, 4], 2 / 8),
    "the largest sum, negative": ([-1, -2, -4], 2 / 8),
    "in the middle": ([1, -2, 4], 6 / 8),
    "the smallest sum": ([-1, -2, 4], 1),
    "a zero changes nothing": ([1, 0, 2, 4], 2 / 8),
    "only zeros": ([0, 0, 0], 1),
    "one pair": ([3], 1),
    "all equal": ([2, 2, 2, 2, 2], 2 / 2**5),
    "all equal but one sign": ([2, 2, 2, 2, -2], (2 + 2 * 5) / 2**5),
    "all sums tie": ([1, 1, -1], 1),
    # +-1 +-2 +-3 is 6, 4, 2, 0, 0, -2, -4 or -6: five of eight do not lower the 10
    "sums that tie but for rounding": ([0.1, 0.2, -0.3, 1.0], 2 * 5 / 16),
}


@pytest.mark.parametrize("case", FLIPS)
def test_sign_flips_by_hand(case: str) -> None:
    differences, p = FLIPS[case]
    assert stats.sign_flip_test(differences) == p


def test_sign_flips_of_means_over_seeds_are_those_of_the_counts() -> None:
    """Divided by 10 or 7 seeds the counts are no longer exact, and sums that tie must still tie."""
    for seed in range(100):
        counts = generator(seed).integers(-4, 5, size=10)
        p = stats.sign_flip_test(counts)
        assert stats.sign_flip_test(counts / 10) == p
        assert stats.sign_flip_test(counts[::-1] / 7) == p


@pytest.mark.parametrize("sizes", [[1, 2, 4, 8, 16, 32], [1, 1, 2, 3, 3, 5], [0, 0, 1, 2, 2, 7]])
def test_under_the_null_every_p_value_has_its_own_probability(sizes: list[int]) -> None:
    """The type I error is exact: of all signs, equally likely, the fraction u has p <= u."""
    signs = itertools.product([-1, 1], repeat=len(sizes))
    p = np.array([stats.sign_flip_test(np.multiply(sizes, s)) for s in signs])
    assert all(np.mean(p <= u) == u for u in p)
    assert len(set(p)) > 4


def test_sign_flips_agree_with_scipy() -> None:
    for seed in range(5):
        differences = generator(seed).normal(0.4, 1, size=8)
        flips = scipy.stats.permutation_test(
            (differences,), np.sum, permutation_type="samples", vectorized=True
        )
        assert stats.sign_flip_test(differences) == pytest.approx(flips.pvalue, abs=1e-12)
        ranks = scipy.stats.rankdata(abs(differences)) * np.sign(differences)
        signed_rank = scipy.stats.wilcoxon(differences, method="exact")
        assert stats.sign_flip_test(ranks) == pytest.approx(signed_rank[1], abs=1e-12)


def test_drawn_signs_agree_with_all_signs() -> None:
    """17 differences are drawn; all 2^17 signs here. Four standard errors of 99,999 draws."""
    for seed in range(3):
        differences = generator(seed).normal(0.3, 1, size=17)
        signs = np.array(list(itertools.product([-1, 1], repeat=17)))
        exact = np.mean(abs(signs @ differences) >= abs(differences.sum()) - 1e-9)
        drawn = stats.sign_flip_test(differences, generator(1))
        assert drawn != exact
        assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 99_999))
        assert drawn == stats.sign_flip_test(differences, generator(1))


def test_zeros_do_not_make_the_test_draw() -> None:
    assert stats.sign_flip_test([1, 2, 4] + [0] * 40) == 2 / 8
    assert stats.sign_flip_test(np.ones(16)) == 2 / 2**16


def test_the_observed_signs_count_among_the_drawn_ones() -> None:
    """30 equal differences: no other signs drawn reach the sum, and p is still not zero."""
    assert stats.sign_flip_test(np.ones(30), generator(), resamples=999) == 1 / 1000


def test_drawn_signs_reject_a_true_null_as_often_as_they_say() -> None:
    """With 20 draws p <= 2/21 in 2/21 = 0.095 of 1000 cases, +- four standard errors of 0.0093."""
    draw = generator()
    scale = np.linspace(0.1, 2, 18)
    p = [stats.sign_flip_test(scale * draw.normal(size=18), draw, 20) for _ in range(1000)]
    assert np.mean(np.array(p) <= 2 / 21) == pytest.approx(2 / 21, abs=0.037)
    assert min(p) == 1 / 21


# --- families of tests ----------------------------------------------------------------------------

FAMILIES: dict[str, tuple[list[float], list[float]]] = {
    # sorted 0.005 * 4, 0.01 * 3, 0.03 * 2, 0.04 * 1, the last below the one before it
    "four tests": ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
    "clipped": ([0.5, 0.9, 0.6], [1, 1, 1]),
    "one test": ([0.03], [0.03]),
    "ties": ([0.02, 0.02, 0.5], [0.06, 0.06, 0.5]),
    "the ends": ([0.0, 1.0], [0, 1]),
}


@pytest.mark.parametrize("case", FAMILIES)
def test_holm_by_hand_in_any_order(case: str) -> None:
    p, adjusted = map(np.array, FAMILIES[case])
    for order in map(list, itertools.permutations(range(len(p)))):
        np.testing.assert_allclose(stats.holm(p[order]), adjusted[order], rtol=0, atol=1e-12)


def test_holm_rejects_what_the_steps_reject() -> None:
    """Step down: go on while the i-th smallest of m is at most alpha / (m - i + 1)."""
    for seed in range(50):
        p = generator(seed).beta(0.3, 2, size=6)
        for alpha in (0.01, 0.05, 0.2):
            rejected = set()
            for step, k in enumerate(np.argsort(p)):
                if p[k] > alpha / (6 - step):
                    break
                rejected.add(k)
            assert set(np.flatnonzero(stats.holm(p) <= alpha)) == rejected


# --- runs -----------------------------------------------------------------------------------------

IMPROVEMENTS: dict[str, tuple[list[float], list[float], float]] = {
    "always": ([0.9, 0.8], [0.8, 0.7], 1),
    "never": ([0.8, 0.7], [0.9, 0.8], 0),
    "ties count half": ([0.9, 0.8, 0.7, 0.6], [0.8, 0.8, 0.7, 0.7], 0.5),
    "a program against itself": ([0.9, 0.8, 0.7], [0.9, 0.8, 0.7], 0.5),
    "paired: unpaired it would be 6 of 9": ([2, 4, 6], [1, 3, 5], 1),
    "diverged against a number": ([NAN, 0.5], [0.1, 0.4], 0.5),
    "a number against diverged": ([0.1, 0.5], [NAN, 0.4], 1),
    "both diverged": ([NAN, 0.5], [NAN, 0.4], 0.75),
}


@pytest.mark.parametrize("case", IMPROVEMENTS)
def test_probability_of_improvement_by_hand(case: str) -> None:
    a, b, value = IMPROVEMENTS[case]
    there = stats.probability_of_improvement(a, b, generator())
    assert (there.value, there.n) == (value, len(a))
    assert there.lo <= value <= there.hi
    back = stats.probability_of_improvement(b, a, generator())
    assert back.value == 1 - value


def test_probability_of_improvement_resamples_pairs() -> None:
    a, b = [0.9, 0.8, 0.7, 0.6], [0.8, 0.8, 0.9, 0.5]
    interval = stats.probability_of_improvement(a, b, generator(), level=0.8)
    ends = quantiles_of_all_resamples([1, 0.5, 0, 1], lambda w: float(w.mean()), 0.8)
    assert (interval.lo, interval.hi) == ends
    always = stats.probability_of_improvement([2, 3, 4], [1, 2, 3], generator())
    assert always == (1, 1, 1, 3)


MIDDLES: dict[str, tuple[list[float], float]] = {
    "1 to 8": ([8, 1, 7, 2, 6, 3, 5, 4], 4.5),
    "an outlier is cut": ([8000, 1, 7, 2, 6, 3, 5, 4], 4.5),
    "10 runs lose two at either end": ([1, 2, 3, 4, 5, 6, 7, 8, 9, 100], 5.5),
    "7 runs lose one at either end": ([1, 2, 3, 4, 6, 8, 9], 23 / 5),
    "3 runs lose none": ([1, 2, 6], 3),
    "a quarter diverged": ([NAN, 1, 2, 3, 4, 5, 6, NAN], (1 + 2 + 3 + 4) / 4),
    "more than a quarter diverged": ([NAN, NAN, NAN, 1, 2, 3, 4, 5], -INF),
    "all diverged": ([NAN, NAN], -INF),
}


@pytest.mark.parametrize("case", MIDDLES)
def test_the_interquartile_mean_by_hand(case: str) -> None:
    values, mean = MIDDLES[case]
    interval = stats.interquartile_mean(values, generator())
    assert interval.value == pytest.approx(mean, abs=1e-12)
    assert interval.n == len(values)
    assert interval.lo <= interval.value <= interval.hi


@pytest.mark.parametrize("values", [[1, 2, 4, 8, 16], [NAN, 2, 4, 8, 16]])
def test_the_interquartile_mean_resamples_runs(values: list[float]) -> None:
    """A resample with two diverged runs of five has the mean -inf; one in four has."""
    numbers = [-INF if np.isnan(v) else v for v in values]
    ends = quantiles_of_all_resamples(numbers, lambda v: float(np.sort(v)[1:-1].mean()), 0.7)
    interval = stats.interquartile_mean(values, generator(1), level=0.7)
    assert (interval.lo, interval.hi) == ends
    assert (interval.lo == -INF) == bool(np.isnan(values).any())


def test_one_run_has_no_interval() -> None:
    middle = stats.interquartile_mean([0.5], generator())
    better = stats.probability_of_improvement([0.5], [0.4], generator())
    assert middle == pytest.approx((0.5, NAN, NAN, 1), nan_ok=True)
    assert better == pytest.approx((1, NAN, NAN, 1), nan_ok=True)


def test_the_profile_counts_runs_at_or_above_each_threshold() -> None:
    profile = stats.performance_profile([0.9, NAN, 0.95, 0.9], [0.95, -INF, 0.9, 0.951])
    assert [point.value for point in profile] == [1 / 4, 3 / 4, 3 / 4, 0]
    assert profile[2] == stats.proportion_interval(3, 4)
    assert profile[3].hi > 0.4
    narrow = stats.performance_profile([0.9, NAN, 0.95, 0.9], [0.9], level=0.5)[0]
    assert profile[2].lo < narrow.lo < narrow.hi < profile[2].hi


def test_the_expected_best_is_the_mean_over_all_sets_of_trials() -> None:
    """Every set of k of 6 trials, two of them equal, with the best of each; two rows at once."""
    values = np.array([[0.3, 0.9, 0.5, 0.9, 0.1, 0.6], [-5.0, 2.0, 8.0, 1.0, 0.0, 3.0]])
    every = [
        [np.mean([max(drawn) for drawn in itertools.combinations(row, k)]) for k in range(1, 7)]
        for row in values
    ]
    np.testing.assert_allclose(stats.expected_best(values), every, rtol=0, atol=1e-12)


BESTS: dict[str, tuple[list[float], list[float]]] = {
    # of 1, 2 and 4 the pairs are best at 2, 4 and 4
    "three trials": ([4, 1, 2], [7 / 3, 10 / 3, 4]),
    "one trial": ([0.7], [0.7]),
    "equal trials": ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
    # one good trial of four: it is among k of them with probability k / 4
    "one good trial": ([0, 0, 1, 0], [1 / 4, 2 / 4, 3 / 4, 1]),
}


@pytest.mark.parametrize("case", BESTS)
def test_the_expected_best_by_hand_in_any_order(case: str) -> None:
    values, expected = BESTS[case]
    for order in itertools.permutations(values):
        np.testing.assert_allclose(stats.expected_best(order), expected, rtol=0, atol=1e-12)


def test_the_expected_best_of_many_trials() -> None:
    """Of 1 ... m it is k (m + 1) / (k + 1), the mean of a maximum drawn without replacement."""
    m = 200
    k = np.arange(1, m + 1)
    np.testing.assert_allclose(stats.expected_best(k), k * (m + 1) / (k + 1), rtol=1e-12)


# --- what is refused ------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "slope: no cells axis": (
        lambda: stats.two_level_slope([[1, 2]], [2, 2], [1], generator()),
        "cells, seeds, speakers",
    ),
    "slope: x of other cells": (
        lambda: stats.two_level_slope(np.ones((2, 1, 1)), [2], [1, 2, 3], generator()),
        "cells, seeds, speakers",
    ),
    "slope: one setting": (
        lambda: stats.two_level_slope(np.ones((2, 1, 1)), [2], [3, 3], generator()),
        "two different values",
    ),
    "slope: x not finite": (
        lambda: stats.two_level_slope(np.ones((2, 1, 1)), [2], [3, INF], generator()),
        "finite",
    ),
    "slope: rows of other speakers": (
        lambda: stats.two_level_slope(np.ones((2, 1, 1)), [2, 2], [3, 4], generator()),
        "positive rows",
    ),
    "flips: none": (lambda: stats.sign_flip_test([]), "finite differences"),
    "flips: two axes": (lambda: stats.sign_flip_test([[1, 2]]), r"\(n,\)"),
    "flips: NaN": (lambda: stats.sign_flip_test([1, NAN]), "1 not finite"),
    "flips: no generator": (lambda: stats.sign_flip_test(np.ones(17)), "give a generator"),
    "flips: no draws": (lambda: stats.sign_flip_test([1], generator(), 0), "positive"),
    "holm: none": (lambda: stats.holm([]), "p values"),
    "holm: NaN": (lambda: stats.holm([0.1, NAN]), "NaN"),
    "holm: above 1": (lambda: stats.holm([0.1, 1.1]), r"\[0, 1\]"),
    "holm: two axes": (lambda: stats.holm([[0.1]]), r"\(m,\)"),
    "improvement: other seeds": (
        lambda: stats.probability_of_improvement([1, 2], [1], generator()),
        "same seeds",
    ),
    "improvement: none": (
        lambda: stats.probability_of_improvement([], [], generator()),
        "scores",
    ),
    "middle: two axes": (lambda: stats.interquartile_mean([[1.0]], generator()), "scores"),
    "middle: a loss": (lambda: stats.interquartile_mean([1, INF], generator()), "negate"),
    "best: none": (lambda: stats.expected_best([]), r"\(\.\.\., m\)"),
    "best: one number": (lambda: stats.expected_best(0.5), r"\(\.\.\., m\)"),
    "best: diverged": (lambda: stats.expected_best([0.5, NAN, 0.6]), "1 not finite"),
    "profile: none": (lambda: stats.performance_profile([], [1]), "values"),
    "profile: NaN": (lambda: stats.performance_profile([1], [NAN]), "thresholds"),
    "profile: one number": (lambda: stats.performance_profile([1], 0.5), "thresholds"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_answer_is_refused(case: str) -> None:
    call, sentence = REFUSED[case]
    with pytest.raises(ValueError, match=sentence):
        call()
