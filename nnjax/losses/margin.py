"""Losses of margins: a score that is right by at least 1 costs nothing."""

import jax
import jax.numpy as jnp

from nnjax.core import Loss
from nnjax.losses.reduction import documented, mean_loss
from nnjax.losses.targets import labels_only, signs


@documented
def hinge() -> Loss:
    """Hinge loss of two classes -1 and +1; the mean of all elements.

        J = 1/n Σ max(0, 1 - t s)        ds = -t / n where t s < 1, else 0

    Derivation. Where the margin t s is below 1 the cost is 1 - t s, with slope -t; above, it is 0.
    At t s = 1 there is no derivative; the code takes 0 (any value between -t and 0 is a
    subgradient), as for `relu`.

    Targets are -1 and +1, not 0 and 1: a 0 would cost 1 whatever the score. Any other target makes
    the loss NaN.

    Args:
        scores: s, any shape with a batch axis; the class is the sign.
        targets: -1 or +1, the shape of the scores, of any dtype; or `Weighted`.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> s, t = jnp.array([[0.5], [-3.0]]), jnp.array([[1], [-1]])
        >>> J, residuals = nn.hinge.forward(s, t)
        >>> print(J, nn.hinge.backward(residuals).tolist())
        0.25 [[-0.5], [0.0]]

    Source: Cortes & Vapnik, Support-vector networks, Machine Learning 20, 1995; Hastie, Tibshirani
    & Friedman, The Elements of Statistical Learning, 2009, section 12.3.
    """

    def cost(s: jax.Array, t: jax.Array) -> jax.Array:
        short = 1 - t * s
        return jnp.where(short <= 0, jnp.zeros_like(short), short)

    def slope(s: jax.Array, t: jax.Array) -> jax.Array:
        return jnp.where(1 - t * s <= 0, jnp.zeros_like(t), -t)

    return mean_loss("hinge", signs, cost, slope, summed=False)


@documented
def multiclass_hinge() -> Loss:
    """Hinge loss of many classes: every wrong class should score at least 1 below the right one.

        J = 1/n Σ_b Σ_(j ≠ y) max(0, 1 + s_bj - s_by),    y = the label of example b
        ds_bj = v_bj / n,    ds_by = -Σ_(j ≠ y) v_bj / n,   v_bj = [1 + s_bj - s_by > 0]

    with n the number of examples (all axes but the last).

    Derivation. Each wrong class j that is too close costs 1 + s_j - s_y: slope 1 in its own score
    and -1 in the right one, which collects a -1 from every such class. At 1 + s_j - s_y = 0 there
    is no derivative; the code takes 0.

    The wrong classes are summed, as in the article and in cs231n, with the margin 1 of cs231n
    (another margin only rescales the scores and J). PyTorch's `multi_margin_loss` divides by the
    number of classes, and Crammer & Singer take only the worst class.

    Args:
        scores: s, (batch, ..., classes).
        targets: whole-number labels (batch, ...); or `Weighted`.

    Raises:
        ValueError: if the shapes do not fit. A label outside 0..classes-1 makes the loss NaN.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> s, label = jnp.array([[3.0, 2.5, 5.0]]), jnp.array([0])
        >>> J, residuals = nn.multiclass_hinge.forward(s, label)
        >>> print(J, nn.multiclass_hinge.backward(residuals))
        3.5 [[-2.  1.  1.]]

    Source: Weston & Watkins, Support vector machines for multi-class pattern recognition, ESANN
    1999; cs231n, Linear classification.
    """

    def shortfall(s: jax.Array, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        """1 + s_j - s_y of every class (NaN for an unknown label), and which classes cost nothing:
        the target and those far enough below it.
        """
        target = jnp.where(t == 0, jnp.zeros_like(s), t * s).sum(axis=-1, keepdims=True)
        short = 1 + s - target
        return short, (t == 1) | (short <= 0)

    def cost(s: jax.Array, t: jax.Array) -> jax.Array:
        short, free = shortfall(s, t)
        return jnp.where(free, jnp.zeros_like(short), short)

    def slope(s: jax.Array, t: jax.Array) -> jax.Array:
        _, free = shortfall(s, t)
        too_close = jnp.where(free, jnp.zeros_like(s), jnp.ones_like(s))
        return too_close - t * too_close.sum(axis=-1, keepdims=True)

    return mean_loss("multiclass_hinge", labels_only, cost, slope, summed=True)
