"""Label smoothing: numbers worked by hand, and what it refuses."""

import numpy as np
import pytest
from loss_problems import LOSSES, both

import nnjax as nn
from nnjax.losses import (
    categorical_cross_entropy,
    label_smoothing,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)


def test_smoothed_softmax_cross_entropy_by_hand() -> None:
    """z = (0, log 3): p = (1/4, 3/4). Label 1 smoothed by 0.2: t = (0.1, 0.9)."""
    J, dz = both(label_smoothing(softmax_cross_entropy, 0.2), [[0.0, np.log(3)]], [1])
    np.testing.assert_allclose(J, 0.1 * np.log(4) + 0.9 * np.log(4 / 3), rtol=1e-14)
    np.testing.assert_allclose(dz, [[0.15, -0.15]], rtol=1e-14)


def test_smoothed_sigmoid_cross_entropy_by_hand() -> None:
    """At z = 0: J = log 2 whatever t; slopes 1/2 - t with t = 0.05 and 0.95."""
    J, dz = both(label_smoothing(sigmoid_cross_entropy, 0.1), np.zeros((1, 2)), [[0.0, 1.0]])
    np.testing.assert_allclose(J, np.log(2), rtol=1e-15)
    np.testing.assert_allclose(dz, [[0.225, -0.225]], rtol=1e-14)


def test_smoothing_is_least_at_a_finite_gap() -> None:
    """At the gap log(0.95 / 0.05) the slope is 0; without smoothing it never is."""
    z = [[0.0, np.log(0.95 / 0.05)]]
    dz = both(label_smoothing(softmax_cross_entropy, 0.1), z, [1])[1]
    np.testing.assert_allclose(dz, [[0.0, 0.0]], atol=1e-15)


@pytest.mark.parametrize("loss", [softmax_cross_entropy, categorical_cross_entropy])
def test_smoothed_labels_and_smoothed_rows_are_the_same(loss: nn.Loss) -> None:
    p = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]])
    smooth = label_smoothing(loss, 0.1)
    J, dp = both(smooth, p, [2, 0])
    for targets in (np.eye(3)[[2, 0]], np.eye(3, dtype=int)[[2, 0]]):
        other = both(smooth, p, targets)
        assert other[0] == J
        np.testing.assert_array_equal(other[1], dp)
    by_hand = both(loss, p, 0.9 * np.eye(3)[[2, 0]] + 0.1 / 3)
    np.testing.assert_allclose(dp, by_hand[1], rtol=1e-14)


@pytest.mark.parametrize("amount", [-0.1, 1.0, np.nan, True])
def test_smoothing_needs_an_amount(amount: float) -> None:
    with pytest.raises(ValueError, match=r"label_smoothing\(amount\).*\[0, 1\)"):
        label_smoothing(softmax_cross_entropy, amount)


@pytest.mark.parametrize("name", ["mean_squared_error", "hinge", "huber", "label_smoothing"])
def test_smoothing_is_for_cross_entropies(name: str) -> None:
    with pytest.raises(ValueError, match="expected softmax_"):
        label_smoothing(LOSSES[name], 0.1)
