"""A layer as a function that `jax.grad` differentiates by the layer's own backward pass.

Only here does JAX learn of the hand-derived rules. Forward passes are plain JAX everywhere else,
because the verifier compares with `jax.grad` of the plain forward pass.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from nnjax.core import Layer, Params


def differentiable(layer: Layer) -> Callable[..., jax.Array]:
    """A layer as a function whose reverse-mode derivative is the layer's own backward pass.

        f(params, x, key) = y        and in jax.grad:  dy -> layer.backward(params, residuals, dy)

    `jax.grad`, `jax.vjp`, `jax.jacrev`, `jax.vmap` and `jax.jit` work on it, and second derivatives
    (grad of grad, `jax.hessian`) too, because the backward pass is itself JAX code. Forward mode
    alone does not, because a backward pass does not define it; differentiate `layer.forward` there.

    Args:
        layer: the layer or network.

    Returns:
        A function `(params, x, key=None) -> y`.

    Raises:
        TypeError: (the returned function) in forward mode (`jax.jvp`, `jax.jacfwd`); or if the
            backward pass returns a gradient whose shape or dtype is not that of its parameter,
            which JAX would accept silently.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> f = nn.differentiable(nn.tanh())
        >>> print(jax.grad(lambda x: f((), x).sum())(jnp.array([[0.0, 1.0]])).round(4))
        [[1.   0.42]]

    Source: JAX's documentation, custom derivative rules; Griewank & Walther 2008, section 3.2.
    """

    @jax.custom_vjp
    def apply(params: Params, x: jax.Array, key: jax.Array | None) -> jax.Array:
        return layer.forward(params, x, key)[0]

    def forward(params: Params, x: jax.Array, key: jax.Array | None) -> tuple[jax.Array, Any]:
        y, residuals = layer.forward(params, x, key)
        # Only shape and dtype of x are needed: an array without entries carries both.
        return y, (params, residuals, jnp.zeros((0, *x.shape), x.dtype))

    def backward(saved: Any, dy: jax.Array) -> tuple[Any, Any, None]:
        params, residuals, like = saved
        dparams, dx = layer.backward(params, residuals, dy)
        x = jax.ShapeDtypeStruct(like.shape[1:], like.dtype)
        grads = _matching({"params": dparams, "x": dx}, {"params": params, "x": x})
        return grads["params"], grads["x"], None

    apply.defvjp(forward, backward)

    def function(params: Params, x: jax.Array, key: jax.Array | None = None) -> jax.Array:
        try:
            return apply(params, x, key)
        except TypeError as error:
            if "forward-mode" not in str(error):
                raise
            raise TypeError(
                "nn.differentiable: a backward pass cannot be used in forward mode (jax.jvp, "
                "jax.jacfwd); use jax.grad or jax.jacrev, or differentiate layer.forward"
            ) from None

    return function


def _matching(gradients: Any, primals: Any) -> Any:
    """The gradients, every leaf checked; None where the primal is a whole number."""
    if jax.tree.structure(gradients) != jax.tree.structure(primals):
        raise TypeError(
            f"nn.differentiable: the backward pass returned {jax.tree.structure(gradients)} for "
            f"{jax.tree.structure(primals)}"
        )

    def matching(path: Any, gradient: jax.Array, primal: jax.Array) -> jax.Array | None:
        if not jnp.issubdtype(primal.dtype, jnp.inexact):
            return None
        if (gradient.shape, gradient.dtype) != (primal.shape, primal.dtype):
            raise TypeError(
                f"nn.differentiable: the backward pass returned {gradient.dtype}{gradient.shape} "
                f"for {primal.dtype}{primal.shape} at "
                f"{jax.tree_util.keystr(path, simple=True, separator='.')}"
            )
        return gradient

    return jax.tree_util.tree_map_with_path(matching, gradients, primals)
