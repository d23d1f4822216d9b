"""Every block under JAX's own transformations: the gradient by hand and the gradient of that."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from promises import layer_inputs
from trees import assert_close, rounding

import nnjax as nn
from nnjax.verify.case import LayerCase
from nnjax.verify.cases import LAYERS

FIRST = {
    case.of: case
    for case in reversed(LAYERS)
    if "jax.grad" not in case.unsuited and case.of != "embedding"
}
"""The first row of each block that has a derivative by x."""


@pytest.mark.parametrize("case", FIRST.values(), ids=FIRST)
def test_gradient_and_gradient_of_gradient(case: LayerCase) -> None:
    """Of y^2 r and of the squared length of that gradient, against JAX's rule for the forward."""
    params, x, r, key = layer_inputs(case)

    def gradients(f: Any) -> Any:
        def inner(params: Any, x: Any) -> jax.Array:
            return jnp.sum(r * f(params, x, key) ** 2)

        def outer(params: Any, x: Any) -> jax.Array:
            grads = jax.grad(inner, (0, 1))(params, x)
            return sum((jnp.sum(g**2) for g in jax.tree.leaves(grads)), jnp.zeros(()))

        return jax.grad(inner, (0, 1))(params, x), jax.grad(outer, (0, 1))(params, x)

    def plain(params: Any, x: Any, key: Any) -> jax.Array:
        return case.layer.forward(params, x, key)[0]

    @jax.jit
    def both(params: Any, x: Any) -> Any:
        return gradients(nn.differentiable(case.layer)), gradients(plain)

    ours, expected = both(params, x)
    assert_close(ours, expected, 1e-8, 100 * rounding(expected))
