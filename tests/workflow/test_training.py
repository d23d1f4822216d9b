"""Training on ISOLET: folds of whole speakers, and counts by speaker."""

import numpy as np
import pytest

from nnjax.datasets import isolet
from nnjax.datasets.standin import standin
from workflow.lib.runs import folds, training


@pytest.fixture(scope="module")
def examples() -> isolet.Examples:
    """The training rows of the stand-in."""
    return isolet.examples(standin(seed=0).filter(split="train"))


def test_no_speaker_is_on_both_sides_of_a_fold(examples: isolet.Examples) -> None:
    speakers = examples.speakers
    held_out = []
    for rows, held in folds.speaker_folds(speakers, 4):
        assert not set(speakers[rows]) & set(speakers[held])
        assert len(set(speakers[held])) == 30
        held_out.append(held)
    assert sorted(np.concatenate(held_out)) == list(range(6238))
    # The split that leaks, kept for contrast, has every speaker on both sides.
    rows, held = folds.row_folds(6238, 4)[0]
    assert set(speakers[held]) == set(speakers[rows])


def test_scaling_does_not_know_the_held_out_rows(examples: isolet.Examples) -> None:
    fold = folds.speaker_folds(examples.speakers, 4)[0]
    (x, _), _ = folds.scaled(examples, fold)
    changed = examples._replace(x=examples.x.copy())
    changed.x[fold[1]] += 100
    np.testing.assert_array_equal(x, folds.scaled(changed, fold)[0][0])


def test_counts_by_speaker_are_the_accuracy() -> None:
    groups = training.grouped(np.array([3, 1, 3, 3]))
    found = training.hits(np.eye(4, 26), np.array([0, 1, 5, 3]))
    assert groups.names.tolist() == [1, 3]
    assert groups.rows.tolist() == [1, 3]
    assert (found @ groups.member).tolist() == [1, 2]
    # Rows that only fill up a shape do not count.
    groups = training.grouped(np.array([3, 1, 3, 3]), 3)
    assert groups.rows.tolist() == [1, 2]
    assert (found @ groups.member).tolist() == [1, 1]
    # A diverged network names nothing but the first class.
    nothing = training.hits(np.full((4, 26), np.nan), np.array([0, 1, 5, 3]))
    assert (nothing @ groups.member).tolist() == [0, 1]
