"""Intervals on cases whose answer is known."""

import itertools

import numpy as np
import pytest

from nnjax import stats


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
