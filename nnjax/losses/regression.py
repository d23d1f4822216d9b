"""Losses of regression: squared, absolute and Huber's."""

import math

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.core import Loss
from nnjax.losses.reduction import documented, mean_loss
from nnjax.losses.targets import same_shape


@documented
def mean_squared_error() -> Loss:
    """Mean of the squared differences, over all elements (batch and outputs).

        J = 1/n Σ (y - t)²        dy = 2 (y - t) / n,    n = number of elements

    Derivation. Each y occurs in one term of the sum only, whose slope is 2 (y - t).

    The convention is PyTorch's; some texts sum over the outputs or put 1/2 in front.

    Args:
        scores: predictions y, any shape with a batch axis.
        targets: the shape of the predictions; or `Weighted`.

    Raises:
        ValueError: if the shapes differ (a silent broadcast is the classic mistake here).

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, t = jnp.array([[3.0, 1.0]]), jnp.array([[1.0, 1.0]])
        >>> J, residuals = nn.mean_squared_error.forward(y, t)
        >>> print(J, nn.mean_squared_error.backward(residuals))
        2.0 [[2. 0.]]

    Source: Bishop, Pattern Recognition and Machine Learning, 2006, eq. 5.14 (with the factor 1/2).
    """

    def cost(y: jax.Array, t: jax.Array) -> jax.Array:
        return (y - t) ** 2

    def slope(y: jax.Array, t: jax.Array) -> jax.Array:
        return 2 * (y - t)

    return mean_loss("mean_squared_error", same_shape, cost, slope, summed=False)


@documented
def mean_absolute_error() -> Loss:
    """Mean of the absolute differences, over all elements (batch and outputs).

        J = 1/n Σ |y - t|        dy = sign(y - t) / n,    n = number of elements

    Derivation. |d| = d for d > 0 and -d for d < 0, with slopes 1 and -1. At d = 0 there is no
    derivative; the code takes 0 (any value in [-1, 1] is a subgradient), so that a perfect
    prediction stays put. PyTorch does the same, JAX's `jnp.abs` takes 1.

    Args:
        scores: predictions y, any shape with a batch axis.
        targets: the shape of the predictions; or `Weighted`.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, t = jnp.array([[3.0, 1.0]]), jnp.array([[1.0, 1.0]])
        >>> J, residuals = nn.mean_absolute_error.forward(y, t)
        >>> print(J, nn.mean_absolute_error.backward(residuals))
        1.0 [[0.5 0. ]]

    Source: Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2009, section 10.6.
    """

    def cost(y: jax.Array, t: jax.Array) -> jax.Array:
        # |d| as d sign(d), because JAX gives jnp.abs the slope 1 at 0.
        return (y - t) * jnp.sign(y - t)

    def slope(y: jax.Array, t: jax.Array) -> jax.Array:
        return jnp.sign(y - t)

    return mean_loss("mean_absolute_error", same_shape, cost, slope, summed=False)


@recorded
def huber(delta: float = 1.0) -> Loss:
    """Squared error near the target, absolute error far from it; the mean of all elements.

        l(d) = d² / 2                    for |d| ≤ δ,    d = y - t
             = δ (|d| - δ / 2)           beyond
        J = 1/n Σ l(d)                   dy = c / n,     c = d clipped to [-δ, δ]

    Derivation. The slope is d on the first line and δ sign(d) on the second: together, d clipped to
    [-δ, δ]. At |d| = δ both lines give δ² / 2 with slope ±δ, so value and slope are continuous
    there, and no outlier pulls with more than δ.

    The scaling is Huber's own, as in PyTorch's `huber_loss` and optax. PyTorch's `smooth_l1_loss`
    is this loss divided by its beta = δ; for δ = 1 all agree. Twice this loss tends to the squared
    error for large δ; this loss divided by δ tends to the absolute error for small δ.

    Args:
        delta: δ, where the quadratic part ends; positive.

    Returns:
        A loss for predictions y of any shape with a batch axis and targets of the same shape, or
        `Weighted`.

    Raises:
        ValueError: if delta is not a positive finite number; (the loss) if the shapes differ.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, t = jnp.array([[0.5, -3.0]]), jnp.array([[0.0, 0.0]])
        >>> J, residuals = nn.huber().forward(y, t)
        >>> print(J, nn.huber().backward(residuals))
        1.3125 [[ 0.25 -0.5 ]]

    Source: Huber, Robust estimation of a location parameter, Ann. Math. Statist. 35, 1964.
    """
    if isinstance(delta, bool) or not (math.isfinite(delta) and delta > 0):
        raise ValueError(f"huber(delta): expected a positive finite number, got {delta!r}")

    def cost(y: jax.Array, t: jax.Array) -> jax.Array:
        d = y - t
        size = jnp.abs(d)
        return jnp.where(size <= delta, d * d / 2, delta * (size - delta / 2))

    def slope(y: jax.Array, t: jax.Array) -> jax.Array:
        return jnp.clip(y - t, -delta, delta)

    return mean_loss(f"huber({delta})", same_shape, cost, slope, summed=False)
