"""Mistakes in activation functions."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from nnjax.core import Layer
from nnjax.layers.activations import (
    elu,
    gelu,
    leaky_relu,
    relu,
    sigmoid,
    silu,
    softplus,
    tanh,
)
from nnjax.verify.case import Defect, Draw, LayerCase, normal
from nnjax.verify.cases.activations import JAX_SATURATES, at_zero, between

_s = jax.nn.sigmoid


def _case(
    of: str,
    label: str,
    right: Layer,
    derivative: Callable[[Any], Any],
    inputs: Draw = normal,
    saved: Callable[[Any], Any] | None = None,
    unsuited: dict[str, str] | None = None,
) -> LayerCase:
    """The layer with another f', of its residual or of what `saved` makes of x."""

    def forward(params: Any, x: Any, key: Any = None) -> Any:
        y, residuals = right.forward(params, x)
        return y, saved(x) if saved else residuals

    wrong = right._replace(
        forward=forward,
        backward=lambda params, residuals, dy: (
            (),
            dy * derivative(residuals).astype(dy.dtype),
        ),
    )
    return LayerCase(of, label, wrong, (3,), inputs=inputs, unsuited=unsuited or {})


def _gelu_by_tanh(x: Any) -> Any:
    c, cubic = math.sqrt(2 / math.pi), 0.044715
    t = jnp.tanh(c * (x + cubic * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * cubic * x * x)


DEFECTS = [
    Defect(
        "sigmoid' = s / (1 - s)",
        "Sanchez Perez's thesis, eq. 3.13, a misprint for the s (1 - s) of eq. 3.14",
        _case("sigmoid", "s / (1 - s)", sigmoid(), lambda x: _s(x) / _s(-x)),
    ),
    Defect(
        "f where f' belongs",
        "an article on a network from scratch multiplies by fs(y) in its general step",
        _case("sigmoid", "f for f'", sigmoid(), _s),
    ),
    Defect(
        "f' of the output y in place of x",
        "neural2d issue 40: s' is given the neuron's output, which has been through s already",
        _case("sigmoid", "f' of y", sigmoid(), lambda y: _s(y) * _s(-y), saved=_s),
    ),
    Defect(
        "sigmoid' = s (1 - s), which is 0 once s has rounded to 1",
        "JAX's own rule of jax.nn.sigmoid, and PyTorch's: a right formula whose digits are gone",
        _case(
            "sigmoid",
            "s (1 - s)",
            sigmoid(),
            lambda x: _s(x) * (1 - _s(x)),
            inputs=between(18, 40),
            unsuited=JAX_SATURATES,
        ),
    ),
    Defect(
        "tanh' = 1 + tanh^2",
        "neural-network-from-scratch issue 2 and nicodjimenez/lstm issue 41 ask for this: tan' is "
        "taken for tanh'",
        _case("tanh", "1 + tanh^2", tanh(), lambda x: 1 + jnp.tanh(x) ** 2),
    ),
    Defect(
        "tanh' = 1 - x^2, of the input in place of the output",
        "asked for in lazyprogrammer/facial-expression-recognition issue 2",
        _case("tanh", "1 - x^2", tanh(), lambda x: 1 - x**2),
    ),
    Defect(
        "relu'(0) is 1/2",
        "jnp.maximum(x, 0) shares the slope between its arguments where they tie: jax issue 37821",
        _case(
            "relu",
            "maximum",
            relu(),
            lambda x: jnp.where(x == 0, 0.5, jnp.where(x > 0, 1.0, 0.0)),
            inputs=at_zero,
            saved=lambda x: x,
        ),
    ),
    Defect(
        "leaky_relu with slope 0 lets every error signal through",
        "chainer pull request 5898: leaky_relu(slope=0) had the gradient 1 everywhere",
        _case("leaky_relu", "slope 0", leaky_relu(0.0), lambda mask: jnp.ones_like(mask)),
    ),
    Defect(
        "leaky_relu with a negative slope takes the sign of y for that of x",
        "PyTorch issue 31938 (leaky_relu_ in place), burn pull request 1208",
        _case(
            "leaky_relu",
            "sign of y",
            leaky_relu(-2.0),
            lambda y: jnp.where(y > 0, 1.0, -2.0),
            saved=lambda x: leaky_relu(-2.0).forward((), x)[0],
        ),
    ),
    Defect(
        "elu' = elu(y) + alpha, of the output in place of y + alpha",
        "proposed in mlpack pull request 1540, found in its review",
        _case(
            "elu",
            "elu(y) + alpha",
            elu(2.0),
            lambda y: jnp.where(y > 0, 1.0, 2.0 * jnp.expm1(jnp.minimum(y, 0.0)) + 2.0),
            saved=lambda x: elu(2.0).forward((), x)[0],
        ),
    ),
    Defect(
        "elu with a negative alpha takes the sign of y for that of x",
        "PyTorch issue 47671: slope 1 at x = -1 and -2",
        _case(
            "elu",
            "sign of y",
            elu(-2.0),
            lambda y: jnp.where(y > 0, 1.0, y - 2.0),
            saved=lambda x: elu(-2.0).forward((), x)[0],
        ),
    ),
    Defect(
        "elu' as the sum of both branches, one times 0",
        "mxnet pull request 14673: at x = 100 in float32 that is 0 * inf, NaN",
        _case(
            "elu",
            "0 * inf",
            elu(),
            lambda x: (1 + jnp.sign(x) + (1 - jnp.sign(x)) * jnp.exp(x)) / 2,
            inputs=between(100, 1000),
        ),
    ),
    Defect(
        "elu' = y + alpha, which is 0 once y has rounded to -alpha",
        "tensorflow issue 124833: 0 for 4.2e-18 at x = -40. Found in float32, where it is 0 at -18",
        _case(
            "elu",
            "y + alpha",
            elu(),
            lambda x: jnp.where(x > 0, 1.0, jnp.expm1(x) + 1),
            inputs=lambda rng, shape: -18 - rng.uniform(size=shape),
            unsuited={
                "jax.grad": "makes the same mistake",
                "dot test": "makes the same mistake",
                "central differences": "they subtract outputs that have rounded to the same number",
            },
        ),
    ),
    Defect(
        "softplus' is 1 above a low threshold",
        "PyTorch issue 61568: 1.0 for 0.694 with the threshold at 1",
        _case("softplus", "threshold", softplus(), lambda x: jnp.where(x > 1, 1.0, _s(x))),
    ),
    Defect(
        "softplus' = exp(x) / (1 + exp(x)), inf / inf far out",
        "the textbook form; lightning-thunder pull request 2624 had such a NaN in silu",
        _case(
            "softplus",
            "inf / inf",
            softplus(),
            lambda x: jnp.exp(x) / (1 + jnp.exp(x)),
            inputs=between(200, 1000),
        ),
    ),
    Defect(
        "the derivative of the tanh form of gelu for the exact form",
        "both are called gelu: jax.nn.gelu takes the tanh form, torch.nn.GELU the exact one",
        _case(
            "gelu",
            "tanh for exact",
            gelu(),
            lambda x: gelu(approximate=True).backward((), x, jnp.ones_like(x))[1],
        ),
    ),
    Defect(
        "gelu' = Phi(x), without x phi(x)",
        "the product rule forgotten; relu, its limit, has no such term",
        _case("gelu", "no x phi", gelu(), lambda x: 0.5 * (1 + jax.lax.erf(x / math.sqrt(2)))),
    ),
    Defect(
        "the tanh form of gelu with 1 + tanh(u), which is 0 once tanh(u) has rounded to -1",
        "tenstorrent/tt-metal issue 56517: all digits gone for x < -6 in float32",
        _case(
            "gelu",
            "1 + tanh",
            gelu(approximate=True),
            _gelu_by_tanh,
            inputs=lambda rng, shape: -5 - 2 * rng.uniform(size=shape),
        ),
    ),
    Defect(
        "silu' with s = y / x, 0 / 0 at x = 0",
        "suggested in the review of candle pull request 1706; request 2083 mends silu's slope at 0",
        _case(
            "silu",
            "y / x",
            silu(),
            lambda x: (lambda s: s * (1 + x * (1 - s)))(x * _s(x) / x),
            inputs=at_zero,
        ),
    ),
    Defect(
        "silu' = s + s (1 - s), without the factor x",
        "the product rule half done",
        _case("silu", "no x", silu(), lambda x: _s(x) + _s(x) * _s(-x)),
    ),
]
