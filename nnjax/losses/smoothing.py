"""Label smoothing: targets that are a little less certain."""

import math
from typing import Any

import jax

from nnjax.arrays import as_array
from nnjax.calls import recorded
from nnjax.core import Loss
from nnjax.layers.parts.precision import wide
from nnjax.losses.cross_entropy import (
    binary_cross_entropy,
    categorical_cross_entropy,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from nnjax.losses.reduction import Weighted, split
from nnjax.losses.targets import distribution, probabilities


@recorded
def label_smoothing(loss: Loss, amount: float) -> Loss:
    """A cross-entropy whose targets are moved a little towards the uniform distribution.

        t <- (1 - amount) t + amount / classes    softmax_ and categorical_cross_entropy
        t <- (1 - amount) t + amount / 2          sigmoid_ and binary_cross_entropy

    Derivation. Smoothing changes the targets, which are constants, so the backward pass is that of
    the loss with the smoothed t, for instance dz = (p - t) / n. The softmax reaches a target of 1
    only at an infinite gap between the scores, a smoothed one at the finite gap
    log((1 - amount + amount / classes) / (amount / classes)).

    The convention is that of the article, PyTorch and Keras: the target class keeps
    1 - amount + amount / classes. Some implementations spread the amount over the other classes
    only. Examples of weight 0 remain excluded.

    Args:
        loss: one of the four cross-entropies.
        amount: in [0, 1), for instance 0.1; 0 changes nothing.

    Returns:
        A loss with the arguments of `loss`, including `Weighted` targets.

    Raises:
        ValueError: if `loss` is not one of the four or amount is not in [0, 1).

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> smooth = nn.label_smoothing(nn.softmax_cross_entropy, 0.5)
        >>> J, residuals = smooth.forward(jnp.array([[0.0, 0.0]]), jnp.array([0]))
        >>> print(f"{J:.4f}", smooth.backward(residuals))
        0.6931 [[-0.25  0.25]]

    Source: Szegedy, Vanhoucke, Ioffe, Shlens & Wojna, Rethinking the Inception architecture, CVPR
    2016, section 7.
    """
    if loss in (softmax_cross_entropy, categorical_cross_entropy):
        encode, of_classes = distribution, True
    elif loss in (sigmoid_cross_entropy, binary_cross_entropy):
        encode, of_classes = probabilities, False
    else:
        raise ValueError(
            "label_smoothing(loss): expected softmax_, categorical_, sigmoid_ or "
            f"binary_cross_entropy, got {loss!r}"
        )
    if isinstance(amount, bool) or not (math.isfinite(amount) and 0 <= amount < 1):
        raise ValueError(f"label_smoothing(amount): expected a number in [0, 1), got {amount!r}")

    def forward(scores: jax.Array, targets: Any) -> tuple[jax.Array, Any]:
        plain, weights = split(targets)
        t = encode(wide(scores), as_array(plain, "label_smoothing: targets"), "label_smoothing")
        t = (1 - amount) * t + amount / (scores.shape[-1] if of_classes else 2)
        return loss.forward(scores, t if weights is None else Weighted(t, weights))  # type: ignore[arg-type]

    vars(forward)["encode"] = encode
    return Loss(forward, loss.backward)
