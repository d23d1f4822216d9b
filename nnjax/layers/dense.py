"""The dense (fully connected, affine) layer."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.checks import check_whole
from nnjax.core import Layer, Shape
from nnjax.initializers import Initializer, glorot, zeros
from nnjax.layers.parts.precision import as_dtype_of


class Dense(NamedTuple):
    """Parameters of a dense layer: weights (n_in, n_out) and bias (n_out,).

    Example:
        >>> import jax, nnjax as nn
        >>> weights, bias = nn.dense(44).init(jax.random.key(0), (617,))[0]
        >>> weights.shape, bias.shape
        ((617, 44), (44,))
    """

    weights: jax.Array
    bias: jax.Array


@recorded
def dense(n_out: int, init: Initializer | None = None, bias: Initializer | None = None) -> Layer:
    """Fully connected layer: each output is a weighted sum of all inputs plus a bias.

        y = x W + b                          y_bj = Σ_i x_bi W_ij + b_j

    Derivation. J depends on W_ij through the output y_bj of each example b, with
    ∂y_bj/∂W_ij = x_bi; on b_j through the same outputs, with ∂y_bj/∂b_j = 1; and on x_bi through
    all outputs of example b, with ∂y_bj/∂x_bi = W_ij. Summed over all paths:

        dW_ij = Σ_b x_bi dy_bj      dW = xᵀ dy       (n_in, n_out)
        db_j  = Σ_b dy_bj           db = 1ᵀ dy       (n_out,)
        dx_bi = Σ_j dy_bj W_ij      dx = dy Wᵀ       (batch, n_in)

    Gradients are summed over the batch; dy already contains the 1/batch of the mean.

    Args:
        n_out: number of outputs (units).
        init: initialiser of the weights; default `glorot()`. It keeps the size of signals and of
            error signals through layers whose activation is near the identity or unknown, as here,
            and is the default of the recurrent and attention layers, and of Keras. A convolution is
            nearly always followed by ReLU and defaults to `he()`, which is better for a deep
            network of dense layers with ReLU too.
        bias: initialiser of the bias; default zeros.

    Returns:
        A layer from (batch, ..., n_in) to (batch, ..., n_out) with params `Dense(weights, bias)`.
        Axes between batch and features count as further examples. The residual is x.

    Raises:
        ValueError: if n_out is not a positive whole number, or (forward) if x does not have n_in
            features; the message names both shapes.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> params = nn.Dense(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([0.0, 1.0]))
        >>> layer = nn.dense(2)
        >>> y, residuals = layer.forward(params, jnp.array([[1.0, 1.0]]))
        >>> print(y)
        [[4. 7.]]
        >>> grads, dx = layer.backward(params, residuals, jnp.array([[1.0, 0.0]]))
        >>> print(grads.bias, dx)
        [1. 0.] [[1. 3.]]

    Source: Rumelhart, Hinton & Williams, Learning representations by back-propagating errors,
    Nature 323, 1986; Goodfellow, Bengio & Courville, Deep Learning, 2016, section 6.5.
    """
    check_whole(n_out, "dense(n_out)")
    init_weights = glorot() if init is None else init
    init_bias = zeros() if bias is None else bias

    def forward(
        params: Dense, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        weights, bias = params
        if x.ndim < 2 or x.shape[-1] != weights.shape[0]:
            raise ValueError(
                f"dense({n_out}) has weights of shape {weights.shape} and takes inputs of shape "
                f"(batch, ..., {weights.shape[0]}), got {x.shape}"
            )
        return x @ weights + bias.reshape((1,) * (x.ndim - 1) + bias.shape), x

    def backward(params: Dense, residuals: jax.Array, dy: jax.Array) -> tuple[Dense, jax.Array]:
        x, examples = residuals, tuple(range(dy.ndim - 1))
        # All examples in one axis, because a contraction over several transposes an operand.
        rows, drows = (a.reshape(math.prod(a.shape[:-1]), a.shape[-1]) for a in (x, dy))
        dweights = jnp.tensordot(rows, drows, axes=(0, 0))
        dbias, dx = dy.sum(examples), dy @ params.weights.T
        # Each gradient gets the dtype of its value, even if forward mixed dtypes.
        grads = Dense(dweights.astype(params.weights.dtype), dbias.astype(params.bias.dtype))
        return grads, as_dtype_of(x, dx)

    def init_params(key: jax.Array, in_shape: Shape) -> tuple[Dense, Shape]:
        if not in_shape:
            raise ValueError(f"dense({n_out}) needs an input with a feature axis, got shape ()")
        weights_key, bias_key = jax.random.split(key)
        params = Dense(
            init_weights(weights_key, (in_shape[-1], n_out)), init_bias(bias_key, (n_out,))
        )
        return params, (*in_shape[:-1], n_out)

    return Layer(init_params, forward, backward)
