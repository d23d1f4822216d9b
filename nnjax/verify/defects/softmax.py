"""Mistakes in softmax and log_softmax."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from nnjax.core import Shape
from nnjax.layers.softmax import log_softmax, softmax
from nnjax.verify.case import Defect, Draw, LayerCase, normal
from nnjax.verify.cases.softmax import gap


def _softmax(
    label: str, rule: Callable[[Any, Any], Any], shape: Shape = (3,), inputs: Draw = normal
) -> LayerCase:
    """softmax with dx = rule(y, dy)."""
    wrong = softmax()._replace(backward=lambda params, y, dy: ((), rule(y, dy)))
    return LayerCase("softmax", label, wrong, shape, inputs=inputs)


def _log_softmax(
    label: str, rule: Callable[[Any, Any], Any], shape: Shape = (3,), inputs: Draw = normal
) -> LayerCase:
    """log_softmax with dx = rule(y, dy)."""
    right = log_softmax()

    def forward(params: Any, x: Any, key: Any = None) -> Any:
        y, _ = right.forward(params, x)
        return y, y

    wrong = right._replace(forward=forward, backward=lambda params, y, dy: ((), rule(y, dy)))
    return LayerCase("log_softmax", label, wrong, shape, inputs=inputs)


def _by_way_of_p(y: Any, dy: Any) -> Any:
    p = jnp.exp(y)
    dp = dy / p
    return p * (dp - jnp.sum(dp * p, axis=-1, keepdims=True))


DEFECTS = [
    Defect(
        "softmax: only the diagonal of the Jacobian, y (1 - y)",
        "libnd4j issue 440, RoboticsClubIITJ/ML-DL-implementation pull request 153",
        _softmax("diagonal", lambda y, dy: dy * y * (1 - y)),
    ),
    Defect(
        "softmax: the sum is not subtracted",
        "HomericIntelligence/Odyssey issue 2134; cTensor pull request 31",
        _softmax("no sum", lambda y, dy: dy * y),
    ),
    Defect(
        "softmax: dx = dy",
        "darknet pull request 96: correct only for a cross-entropy that includes the softmax",
        _softmax("copied", lambda y, dy: dy),
    ),
    Defect(
        "softmax: the sum is over the whole array, not over the classes of each example",
        "correct for a batch of 1, often the only one tested",
        _softmax("sum over all", lambda y, dy: y * (dy - jnp.sum(dy * y))),
    ),
    Defect(
        "softmax: the sum is over the middle axis",
        "an axis counted from the front, correct only for inputs (batch, classes)",
        _softmax(
            "axis 1",
            lambda y, dy: y * (dy - jnp.sum(dy * y, axis=1, keepdims=True)),
            shape=(2, 3),
        ),
    ),
    Defect(
        "log_softmax: dx = dy - Σ dy y",
        "oneDNN issue 616: the rule of softmax with y = log p",
        _log_softmax("dy . y", lambda y, dy: dy - jnp.sum(dy * y, axis=-1, keepdims=True)),
    ),
    Defect(
        "log_softmax: dx = dy + p, as if Σ dy = -1",
        "mlpack issues 2360 and 3468: correct only for the negative log-likelihood of one label",
        _log_softmax("dy + p", lambda y, dy: dy + jnp.exp(y)),
    ),
    Defect(
        "log_softmax by way of the probabilities: 0 / 0 if one is rounded to 0",
        "log(softmax(x)) composed of two correct rules; at a gap of 1e4 its gradient is NaN",
        _log_softmax("by way of p", _by_way_of_p, inputs=gap(1e4)),
    ),
]
