"""Cross-entropies: of the softmax or the sigmoid of scores, fused, and from probabilities."""

import jax
import jax.numpy as jnp

from nnjax.losses.reduction import mean_loss
from nnjax.losses.targets import distribution, same_shape


def _softmax_cost(scores: jax.Array, t: jax.Array) -> jax.Array:
    shifted = scores - jax.lax.stop_gradient(scores.max(axis=-1, keepdims=True))
    log_p = shifted - jnp.log(jnp.sum(jnp.exp(shifted), axis=-1, keepdims=True))
    # A class that is not the target costs nothing, even at a score of -inf (0 * -inf would be NaN).
    return -t * jnp.where(t == 0, jnp.zeros_like(log_p), log_p)


def _softmax_slope(scores: jax.Array, t: jax.Array) -> jax.Array:
    return jax.nn.softmax(scores, axis=-1) * t.sum(axis=-1, keepdims=True) - t


softmax_cross_entropy = mean_loss(
    "softmax_cross_entropy", distribution, _softmax_cost, _softmax_slope, summed=True
)
"""Cross-entropy of the softmax of the scores (logits), fused.

    J = -1/n sum_b sum_k t_bk log p_bk,    p = softmax(z)
    dz = (p sum_k t_k - t) / n             for one-hot or other distributions: (p - t) / n

with n the number of examples, all axes but the last. Derivation. log p_k = z_k - log sum_j
exp(z_j), whose derivative by z_i is [i = k] - p_i. Hence dJ/dz_i = -1/n sum_k t_k ([i = k] - p_i) =
(p_i sum_k t_k - t_i) / n. The softmax's Jacobian and the logarithm's 1/p have cancelled, so nothing
is divided by a probability and nothing is clipped: at logits of +-1e4 loss and gradient are exact.

Args:
    scores: logits z, (batch, ..., classes).
    targets: labels (batch, ...) of a whole-number dtype, or distributions of the scores' shape;
        or `Weighted`.

Raises:
    ValueError: if the shapes do not fit. A label outside 0..classes-1 makes the loss NaN.

Example:
    >>> import jax.numpy as jnp, nnjax as nn
    >>> z = jnp.array([[0.0, 0.0], [1e4, -1e4]])
    >>> J, residuals = nn.softmax_cross_entropy.forward(z, jnp.array([0, 1]))
    >>> print(J, nn.softmax_cross_entropy.backward(residuals).tolist())
    10000.347 [[-0.25, 0.25], [0.5, -0.5]]

Source: Bishop, Pattern Recognition and Machine Learning, 2006, eq. 4.108-4.109.
"""


def _sigmoid_parts(z: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """max(z, 0), max(-z, 0) and exp(-|z|), all of which count 0 as positive.

    As their slopes at 0 belong to the same side, autodiff of the cost is right at 0 too.
    """
    zero, positive = jnp.zeros_like(z), z >= 0
    up, down = jnp.where(positive, z, zero), jnp.where(positive, zero, -z)
    return up, down, jnp.exp(-(up + down))


def _sigmoid_cost(z: jax.Array, t: jax.Array) -> jax.Array:
    up, down, decay = _sigmoid_parts(z)
    zero = jnp.zeros_like(z)
    # The where keep 0 * inf from arising at an infinite score that is right.
    return (
        jnp.where(t == 1, zero, (1 - t) * up) + jnp.where(t == 0, zero, t * down) + jnp.log1p(decay)
    )


def _sigmoid_slope(z: jax.Array, t: jax.Array) -> jax.Array:
    # s(|z|) = 1 / (1 + decay) and s(-|z|) = decay / (1 + decay): one exponential, that of the cost.
    _, _, decay = _sigmoid_parts(z)
    one = jnp.ones_like(z)
    s_of_z, s_of_minus_z = jnp.where(z >= 0, one, decay), jnp.where(z >= 0, decay, one)
    return ((1 - t) * s_of_z - t * s_of_minus_z) / (1 + decay)


sigmoid_cross_entropy = mean_loss(
    "sigmoid_cross_entropy", same_shape, _sigmoid_cost, _sigmoid_slope, summed=False
)
"""Binary cross-entropy of the sigmoid of the scores (logits), fused; the mean over all elements.

    J = -1/n sum [ t log s(z) + (1 - t) log s(-z) ],    n = number of elements
      =  1/n sum [ t max(-z, 0) + (1 - t) max(z, 0) + log(1 + exp(-|z|)) ]
    dz = (s(z) - t) / n = ((1 - t) s(z) - t s(-z)) / n

with s the logistic sigmoid.

Derivation. -log s(z) = log(1 + exp(-z)) = max(-z, 0) + log(1 + exp(-|z|)), which never overflows.
d/dz of -t log s(z) is -t s(-z), of -(1 - t) log s(-z) is (1 - t) s(z); their sum is s(z) - t. The
two-term form is computed: s(z) - t loses its digits where the prediction is right and sure.

Two traps this avoids: the usual max(z, 0) - z t + log(1 + exp(-|z|)), differentiated piece by
piece, can give 0 or 1 instead of 1/2 at z = 0; and probabilities clipped at 1e-7 give a gradient of
-0.02, or 0 where the clip is differentiated too, instead of -1 at z = -20, t = 1.

Args:
    scores: logits z, any shape with a batch axis.
    targets: numbers in [0, 1], the shape of the scores; or `Weighted`.

Raises:
    ValueError: if the shapes differ.

Example:
    >>> import jax.numpy as jnp, nnjax as nn
    >>> J, residuals = nn.sigmoid_cross_entropy.forward(jnp.array([[0.0, -20.0]]), jnp.ones((1, 2)))
    >>> print(f"{J:.5f}", nn.sigmoid_cross_entropy.backward(residuals))
    10.34657 [[-0.25 -0.5 ]]

Source: Bishop, Pattern Recognition and Machine Learning, 2006, eq. 4.90-4.91.
"""


def _unless(term_is_absent: jax.Array, x: jax.Array) -> jax.Array:
    """x, but 1 where its term is absent: 0 log 0 = 0, and no 0 * inf can arise in a slope."""
    return jnp.where(term_is_absent, jnp.ones_like(x), x)


def _categorical_cost(p: jax.Array, t: jax.Array) -> jax.Array:
    return -t * jnp.log(_unless(t == 0, p))


def _categorical_slope(p: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.where(t == 0, jnp.zeros_like(p), -t / _unless(t == 0, p))


categorical_cross_entropy = mean_loss(
    "categorical_cross_entropy", distribution, _categorical_cost, _categorical_slope, summed=True
)
"""Cross-entropy from probabilities, as the textbooks write it.

    J = -1/n sum_b sum_k t_bk log p_bk        dp = -t / (p n),  0 where t = 0

with n the number of examples, all axes but the last. Derivation. d(-t log p)/dp = -t / p; terms
with t = 0 are 0 for every p (0 log 0 = 0).

Nothing is clipped: a target of probability 0 costs an infinite loss, as it should. Composed with
`softmax` it equals `softmax_cross_entropy` as long as no probability has rounded to 0; for training
use the fused one.

Args:
    scores: probabilities p, (batch, ..., classes), usually the output of `softmax`.
    targets: labels (batch, ...) of a whole-number dtype, or distributions of the scores' shape;
        or `Weighted`.

Raises:
    ValueError: if the shapes do not fit. A label outside 0..classes-1 makes the loss NaN.

Example:
    >>> import jax.numpy as jnp, nnjax as nn
    >>> J, residuals = nn.categorical_cross_entropy.forward(jnp.array([[0.5, 0.5]]), jnp.array([0]))
    >>> print(f"{J:.4f}", nn.categorical_cross_entropy.backward(residuals).tolist())
    0.6931 [[-2.0, 0.0]]

Source: Bishop, Pattern Recognition and Machine Learning, 2006, eq. 4.108.
"""


def _binary_cost(p: jax.Array, t: jax.Array) -> jax.Array:
    yes = t * jnp.log(_unless(t == 0, p))
    # log1p keeps the digits of a small p, which 1 - p would lose.
    no = (1 - t) * jnp.log1p(-jnp.where(t == 1, jnp.zeros_like(p), p))
    return -yes - no


def _binary_slope(p: jax.Array, t: jax.Array) -> jax.Array:
    return (1 - t) / _unless(t == 1, 1 - p) - t / _unless(t == 0, p)


binary_cross_entropy = mean_loss(
    "binary_cross_entropy", same_shape, _binary_cost, _binary_slope, summed=False
)
"""Binary cross-entropy from probabilities; the mean over all elements.

    J = -1/n sum [ t log p + (1 - t) log(1 - p) ],    n = number of elements
    dp = [ (1 - t) / (1 - p) - t / p ] / n,           a term with the factor 0 is 0 for every p

Derivation. d(-t log p)/dp = -t / p and d(-(1 - t) log(1 - p))/dp = (1 - t) / (1 - p). Their sum,
(p - t) / (p (1 - p)), is how the texts write it; at p = t = 1 that is 0/0, where the terms apart
give the right -1.

Nothing is clipped: a sure prediction (p = 0 or 1) that is right costs nothing, one that is wrong
costs an infinite loss. Frameworks clip, at 1e-7 or at a logarithm of -100, and report a finite loss
with a gradient that does not belong to it. For training use `sigmoid_cross_entropy` on the scores:
a probability that has rounded to 0 or 1 cannot be mended afterwards.

Args:
    scores: probabilities p in [0, 1], any shape with a batch axis, usually the output of `sigmoid`.
    targets: numbers in [0, 1], the shape of the scores; or `Weighted`.

Raises:
    ValueError: if the shapes differ.

Example:
    >>> import jax.numpy as jnp, nnjax as nn
    >>> p, t = jnp.array([[0.5, 1.0]]), jnp.array([[0.0, 1.0]])
    >>> J, residuals = nn.binary_cross_entropy.forward(p, t)
    >>> print(f"{J:.4f}", nn.binary_cross_entropy.backward(residuals).tolist())
    0.3466 [[1.0, -0.5]]

Source: Bishop, Pattern Recognition and Machine Learning, 2006, eq. 4.90.
"""
