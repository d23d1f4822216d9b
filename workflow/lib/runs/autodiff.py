"""A network and a loss whose backward passes are JAX's own: the peer of the hand-derived ones."""

from typing import Any

import jax
import jax.numpy as jnp

import nnjax as nn


def autodiff(network: nn.Layer, loss: nn.Loss) -> tuple[nn.Layer, nn.Loss]:
    """The same forward passes, differentiated by `jax.vjp` as a whole.

        y, pullback = vjp(forward)      backward = pullback

    What trains with them (`nn.fit`, `nn.sweep`) follows `jax.value_and_grad` of the plain forward
    pass, and differs from the hand-derived training in nothing else.

    Args:
        network: a layer; only its `init` and `forward` are used.
        loss: a loss; only its `forward` is used.

    Returns:
        A layer and a loss that carry JAX's pullback as their residuals.
    """

    def forward(params: Any, x: jax.Array, key: jax.Array | None = None) -> tuple[jax.Array, Any]:
        return jax.vjp(lambda p, x: network.forward(p, x, key)[0], params, x)

    def loss_forward(scores: jax.Array, targets: Any) -> tuple[jax.Array, Any]:
        J, pullback = jax.vjp(lambda scores: loss.forward(scores, targets)[0], scores)
        return J, (jnp.ones_like(J), pullback)

    return (
        nn.Layer(network.init, forward, lambda params, pullback, dy: pullback(dy)),
        nn.Loss(loss_forward, lambda residuals: residuals[1](residuals[0])[0]),
    )
