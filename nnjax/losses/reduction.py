"""The common reduction of all losses: the mean over the examples, weighted or not.

A loss is written as the cost of one example and the slope of that cost. The mean, its 1/n in the
backward pass, weights and masks are added here.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nnjax.arrays import as_array
from nnjax.core import Loss
from nnjax.layers.parts.precision import wide


class Weighted(NamedTuple):
    """Targets with a weight for each example; every loss and `accuracy` take it as targets.

        J = Σ_b w_b l_b / Σ_b w_b        dz_b = w_b l_b′(z_b) / Σ_b w_b

    with l_b the loss of example b alone.

    Derivation. The weights are constants, so the sum is differentiated term by term. Dividing by
    the sum of the weights means that equal weights of any size change nothing, and that a mask of
    zeros and ones gives the mean over the real examples, however much padding there is.

    An example of weight 0 does not exist for the loss: it adds nothing and gets the gradient 0 even
    if its loss is infinite, its scores are NaN or its label is -1. (The network before the loss
    still multiplies that 0 by its residuals, so its inputs must be finite.) If all weights are 0,
    the loss is NaN, the mean of nothing, and the gradient 0.

    `targets` are those the loss takes without weights. `weights` are finite, not negative and of
    any dtype. They have the shape of the labels, scores.shape[:-1]; losses that compare element
    with element also accept a weight per element, of shape scores.shape. `fit` checks the values;
    under `jit` they cannot be checked.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> scores, padded = jnp.array([[3.0], [1.0], [9.0]]), jnp.array([[1.0], [1.0], [jnp.nan]])
        >>> targets = nn.Weighted(padded, jnp.array([1.0, 3.0, 0.0]))
        >>> J, residuals = nn.mean_squared_error.forward(scores, targets)
        >>> print(J, nn.mean_squared_error.backward(residuals).tolist())
        1.0 [[1.0], [0.0], [0.0]]

    Source: Bishop, Pattern Recognition and Machine Learning, 2006, exercise 3.3.
    """

    targets: Any
    weights: Any


class Residuals(NamedTuple):
    """Saved for the backward pass: scores, targets in float32 at least, and `share`, which is
    w / Σ w, or None without weights."""

    scores: jax.Array
    targets: jax.Array
    share: jax.Array | None


Encode = Callable[[jax.Array, jax.Array, str], jax.Array]
"""`(scores, targets, name of the loss) -> t`: checked targets, in shape and dtype of the scores,
which come in float32 at least."""

Elementwise = Callable[[jax.Array, jax.Array], jax.Array]
"""`(scores, t) -> array` of the shape of the scores."""


def mean_loss(
    name: str, encode: Encode, cost: Elementwise, slope: Elementwise, *, summed: bool
) -> Loss:
    """A loss from the cost of one example and the derivative of that cost.

        J = 1/n Σ_b l_b,   l_b = Σ_k cost_bk         dz = slope / n,   slope_bk = ∂l_b / ∂z_bk

    With `summed`, the outputs of an example are added and n counts examples, as classes require;
    without it, n counts elements, so outputs are averaged too. With `Weighted` targets each cost
    and slope is multiplied by its weight, and n is the sum of the weights.

    Args:
        name: name of the loss, for messages.
        encode: turns targets into an array t like the scores.
        cost: the cost of each element.
        slope: the derivative of the sum of all costs with respect to each score.
        summed: whether an example costs the sum of its elements or their mean.

    Returns:
        The loss.
    """

    def forward(scores: jax.Array, targets: Any) -> tuple[jax.Array, Residuals]:
        if not jnp.issubdtype(scores.dtype, jnp.floating):
            # Whole-number scores would truncate fractional targets.
            raise ValueError(f"{name}: expected scores of a float dtype, got {scores.dtype}")
        plain, weights = split(targets)
        # Half precision overflows at 65504: squares and sums may pass it, the mean need not.
        t = encode(wide(scores), as_array(plain, f"{name}: targets"), name)
        if weights is None:
            n = math.prod(scores.shape[:-1] if summed else scores.shape)
            J = jnp.sum(cost(wide(scores), t)) / n
            return J.astype(scores.dtype), Residuals(scores, t, None)
        w = _like_scores(as_array(weights, f"{name}: weights"), scores, summed, name).astype(
            t.dtype
        )
        real = w != 0
        # Replace absent examples by harmless values first: 0 * inf would be NaN.
        scores = jnp.where(real, scores, jnp.full_like(scores, 0.5))
        t = jnp.where(real, t, jnp.zeros_like(t))
        n = w.sum() * (1 if summed else scores.size // max(w.size, 1))
        J = jnp.sum(w * cost(wide(scores), t)) / n
        share = jnp.where(real, w / n, jnp.zeros_like(w))
        return J.astype(scores.dtype), Residuals(scores, t, share)

    def backward(residuals: Residuals) -> jax.Array:
        scores, t, share = residuals
        dscores = slope(wide(scores), t)
        if share is None:
            dscores = dscores / math.prod(scores.shape[:-1] if summed else scores.shape)
        else:
            dscores = dscores * share
        return dscores.astype(scores.dtype)

    # `checks.py` follows it to the values that the loss takes.
    vars(forward)["encode"] = encode
    return Loss(forward, backward)


def documented(make: Callable[[], Loss]) -> Loss:
    """The loss that a function without arguments makes, with the function's name and docstring.

    Thus `help(nn.hinge)` shows the derivation, and doctest finds the example.

    Args:
        make: the documented function.

    Returns:
        The loss.

    Example:
        >>> import nnjax as nn
        >>> print(nn.hinge, nn.hinge.__doc__.splitlines()[0])
        hinge Hinge loss of two classes -1 and +1; the mean of all elements.
    """
    loss = make()
    functools.update_wrapper(loss, make)  # pyright: ignore[reportArgumentType]
    return loss


def split(targets: Any) -> tuple[Any, Any]:
    """Targets and their weights; weights are None if there are none."""
    return tuple(targets) if isinstance(targets, Weighted) else (targets, None)


def weighted_mean(values: jax.Array, weights: Any) -> jax.Array:
    """Mean of an array, weighted unless `weights` is None; NaN if all weights are 0."""
    if weights is None:
        return values.mean()
    # Half precision ends at 65504 or counts to 256, which the sum of the weights passes soon.
    v = wide(values)
    w = as_array(weights, "weights").astype(v.dtype)
    return (jnp.sum(w * v) / w.sum()).astype(values.dtype)


def _like_scores(weights: jax.Array, scores: jax.Array, summed: bool, name: str) -> jax.Array:
    """The weights with as many axes as the scores."""
    if weights.shape == scores.shape[:-1]:
        return weights[..., None]
    if weights.shape == scores.shape and not summed:
        return weights
    alternative = "" if summed else f" or {scores.shape}"
    raise ValueError(
        f"{name}: scores of shape {scores.shape} need weights of shape {scores.shape[:-1]}"
        f"{alternative}, got {weights.shape}"
    )
