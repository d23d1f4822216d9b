"""Dropout: noise in training, the identity in evaluation."""

from numbers import Real

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.core import Layer, Params, Residuals, Shape


@recorded
def dropout(rate: float) -> Layer:
    """Set each element to 0 with probability `rate` in training and scale up the others.

        training:    y = m ⊙ x / (1 - rate)    m_i = 0 with probability rate, else 1, independently
                     dx = m ⊙ dy / (1 - rate)
        evaluation:  y = x, dx = dy

    Derivation. Given the mask m, y_i is x_i times a factor that does not depend on x, so dx_i is
    dy_i times the same factor: backward needs the same mask, which is saved. The mean of
    m_i / (1 - rate) is 1, so the mean of y is x and evaluation needs no scale ("inverted" dropout;
    the original paper scales the weights in evaluation instead).

    `rate` is the probability of dropping, as in PyTorch, Keras and Flax; the original paper's p and
    the rate of `stax.Dropout` are the probability of keeping. Dropped elements are replaced by 0,
    not multiplied by 0: an infinite x gives 0, not NaN.

    Args:
        rate: probability that an element is dropped, 0 <= rate < 1.

    Returns:
        A layer that keeps the shape, with params `()`; a key means training, no key evaluation.
        The residuals are a tuple with the boolean mask, True for kept elements; empty in
        evaluation.

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

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, Residuals]:
        if key is None or rate == 0:
            return x, ()
        # Drawn in float32, so that a key gives the same mask in any precision.
        mask = jax.random.bernoulli(key, jnp.float32(keep), x.shape)
        return jnp.where(mask, x / keep, jnp.zeros_like(x)), (mask,)

    def backward(params: Params, residuals: Residuals, dy: jax.Array) -> tuple[Params, jax.Array]:
        if not residuals:
            return (), dy
        (mask,) = residuals
        return (), jnp.where(mask, dy / keep, jnp.zeros_like(dy))

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        return (), in_shape

    return Layer(init, forward, backward)
