"""softmax and log_softmax: gaps between scores, classes that cannot be, shifts.

Expected numbers are closed forms in numpy, or worked by hand.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from promises import compiled

import nnjax as nn
from nnjax.core import Layer
from nnjax.layers.softmax import log_softmax, softmax
from nnjax.losses import softmax_cross_entropy

SOFTMAX = nn.softmax()


def run(layer: Layer, x: Any, dy: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """y and dx, compiled; dy is ones unless given."""
    y, (_, dx) = compiled(layer, (), x, np.ones_like(x) if dy is None else dy)
    return np.asarray(y), np.asarray(dx)


# --- softmax --------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [0.0, 1e-8, 100.0, 700.0])
def test_softmax_over_a_gap(gap: float) -> None:
    """p = 1 / (1 + exp(-gap)), 1 / (1 + exp(gap)); the rule's slope is their product."""
    y, (_, dx) = compiled(SOFTMAX, (), np.array([[gap, 0.0]]), np.array([[1.0, 0.0]]))
    p, q = 1 / (1 + np.exp(-gap)), 1 / (1 + np.exp(gap))
    np.testing.assert_allclose(y[0], [p, q], rtol=1e-14)
    np.testing.assert_allclose(dx[0, 1], -p * q, rtol=1e-14)


def test_softmax_of_a_class_that_cannot_be() -> None:
    scores, dy = np.array([[0.0, -np.inf, 0.0]]), np.array([[1.0, 5.0, 0.0]])
    y, (_, dx) = compiled(SOFTMAX, (), scores, dy)
    np.testing.assert_array_equal(y, [[0.5, 0.0, 0.5]])
    np.testing.assert_array_equal(dx, [[0.25, 0.0, -0.25]])


def test_softmax_does_not_change_under_a_shift() -> None:
    """Up to the rounding of the shifted scores themselves, 1e4 eps."""
    x = np.random.default_rng(0).normal(size=(5, 4))
    a, b = (nn.softmax().forward((), jnp.asarray(x + shift))[0] for shift in (0.0, 1e4))
    np.testing.assert_allclose(a, b, rtol=1e-11)


# --- log_softmax ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gap", [0.0, 1e-8, 1.0, 100.0, 1e4])
def test_log_softmax_over_a_gap(gap: float, dtype: type) -> None:
    """y = -log(1 + exp(-gap)), that - gap; with dy = (0, 1), dx = (-p, p) of the upper class.

    log(softmax) has -inf and NaN at a gap of 1e4.
    """
    x, dy = np.array([[gap, 0.0]], dtype), np.array([[0.0, 1.0]], dtype)
    y, dx = run(log_softmax(), x, dy)
    eps, wide = np.finfo(dtype).eps, float(x[0, 0])
    upper, p = -np.log1p(np.exp(-wide)), 1 / (1 + np.exp(-wide))
    np.testing.assert_allclose(y, [[upper, upper - wide]], rtol=4 * eps, atol=2 * eps)
    np.testing.assert_allclose(dx, [[-p, p]], rtol=8 * eps)


def test_log_softmax_is_the_logarithm_of_softmax() -> None:
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 4, 3))
    y, dx = run(log_softmax(), x, dy)
    p, _ = run(softmax(), x)
    np.testing.assert_allclose(y, np.log(p), rtol=1e-13)
    np.testing.assert_allclose(dx, run(softmax(), x, dy / p)[1], rtol=1e-12, atol=1e-15)


def test_log_softmax_of_numbers_worked_by_hand() -> None:
    """x = (0, log 3): p = (1/4, 3/4). dy = (2, 1), whose sum is 3: dx = (2 - 3/4, 1 - 9/4)."""
    y, dx = run(log_softmax(), np.array([[0.0, np.log(3)]]), np.array([[2.0, 1.0]]))
    np.testing.assert_allclose(y, np.log([[0.25, 0.75]]), rtol=1e-15)
    np.testing.assert_allclose(dx, [[1.25, -1.25]], rtol=1e-15)


def test_negative_log_likelihood_on_log_softmax_is_the_cross_entropy() -> None:
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(4, 3)), np.array([0, 2, 1, 1])
    J, residuals = softmax_cross_entropy.forward(jnp.asarray(x), jnp.asarray(labels))
    dy = -np.eye(3)[labels] / 4
    y, dx = run(log_softmax(), x, dy)
    np.testing.assert_allclose((y * dy).sum(), J, rtol=1e-14)
    np.testing.assert_allclose(dx, softmax_cross_entropy.backward(residuals), rtol=1e-13)


def test_log_softmax_of_a_class_that_cannot_be() -> None:
    y, dx = run(log_softmax(), np.array([[0.0, -np.inf, 0.0]]), np.array([[1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(y, [[-np.log(2), -np.inf, -np.log(2)]], rtol=1e-15)
    np.testing.assert_allclose(dx, [[0.5, 0.0, -0.5]], rtol=1e-15)


def test_log_softmax_of_nothing_but_impossible_classes_is_nan() -> None:
    assert np.isnan(run(log_softmax(), np.full((1, 2), -np.inf))[0]).all()


def test_log_softmax_does_not_change_under_a_shift() -> None:
    """Up to the rounding of the shifted scores themselves, 1e4 eps."""
    x = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_allclose(run(log_softmax(), x)[0], run(log_softmax(), x + 1e4)[0], rtol=1e-10)
