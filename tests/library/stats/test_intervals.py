"""Intervals on cases whose answer is known."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import scipy.stats

from nnjax import stats

INF = float("inf")


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


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
}


@pytest.mark.parametrize("case", REFUSED)
def test_invalid_arguments_are_refused(case: str) -> None:
    call, sentence = REFUSED[case]
    with pytest.raises(ValueError, match=sentence):
        call()
