"""Penalties on the parameters, which fork into the network and the penalty."""

import math

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.core import Params, Penalty
from nnjax.layers.batch_norm import BatchNorm
from nnjax.layers.parts.precision import wide


@recorded
def l2(strength: float, biases: bool = False) -> Penalty:
    """The sum of the squared weights, times the strength (ridge, weight decay, Tikhonov).

        P = strength Σ_i w_i²           dw_i = 2 strength w_i

    Derivation. w_i occurs in one term of the sum only, whose derivative is 2 w_i.

    Conventions: there is no factor 1/2, which many texts put in front (their strength is twice this
    one), and no division by the batch size (which scikit-learn's MLP has), so the strength means
    the same at any batch size. With plain gradient descent this is weight decay: each step
    multiplies w by 1 - 2 rate strength. With an optimiser that rescales gradients, such as Adam, it
    differs from the decoupled decay of AdamW, which keeps the shrinkage out of the gradient.

    Args:
        strength: a finite number, at least 0.
        biases: whether to include all parameters; by default only those with two or more axes
            (weights) count, not biases or scales.

    Returns:
        A `Penalty`. Whole-number parameters and the population statistics of batch normalisations
        are excluded; their gradient is 0. The residuals are the parameters. Without any weights
        P = 0.

    Raises:
        ValueError: if the strength is negative or not finite.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> params = nn.Dense(jnp.array([[1.0, 2.0]]), jnp.array([3.0, 0.0]))
        >>> for penalty in (nn.l2(0.1), nn.l2(0.1, biases=True)):
        ...     P, residuals = penalty.forward(params)
        ...     grads = penalty.backward(residuals)
        ...     print(f"{P:.1f}", grads.weights, grads.bias)
        0.5 [[0.2 0.4]] [0. 0.]
        1.4 [[0.2 0.4]] [0.6 0. ]

    Source: Krogh & Hertz, A simple weight decay can improve generalization, NIPS 1992; decoupled:
    Loshchilov & Hutter, Decoupled weight decay regularization, ICLR 2019.
    """
    if not math.isfinite(strength) or strength < 0:
        raise ValueError(f"l2(strength): expected a finite number of at least 0, got {strength}")

    strength = float(strength)

    def counts(leaf: jax.Array) -> bool:
        return jnp.issubdtype(leaf.dtype, jnp.floating) and (biases or leaf.ndim >= 2)

    def learned(params: Params) -> Params:
        """The params with zeros for the population statistics of batch normalisations."""
        return jax.tree.map(
            lambda node: (
                node._replace(mean=0 * node.mean, variance=0 * node.variance)
                if isinstance(node, BatchNorm)
                else node
            ),
            params,
            is_leaf=lambda node: isinstance(node, BatchNorm),
        )

    def forward(params: Params) -> tuple[jax.Array, Params]:
        leaves = [leaf for leaf in jax.tree.leaves(learned(params)) if counts(leaf)]
        if not leaves:
            return jnp.zeros(()), params
        squares = [jnp.sum(wide(leaf) ** 2) for leaf in leaves]
        widest = max((leaf.dtype for leaf in leaves), key=lambda dtype: jnp.finfo(dtype).bits)
        return (strength * sum(squares[1:], squares[0])).astype(widest), params

    def backward(residuals: Params) -> Params:
        return jax.tree.map(
            lambda leaf: 2 * strength * leaf if counts(leaf) else jnp.zeros_like(leaf),
            learned(residuals),
        )

    return Penalty(forward, backward)
