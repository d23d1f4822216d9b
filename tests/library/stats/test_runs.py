"""Summaries and comparisons of runs on cases whose answer is known."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest

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


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
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
def test_invalid_arguments_are_refused(case: str) -> None:
    call, sentence = REFUSED[case]
    with pytest.raises(ValueError, match=sentence):
        call()
