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
from nnjax.verify.cases.activations import KINK, ROUNDED, at_zero, between

_s = jax.nn.sigmoid


def _x(x: Any) -> Any:
    return x


def _case(
    of: str,
    label: str,
    right: Layer,
    derivative: Callable[[Any], Any],
    inputs: Draw = normal,
    saved: Callable[[Any], Any] | None = None,
    unsuited: dict[str, str] | None = None,
) -> LayerCase:
    """The layer with another derivative, a function of its residual or of `saved(x)`."""

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
        "sigmoid′ = s / (1 - s)",
        "Sanchez Perez's thesis, eq. 3.13: a misprint of s (1 - s), which eq. 3.14 has",
        _case("sigmoid", "s / (1 - s)", sigmoid(), lambda x: _s(x) / _s(-x), saved=_x),
    ),
    Defect(
        "f in place of f′",
        "an article on a network from scratch multiplies by fs(y) in its general step",
        _case("sigmoid", "f for f′", sigmoid(), _s, saved=_x),
    ),
    Defect(
        "f′ at the output y instead of x",
        "neural2d issue 40: s′ is evaluated at the neuron's output, which is already s(x)",
        _case("sigmoid", "f′ of y", sigmoid(), lambda y: _s(y) * _s(-y), saved=_s),
    ),
    Defect(
        "sigmoid′ = s (1 - s), which is 0 if s is rounded to 1",
        "the rule of jax.nn.sigmoid and of PyTorch: a correct formula that loses its digits",
        _case(
            "sigmoid",
            "s (1 - s)",
            sigmoid(),
            lambda x: _s(x) * (1 - _s(x)),
            inputs=between(18, 40),
            saved=_x,
            unsuited=ROUNDED,
        ),
    ),
    Defect(
        "tanh′ = 1 + tanh²",
        "requested in neural-network-from-scratch issue 2 and nicodjimenez/lstm issue 41: tan′ "
        "confused with tanh′",
        _case("tanh", "1 + tanh²", tanh(), lambda x: 1 + jnp.tanh(x) ** 2),
    ),
    Defect(
        "tanh′ = 1 - x², with the input instead of the output",
        "requested in lazyprogrammer/facial-expression-recognition issue 2",
        _case("tanh", "1 - x²", tanh(), lambda x: 1 - x**2),
    ),
    Defect(
        "relu′(0) = 1/2",
        "jnp.maximum(x, 0) splits the slope between its arguments at a tie: jax issue 37821",
        _case(
            "relu",
            "maximum",
            relu(),
            lambda x: jnp.where(x == 0, 0.5, jnp.where(x > 0, 1.0, 0.0)),
            inputs=at_zero,
            unsuited=KINK,
            saved=_x,
        ),
    ),
    Defect(
        "leaky_relu with slope 0 passes every error signal",
        "chainer pull request 5898: leaky_relu(slope=0) had the gradient 1 everywhere",
        _case("leaky_relu", "slope 0", leaky_relu(0.0), lambda mask: jnp.ones_like(mask)),
    ),
    Defect(
        "leaky_relu with a negative slope uses the sign of y for that of x",
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
        "elu′ = elu(y) + α instead of y + α",
        "proposed in mlpack pull request 1540, found in its review",
        _case(
            "elu",
            "elu(y) + α",
            elu(2.0),
            lambda y: jnp.where(y > 0, 1.0, 2.0 * jnp.expm1(jnp.minimum(y, 0.0)) + 2.0),
            saved=lambda x: elu(2.0).forward((), x)[0],
        ),
    ),
    Defect(
        "elu with a negative α uses the sign of y for that of x",
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
        "elu′ as the sum of both branches, one of them multiplied by 0",
        "mxnet pull request 14673: at x = 100 in float32 this is 0 * inf, NaN",
        _case(
            "elu",
            "0 * inf",
            elu(),
            lambda x: (1 + jnp.sign(x) + (1 - jnp.sign(x)) * jnp.exp(x)) / 2,
            inputs=between(100, 1000),
        ),
    ),
    Defect(
        "elu′ = y + α, which is 0 if y is rounded to -α",
        "tensorflow issue 124833: 0 instead of 4.2e-18 at x = -40; in float32 it is 0 at x = -18",
        _case(
            "elu",
            "y + α",
            elu(),
            lambda x: jnp.where(x > 0, 1.0, jnp.expm1(x) + 1),
            inputs=lambda rng, shape: -18 - rng.uniform(size=shape),
            unsuited={
                "jax.grad": "makes the same mistake",
                "dot test": "makes the same mistake",
                "central differences": "they subtract outputs that are rounded to the same number",
            },
        ),
    ),
    Defect(
        "softplus′ = 1 above a low threshold",
        "PyTorch issue 61568: 1.0 instead of 0.694 with the threshold at 1",
        _case("softplus", "threshold", softplus(), lambda x: jnp.where(x > 1, 1.0, _s(x))),
    ),
    Defect(
        "softplus′ = exp(x) / (1 + exp(x)), which is inf / inf for large x",
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
        "both are called gelu: jax.nn.gelu uses the tanh form by default, torch.nn.GELU the exact",
        _case(
            "gelu",
            "tanh for exact",
            gelu(),
            lambda x: gelu(approximate=True).backward((), x, jnp.ones_like(x))[1],
        ),
    ),
    Defect(
        "gelu′ = Φ(x), without x φ(x)",
        "the product rule forgotten; relu, the limit of gelu, has no such term",
        _case("gelu", "no x φ", gelu(), lambda x: 0.5 * (1 + jax.lax.erf(x / math.sqrt(2)))),
    ),
    Defect(
        "the tanh form of gelu with 1 + tanh(u), which is 0 if tanh(u) is rounded to -1",
        "tenstorrent/tt-metal issue 56517: all digits are lost for x < -6 in float32",
        _case(
            "gelu",
            "1 + tanh",
            gelu(approximate=True),
            _gelu_by_tanh,
            inputs=lambda rng, shape: -5 - 2 * rng.uniform(size=shape),
        ),
    ),
    Defect(
        "silu′ with s = y / x, which is 0 / 0 at x = 0",
        "suggested in the review of candle pull request 1706; 2083 corrects the slope of silu at 0",
        _case(
            "silu",
            "y / x",
            silu(),
            lambda x: (lambda s: s * (1 + x * (1 - s)))(x * _s(x) / x),
            inputs=at_zero,
        ),
    ),
    Defect(
        "silu′ = s + s (1 - s), without the factor x",
        "the product rule applied only in part",
        _case("silu", "no x", silu(), lambda x: _s(x) + _s(x) * _s(-x)),
    ),
]
