"""Values of targets, checked where they are known: before training, outside compiled programs."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from nnjax.core import Loss
from nnjax.losses.reduction import split
from nnjax.losses.targets import are_labels, distribution, probabilities, signs

TOLERANCE = 1e-3
"""How far the sum of a distribution may be from 1, besides the roundoff of its dtype."""


def check_targets(what: str, loss: Loss, scores: Any, targets: Any) -> None:
    """Refuse targets outside the values that a loss is made for.

    A compiled program cannot refuse values. The loss of such targets is a number without meaning,
    often below 0, on which training continues. Not a number (NaN) is left to other checks, and
    examples of weight 0 may hold anything.

    Args:
        what: where the targets were given, for messages: `data`.
        loss: the loss. One that is not of this library is checked for labels only.
        scores: an array with the shape of the scores, or a `jax.ShapeDtypeStruct`.
        targets: of a shape that the loss takes, or `Weighted`; traced ones are not checked.

    Raises:
        ValueError: if a label is not a class, a probability not in [0, 1], a distribution not of
            numbers of at least 0 with the sum 1, or a sign not -1 or +1; it names the row.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> bits, scores = jnp.array([[0, 255]]), jnp.zeros((1, 2))
        >>> check_targets("data", nn.sigmoid_cross_entropy, scores, bits)
        Traceback (most recent call last):
        ValueError: data: sigmoid_cross_entropy takes targets from 0 to 1, but row 0, column 1 has \
255; scale the targets, or train with nn.mean_squared_error
    """
    plain, weights = split(targets)
    if not isinstance(plain, jax.Array | np.ndarray) or isinstance(plain, Tracer):
        return
    if isinstance(weights, Tracer):
        return
    t = np.asarray(plain)
    real = np.ones(scores.shape[:-1], bool) if weights is None else np.asarray(weights) != 0
    encode: Any = getattr(loss.forward, "encode", None)
    if are_labels(scores, jnp.asarray(plain)):
        # With an output code, the number of classes is not the number of outputs.
        classes = getattr(loss.forward, "classes", scores.shape[-1])
        place = _first(real & ((t < 0) | (t >= classes)))
        if place:
            raise ValueError(
                f"{what}: labels go from 0 to {classes - 1} for a network with {scores.shape[-1]} "
                f"outputs, but row {place[0]} has {t[place]}"
            )
    elif encode in RULES and t.shape == scores.shape:
        RULES[encode](f"{what}: {loss!r}", t, real if real.shape == t.shape else real[..., None])


def _check_probabilities(what: str, t: np.ndarray, real: np.ndarray) -> None:
    place = _first(real & ((t < 0) | (t > 1)))
    if place:
        raise ValueError(
            f"{what} takes targets from 0 to 1, but {_said(place)} has {t[place]}; scale the "
            "targets, or train with nn.mean_squared_error"
        )


def _check_distribution(what: str, t: np.ndarray, real: np.ndarray) -> None:
    place = _first(real & (t < 0))
    if place:
        raise ValueError(
            f"{what} takes labels or distributions, whose numbers are at least 0 and sum to 1, but "
            f"{_said(place)} has {t[place]}"
        )
    sums = t.sum(axis=-1, dtype=np.float64)
    roundoff = 0 if t.dtype.kind in "biu" else float(jnp.finfo(t.dtype).eps)
    place = _first(real[..., 0] & (np.abs(sums - 1) > TOLERANCE + roundoff))
    if place:
        raise ValueError(
            f"{what} takes labels or distributions, whose numbers are at least 0 and sum to 1, but "
            f"row {place[0]} sums to {sums[place]:g}; divide each row by its sum, or train with "
            "nn.sigmoid_cross_entropy if several classes can be right"
        )


def _check_signs(what: str, t: np.ndarray, real: np.ndarray) -> None:
    place = _first(real & ~np.isnan(t) & (t != 1) & (t != -1))
    if place:
        raise ValueError(
            f"{what} takes targets -1 and +1, but {_said(place)} has {t[place]}; of targets 0 and "
            "1 take 2 * targets - 1"
        )


RULES: dict[Callable[..., jax.Array], Callable[[str, np.ndarray, np.ndarray], None]] = {
    probabilities: _check_probabilities,
    distribution: _check_distribution,
    signs: _check_signs,
}
"""By the function that encodes the targets of a loss: the check of their values."""


def _first(wrong: np.ndarray) -> tuple[int, ...]:
    """The first place that is wrong; empty if there is none."""
    places = np.argwhere(wrong)
    return tuple(int(i) for i in places[0]) if len(places) else ()


def _said(place: tuple[int, ...]) -> str:
    row, *columns = place
    return f"row {row}" + (f", column {', '.join(map(str, columns))}" if columns else "")
