"""Intervals of a table's models: over groups or rows, and where nothing varies."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from nnjax import stats
from workflow.table.rows import Rows
from workflow.table.summarise import interval, p_value


def rows(count: int, groups: Any = None, regression: bool = False) -> Rows:
    classes = None if regression else ["a", "b"]
    y = np.arange(count) % 2
    return Rows(pl.DataFrame({"x": y}), y, groups, classes, np.arange(count))


def test_interval_is_that_of_the_study() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(8), 5)
    values = rng.integers(2, size=(3, 40)).astype(float)
    sums = values.reshape(3, 8, 5).sum(axis=2)
    expected = stats.two_level_interval(sums, np.full(8, 5), np.random.default_rng(0))
    assert interval(values, rows(40, groups)) == expected
    assert interval(values[:1], rows(40, groups)).n == 8
    # Rows of one group that agree tell less than rows that are independent.
    alike = np.repeat(rng.integers(2, size=8), 5)[None].astype(float)
    by_group, by_row = interval(alike, rows(40, groups)), interval(alike, rows(40))
    assert by_group.hi - by_group.lo > 1.5 * (by_row.hi - by_row.lo)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_no_exception_among_n_rows_is_no_certainty(value: float) -> None:
    found = interval(np.full((4, 60), value), rows(60))
    assert found.value == value
    unseen = 1 - stats.proportion_interval(60, 60).lo
    assert (found.lo, found.hi) == pytest.approx((value - unseen, value + unseen))
    assert 0.04 < unseen < 0.08


def test_test_counts_groups() -> None:
    """Twenty rows of one group are one unit: two signs, so p is 1."""
    difference = np.zeros((1, 40))
    difference[0, :20] = 1.0
    assert p_value(difference, rows(40, np.repeat([0, 1], 20))) == 1.0
    assert p_value(difference, rows(40)) < 0.001
