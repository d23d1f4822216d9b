"""Cross-entropies: fused with the softmax or the sigmoid of scores, and from probabilities."""

import jax
import jax.numpy as jnp

from nnjax.core import Loss
from nnjax.losses.reduction import documented, mean_loss
from nnjax.losses.targets import distribution, probabilities


@documented
def softmax_cross_entropy() -> Loss:
    """Cross-entropy of the softmax of the scores (logits), fused.

        J = -1/n Σ_b Σ_k t_bk log p_bk,    p = softmax(z)
        dz = (p Σ_k t_k - t) / n           for one-hot labels or distributions: (p - t) / n

    with n the number of examples (all axes but the last).

    Derivation. log p_k = z_k - log Σ_j exp(z_j), so ∂ log p_k / ∂z_i = [i = k] - p_i. Hence
    dz_i = -1/n Σ_k t_k ([i = k] - p_i) = (p_i Σ_k t_k - t_i) / n. The Jacobian of the softmax and
    the 1/p of the logarithm have cancelled: nothing is divided by a probability and nothing is
    clipped, so loss and gradient are exact even for logits of ±1e4.

    Args:
        scores: logits z, (batch, ..., classes).
        targets: whole-number labels (batch, ...), or distributions of the scores' shape; or
            `Weighted`.

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

    def cost(z: jax.Array, t: jax.Array) -> jax.Array:
        shifted = z - jax.lax.stop_gradient(z.max(axis=-1, keepdims=True))
        log_p = shifted - jnp.log(jnp.sum(jnp.exp(shifted), axis=-1, keepdims=True))
        # Other classes cost nothing, even at a score of -inf, where 0 * -inf would be NaN.
        return -t * jnp.where(t == 0, jnp.zeros_like(log_p), log_p)

    def slope(z: jax.Array, t: jax.Array) -> jax.Array:
        return jax.nn.softmax(z, axis=-1) * t.sum(axis=-1, keepdims=True) - t

    return mean_loss("softmax_cross_entropy", distribution, cost, slope, summed=True)


@documented
def sigmoid_cross_entropy() -> Loss:
    """Binary cross-entropy of the sigmoid of the scores (logits), fused; the mean of all elements.

        J = -1/n Σ [ t log s(z) + (1 - t) log s(-z) ],    n = number of elements
          =  1/n Σ [ t max(-z, 0) + (1 - t) max(z, 0) + log(1 + exp(-|z|)) ]
        dz = (s(z) - t) / n = ((1 - t) s(z) - t s(-z)) / n

    with s the logistic sigmoid.

    Derivation. -log s(z) = log(1 + exp(-z)) = max(-z, 0) + log(1 + exp(-|z|)), which never
    overflows. The derivative of -t log s(z) is -t s(-z), that of -(1 - t) log s(-z) is
    (1 - t) s(z); their sum is s(z) - t. The code uses the form with two terms, because s(z) - t
    loses its digits where the prediction is right and confident.

    This avoids two traps. The usual max(z, 0) - z t + log(1 + exp(-|z|)), differentiated piece by
    piece, can give 0 or 1 instead of 1/2 at z = 0. Probabilities clipped at 1e-7 give a gradient of
    -0.02 (or 0 if the clip is differentiated too) instead of -1 at z = -20, t = 1.

    Args:
        scores: logits z, any shape with a batch axis.
        targets: numbers in [0, 1], the shape of the scores; or `Weighted`.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> z, t = jnp.array([[0.0, -20.0]]), jnp.ones((1, 2))
        >>> J, residuals = nn.sigmoid_cross_entropy.forward(z, t)
        >>> print(f"{J:.5f}", nn.sigmoid_cross_entropy.backward(residuals))
        10.34657 [[-0.25 -0.5 ]]

    Source: Bishop, Pattern Recognition and Machine Learning, 2006, eq. 4.90-4.91.
    """

    def parts(z: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """max(z, 0), max(-z, 0) and exp(-|z|), all three on the side z ≥ 0 at z = 0.

        Because they agree on the side, autodiff of the cost is right at 0 as well.
        """
        zero, positive = jnp.zeros_like(z), z >= 0
        up, down = jnp.where(positive, z, zero), jnp.where(positive, zero, -z)
        return up, down, jnp.exp(-(up + down))

    def cost(z: jax.Array, t: jax.Array) -> jax.Array:
        up, down, decay = parts(z)
        zero = jnp.zeros_like(z)
        # `where` prevents 0 * inf at an infinite score that is right.
        return (
            jnp.where(t == 1, zero, (1 - t) * up)
            + jnp.where(t == 0, zero, t * down)
            + jnp.log1p(decay)
        )

    def slope(z: jax.Array, t: jax.Array) -> jax.Array:
        # s(|z|) = 1 / (1 + decay) and s(-|z|) = decay / (1 + decay): the cost's own exponential.
        _, _, decay = parts(z)
        one = jnp.ones_like(z)
        s_of_z, s_of_minus_z = jnp.where(z >= 0, one, decay), jnp.where(z >= 0, decay, one)
        return ((1 - t) * s_of_z - t * s_of_minus_z) / (1 + decay)

    return mean_loss("sigmoid_cross_entropy", probabilities, cost, slope, summed=False)


@documented
def categorical_cross_entropy() -> Loss:
    """Cross-entropy from probabilities, as textbooks write it.

        J = -1/n Σ_b Σ_k t_bk log p_bk        dp = -t / (p n),  0 where t = 0

    with n the number of examples (all axes but the last).

    Derivation. The derivative of -t log p is -t / p. Terms with t = 0 are 0 for every p
    (0 log 0 = 0).

    Nothing is clipped: a target of probability 0 costs an infinite loss, as it should. After a
    `softmax` it equals `softmax_cross_entropy` as long as no probability has rounded to 0; use the
    fused one for training.

    Args:
        scores: probabilities p, (batch, ..., classes), usually the output of `softmax`.
        targets: whole-number labels (batch, ...), or distributions of the scores' shape; or
            `Weighted`.

    Raises:
        ValueError: if the shapes do not fit. A label outside 0..classes-1 makes the loss NaN.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> p, label = jnp.array([[0.5, 0.5]]), jnp.array([0])
        >>> J, residuals = nn.categorical_cross_entropy.forward(p, label)
        >>> print(f"{J:.4f}", nn.categorical_cross_entropy.backward(residuals).tolist())
        0.6931 [[-2.0, 0.0]]

    Source: Bishop, Pattern Recognition and Machine Learning, 2006, eq. 4.108.
    """

    def cost(p: jax.Array, t: jax.Array) -> jax.Array:
        return -t * jnp.log(_unless(t == 0, p))

    def slope(p: jax.Array, t: jax.Array) -> jax.Array:
        return jnp.where(t == 0, jnp.zeros_like(p), -t / _unless(t == 0, p))

    return mean_loss("categorical_cross_entropy", distribution, cost, slope, summed=True)


@documented
def binary_cross_entropy() -> Loss:
    """Binary cross-entropy from probabilities; the mean of all elements.

        J = -1/n Σ [ t log p + (1 - t) log(1 - p) ],      n = number of elements
        dp = [ (1 - t) / (1 - p) - t / p ] / n,           a term with the factor 0 is 0 for every p

    Derivation. The derivative of -t log p is -t / p, that of -(1 - t) log(1 - p) is
    (1 - t) / (1 - p). Textbooks write their sum as (p - t) / (p (1 - p)); at p = t = 1 that is 0/0,
    where the separate terms give the correct -1.

    Nothing is clipped: a certain prediction (p = 0 or 1) costs nothing if it is right and an
    infinite loss if it is wrong. Frameworks clip at 1e-7, or the logarithm at -100, and report a
    finite loss with a gradient that does not belong to it. For training use
    `sigmoid_cross_entropy` on the scores: a probability that has rounded to 0 or 1 cannot be
    repaired afterwards.

    Args:
        scores: probabilities p in [0, 1], any shape with a batch axis, usually the output of
            `sigmoid`.
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

    def cost(p: jax.Array, t: jax.Array) -> jax.Array:
        yes = t * jnp.log(_unless(t == 0, p))
        # log1p keeps the digits of a small p, which 1 - p would lose.
        no = (1 - t) * jnp.log1p(-jnp.where(t == 1, jnp.zeros_like(p), p))
        return -yes - no

    def slope(p: jax.Array, t: jax.Array) -> jax.Array:
        return (1 - t) / _unless(t == 1, 1 - p) - t / _unless(t == 0, p)

    return mean_loss("binary_cross_entropy", probabilities, cost, slope, summed=False)


def _unless(term_is_absent: jax.Array, x: jax.Array) -> jax.Array:
    """x, but 1 where its term is absent: 0 log 0 = 0, and no slope contains 0 * inf."""
    return jnp.where(term_is_absent, jnp.ones_like(x), x)
