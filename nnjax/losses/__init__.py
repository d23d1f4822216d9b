"""Losses. Only losses take a mean: `reduction.py` divides by the number of examples in the forward
pass, and by the same number in the backward pass.

Scores and targets have shape (batch, ..., outputs); the axes between batch and outputs count as
further examples. Classification takes whole-number labels (batch, ...) or a distribution over the
classes (batch, ..., classes), for instance one-hot. Every loss also takes
`Weighted(targets, weights)`.
"""

from nnjax.losses.cross_entropy import (
    binary_cross_entropy,
    categorical_cross_entropy,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from nnjax.losses.margin import hinge, multiclass_hinge
from nnjax.losses.reduction import Weighted
from nnjax.losses.regression import huber, mean_absolute_error, mean_squared_error
from nnjax.losses.smoothing import label_smoothing

__all__ = [
    "Weighted",
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "hinge",
    "huber",
    "label_smoothing",
    "mean_absolute_error",
    "mean_squared_error",
    "multiclass_hinge",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
]
