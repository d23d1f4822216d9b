"""Dropout: noise in training, the identity in evaluation."""

from numbers import Real

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.core import Layer, Params, Residuals, Shape


@recorded
def dropout(rate: float) -> Layer:
    """Sets each element to 0 with probability `rate` while training, and scales up the others.

        training:    y = m * x / (1 - rate)    m_i = 0 with probability rate, else 1, independently
                     dx = m * dy / (1 - rate)
        evaluation:  y = x, dx = dy

    Derivation. Once the mask m is drawn, y_i is x_i times a number that does not depend on x, so dx
    is dy times the same number: the same mask and the same scale, which is why the mask is saved.
    The mean of m_i / (1 - rate) is 1, so that the mean of y is x and evaluation needs no scale of
    its own ("inverted" dropout; the original paper scales the weights down in evaluation instead).

    `rate` is the probability to drop, as in PyTorch, Keras and Flax; the original paper's p and the
    rate of `stax.Dropout` are the probability to keep. What is dropped is chosen, not multiplied by
    0: an infinite x that is dropped gives 0, not NaN.

    Args:
        rate: probability that an element is dropped, 0 <= rate < 1.

    Returns:
        A layer that keeps the shape, with params `()`. forward with a key is training, without one
        evaluation. The residual is the mask as booleans, True where x was kept, in a tuple that is
        empty in evaluation.

    Raises:
        ValueError: if the rate is not a number in [0, 1).

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> layer = nn.dropout(0.5)
        >>> y, residuals = layer.forward((), jnp.ones((1, 8)), jax.random.key(0))
        >>> dx = layer.backward((), residuals, 3 * jnp.ones((1, 8)))[1]
        >>> sorted({float(v) for v in y[0]}), bool((dx == 3 * y).all())
        ([0.0, 2.0], True)
        >>> print(layer.forward((), jnp.ones((1, 3)))[0])
        [[1. 1. 1.]]

    Source: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, Dropout: a simple way to
    prevent neural networks from overfitting, JMLR 15, 2014.
    """
    if not isinstance(rate, Real) or isinstance(rate, bool) or not 0 <= rate < 1:
        raise ValueError(f"dropout(rate): expected a number in [0, 1), got {rate!r}")
    keep = 1.0 - float(rate)

    def thinned(mask: jax.Array, a: jax.Array) -> jax.Array:
        return jnp.where(mask, a / keep, jnp.zeros_like(a))

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        return (), in_shape

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, Residuals]:
        if key is None or rate == 0:
            return x, ()
        # Drawn in float32 whatever x is, so that the same key gives the same mask in any precision.
        mask = jax.random.bernoulli(key, jnp.float32(keep), x.shape)
        return thinned(mask, x), (mask,)

    def backward(params: Params, residuals: Residuals, dy: jax.Array) -> tuple[Params, jax.Array]:
        return (), thinned(residuals[0], dy) if residuals else dy

    return Layer(init, forward, backward)
