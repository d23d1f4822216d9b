"""Cases of `jax.nn`."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import nn

from workflow.ecosystem.case import FieldCase, P, X, Y, normal

PACKAGE = "jax.nn"

_ELEMENTWISE = (
    "celu", "elu", "gelu", "hard_sigmoid", "hard_silu", "hard_tanh", "identity", "leaky_relu",
    "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_sign", "softplus",
    "sparse_plus", "sparse_sigmoid", "squareplus", "tanh",
)  # fmt: skip
_ROWWISE = ("glu", "log_softmax", "logmeanexp", "logsumexp", "softmax", "standardize")

# The first row has one entry, the second two, the last all.
_SOME = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]], bool)
_QUERY, _KEY, _VALUE = (normal(1, 3, 2, 4, seed=seed) for seed in range(3))
_MASK = np.tril(np.ones((3, 3), bool))


def _attention(label: str, **options: Any) -> FieldCase:
    def dot_product_attention(query: Any, key: Any, value: Any) -> Any:
        return nn.dot_product_attention(query, key, value, **options)

    of = "dot_product_attention"
    return FieldCase(PACKAGE, of, dot_product_attention, (_QUERY, _KEY, _VALUE), label)


def _masked(name: str, f: Callable[..., jax.Array]) -> FieldCase:
    return FieldCase(PACKAGE, name, lambda x: f(x, axis=-1, where=_SOME), (X,), "axis -1, where")


def _stable(x: Any) -> Any:
    standardize: Any = nn.standardize  # its stub lacks the argument
    return standardize(x, algorithm="stable")


CASES = [
    *(FieldCase(PACKAGE, name, getattr(nn, name), (X,)) for name in _ELEMENTWISE + _ROWWISE),
    FieldCase(PACKAGE, "gelu", lambda x: nn.gelu(x, approximate=False), (X,), "exact"),
    FieldCase(PACKAGE, "leaky_relu", lambda x: nn.leaky_relu(x, -0.5), (X,), "slope -0.5"),
    FieldCase(PACKAGE, "celu", lambda x, a: nn.celu(x, a**2 + 0.5), (X, Y), "alpha = a² + 1/2"),
    FieldCase(PACKAGE, "elu", nn.elu, (X, P), "alpha differentiated too"),
    FieldCase(PACKAGE, "standardize", _stable, (X,), "stable"),
    FieldCase(PACKAGE, "squareplus", nn.squareplus, (X, P), "b differentiated too"),
    FieldCase(PACKAGE, "log1mexp", nn.log1mexp, (P,)),
    FieldCase(PACKAGE, "logsumexp", lambda x, b: nn.logsumexp(x, b=b, axis=-1), (X, P), "weights"),
    FieldCase(
        PACKAGE,
        "logsumexp",
        lambda x, b: nn.logsumexp(x, b=b, axis=-1, return_sign=True)[0],
        (X, Y),
        "weights of both signs, return_sign",
    ),
    _masked("logsumexp", nn.logsumexp),
    _masked("logmeanexp", nn.logmeanexp),
    _masked("softmax", nn.softmax),
    FieldCase(PACKAGE, "log_softmax", lambda x: nn.log_softmax(x, axis=0), (X,), "axis 0"),
    _masked("standardize", nn.standardize),
    _attention(""),
    _attention("causal", is_causal=True),
    _attention("mask", mask=_MASK[None, None]),
    _attention("mask with an empty row", mask=np.tril(np.ones((3, 3), bool), -1)[None, None]),
    _attention("window", local_window_size=(1, 0)),
    FieldCase(
        PACKAGE,
        "dot_product_attention",
        lambda query, key, value, bias: nn.dot_product_attention(query, key, value, bias),
        (_QUERY, _KEY, _VALUE, normal(1, 2, 3, 3)),
        "bias differentiated too",
    ),
]

LEFT_OUT = {
    "hard_swish": "another name of hard_silu",
    "swish": "another name of silu",
    "one_hot": "takes whole numbers",
    "initializers": "a module",
    "get_scaled_dot_general_config": "makes settings",
    "scaled_dot_general": "rounds to blocks of 8 bits and means to ignore that in its derivative",
    "scaled_matmul": "rounds to blocks of 8 bits",
}
