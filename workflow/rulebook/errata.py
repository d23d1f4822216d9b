"""Slips in the study's sources, each as it is printed and as it should be, for the verifier.

They are misprints in texts that are otherwise right (the code that goes with them works). A reader
who copies the line gets a wrong gradient.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

import nnjax as nn
from nnjax.verify import verify
from nnjax.verify.report import Report


class Erratum(NamedTuple):
    """What a source prints and what it means, both as functions that verify them."""

    name: str
    source: str
    printed: str
    meant: str
    remark: str
    printed_report: Callable[[], Report]
    meant_report: Callable[[], Report]


def _sigmoid_with(derivative: Callable[[Any], Any]) -> nn.Layer:
    right = nn.sigmoid()
    return right._replace(
        forward=lambda params, x, key=None: (right.forward((), x)[0], x),
        backward=lambda params, x, dy: ((), dy * derivative(x)),
    )


def _mlp_with(activation: nn.Layer) -> nn.Layer:
    return nn.serial(nn.dense(4), activation, nn.dense(3), activation)


def _leaky_where_its_derivative_belongs() -> nn.Layer:
    """The layer f(x) whose backward pass multiplies by f(x) instead of f'(x)."""
    right = nn.leaky_relu(0.1)
    return right._replace(
        forward=lambda params, x, key=None: (right.forward((), x)[0], x),
        backward=lambda params, x, dy: ((), dy * right.forward((), x)[0]),
    )


def _verified(rule: nn.Layer, shape: tuple[int, ...], loss: nn.Loss | None = None) -> Report:
    return verify(rule, shape, loss, name="as written", show=False)


s = jax.nn.sigmoid

ERRATA = [
    Erratum(
        "S1",
        "Sanchez Perez, equation 3.13",
        "s'(x) = s(x) / (1 - s(x))",
        "s'(x) = s(x) (1 - s(x))",
        "The next equation, 3.14, has it right; the division is a misprint.",
        lambda: _verified(_sigmoid_with(lambda x: s(x) / (1 - s(x))), (3,)),
        lambda: _verified(_sigmoid_with(lambda x: s(x) * (1 - s(x))), (3,)),
    ),
    Erratum(
        "M3",
        "mathspp, part 3, 'The general step' and the loop below it",
        "dbs.append(f(y) * dxs[-1])",
        "dbs.append(df(y) * dxs[-1])",
        "The steps before it and the article's final code use the derivative df. The general step "
        "also writes dL(xs[n-2], t) where dxs[n-2] belongs, which does not even have the right "
        "shape unless the layer is as wide as the output.",
        lambda: _verified(
            _mlp_with(_leaky_where_its_derivative_belongs()), (2,), nn.mean_squared_error
        ),
        lambda: _verified(_mlp_with(nn.leaky_relu(0.1)), (2,), nn.mean_squared_error),
    ),
]


def unbounded_cross_entropy() -> list[dict[str, float]]:
    """S2: cross-entropy is said to lie in [0, 1]; its values for one example of 26 classes.

    Returns:
        The probability given to the right class, and the loss.
    """
    rows = []
    for p in (0.9, 1 / math.e, 1 / 26, 1e-3, 1e-9):
        probabilities = np.full((1, 26), (1 - p) / 25, np.float32)
        probabilities[0, 0] = p
        J, _ = nn.categorical_cross_entropy.forward(jax.numpy.asarray(probabilities), np.array([0]))
        rows.append({"probability": p, "loss": float(J)})
    return rows
