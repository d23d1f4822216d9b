"""Cases of `optax.losses`.

Where targets are numbers or probabilities of the same kind as the predictions, they are
differentiated too.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from optax import losses

from workflow.ecosystem.case import FieldCase, X, Y, normal, shares

PACKAGE = "optax.losses"
_LABELS = np.array([0, 3, 1], np.int32)
_ONE_HOT = np.eye(4)[_LABELS]
_BITS = np.array([[0.0, 1, 1, 0], [1, 0, 1, 0], [0, 0, 1, 1]])
_SIGNS = 2 * _BITS - 1
_LOGS, _SHARES = np.log(shares(3, 4, seed=2)), shares(3, 4)
_PADDED = np.array([[0.0, 0, 0, 0, 1]])
_NO_PADDING = np.zeros((1, 2))


def _to(f: Callable[..., Any], targets: np.ndarray, **options: Any) -> Callable[..., Any]:
    """The loss of scores against given targets."""

    def loss(scores: jax.Array) -> Any:
        whole = np.issubdtype(targets.dtype, np.integer)
        return f(scores, targets if whole else jnp.asarray(targets, scores.dtype), **options)

    return loss


def _fixed(
    name: str, targets: np.ndarray, x: Any = X, label: str = "", **options: Any
) -> FieldCase:
    return FieldCase(PACKAGE, name, _to(getattr(losses, name), targets, **options), (x,), label)


def _ctc(scores: jax.Array) -> jax.Array:
    as_float = (jnp.asarray(a, scores.dtype) for a in (_PADDED, _NO_PADDING))
    padded, none = as_float
    return losses.ctc_loss(scores, padded, np.array([[1, 2]]), none)


def _ctc_probs(scores: jax.Array) -> jax.Array:
    padded, none = (jnp.asarray(a, scores.dtype) for a in (_PADDED, _NO_PADDING))
    return losses.ctc_loss_with_forward_probs(scores, padded, np.array([[1, 2]]), none)[0]


_of_logsumexp: Any = jax.nn.logsumexp
_fenchel_young = losses.make_fenchel_young_loss(_of_logsumexp)

CASES = [
    *(
        FieldCase(PACKAGE, name, getattr(losses, name), (X, Y))
        for name in ("cosine_distance", "cosine_similarity", "huber_loss", "l2_loss", "log_cosh")
    ),
    FieldCase(PACKAGE, "squared_error", losses.squared_error, (X, Y)),
    FieldCase(
        PACKAGE,
        "cosine_similarity",
        lambda x, y: losses.cosine_similarity(x, y, epsilon=1e-6),
        (X, Y),
        "epsilon 1e-6",
    ),
    *(
        FieldCase(PACKAGE, name, getattr(losses, name), (_LOGS, _SHARES))
        for name in ("generalized_kl_divergence", "kl_divergence")
    ),
    FieldCase(
        PACKAGE,
        "kl_divergence_with_log_targets",
        losses.kl_divergence_with_log_targets,
        (_LOGS, np.log(_SHARES)),
    ),
    *(
        FieldCase(PACKAGE, name, getattr(losses, name), (X, _SHARES), "targets: probabilities")
        for name in (
            "poly_loss_cross_entropy",
            "ranking_softmax_loss",
            "safe_softmax_cross_entropy",
            "sigmoid_binary_cross_entropy",
            "softmax_cross_entropy",
        )
    ),
    *(
        _fixed(name, _ONE_HOT, label="targets: one-hot, fixed")
        for name in (
            "dice_loss",
            "multiclass_generalized_dice_loss",
            "poly_loss_cross_entropy",
            "safe_softmax_cross_entropy",
            "softmax_cross_entropy",
        )
    ),
    *(
        _fixed(name, _BITS, label="targets: 0 and 1, fixed")
        for name in (
            "binary_dice_loss",
            "ranking_softmax_loss",
            "sigmoid_binary_cross_entropy",
            "sigmoid_focal_loss",
            "sparsemax_loss",
        )
    ),
    _fixed("sigmoid_focal_loss", _BITS, label="alpha 0.25, gamma 1.5", alpha=0.25, gamma=1.5),
    _fixed("sigmoid_focal_loss", _BITS, label="gamma 0.5", gamma=0.5),
    *(_fixed(n, _SIGNS, label="targets: ±1, fixed") for n in ("hinge_loss", "perceptron_loss")),
    *(
        _fixed(name, _LABELS, label="targets: whole numbers")
        for name in (
            "multiclass_hinge_loss",
            "multiclass_perceptron_loss",
            "multiclass_sparsemax_loss",
            "softmax_cross_entropy_with_integer_labels",
        )
    ),
    _fixed("ntxent", np.array([0, 0, 1, 1], np.int32), normal(4, 3), "targets: whole numbers"),
    FieldCase(
        PACKAGE, "triplet_margin_loss", losses.triplet_margin_loss, (X, Y, normal(3, 4, seed=2))
    ),
    FieldCase(PACKAGE, "smooth_labels", lambda x: losses.smooth_labels(x, 0.1), (_SHARES,)),
    FieldCase(PACKAGE, "ctc_loss", _ctc, (normal(1, 5, 4),), "5 steps, the last one padded"),
    FieldCase(PACKAGE, "ctc_loss_with_forward_probs", _ctc_probs, (normal(1, 5, 4),), "the loss"),
    FieldCase(
        PACKAGE,
        "make_fenchel_young_loss",
        _fenchel_young,
        (X, _SHARES),
        "of logsumexp",
    ),
]

_BRANCHES = "branches on the values of the predictions, so JAX cannot compile it"
LEFT_OUT = {
    "convex_kl_divergence": "deprecated name of generalized_kl_divergence",
    "binary_dice_loss(apply_sigmoid=False)": _BRANCHES,
    "dice_loss(apply_softmax=False)": _BRANCHES,
}
