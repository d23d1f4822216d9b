"""Losses of margins: a score that is right by 1 or more costs nothing."""

import jax
import jax.numpy as jnp

from nnjax.losses.reduction import mean_loss
from nnjax.losses.targets import labels_only, signs


def _hinge_cost(s: jax.Array, t: jax.Array) -> jax.Array:
    short = 1 - t * s
    return jnp.where(short <= 0, jnp.zeros_like(short), short)


def _hinge_slope(s: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.where(1 - t * s <= 0, jnp.zeros_like(t), -t)


hinge = mean_loss("hinge", signs, _hinge_cost, _hinge_slope, summed=False)
"""Hinge loss of two classes -1 and +1; the mean over all elements.

    J = 1/n sum max(0, 1 - t s)        ds = -t / n where t s < 1, else 0

Derivation. Where the margin t s is below 1 the cost is 1 - t s, with slope -t; above it is 0. At
t s = 1 there is no derivative; 0 is taken (any value between -t and 0 is a subgradient), as for
`relu`.

Targets are -1 and +1, not 0 and 1: a 0 would cost 1 whatever the score. Any other target makes the
loss NaN.

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

Source: Cortes & Vapnik, Support-vector networks, Machine Learning 20, 1995; Hastie, Tibshirani &
Friedman, The Elements of Statistical Learning, 2009, section 12.3.
"""


def _shortfall(s: jax.Array, t: jax.Array) -> jax.Array:
    """1 + s_j - s_y of every class; NaN in rows of an unknown label."""
    target = jnp.where(t == 0, jnp.zeros_like(s), t * s).sum(axis=-1, keepdims=True)
    return 1 + s - target


def _free(short: jax.Array, t: jax.Array) -> jax.Array:
    """Which classes cost nothing: the target, and those far enough below it."""
    return (t == 1) | (short <= 0)


def _multiclass_cost(s: jax.Array, t: jax.Array) -> jax.Array:
    short = _shortfall(s, t)
    return jnp.where(_free(short, t), jnp.zeros_like(short), short)


def _multiclass_slope(s: jax.Array, t: jax.Array) -> jax.Array:
    free = _free(_shortfall(s, t), t)
    too_near = jnp.where(free, jnp.zeros_like(s), jnp.ones_like(s))
    return too_near - t * too_near.sum(axis=-1, keepdims=True)


multiclass_hinge = mean_loss(
    "multiclass_hinge", labels_only, _multiclass_cost, _multiclass_slope, summed=True
)
"""Hinge loss of many classes: every wrong class should stay below the right one by 1.

    J = 1/n sum_b sum_{j != y} max(0, 1 + s_bj - s_by),    y = the label of example b
    ds_bj = v_bj / n,    ds_by = -sum_{j != y} v_bj / n,   v_bj = [1 + s_bj - s_by > 0]

with n the number of examples, all axes but the last.

Derivation. Each wrong class j that is too near costs 1 + s_j - s_y: slope 1 by its own score and
-1 by the right one's, which collects a -1 from every such class. At 1 + s_j - s_y = 0 there is no
derivative; 0 is taken.

The wrong classes are summed, as in the article and in cs231n, whose margin 1 is taken (another one
only rescales the scores and J); PyTorch's `multi_margin_loss` divides by the number of classes, and
Crammer & Singer take only the worst class.

Args:
    scores: s, (batch, ..., classes).
    targets: labels (batch, ...) of a whole-number dtype; or `Weighted`.

Raises:
    ValueError: if the shapes do not fit. A label outside 0..classes-1 makes the loss NaN.

Example:
    >>> import jax.numpy as jnp, nnjax as nn
    >>> J, residuals = nn.multiclass_hinge.forward(jnp.array([[3.0, 2.5, 5.0]]), jnp.array([0]))
    >>> print(J, nn.multiclass_hinge.backward(residuals))
    3.5 [[-2.  1.  1.]]

Source: Weston & Watkins, Support vector machines for multi-class pattern recognition, ESANN 1999;
cs231n, Linear classification.
"""
