"""Targets for verifying a loss if the user gives none."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.contract import ContractError
from nnjax.core import Loss
from nnjax.losses.reduction import Weighted
from nnjax.verify.form import said, value
from nnjax.verify.problem import cast, to_float32


def kinds_of_targets(loss: Loss, scores: np.ndarray, targets: Any) -> dict[str, Any]:
    """The given targets, or those of the default ones that give a finite loss, by name."""
    if targets is not None:
        targets = jax.tree.map(to_float32, targets, is_leaf=lambda node: type(node) is list)
        z, t = jax.tree.map(jnp.asarray, cast((scores, targets), jnp.float32))
        value(loss, z, t)  # raises an error that explains any mismatch
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
    reasons = {name: _not_finite(loss, scores, t) for name, t in candidates.items()}
    kinds = {name: t for name, t in candidates.items() if not reasons[name]}
    if not kinds:
        raise ValueError(
            f"verify: none of the default targets gives a finite loss for scores of shape "
            f"{scores.shape}; pass `targets` (and `inputs`, if needed); with numbers as targets "
            f"{reasons['numbers']}"
        )
    if "labels" in kinds:
        kinds.pop("labels 0 or 1", None)
    weights = to_float32(rng.integers(0, 3, size=labels.shape) + 0.5)
    weighted = Weighted(next(iter(kinds.values())), weights)
    if not _not_finite(loss, scores, weighted):
        kinds["weighted"] = weighted
    return kinds


def _not_finite(loss: Loss, scores: np.ndarray, targets: Any) -> str:
    """Why the loss does not take these targets; empty if it takes them and its value is finite."""
    z, t = jax.tree.map(jnp.asarray, cast((scores, targets), jnp.float32))
    try:
        return "" if bool(jnp.isfinite(value(loss, z, t)).all()) else "it is not finite"
    except ContractError:
        raise
    except (ValueError, TypeError, AttributeError) as error:
        return f"it raises {said(error)}"
