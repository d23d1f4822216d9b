"""Cases of the losses, with their weights and masks."""

from typing import Any

import jax
import numpy as np

from nnjax.codes import coded_cross_entropy, output_codes
from nnjax.core import Shape
from nnjax.losses import (
    Weighted,
    binary_cross_entropy,
    categorical_cross_entropy,
    hinge,
    huber,
    label_smoothing,
    mean_absolute_error,
    mean_squared_error,
    multiclass_hinge,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from nnjax.verify.case import LossCase

Rng = np.random.Generator

HALF_OF_A_SLOPE = {"central differences": "they average the slopes on both sides of the kink"}
ZERO_AT_THE_KINK = {"kinks": "0, the mean of the slopes, is the convention"}
NEAR_A_BEND = {"central differences": "their error is h / 4 where the second derivative jumps"}


# --- targets --------------------------------------------------------------------------------------


def labels(rng: Rng, shape: Shape) -> np.ndarray:
    """Whole-number labels, one per row of scores."""
    return rng.integers(shape[-1], size=shape[:-1]).astype(np.int32)


def one_hot(rng: Rng, shape: Shape) -> np.ndarray:
    """One-hot rows."""
    return np.eye(shape[-1])[labels(rng, shape)]


def one_hot_int(rng: Rng, shape: Shape) -> np.ndarray:
    """One-hot rows of whole numbers."""
    return one_hot(rng, shape).astype(np.int32)


def unit(rng: Rng, shape: Shape) -> np.ndarray:
    """Numbers in [0, 1], including both ends if there is more than one output."""
    drawn = rng.uniform(size=shape)
    if shape[-1] > 1:
        drawn.flat[0], drawn.flat[-1] = 0.0, 1.0
    return drawn


def distribution(rng: Rng, shape: Shape) -> np.ndarray:
    """Rows that sum to 1 and contain a zero."""
    drawn = unit(rng, shape)
    return drawn / drawn.sum(-1, keepdims=True)


def positive(rng: Rng, shape: Shape) -> np.ndarray:
    """Rows with arbitrary sums."""
    return 3 * unit(rng, shape)


def real(rng: Rng, shape: Shape) -> np.ndarray:
    """Normal numbers."""
    return rng.normal(size=shape)


def signs(rng: Rng, shape: Shape) -> np.ndarray:
    """Whole numbers -1 and 1."""
    return rng.choice([-1, 1], size=shape)


def weighted(draw: Any) -> Any:
    """Targets with a weight for each row of scores."""
    return lambda rng, shape: Weighted(draw(rng, shape), rng.uniform(0.5, 2, size=shape[:-1]))


def weighted_elements(draw: Any) -> Any:
    """Targets with a weight for each element; one weight is 0."""

    def targets(rng: Rng, shape: Shape) -> Weighted:
        weights = rng.uniform(0.5, 2, size=shape)
        weights.flat[1] = 0.0
        return Weighted(draw(rng, shape), weights)

    return targets


def masked(draw: Any) -> Any:
    """Targets with a mask; the last row is padding, with an invalid target."""

    def targets(rng: Rng, shape: Shape) -> Weighted:
        drawn, mask = draw(rng, shape), np.ones(shape[:-1], bool)
        drawn[-1] = -1 if drawn.dtype == np.int32 else np.nan
        mask[-1] = False
        return Weighted(drawn, mask)

    return targets


# --- scores ---------------------------------------------------------------------------------------


def probabilities(rng: Rng, shape: Shape) -> np.ndarray:
    """Rows that sum to 1, far enough from 0 for central differences."""
    drawn = rng.uniform(0.3, 1.7, size=shape)
    return drawn / drawn.sum(-1, keepdims=True)


def between_0_and_1(rng: Rng, shape: Shape) -> np.ndarray:
    """Independent probabilities, one per element."""
    return rng.uniform(0.05, 0.95, size=shape)


def far_out(rng: Rng, shape: Shape) -> np.ndarray:
    """Scores at which sigmoid and softmax saturate."""
    return rng.choice([-20.0, 0.0, 20.0], size=shape)


def last_row_not_finite(rng: Rng, shape: Shape) -> np.ndarray:
    """Scores whose last row, the padding, is infinite or NaN."""
    drawn = rng.normal(size=shape)
    drawn[-1] = np.resize([np.inf, -np.inf, np.nan], shape[1:])
    return drawn


def given(rows: Any) -> Any:
    """Fixed scores or targets instead of random ones."""
    return lambda rng, shape: np.array(rows)


# --- rows -----------------------------------------------------------------------------------------

_CLASSES: dict[str, tuple[Shape, Any]] = {
    "labels": ((4, 3), labels),
    "labels, batch 1": ((1, 2), labels),
    "labels, middle axis": ((3, 2, 3), labels),
    "labels, one class": ((4, 1), labels),
    "one-hot": ((4, 3), one_hot),
    "one-hot whole numbers": ((4, 3), one_hot_int),
    "soft": ((4, 3), distribution),
    "not normalised": ((4, 3), positive),
    "weighted": ((4, 3), weighted(labels)),
    "weighted, middle axis": ((3, 2, 3), weighted(labels)),
    "weighted, soft": ((4, 3), weighted(distribution)),
    "masked, label -1": ((4, 3), masked(labels)),
    "masked, middle axis": ((3, 2, 3), masked(labels)),
}

_ELEMENTS: dict[str, tuple[Shape, Any]] = {
    "one output": ((4, 1), unit),
    "batch 1": ((1, 3), unit),
    "many": ((4, 3), unit),
    "middle axis": ((3, 2, 3), unit),
    "one-hot whole numbers": ((4, 3), one_hot_int),
    "weighted": ((4, 3), weighted(unit)),
    "weighted elements": ((4, 3), weighted_elements(unit)),
    "masked": ((4, 3), masked(unit)),
}

_OF_PROBABILITIES = (
    "labels",
    "labels, batch 1",
    "labels, middle axis",
    "labels, one class",
    "soft",
    "not normalised",
    "weighted",
    "masked, label -1",
)

_COMMON = [
    LossCase(name, label, loss, shape, targets, scores)
    for name, loss, scores, table in [
        ("softmax_cross_entropy", softmax_cross_entropy, real, _CLASSES),
        ("categorical_cross_entropy", categorical_cross_entropy, probabilities, _CLASSES),
        ("sigmoid_cross_entropy", sigmoid_cross_entropy, real, _ELEMENTS),
        ("mean_squared_error", mean_squared_error, real, _ELEMENTS),
    ]
    for label, (shape, targets) in table.items()
    if name != "categorical_cross_entropy" or label in _OF_PROBABILITIES
]

_CROSS_ENTROPY = [
    LossCase("softmax_cross_entropy", "saturated", softmax_cross_entropy, (4, 3), labels, far_out),
    LossCase(
        "softmax_cross_entropy",
        "masked, not finite",
        softmax_cross_entropy,
        (4, 3),
        masked(distribution),
        last_row_not_finite,
    ),
    LossCase(
        "softmax_cross_entropy",
        "zeros",
        softmax_cross_entropy,
        (2, 3),
        labels,
        given([[0.0] * 3] * 2),
    ),
    LossCase("sigmoid_cross_entropy", "saturated", sigmoid_cross_entropy, (4, 3), unit, far_out),
    LossCase(
        "sigmoid_cross_entropy",
        "zeros",
        sigmoid_cross_entropy,
        (2, 3),
        given([[0.0, 0.3, 1.0], [1.0, 0.5, 0.0]]),
        given([[0.0] * 3] * 2),
    ),
    LossCase(
        "sigmoid_cross_entropy",
        "masked, not finite",
        sigmoid_cross_entropy,
        (3, 2),
        masked(unit),
        last_row_not_finite,
    ),
    *(
        LossCase(
            "binary_cross_entropy", label, binary_cross_entropy, shape, targets, between_0_and_1
        )
        for label, (shape, targets) in _ELEMENTS.items()
        if label in ("one output", "many", "weighted", "masked")
    ),
    LossCase(
        "binary_cross_entropy",
        "sure and right",
        binary_cross_entropy,
        (2, 2),
        given([[0.0, 1.0], [1.0, 0.0]]),
        given([[0.0, 1.0], [0.9, 0.2]]),
    ),
]

_SMOOTHED = [
    LossCase("label_smoothing", label, label_smoothing(loss, amount), shape, targets, scores)
    for label, loss, amount, shape, targets, scores in [
        ("softmax, labels", softmax_cross_entropy, 0.1, (4, 3), labels, real),
        ("softmax, soft", softmax_cross_entropy, 0.3, (4, 3), distribution, real),
        ("softmax, weighted", softmax_cross_entropy, 0.1, (4, 3), weighted(labels), real),
        ("softmax, masked", softmax_cross_entropy, 0.1, (4, 3), masked(labels), real),
        ("softmax, nothing", softmax_cross_entropy, 0.0, (4, 3), labels, real),
        ("categorical", categorical_cross_entropy, 0.1, (4, 3), labels, probabilities),
        ("sigmoid", sigmoid_cross_entropy, 0.1, (4, 3), unit, real),
        ("sigmoid, masked", sigmoid_cross_entropy, 0.1, (4, 3), masked(unit), real),
        ("binary", binary_cross_entropy, 0.1, (4, 3), unit, between_0_and_1),
    ]
]

_CODES = output_codes(6, 4, jax.random.key(0))

_CODED = [
    LossCase("coded_cross_entropy", label, coded_cross_entropy(_CODES), shape, targets)
    for label, shape, targets in [
        ("labels", (5, 4), given([5, 1, 0, 4, 2])),
        ("batch 1, middle axis", (1, 2, 4), given([[5, 3]])),
        ("weighted", (5, 4), weighted(labels)),
        ("masked", (5, 4), masked(labels)),
    ]
]

_REGRESSION = [
    *(
        LossCase("mean_absolute_error", label, mean_absolute_error, shape, targets)
        for label, (shape, targets) in _ELEMENTS.items()
        if label in ("one output", "middle axis", "weighted", "masked")
    ),
    LossCase(
        "mean_absolute_error",
        "hits",
        mean_absolute_error,
        (2, 2),
        given([[1.0, 0.0], [-2.0, 3.0]]),
        given([[1.0, 0.0], [-1.0, 5.0]]),
        unsuited=ZERO_AT_THE_KINK,
    ),
    LossCase("huber", "both sides", huber(), (4, 3), lambda rng, shape: 2 * real(rng, shape)),
    LossCase("huber", "delta 0.3", huber(0.3), (3, 2, 3), real),
    LossCase("huber", "all inside", huber(10), (4, 1), real),
    LossCase("huber", "batch 1", huber(0.5), (1, 3), one_hot_int),
    LossCase("huber", "weighted", huber(0.5), (4, 3), weighted(real)),
    LossCase("huber", "masked", huber(0.5), (4, 3), masked(real)),
    LossCase(
        "huber",
        "at delta and 0",
        huber(0.5),
        (1, 3),
        given([[0.0, 0.0, 0.0]]),
        given([[0.5, -0.5, 0.0]]),
        unsuited=NEAR_A_BEND,
    ),
]

_MARGIN = [
    LossCase("hinge", "one output", hinge, (5, 1), signs),
    LossCase("hinge", "middle axis", hinge, (2, 2, 3), signs),
    LossCase("hinge", "float targets", hinge, (1, 4), lambda rng, shape: 1.0 * signs(rng, shape)),
    LossCase("hinge", "weighted elements", hinge, (4, 3), weighted_elements(signs)),
    LossCase("hinge", "masked", hinge, (4, 2), masked(lambda *given: 1.0 * signs(*given))),
    LossCase(
        "hinge",
        "at the margin",
        hinge,
        (2, 2),
        given([[1, -1], [1, -1]]),
        given([[1.0, -1.0], [0.5, -3.0]]),
        unsuited=HALF_OF_A_SLOPE,
    ),
    LossCase("multiclass_hinge", "labels", multiclass_hinge, (5, 4), labels),
    LossCase("multiclass_hinge", "batch 1", multiclass_hinge, (1, 3), labels),
    LossCase("multiclass_hinge", "middle axis", multiclass_hinge, (2, 2, 3), labels),
    LossCase("multiclass_hinge", "one class", multiclass_hinge, (2, 1), labels),
    LossCase("multiclass_hinge", "weighted", multiclass_hinge, (4, 3), weighted(labels)),
    LossCase("multiclass_hinge", "masked", multiclass_hinge, (4, 3), masked(labels)),
    LossCase(
        "multiclass_hinge",
        "at the margin",
        multiclass_hinge,
        (2, 3),
        given([0, 2]),
        given([[2.0, 1.0, 1.5], [0.0, 3.0, 1.0]]),
        unsuited=HALF_OF_A_SLOPE,
    ),
]

LOSSES = [*_COMMON, *_CROSS_ENTROPY, *_SMOOTHED, *_CODED, *_REGRESSION, *_MARGIN]
