"""What the tests of losses share: all losses, and inputs that suit them."""

from typing import Any

import jax
import numpy as np
import optax
from promises import compiled_loss

import nnjax as nn
from nnjax.codes import coded_cross_entropy
from nnjax.losses import (
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

CLASSES = {
    "softmax_cross_entropy": softmax_cross_entropy,
    "categorical_cross_entropy": categorical_cross_entropy,
    "multiclass_hinge": multiclass_hinge,
    "label_smoothing": label_smoothing(softmax_cross_entropy, 0.1),
    "coded_cross_entropy": coded_cross_entropy(np.eye(3)),
}
ELEMENTS = {
    "sigmoid_cross_entropy": sigmoid_cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "mean_squared_error": mean_squared_error,
    "mean_absolute_error": mean_absolute_error,
    "huber": huber(0.1),
    "hinge": hinge,
}
LOSSES = CLASSES | ELEMENTS


def both(loss: nn.Loss, scores: Any, targets: Any) -> tuple[float, np.ndarray]:
    """J and dscores, compiled."""
    J, dscores = compiled_loss(loss, np.asarray(scores), jax.tree.map(np.asarray, targets))
    return float(J), np.asarray(dscores)


def problem(name: str, rows: int = 6, seed: int = 0) -> tuple[nn.Loss, np.ndarray, np.ndarray]:
    """A loss with scores and targets (rows, ...) that suit it."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.1, 0.9, size=(rows, 3))
    if name in CLASSES:
        return LOSSES[name], p / p.sum(-1, keepdims=True), rng.integers(3, size=rows)
    if name == "hinge":
        return hinge, p, rng.choice([-1.0, 1.0], size=(rows, 3))
    return LOSSES[name], p, rng.uniform(size=(rows, 3))


# --- training a dense layer on twelve rows --------------------------------------------------------

_rng = np.random.default_rng(7)
X, LABELS = _rng.normal(size=(12, 2)), _rng.integers(3, size=12)


def train(
    loss: nn.Loss, data: Any, outputs: int = 3, **settings: Any
) -> tuple[nn.Dense, nn.History]:
    params, _ = nn.dense(outputs).init(jax.random.key(0), (2,))
    optimizer = optax.sgd(0.5)
    settings = {"epochs": 3, "batch_size": 12} | settings
    return nn.fit(nn.dense(outputs), loss, optimizer, params, data, **settings)
