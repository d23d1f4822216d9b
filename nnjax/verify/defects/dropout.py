"""Mistakes in dropout."""

from typing import Any

import jax
import jax.numpy as jnp

from nnjax.core import Layer
from nnjax.layers.dropout import dropout
from nnjax.verify.case import Defect, Draw, LayerCase, normal
from nnjax.verify.cases.dropout import zeros

_RIGHT = dropout(0.2)


def _case(
    label: str, backward: Any, inputs: Draw = normal, forward: Any = _RIGHT.forward
) -> LayerCase:
    wrong = Layer(_RIGHT.init, forward, backward)
    return LayerCase("dropout", label, wrong, (5,), inputs=inputs, training=True)


def _with_input(params: Any, x: Any, key: Any = None) -> Any:
    y, _ = _RIGHT.forward(params, x, key)
    return y, (x, y)


def _ratio(params: Any, residuals: Any, dy: Any) -> Any:
    x, y = residuals
    return (), jnp.where(x == 0, dy, y / jnp.where(x == 0, 1.0, x) * dy)


def _another_mask(params: Any, residuals: Any, dy: Any) -> Any:
    mask = jax.random.bernoulli(jax.random.key(0), jnp.float32(0.8), dy.shape)
    return (), jnp.where(mask, dy / 0.8, 0.0)


DEFECTS = [
    Defect(
        "the error signal is scaled, but the mask is not applied",
        "numpy-ml issue 94",
        _case("no mask", lambda params, residuals, dy: ((), dy / 0.8)),
    ),
    Defect(
        "the mask is applied, but the error signal is not scaled",
        "forward and backward written at different times, for different conventions of dropout",
        _case("no scale", lambda params, residuals, dy: ((), jnp.where(residuals[0], dy, 0.0))),
    ),
    Defect(
        "backward ignores dropout",
        "rohitg00/ai-engineering-from-scratch pull request 17: dropped units keep learning",
        _case("copied", lambda params, residuals, dy: ((), dy)),
    ),
    Defect(
        "backward draws another mask",
        "Benny-Nottonson/voodoo issue 19: random numbers must be saved, not drawn again",
        _case("another mask", _another_mask),
    ),
    Defect(
        "the mask is reconstructed as y / x, and x = 0 counts as kept",
        "kaldi issue 3890; after a relu half of the inputs are 0",
        _case("y / x", _ratio, inputs=zeros, forward=_with_input),
    ),
    Defect(
        "divided by the rate, not by 1 - rate",
        "rate is the probability of keeping in stax but of dropping elsewhere: jax issue 849",
        _case(
            "by the rate",
            lambda params, residuals, dy: ((), jnp.where(residuals[0], dy / 0.2, 0.0)),
        ),
    ),
]
