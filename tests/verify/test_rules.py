"""Every rule of the table against every check; whole gradients; fused and composed."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from points import worked_example
from promises import compiled_loss, failures, layer_inputs, row_of, uncompiled
from rows import block, kind, rows
from trees import assert_close

import nnjax as nn
from nnjax.verify import verify_case
from nnjax.verify.case import LayerCase, LossCase, PenaltyCase
from nnjax.verify.cases import LAYERS, LOSSES, PENALTIES
from nnjax.verify.problem import cast

RULES = [*LAYERS, *LOSSES]


@pytest.mark.parametrize("case", rows(RULES, kind))
def test_rule(case: LayerCase | LossCase) -> None:
    failed = failures(row_of(case))
    if failed:
        raise ExceptionGroup(", ".join(failed), list(failed.values()))


@pytest.mark.parametrize("case", rows(RULES, block))
def test_rule_without_compilation(case: LayerCase | LossCase) -> None:
    uncompiled(row_of(case))


@pytest.mark.parametrize("case", rows(PENALTIES, kind))
def test_penalty(case: PenaltyCase) -> None:
    report = verify_case(case)
    assert report.passed, f"\n{report}"


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
    params, x, *_ = layer_inputs(LayerCase("serial", "", network, (3,)))
    t = jnp.asarray(targets)
    J, grads = jax.jit(nn.value_and_grad(network, loss))(params, x, t)
    expected_J, expected = jax.jit(
        jax.value_and_grad(lambda params: loss.forward(network.forward(params, x)[0], t)[0])
    )(params)
    assert_close(J, expected_J, 1e-14, 0)
    assert_close(grads, expected, 1e-10, 1e-12)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_penalty_is_a_fork_of_the_parameters(dtype: Any) -> None:
    """Loss and gradient are sums: those of the loss alone, and lambda sum w^2 with 2 lambda w."""
    params, x = cast(layer_inputs(LayerCase("serial", "", NETWORK, (3,)))[:2], dtype)
    plain = nn.value_and_grad(NETWORK, nn.softmax_cross_entropy)(params, x, CLASSES)
    J, grads = nn.value_and_grad(NETWORK, nn.softmax_cross_entropy, nn.l2(0.5))(params, x, CLASSES)
    assert J.dtype == dtype
    added = sum(float((layer.weights.astype("float64") ** 2).sum()) for layer in params if layer)
    rtol = 1e-6 if dtype == jnp.float32 else 1e-13
    np.testing.assert_allclose(J, plain[0] + 0.5 * added, rtol=rtol)
    for layer, before, after in zip(params, plain[1], grads, strict=True):
        if layer:
            np.testing.assert_allclose(after.weights, before.weights + layer.weights, rtol=rtol)
            np.testing.assert_array_equal(after.bias, before.bias)


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
