"""Layers under JAX's own transformations: our rule is what runs, to any order, or an error."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from trees import assert_close

import nnjax as nn

NETWORK = nn.serial(nn.dense(4), nn.tanh(), nn.residual(nn.dense(4)), nn.layer_norm(), nn.dense(2))


def plain(layer: nn.Layer) -> Any:
    return lambda params, x, key=None: layer.forward(params, x, key)[0]


def test_it_is_our_rule_that_runs() -> None:
    wrong = nn.tanh()._replace(backward=lambda params, x, dy: ((), 7 * dy))
    slope = jax.grad(lambda x: nn.differentiable(wrong)((), x).sum())(jnp.ones((1, 2)))
    np.testing.assert_array_equal(slope, [[7.0, 7.0]])


def test_mapped_over_examples_and_compiled() -> None:
    params, _ = NETWORK.init(jax.random.key(0), (3,))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(5, 1, 3)))

    def slope(f: Any) -> Any:
        return jax.jit(jax.vmap(jax.grad(lambda x: jnp.sum(f(params, x) ** 3))))(x)

    assert_close(slope(nn.differentiable(NETWORK)), slope(plain(NETWORK)), 1e-10, 1e-12)


def test_hessian_and_jacobian() -> None:
    x = jnp.array([[0.3, -0.2]])
    f, g = nn.differentiable(nn.softmax()), plain(nn.softmax())
    for transform in (jax.jacrev, jax.hessian):
        found, expected = (transform(lambda x, h=h: h((), x))(x) for h in (f, g))
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("forward_mode", [jax.jacfwd, lambda f: lambda x: jax.jvp(f, (x,), (x,))])
def test_forward_mode_says_what_to_do(forward_mode: Any) -> None:
    x = jnp.ones((1, 2))
    with pytest.raises(TypeError, match=r"nn\.differentiable: .*forward mode.*use jax\.grad"):
        forward_mode(lambda x: nn.differentiable(nn.tanh())((), x))(x)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda g, dx: (g._replace(bias=g.bias.astype(jnp.float32)), dx), r"float32.*params\.bias"),
        (lambda g, dx: (g._replace(weights=g.weights.T), dx), r"\(2, 3\).*params\.weights"),
        (lambda g, dx: (g, dx.astype(jnp.float16)), r"float16.* at x"),
        (lambda g, dx: (tuple(g), dx), "returned PyTreeDef"),
    ],
)
def test_a_gradient_of_the_wrong_form_is_named(change: Any, said: str) -> None:
    right = nn.dense(2)
    wrong = right._replace(backward=lambda p, r, dy: change(*right.backward(p, r, dy)))
    params, _ = right.init(jax.random.key(0), (3,))
    with pytest.raises(TypeError, match=said):
        jax.grad(lambda p: nn.differentiable(wrong)(p, jnp.ones((1, 3))).sum())(params)


def test_indices_and_keys_have_no_derivative() -> None:
    network = nn.serial(nn.embedding(5, 3), nn.dropout(0.5), nn.dense(2))
    params, _ = network.init(jax.random.key(0), (4,))
    ids, key = jnp.array([[0, 1, 1, 4]], jnp.int32), jax.random.key(1)
    found, expected = (
        jax.grad(lambda p, f=f: jnp.sum(f(p, ids, key) ** 2))(params)
        for f in (nn.differentiable(network), plain(network))
    )
    assert_close(found, expected, 1e-12, 1e-14)
