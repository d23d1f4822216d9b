"""Targets to verify a loss with, where the user gives none."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.core import Loss
from nnjax.losses.reduction import Weighted
from nnjax.verify.problem import cast, to_float32


def kinds_of_targets(loss: Loss, scores: np.ndarray, targets: Any) -> dict[str, Any]:
    """The targets given; else those that the loss takes and is finite with, by name."""
    if targets is not None:
        targets = jax.tree.map(to_float32, targets, is_leaf=lambda node: type(node) is list)
        z, t = jax.tree.map(jnp.asarray, cast((scores, targets), jnp.float32))
        loss.forward(z, t)  # says itself what does not fit
        return {"": targets}
    rng = np.random.default_rng(4)
    labels = rng.integers(scores.shape[-1], size=scores.shape[:-1]).astype(np.int32)
    numbers = to_float32(rng.uniform(size=scores.shape))
    candidates = {
        "labels": labels,
        "numbers": numbers,
        "signs": np.sign(numbers - 0.5),
        "labels 0 or 1": labels % 2,
    }
    kinds = {name: t for name, t in candidates.items() if _finite(loss, scores, t)}
    if not kinds:
        raise ValueError(
            f"verify: the loss is not finite on scores of shape {scores.shape} with targets of "
            "ours; give `targets` (and `inputs`)"
        )
    if "labels" in kinds:
        kinds.pop("labels 0 or 1", None)
    weights = to_float32(rng.integers(0, 3, size=labels.shape) + 0.5)
    weighted = Weighted(next(iter(kinds.values())), weights)
    if _finite(loss, scores, weighted):
        kinds["weighted"] = weighted
    return kinds


def _finite(loss: Loss, scores: np.ndarray, targets: Any) -> bool:
    """Whether the loss takes the targets and is finite, if it is a number at all."""
    z, t = jax.tree.map(jnp.asarray, cast((scores, targets), jnp.float32))
    try:
        return bool(jnp.isfinite(loss.forward(z, t)[0]).all())
    except (ValueError, TypeError, AttributeError):
        return False
