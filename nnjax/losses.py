"""Losses. The mean is taken here and nowhere else: each loss divides by the number of examples in
its forward pass, and the same 1/n stands in its backward pass.

Scores and targets have shape (batch, ..., outputs); axes between batch and outputs count as more
examples. Classification takes whole-number labels (batch, ...) or a distribution over the classes
(batch, ..., classes), one-hot included.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nnjax.core import Loss


class _Residuals(NamedTuple):
    """Residuals of a loss: what the derivative is made of."""

    scores: jax.Array
    targets: jax.Array


def _distribution(scores: jax.Array, targets: jax.Array, loss: str) -> jax.Array:
    """Targets as a distribution over the classes, in the dtype of the scores.

    A label outside 0..classes-1 becomes NaN, so that it cannot pass for a row without a target:
    values cannot be checked under `jit`, and a silent zero would be learned from.
    """
    targets = _checked(scores, targets, loss)
    if jnp.issubdtype(targets.dtype, jnp.integer) and targets.shape == scores.shape[:-1]:
        classes = scores.shape[-1]
        labels = targets.astype(jnp.int32)  # the labels' own dtype may not count to `classes`
        hot = labels[..., None] == jnp.arange(classes, dtype=jnp.int32).reshape(
            (1,) * labels.ndim + (classes,)
        )
        known = (labels >= 0) & (labels < classes)
        return jnp.where(known[..., None], hot.astype(scores.dtype), jnp.nan)
    if targets.shape == scores.shape:
        return targets.astype(scores.dtype)
    raise ValueError(
        f"{loss}: scores of shape {scores.shape} need whole-number labels of shape "
        f"{scores.shape[:-1]} or a distribution of shape {scores.shape}, got targets of shape "
        f"{targets.shape} and dtype {targets.dtype}"
    )


def _checked(scores: jax.Array, targets: jax.Array, loss: str) -> jax.Array:
    """The targets as an array; whole-number scores would cut off the targets' fractions."""
    if not jnp.issubdtype(scores.dtype, jnp.floating):
        raise ValueError(f"{loss}: expected scores of a float dtype, got {scores.dtype}")
    return jnp.asarray(targets)


def _same_shape(scores: jax.Array, targets: jax.Array, loss: str) -> jax.Array:
    targets = _checked(scores, targets, loss)
    if targets.shape != scores.shape:
        raise ValueError(
            f"{loss}: scores of shape {scores.shape} need targets of the same shape, "
            f"got {targets.shape}"
        )
    return targets.astype(scores.dtype)


def _softmax_cross_entropy_forward(
    scores: jax.Array, targets: jax.Array
) -> tuple[jax.Array, _Residuals]:
    t = _distribution(scores, targets, "softmax_cross_entropy")
    shifted = scores - jax.lax.stop_gradient(scores.max(axis=-1, keepdims=True))
    log_p = shifted - jnp.log(jnp.sum(jnp.exp(shifted), axis=-1, keepdims=True))
    # A class that is not the target costs nothing, even at a score of -inf (0 * -inf would be NaN).
    log_p = jnp.where(t == 0, jnp.zeros_like(log_p), log_p)
    return -jnp.sum(t * log_p) / math.prod(scores.shape[:-1]), _Residuals(scores, t)


def _softmax_cross_entropy_backward(residuals: _Residuals) -> jax.Array:
    scores, t = residuals
    p = jax.nn.softmax(scores, axis=-1)
    return (p * t.sum(axis=-1, keepdims=True) - t) / math.prod(scores.shape[:-1])


softmax_cross_entropy = Loss(_softmax_cross_entropy_forward, _softmax_cross_entropy_backward)
"""Cross-entropy of the softmax of the scores (logits), fused.

    J = -1/n sum_b sum_k t_bk log p_bk,    p = softmax(z)
    dz = (p sum_k t_k - t) / n             for one-hot or other distributions: (p - t) / n

Derivation. log p_k = z_k - log sum_j exp(z_j), whose derivative by z_i is [i = k] - p_i. Hence
dJ/dz_i = -1/n sum_k t_k ([i = k] - p_i) = (p_i sum_k t_k - t_i) / n. The softmax's Jacobian and
the logarithm's 1/p have cancelled, so nothing is divided by a probability and nothing is clipped:
at logits of +-1e4 loss and gradient are exact.

Args:
    scores: logits z, (batch, ..., classes).
    targets: labels (batch, ...) of a whole-number dtype, or distributions of the scores' shape.

Raises:
    ValueError: if the shapes do not fit. A label outside 0..classes-1 makes the loss NaN.

Example:
    >>> import jax.numpy as jnp, nnjax as nn
    >>> z = jnp.array([[0.0, 0.0], [1e4, -1e4]])
    >>> J, residuals = nn.softmax_cross_entropy.forward(z, jnp.array([0, 1]))
    >>> print(J, nn.softmax_cross_entropy.backward(residuals).tolist())
    10000.347 [[-0.25, 0.25], [0.5, -0.5]]

Source: Bishop 2006, eq. 4.108-4.109.
"""


def _sigmoid_cross_entropy_forward(
    scores: jax.Array, targets: jax.Array
) -> tuple[jax.Array, _Residuals]:
    t = _same_shape(scores, targets, "sigmoid_cross_entropy")
    zero = jnp.zeros_like(scores)
    # The where keep 0 * inf from arising at an infinite score that is right.
    per_element = (
        jnp.where(t == 1, zero, (1 - t) * jnp.maximum(scores, zero))
        + jnp.where(t == 0, zero, t * jnp.maximum(-scores, zero))
        + jnp.log1p(jnp.exp(-jnp.abs(scores)))
    )
    return jnp.mean(per_element), _Residuals(scores, t)


def _sigmoid_cross_entropy_backward(residuals: _Residuals) -> jax.Array:
    z, t = residuals
    return ((1 - t) * jax.nn.sigmoid(z) - t * jax.nn.sigmoid(-z)) / z.size


sigmoid_cross_entropy = Loss(_sigmoid_cross_entropy_forward, _sigmoid_cross_entropy_backward)
"""Binary cross-entropy of the sigmoid of the scores (logits), fused; the mean over all elements.

    J = -1/n sum [ t log s(z) + (1 - t) log s(-z) ],    n = number of elements
      =  1/n sum [ t max(-z, 0) + (1 - t) max(z, 0) + log(1 + exp(-|z|)) ]
    dz = (s(z) - t) / n = ((1 - t) s(z) - t s(-z)) / n

Derivation. -log s(z) = log(1 + exp(-z)) = max(-z, 0) + log(1 + exp(-|z|)), which never overflows.
d/dz of -t log s(z) is -t s(-z), of -(1 - t) log s(-z) is (1 - t) s(z); their sum is s(z) - t. The
two-term form is computed: s(z) - t loses its digits where the prediction is right and sure.

Two traps this avoids: the usual max(z, 0) - z t + log(1 + exp(-|z|)), differentiated piece by
piece, can give 0 or 1 instead of 1/2 at z = 0; and probabilities clipped at 1e-7 give a gradient of
-0.02 instead of -1 at z = -20, t = 1.

Args:
    scores: logits z, any shape with a batch axis.
    targets: numbers in [0, 1], the shape of the scores.

Raises:
    ValueError: if the shapes differ.

Example:
    >>> import jax.numpy as jnp, nnjax as nn
    >>> J, residuals = nn.sigmoid_cross_entropy.forward(jnp.array([[0.0, -20.0]]), jnp.ones((1, 2)))
    >>> print(f"{J:.5f}", nn.sigmoid_cross_entropy.backward(residuals))
    10.34657 [[-0.25 -0.5 ]]

Source: Bishop 2006, eq. 4.90-4.91.
"""


def _categorical_cross_entropy_forward(
    scores: jax.Array, targets: jax.Array
) -> tuple[jax.Array, _Residuals]:
    t = _distribution(scores, targets, "categorical_cross_entropy")
    # 0 log 0 = 0: a class that is not the target costs nothing, whatever its probability. The
    # inner where keeps log's argument away from 0 there, so that no 0 * inf can arise.
    log_p = jnp.log(jnp.where(t == 0, jnp.ones_like(scores), scores))
    return -jnp.sum(t * log_p) / math.prod(scores.shape[:-1]), _Residuals(scores, t)


def _categorical_cross_entropy_backward(residuals: _Residuals) -> jax.Array:
    p, t = residuals
    dp = jnp.where(t == 0, jnp.zeros_like(p), -t / jnp.where(t == 0, jnp.ones_like(p), p))
    return dp / math.prod(p.shape[:-1])


categorical_cross_entropy = Loss(
    _categorical_cross_entropy_forward, _categorical_cross_entropy_backward
)
"""Cross-entropy from probabilities, as the textbooks write it.

    J = -1/n sum_b sum_k t_bk log p_bk        dp = -t / (p n),  0 where t = 0

Derivation. d(-t log p)/dp = -t / p; terms with t = 0 are 0 for every p (0 log 0 = 0).

Nothing is clipped: a target of probability 0 costs an infinite loss, as it should. Composed with
`softmax` it equals `softmax_cross_entropy` as long as no probability has rounded to 0; for training
use the fused one.

Args:
    scores: probabilities p, (batch, ..., classes), usually the output of `softmax`.
    targets: labels (batch, ...) of a whole-number dtype, or distributions of the scores' shape.

Raises:
    ValueError: if the shapes do not fit. A label outside 0..classes-1 makes the loss NaN.

Example:
    >>> import jax.numpy as jnp, nnjax as nn
    >>> J, residuals = nn.categorical_cross_entropy.forward(jnp.array([[0.5, 0.5]]), jnp.array([0]))
    >>> print(f"{J:.4f}", nn.categorical_cross_entropy.backward(residuals).tolist())
    0.6931 [[-2.0, 0.0]]

Source: Bishop 2006, eq. 4.108.
"""


def _mean_squared_error_forward(
    scores: jax.Array, targets: jax.Array
) -> tuple[jax.Array, _Residuals]:
    t = _same_shape(scores, targets, "mean_squared_error")
    return jnp.mean((scores - t) ** 2), _Residuals(scores, t)


def _mean_squared_error_backward(residuals: _Residuals) -> jax.Array:
    y, t = residuals
    return 2 * (y - t) / y.size


mean_squared_error = Loss(_mean_squared_error_forward, _mean_squared_error_backward)
"""Mean of the squared differences, over all elements (batch and outputs).

    J = 1/n sum (y - t)^2        dy = 2 (y - t) / n,    n = number of elements

The same convention as PyTorch's; some texts sum over the outputs or put 1/2 in front.

Args:
    scores: predictions y, any shape with a batch axis.
    targets: the shape of the predictions.

Raises:
    ValueError: if the shapes differ (a silent broadcast is the classic mistake here).

Example:
    >>> import jax.numpy as jnp, nnjax as nn
    >>> y, t = jnp.array([[3.0, 1.0]]), jnp.array([[1.0, 1.0]])
    >>> J, residuals = nn.mean_squared_error.forward(y, t)
    >>> print(J, nn.mean_squared_error.backward(residuals))
    2.0 [[2. 0.]]

Source: Bishop 2006, eq. 5.14 (there with the factor 1/2).
"""
