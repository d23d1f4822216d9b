"""The one reduction of all losses: the mean over the examples, weighted or not.

A loss is written as what one example costs and the slope of that cost; the mean, its 1/n in the
backward pass, weights and masks are added here.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nnjax.core import Loss


class Weighted(NamedTuple):
    """Targets with a weight for each example; every loss and `accuracy` take it as targets.

        J = sum_b w_b l_b / sum_b w_b        dz_b = w_b l_b'(z_b) / sum_b w_b

    with l_b the loss of example b alone. Derivation: the weights are constants, so the derivative
    of the sum is taken term by term; the normaliser is the sum of the weights, so that equal
    weights of any size change nothing and a mask of zeros and ones gives the mean over what is
    real, however much padding there is.

    To the loss an example of weight 0 does not exist: it adds nothing and gets the gradient 0 even
    if its loss is infinite, its scores are NaN or its label is -1. (The network before the loss
    still multiplies that 0 with what it saved, so its inputs must be finite.) If all weights are 0
    the loss is NaN, the mean of nothing, and the gradient 0.

    `targets` are what the loss takes alone. `weights` are finite, not negative, of any dtype, and
    have the shape of the labels, that is scores.shape[:-1]; losses that compare element with
    element take a weight per element as well, of shape scores.shape. Values are checked by `fit`;
    under `jit` they cannot be.

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
    """What the derivative is made of. `share` is w / sum w, or None without weights."""

    scores: jax.Array
    targets: jax.Array
    share: jax.Array | None


Encode = Callable[[jax.Array, jax.Array, str], jax.Array]
"""`(scores, targets, name of the loss) -> t`, targets checked, in shape and dtype of the scores."""

Elementwise = Callable[[jax.Array, jax.Array], jax.Array]
"""`(scores, t) -> array` of the shape of the scores."""


def mean_loss(
    name: str, encode: Encode, cost: Elementwise, slope: Elementwise, *, summed: bool
) -> Loss:
    """A loss from what one example costs and the derivative of that cost by its scores.

        J = 1/n sum_b l_b,   l_b = sum_k cost_bk         dz = slope / n,   slope_bk = dl_b / dz_bk

    With `summed`, an example's outputs are added and n counts examples, as classes demand; without
    it n counts elements, so that outputs are averaged as well. With `Weighted` targets each cost
    and slope is multiplied by its weight and n is the sum of the weights.

    Args:
        name: of the loss, for messages.
        encode: targets as an array t like the scores.
        cost: what each element costs.
        slope: the derivative of the sum of all costs by each score.
        summed: whether an example costs the sum of its elements or their mean.

    Returns:
        The loss.
    """

    def forward(scores: jax.Array, targets: Any) -> tuple[jax.Array, Residuals]:
        if not jnp.issubdtype(scores.dtype, jnp.floating):
            # Whole-number scores would cut off the targets' fractions.
            raise ValueError(f"{name}: expected scores of a float dtype, got {scores.dtype}")
        plain, weights = split(targets)
        t = encode(scores, jnp.asarray(plain), name)
        wide = _wide(scores)
        if weights is None:
            n = math.prod(scores.shape[:-1] if summed else scores.shape)
            J = jnp.sum(cost(scores, t), dtype=wide) / n
            return J.astype(scores.dtype), Residuals(scores, t, None)
        w = _like_scores(jnp.asarray(weights), scores, summed, name).astype(wide)
        real = w != 0
        # What does not exist becomes harmless before anything is computed: 0 * inf would be NaN.
        scores = jnp.where(real, scores, jnp.full_like(scores, 0.5))
        t = jnp.where(real, t, jnp.zeros_like(t))
        n = w.sum() * (1 if summed else scores.size // max(w.size, 1))
        J = jnp.sum(w * cost(scores, t).astype(wide)) / n
        share = jnp.where(real, w / n, jnp.zeros_like(w))
        return J.astype(scores.dtype), Residuals(scores, t, share)

    def backward(residuals: Residuals) -> jax.Array:
        scores, t, share = residuals
        dscores = slope(scores, t).astype(_wide(scores))
        if share is None:
            dscores = dscores / math.prod(scores.shape[:-1] if summed else scores.shape)
        else:
            dscores = dscores * share
        return dscores.astype(scores.dtype)

    return Loss(forward, backward)


def split(targets: Any) -> tuple[Any, Any]:
    """Targets and their weights; None for weights where there are none."""
    return tuple(targets) if isinstance(targets, Weighted) else (targets, None)


def weighted_mean(values: jax.Array, weights: Any) -> jax.Array:
    """Mean of an array, weighted unless `weights` is None; NaN if nothing has weight."""
    if weights is None:
        return values.mean()
    w = jnp.asarray(weights).astype(values.dtype)
    return jnp.sum(w * values) / w.sum()


def _wide(scores: jax.Array) -> Any:
    """The dtype of sums and of 1/n: half precision ends at 65504, which is not many examples."""
    return jnp.float32 if scores.dtype.itemsize < 4 else scores.dtype


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
