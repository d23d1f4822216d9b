"""Every layer and loss of the table against every check, and random networks against `jax.grad`."""

import functools
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import INITIALIZERS, LAYERS, LOSSES, LayerCase, LossCase
from checks import (
    LAYER_CHECKS,
    LOSS_CHECKS,
    assert_close,
    by_hand,
    compiled_loss,
    layer_inputs,
)
from hypothesis import given
from hypothesis import strategies as st
from points import worked_example

import nnjax as nn
from nnjax.core import Params
from nnjax.initializers import Initializer

pytestmark = pytest.mark.usefixtures("quick_compiler")


@pytest.mark.parametrize("check", LAYER_CHECKS.values(), ids=LAYER_CHECKS)
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_layer(case: LayerCase, check: Callable[[LayerCase], None]) -> None:
    check(case)


@pytest.mark.parametrize("check", LOSS_CHECKS.values(), ids=LOSS_CHECKS)
@pytest.mark.parametrize("case", LOSSES, ids=str)
def test_loss(case: LossCase, check: Callable[[LossCase], None]) -> None:
    check(case)


def test_worked_example() -> None:
    worked_example()


# --- value_and_grad, fused and composed -----------------------------------------------------------

CLASSES = jnp.array([0, 2, 1, 1])
NETWORK = nn.serial(nn.dense(5), nn.tanh(), nn.dense(3))


@pytest.mark.parametrize(
    ("network", "loss", "targets"),
    [
        (NETWORK, nn.softmax_cross_entropy, CLASSES),
        (nn.serial(NETWORK, nn.softmax()), nn.categorical_cross_entropy, CLASSES),
        (NETWORK, nn.sigmoid_cross_entropy, np.eye(3)[CLASSES]),
        (NETWORK, nn.mean_squared_error, np.eye(3)[CLASSES]),
    ],
)
def test_value_and_grad_is_that_of_jax(
    network: nn.Layer, loss: nn.Loss, targets: np.ndarray
) -> None:
    """Network and loss together, which also fixes where the mean over the batch is taken."""
    params, x, _ = layer_inputs(LayerCase("serial", "", network, (3,)))
    t = jnp.asarray(targets)
    J, grads = jax.jit(nn.value_and_grad(network, loss))(params, x, t)
    expected_J, expected = jax.jit(
        jax.value_and_grad(lambda params: loss.forward(network.forward(params, x)[0], t)[0])
    )(params)
    assert_close(J, expected_J, 1e-14, 0)
    assert_close(grads, expected, 1e-10, 1e-12)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _composed(
    network: nn.Layer, loss: nn.Loss, scores: jax.Array, targets: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Loss and dJ/dscores of an activation followed by the loss of its output."""
    y, residuals = network.forward((), scores)
    J, loss_residuals = loss.forward(y, targets)
    return J, network.backward((), residuals, loss.backward(loss_residuals))[1]


@pytest.mark.parametrize("shape", [(1, 2), (4, 3), (3, 2, 5)], ids=str)
@pytest.mark.parametrize("soft", [False, True])
def test_fused_softmax_is_the_composed_one(shape: tuple[int, ...], soft: bool) -> None:
    rng = np.random.default_rng(0)
    scores = jnp.asarray(rng.normal(size=shape))
    targets = (
        rng.dirichlet(np.ones(shape[-1]), shape[:-1])
        if soft
        else rng.integers(shape[-1], size=shape[:-1])
    )
    fused = compiled_loss(nn.softmax_cross_entropy, scores, targets)
    composed = _composed(nn.softmax(), nn.categorical_cross_entropy, scores, jnp.asarray(targets))
    assert_close(fused, composed, 1e-12, 1e-15)


def _bernoulli_forward(p: jax.Array, t: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return -jnp.mean(t * jnp.log(p) + (1 - t) * jnp.log(1 - p)), (p, t)


def _bernoulli_backward(residuals: tuple[jax.Array, jax.Array]) -> jax.Array:
    p, t = residuals
    return (p - t) / (p * (1 - p)) / p.size


@pytest.mark.parametrize("shape", [(1, 1), (4, 3), (3, 2, 5)], ids=str)
@pytest.mark.parametrize("soft", [False, True])
def test_fused_sigmoid_is_the_composed_one(shape: tuple[int, ...], soft: bool) -> None:
    rng = np.random.default_rng(0)
    scores = jnp.asarray(rng.normal(size=shape))
    targets = jnp.asarray(rng.uniform(size=shape) if soft else rng.integers(2, size=shape) * 1.0)
    fused = compiled_loss(nn.sigmoid_cross_entropy, scores, targets)
    by_hand = nn.Loss(_bernoulli_forward, _bernoulli_backward)
    assert_close(fused, _composed(nn.sigmoid(), by_hand, scores, targets), 1e-12, 1e-15)


# --- initialisers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot", 2 / 500),
        ("he", 2 / 200),
        ("lecun", 1 / 200),
        ("normal", 0.3**2),
        ("uniform_fan_in", 1 / 600),
        ("zeros", 0.0),
    ],
)
def test_initializer_has_the_variance_it_is_named_for(name: str, variance: float) -> None:
    """60000 numbers: the sample's variance is within 4 standard errors, 4 sqrt(2/60000) = 2.3 %."""
    w = INITIALIZERS[name](jax.random.key(0), (200, 300))
    assert w.dtype == jnp.float64
    np.testing.assert_allclose(float(w.var()), variance, rtol=0.023)
    np.testing.assert_allclose(float(w.mean()), 0, atol=4 * np.sqrt(variance / 60000))


@pytest.mark.parametrize(
    ("name", "variance"),
    [("glorot", 2 / 540), ("he", 2 / 240), ("lecun", 1 / 240), ("uniform_fan_in", 1 / 720)],
)
def test_initializer_counts_the_area_of_a_kernel(name: str, variance: float) -> None:
    """A kernel of 2 x 3 with 40 channels in and 50 out has fans of 240 and 300."""
    w = INITIALIZERS[name](jax.random.key(0), (2, 3, 40, 50))
    np.testing.assert_allclose(float(w.var()), variance, rtol=4 * np.sqrt(2 / 12000))


@pytest.mark.parametrize("name", ["glorot", "he", "lecun", "uniform_fan_in"])
def test_initializer_needs_two_axes(name: str) -> None:
    with pytest.raises(ValueError, match=r"at least two axes, got shape \(3,\)"):
        INITIALIZERS[name](jax.random.key(0), (3,))


@pytest.mark.parametrize("scale", [-0.1, float("nan"), float("inf")])
def test_normal_refuses_a_scale_that_is_none(scale: float) -> None:
    with pytest.raises(ValueError, match="finite number >= 0"):
        nn.initializers.normal(scale)


@pytest.mark.parametrize("init", INITIALIZERS.values(), ids=INITIALIZERS)
def test_initializer_gives_the_same_for_the_same_key(init: Initializer) -> None:
    a, b = (init(jax.random.key(3), (4, 5)) for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_layers_of_a_serial_start_from_different_weights(key: jax.Array) -> None:
    params, _ = nn.serial(nn.dense(3), nn.dense(3), nn.dense(3)).init(key, (3,))
    weights = [np.asarray(p.weights) for p in params]
    assert not any(np.allclose(a, b) for a, b in itertools.pairwise(weights))


# --- random networks ------------------------------------------------------------------------------

LEAVES = st.one_of(
    st.sampled_from([1, 2, 3]).map(nn.dense),
    st.sampled_from(
        [nn.relu(), nn.leaky_relu(), nn.leaky_relu(0.3), nn.sigmoid(), nn.tanh(), nn.softmax()]
    ),
)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3).map(lambda ls: nn.serial(*ls)), max_leaves=6
)


@given(
    network=TREES,
    n_in=st.sampled_from([1, 2, 3]),
    middle=st.sampled_from([(), (2,)]),
    batch=st.sampled_from([1, 3]),
)
def test_random_network(network: nn.Layer, n_in: int, middle: tuple[int, ...], batch: int) -> None:
    params, x, dy = layer_inputs(LayerCase("serial", "random", network, (*middle, n_in), batch))

    @jax.jit
    def both(params: Params, x: jax.Array) -> Any:
        def weighted(params: Params, x: jax.Array) -> jax.Array:
            return jnp.sum(dy * network.forward(params, x)[0])

        return by_hand(network, params, x, dy)[1], jax.grad(weighted, (0, 1))(params, x)

    hand, oracle = both(params, x)
    assert_close(hand, oracle, 1e-10, 1e-12)
