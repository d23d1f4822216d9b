"""Losses at their delicate points, and against independent implementations.

Expected numbers are closed forms or loops in numpy, or worked by hand.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from loss_problems import both

import nnjax as nn
from nnjax.losses import (
    Weighted,
    binary_cross_entropy,
    hinge,
    huber,
    label_smoothing,
    mean_absolute_error,
    mean_squared_error,
    multiclass_hinge,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)

# --- binary cross-entropy from probabilities ------------------------------------------------------


def test_binary_cross_entropy_of_sure_probabilities() -> None:
    """0 log 0 = 0: right costs nothing with the slopes 1 and -1, wrong costs everything."""
    p, t = [[0.0], [1.0]], [[0.0], [1.0]]
    J, dp = both(binary_cross_entropy, p, t)
    assert J == 0
    np.testing.assert_array_equal(dp, [[0.5], [-0.5]])
    J, dp = both(binary_cross_entropy, p, t[::-1])
    assert np.isposinf(J)
    np.testing.assert_array_equal(dp, [[-np.inf], [np.inf]])


def test_binary_cross_entropy_clips_nothing_and_keeps_small_digits() -> None:
    """-log 1e-300 = 300 log 10; -log(1 - 1e-20) = 1e-20, of which 1 - p keeps nothing."""
    J, dp = both(binary_cross_entropy, [[1e-300]], [[1.0]])
    np.testing.assert_allclose(J, 300 * np.log(10), rtol=1e-15)
    np.testing.assert_allclose(dp, [[-1e300]], rtol=1e-15)
    J, dp = both(binary_cross_entropy, [[1e-20]], [[0.0]])
    np.testing.assert_allclose(J, 1e-20, rtol=1e-15)
    np.testing.assert_array_equal(dp, [[1.0]])


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_fused_and_composed_binary_cross_entropy_are_the_same(t: float) -> None:
    z = np.array([[-3.0, 0.0, 0.5, 8.0]])
    targets = np.full_like(z, t)
    p, residuals = nn.sigmoid().forward((), jnp.asarray(z))
    J, dp = both(binary_cross_entropy, p, targets)
    _, dz = nn.sigmoid().backward((), residuals, jnp.asarray(dp))
    fused = both(sigmoid_cross_entropy, z, targets)
    np.testing.assert_allclose(J, fused[0], rtol=1e-12)
    np.testing.assert_allclose(dz, fused[1], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_autodiff_of_binary_cross_entropy_is_right_at_zero(zero: float) -> None:
    """The usual formula gives 0 or -1 there instead of 1/2 - t."""
    z, t = jnp.full((1, 3), zero), jnp.array([[0.0, 0.3, 1.0]])
    slope = jax.jit(jax.grad(lambda z: sigmoid_cross_entropy.forward(z, t)[0]))(z)
    np.testing.assert_allclose(slope, [[0.5 / 3, 0.2 / 3, -0.5 / 3]], rtol=1e-15)
    np.testing.assert_allclose(both(sigmoid_cross_entropy, z, t)[1], slope, rtol=1e-15)


# --- regression -----------------------------------------------------------------------------------


def test_absolute_error_by_hand() -> None:
    """|3 - 1| + |-2 - 1| + 0 = 5 over 3 elements; signs 1, -1 and 0 for the hit."""
    J, dy = both(mean_absolute_error, [[3.0, -2.0, 4.0]], [[1.0, 1.0, 4.0]])
    np.testing.assert_allclose(J, 5 / 3, rtol=1e-15)
    np.testing.assert_allclose(dy, [[1 / 3, -1 / 3, 0.0]], rtol=1e-15)


def test_huber_by_hand() -> None:
    """delta = 2: d = 1 costs 1/2, d = -2 costs 2 either way, d = 5 costs 2 (5 - 1) = 8."""
    J, dy = both(huber(2), [[1.0, -2.0, 5.0, 0.0]], np.zeros((1, 4)))
    np.testing.assert_allclose(J, (0.5 + 2 + 8) / 4, rtol=1e-15)
    np.testing.assert_allclose(dy * 4, [[1.0, -2.0, 2.0, 0.0]], rtol=1e-15)


@pytest.mark.parametrize("d", [np.inf, -np.inf, 1e300])
def test_huber_of_an_outlier_pulls_with_delta(d: float) -> None:
    J, dy = both(huber(0.5), [[d]], [[0.0]])
    assert np.abs(d) * 0.5 == J
    np.testing.assert_array_equal(dy, [[np.sign(d) * 0.5]])


def test_huber_lies_between_squared_and_absolute_error() -> None:
    y, t = np.random.default_rng(0).normal(size=(2, 5, 3))
    squared, absolute = (
        both(mean_squared_error, y, t),
        both(mean_absolute_error, y, t),
    )
    np.testing.assert_allclose(2 * both(huber(100), y, t)[1], squared[1], rtol=1e-14)
    np.testing.assert_allclose(both(huber(1e-9), y, t)[0] / 1e-9, absolute[0], rtol=1e-8)
    np.testing.assert_allclose(both(huber(1e-9), y, t)[1] / 1e-9, absolute[1], rtol=1e-14)


@pytest.mark.parametrize("delta", [0, -1.0, np.inf, np.nan, True])
def test_huber_needs_a_positive_number(delta: float) -> None:
    with pytest.raises(ValueError, match="positive finite number"):
        huber(delta)


# --- margins --------------------------------------------------------------------------------------


def test_hinge_by_hand() -> None:
    """t s = 0.5, -2, 1, 3: costs 0.5, 3, 0 and 0; at the margin nothing pulls."""
    s, t = [[0.5, 2.0, 1.0, -3.0]], [[1, -1, 1, -1]]
    J, ds = both(hinge, s, t)
    assert J == 3.5 / 4
    np.testing.assert_array_equal(ds, [[-0.25, 0.25, 0.0, 0.0]])


@pytest.mark.parametrize("t", [0.0, 0.5, 2.0])
def test_hinge_of_other_targets_is_nan(t: float) -> None:
    J, ds = both(hinge, [[0.5], [0.5]], [[1.0], [t]])
    assert np.isnan(J)
    np.testing.assert_array_equal(ds, [[-0.5], [np.nan]])


def test_multiclass_hinge_in_a_loop() -> None:
    rng = np.random.default_rng(0)
    s, labels = rng.normal(size=(6, 4)), rng.integers(4, size=6)
    cost, slope = 0.0, np.zeros_like(s)
    for b, y in enumerate(labels):
        for j in set(range(4)) - {y}:
            if 1 + s[b, j] - s[b, y] > 0:
                cost += 1 + s[b, j] - s[b, y]
                slope[b, j] += 1
                slope[b, y] -= 1
    J, ds = both(multiclass_hinge, s, labels)
    np.testing.assert_allclose(J, cost / 6, rtol=1e-14)
    np.testing.assert_allclose(ds, slope / 6, rtol=1e-15)


def test_multiclass_hinge_at_the_margin_does_not_pull() -> None:
    J, ds = both(multiclass_hinge, [[2.0, 1.0, 0.5]], [0])
    assert J == 0
    np.testing.assert_array_equal(ds, [[0.0, 0.0, 0.0]])


@pytest.mark.parametrize("label", [-1, 3])
def test_multiclass_hinge_of_an_unknown_label_is_nan(label: int) -> None:
    J, ds = both(multiclass_hinge, np.ones((2, 3)), [0, label])
    assert np.isnan(J)
    assert np.isfinite(ds[0]).all()
    assert np.isnan(ds[1]).all()


def test_multiclass_hinge_of_a_class_that_cannot_be() -> None:
    J, ds = both(multiclass_hinge, [[0.0, -np.inf, 0.5]], [0])
    assert J == 1.5
    np.testing.assert_array_equal(ds, [[-1.0, 0.0, 1.0]])


@pytest.mark.parametrize("targets", [np.eye(3)[[0, 1]], np.zeros(2), np.zeros((2, 1), int)])
def test_multiclass_hinge_takes_labels_only(targets: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"multiclass_hinge.*\(2, 3\).*whole-number labels"):
        both(multiclass_hinge, np.zeros((2, 3)), targets)


# --- independent implementations ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "of_optax"),
    [
        (mean_absolute_error, lambda y, t: jnp.abs(y - t)),
        (huber(0.5), lambda y, t: optax.huber_loss(y, t, delta=0.5)),
        (sigmoid_cross_entropy, optax.sigmoid_binary_cross_entropy),
        (mean_squared_error, optax.squared_error),
    ],
)
def test_losses_of_optax(loss: nn.Loss, of_optax: Callable[..., jax.Array]) -> None:
    rng = np.random.default_rng(0)
    y, t, w = rng.normal(size=(5, 3)), rng.uniform(size=(5, 3)), rng.uniform(size=(5, 3))
    J, slopes = both(loss, y, Weighted(t, w))
    expected = jax.value_and_grad(lambda y: jnp.sum(w * of_optax(y, t)) / w.sum())(jnp.asarray(y))
    np.testing.assert_allclose(J, expected[0], rtol=1e-13)
    np.testing.assert_allclose(slopes, expected[1], rtol=1e-12)


def test_losses_of_torch() -> None:
    """Masks and smoothing together, where others went wrong (pytorch issue 73205)."""
    torch = pytest.importorskip("torch", reason="PyTorch is the extra 'torch'")
    F = torch.nn.functional
    rng = np.random.default_rng(0)
    z, p, t = rng.normal(size=(6, 4)), rng.uniform(0.1, 0.9, size=(6, 4)), rng.random((6, 4))
    mask = np.array([1, 1, 0, 1, 0, 1], bool)
    labels = np.where(mask, rng.integers(4, size=6), -1)
    known = np.abs(labels)
    T = torch.tensor
    rows: list[tuple[nn.Loss, Any, Any, Callable[[Any], Any]]] = [
        (binary_cross_entropy, p, t, lambda s: F.binary_cross_entropy(s, T(t))),
        (mean_absolute_error, z, t, lambda s: F.l1_loss(s, T(t))),
        (huber(0.5), z, t, lambda s: F.huber_loss(s, T(t), delta=0.5)),
        (multiclass_hinge, z, known, lambda s: 4 * F.multi_margin_loss(s, T(known))),
        (
            label_smoothing(softmax_cross_entropy, 0.1),
            z,
            Weighted(labels, mask),
            lambda s: F.cross_entropy(s, T(labels), ignore_index=-1, label_smoothing=0.1),
        ),
    ]
    for loss, scores, targets, of_torch in rows:
        s = T(scores, requires_grad=True)
        expected = of_torch(s)
        expected.backward()
        J, slopes = both(loss, scores, targets)
        np.testing.assert_allclose(J, expected.item(), rtol=1e-13)
        np.testing.assert_allclose(slopes, s.grad.numpy(), rtol=1e-12, atol=1e-16)
