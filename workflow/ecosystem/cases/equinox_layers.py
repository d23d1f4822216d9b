"""Cases of `equinox.nn`: each layer's parameters and its input are differentiated."""

import importlib
from importlib.util import find_spec
from typing import Any

import jax

from workflow.ecosystem.case import FieldCase, named, normal

PACKAGE = "equinox.nn"


def _layers(nn: Any) -> list[tuple[str, str, Any, tuple[Any, ...]]]:
    """Name, label, layer and inputs (no batch: Equinox maps over it by vmap)."""
    key = jax.random.key(0)
    line, plane = normal(2, 5), normal(2, 4, 4)
    return [
        ("Linear", "", nn.Linear(4, 3, key=key), (normal(4),)),
        ("MLP", "relu", nn.MLP(4, 2, 3, 1, key=key), (normal(4),)),
        ("Conv1d", "", nn.Conv1d(2, 3, 3, key=key), (line,)),
        ("Conv2d", "stride 2, padding 1", nn.Conv2d(2, 2, 3, 2, 1, key=key), (plane,)),
        ("ConvTranspose1d", "stride 2", nn.ConvTranspose1d(2, 3, 3, 2, key=key), (line,)),
        ("LayerNorm", "", nn.LayerNorm(4), (normal(4),)),
        ("LayerNorm", "axes 2 x 5", nn.LayerNorm((2, 5)), (line,)),
        ("RMSNorm", "", nn.RMSNorm(4), (normal(4),)),
        ("GroupNorm", "2 groups of 4 channels", nn.GroupNorm(2, 4), (normal(4, 3),)),
        ("MultiheadAttention", "", nn.MultiheadAttention(2, 4, key=key), (normal(3, 4),) * 3),
        ("GRUCell", "", nn.GRUCell(3, 4, key=key), (normal(3), normal(4))),
        ("LSTMCell", "", nn.LSTMCell(3, 4, key=key), (normal(3), (normal(4), normal(4, seed=1)))),
        ("PReLU", "", nn.PReLU(), (normal(3, 4),)),
        ("AvgPool1d", "", nn.AvgPool1d(2, 2), (line,)),
        ("AvgPool2d", "", nn.AvgPool2d(2, 1), (plane,)),
        ("MaxPool1d", "", nn.MaxPool1d(2, 2), (line,)),
        ("MaxPool2d", "overlapping", nn.MaxPool2d(2, 1), (plane,)),
        ("AdaptiveAvgPool1d", "", nn.AdaptiveAvgPool1d(2), (line,)),
        ("AdaptiveMaxPool1d", "", nn.AdaptiveMaxPool1d(2), (line,)),
        ("RotaryPositionalEmbedding", "", nn.RotaryPositionalEmbedding(4), (normal(3, 4),)),
        ("WeightNorm", "of Linear", nn.WeightNorm(nn.Linear(4, 3, key=key)), (normal(4),)),
    ]


def _cases() -> list[FieldCase]:
    if not find_spec("equinox"):
        return []
    eqx = importlib.import_module("equinox")

    def case(name: str, label: str, layer: Any, inputs: tuple[Any, ...]) -> FieldCase:
        arrays, rest = eqx.partition(layer, eqx.is_array)
        parameters, put_back = named(arrays)

        def apply(layer: dict[str, Any], *inputs: Any) -> Any:
            return eqx.combine(put_back(layer), rest)(*inputs)

        return FieldCase(PACKAGE, name, apply, (parameters, *inputs), label)

    return [case(*row) for row in _layers(eqx.nn)]


CASES = _cases()

_STATE = "makes or holds state"
LEFT_OUT = {
    **dict.fromkeys(("BatchNorm", "SpectralNorm"), "keeps a state between calls"),
    **dict.fromkeys(("State", "StateIndex", "StatefulLayer"), _STATE),
    **dict.fromkeys(("delete_init_state", "make_with_state", "inference_mode", "Shared"), _STATE),
    **dict.fromkeys(("Lambda", "Sequential", "Identity"), "made of other functions"),
    **dict.fromkeys(("Conv", "ConvTranspose", "Pool", "AdaptivePool"), "base of those above"),
    **dict.fromkeys(
        ("Conv3d", "ConvTranspose2d", "ConvTranspose3d", "AvgPool3d", "MaxPool3d"),
        "as in fewer dimensions",
    ),
    **dict.fromkeys(
        ("AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d"),
        "as in fewer dimensions",
    ),
    "Dropout": "random",
    "Embedding": "takes whole numbers",
}
