"""Cases of `flax.nnx`: each layer's parameters and its input are differentiated."""

import importlib
from importlib.util import find_spec
from typing import Any

import jax

from workflow.ecosystem.case import FieldCase, named, normal

PACKAGE = "flax.nnx"


def _layers(nnx: Any) -> list[tuple[str, str, Any, tuple[Any, ...]]]:
    """Name, label, layer and inputs; the first axis is the batch."""
    rngs = nnx.Rngs(0)
    rows, line, plane = normal(3, 4), normal(1, 5, 2), normal(1, 4, 4, 2)
    state = normal(1, 4), normal(1, 4, seed=1)
    attention = nnx.MultiHeadAttention(2, 4, decode=False, rngs=rngs)
    return [
        ("Linear", "", nnx.Linear(4, 3, rngs=rngs), (rows,)),
        ("LinearGeneral", "", nnx.LinearGeneral(4, (2, 3), rngs=rngs), (rows,)),
        ("Einsum", "", nnx.Einsum("ij,jk->ik", (4, 3), (3,), rngs=rngs), (rows,)),
        ("Conv", "", nnx.Conv(2, 3, (3,), rngs=rngs), (line,)),
        ("Conv", "2d, stride 2", nnx.Conv(2, 2, (3, 3), 2, rngs=rngs), (plane,)),
        ("ConvTranspose", "stride 2", nnx.ConvTranspose(2, 3, (3,), 2, rngs=rngs), (line,)),
        ("LayerNorm", "", nnx.LayerNorm(4, rngs=rngs), (rows,)),
        (
            "LayerNorm",
            "two-pass variance",
            nnx.LayerNorm(4, use_fast_variance=False, rngs=rngs),
            (rows,),
        ),
        ("RMSNorm", "", nnx.RMSNorm(4, rngs=rngs), (rows,)),
        ("GroupNorm", "2 groups", nnx.GroupNorm(4, 2, rngs=rngs), (normal(2, 3, 4),)),
        ("InstanceNorm", "", nnx.InstanceNorm(2, rngs=rngs), (line,)),
        ("BatchNorm", "training", nnx.BatchNorm(4, rngs=rngs), (rows,)),
        (
            "BatchNorm",
            "running statistics",
            nnx.BatchNorm(4, use_running_average=True, rngs=rngs),
            (rows,),
        ),
        ("MultiHeadAttention", "", attention, (normal(1, 3, 4),)),
        ("SimpleCell", "", nnx.SimpleCell(3, 4, rngs=rngs), (state[0], normal(1, 3))),
        ("GRUCell", "", nnx.GRUCell(3, 4, rngs=rngs), (state[0], normal(1, 3))),
        ("LSTMCell", "", nnx.LSTMCell(3, 4, rngs=rngs), (state, normal(1, 3))),
        ("OptimizedLSTMCell", "", nnx.OptimizedLSTMCell(3, 4, rngs=rngs), (state, normal(1, 3))),
        ("PReLU", "", nnx.PReLU(), (rows,)),
        ("LoRA", "", nnx.LoRA(4, 2, 3, rngs=rngs), (rows,)),
    ]


def _cases() -> list[FieldCase]:
    if not find_spec("flax"):
        return []
    nnx = importlib.import_module("flax.nnx")

    def case(name: str, label: str, layer: Any, inputs: tuple[Any, ...]) -> FieldCase:
        graph, state, rest = nnx.split(layer, nnx.Param, ...)
        parameters, put_back = named(state)
        arrays, structure = jax.tree.flatten(rest)

        def apply(layer: dict[str, Any], *inputs: Any) -> Any:
            # Flax writes running statistics into the state, in their own precision.
            dtype = jax.tree.leaves(inputs)[0].dtype
            own = structure.unflatten([a.astype(dtype) for a in arrays])
            return nnx.merge(graph, put_back(layer), own)(*inputs)

        return FieldCase(PACKAGE, name, apply, (parameters, *inputs), label)

    def pool(name: str, *args: Any, label: str = "", **options: Any) -> FieldCase:
        f = getattr(nnx, name)
        return FieldCase(PACKAGE, name, lambda x: f(x, *args, **options), (normal(1, 5, 2),), label)

    query, key, value = (normal(1, 3, 2, 4, seed=seed) for seed in range(3))
    return [
        *(case(*row) for row in _layers(nnx)),
        pool("avg_pool", (2,), label="window 2"),
        pool("max_pool", (2,), (2,), label="window 2, stride 2"),
        pool("max_pool", (2,), label="window 2, overlapping"),
        pool("min_pool", (2,), (2,), label="window 2, stride 2"),
        FieldCase(PACKAGE, "dot_product_attention", nnx.dot_product_attention, (query, key, value)),
    ]


CASES = _cases()

LEFT_OUT = {
    "BatchNorm's running statistics": "a state, held constant",
    "Bidirectional, RNN, Sequential": "made of other layers",
    "Dropout": "random",
    "Embed": "takes whole numbers",
    "SpectralNorm, WeightNorm, LoRALinear": "not tried",
}
