"""What a hand-derived backward pass costs: forward and backward of every block, ours / JAX's own.

Both are compiled functions (params, x, dy) -> (y, dparams, dx), called in turn in one process, so
that whatever else the machine does hits both; times are medians, the ratio is the median of the
pairs' ratios, with its quartiles. Memory is what the compiled program holds at most besides its
arguments, as the compiler reports it.
"""

import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import nnjax as nn
from workflow.lib import job
from workflow.lib.machine import cores
from workflow.lib.tables import write_text

PAIRS = 25
"""Calls of each of the two."""

SECONDS = 0.02
"""A call that is shorter is repeated until it takes so long: clocks and threads jitter."""


class Case(NamedTuple):
    """A block at the size of a small real network, on `batch` inputs of shape `in_shape`."""

    name: str
    layer: nn.Layer
    in_shape: tuple[int, ...]
    batch: int = 64
    ids: int = 0


ROW, SEQUENCE, IMAGE = (512,), (64, 128), (28, 28, 16)
MLP = nn.serial(nn.dense(512), nn.relu(), nn.dense(512), nn.relu(), nn.dense(26))
CNN = nn.serial(
    nn.conv2d(16, 3),
    nn.relu(),
    nn.max_pool(2),
    nn.conv2d(32, 3),
    nn.relu(),
    nn.max_pool(2),
    nn.flatten(),
    nn.dense(10),
)
GPT = nn.serial(
    nn.embedding(64, 128),
    nn.position_embedding(64),
    nn.transformer_block(128, 4),
    nn.transformer_block(128, 4),
    nn.layer_norm(),
    nn.dense(64),
)

CASES = [
    Case("dense", nn.dense(512), ROW, 256),
    *(
        Case(name, layer, (4096,), 256)
        for name, layer in {
            "relu": nn.relu(),
            "leaky_relu": nn.leaky_relu(),
            "elu": nn.elu(),
            "softplus": nn.softplus(),
            "sigmoid": nn.sigmoid(),
            "tanh": nn.tanh(),
            "gelu": nn.gelu(),
            "gelu.tanh": nn.gelu(approximate=True),
            "silu": nn.silu(),
            "softmax": nn.softmax(),
            "log_softmax": nn.log_softmax(),
            "dropout": nn.dropout(0.5),
            "layer_norm": nn.layer_norm(),
            "rms_norm": nn.rms_norm(),
            "batch_norm": nn.batch_norm(),
        }.items()
    ),
    Case("group_norm", nn.group_norm(4), IMAGE),
    Case("batch_norm.image", nn.batch_norm(), IMAGE),
    Case("conv1d", nn.conv1d(128, 3, padding="SAME"), SEQUENCE),
    Case("conv1d_transpose", nn.conv1d_transpose(128, 3, stride=2), SEQUENCE, 16),
    Case("conv2d", nn.conv2d(32, 3), IMAGE),
    Case("conv2d.stride2", nn.conv2d(32, 3, stride=2, padding="SAME"), IMAGE),
    Case("conv2d.dilated", nn.conv2d(32, 3, dilation=2), IMAGE),
    Case("conv2d.groups", nn.conv2d(32, 3, groups=4), IMAGE, 16),
    Case("conv2d.depthwise", nn.conv2d(16, 3, groups=16), IMAGE, 16),
    Case("conv2d_transpose", nn.conv2d_transpose(16, 3, stride=2), IMAGE, 16),
    Case("max_pool", nn.max_pool(2), IMAGE),
    Case("max_pool.overlapping", nn.max_pool(3, stride=2, padding="SAME"), IMAGE),
    Case("avg_pool", nn.avg_pool(2), IMAGE),
    Case("avg_pool.overlapping", nn.avg_pool(3, stride=2, padding="SAME"), IMAGE),
    Case("global_max_pool", nn.global_max_pool(), IMAGE),
    Case("global_avg_pool", nn.global_avg_pool(), IMAGE),
    Case("embedding", nn.embedding(1000, 128), (64,), 64, ids=1000),
    Case("rnn", nn.rnn(128), SEQUENCE),
    Case("lstm", nn.lstm(128), SEQUENCE),
    Case("gru", nn.gru(128), SEQUENCE),
    Case("lstm.masked", nn.lstm(128, masked=True), (64, 129)),
    Case("multi_head_attention", nn.multi_head_attention(128, 4, causal=True), SEQUENCE, 16),
    Case("transformer_block", nn.transformer_block(128, 4), SEQUENCE, 16),
    Case("residual", nn.residual(nn.dense(512)), ROW, 256),
    Case("parallel.multiply", nn.parallel(nn.dense(512), nn.dense(512), join="multiply"), ROW, 256),
    Case("network.mlp", MLP, (617,), 128),
    Case("network.cnn", CNN, (28, 28, 1), 64),
    Case("network.gpt", GPT, (64,), 16, ids=64),
]

REASONS = {
    "tanh": "one exp more, so that the slope keeps its digits where the output has rounded to 1",
    "network.cnn": "max pooling keeps which place won, on each axis",
}
"""Why a rule may cost more than automatic differentiation, in time or memory."""

LOSSES: dict[str, tuple[nn.Loss, Any]] = {
    "softmax_cross_entropy": (nn.softmax_cross_entropy, "labels"),
    "sigmoid_cross_entropy": (nn.sigmoid_cross_entropy, "numbers"),
    "mean_squared_error": (nn.mean_squared_error, "numbers"),
    "mean_absolute_error": (nn.mean_absolute_error, "numbers"),
    "huber": (nn.huber(), "numbers"),
    "hinge": (nn.hinge, "signs"),
    "multiclass_hinge": (nn.multiclass_hinge, "labels"),
}


def pair_of_layer(case: Case) -> tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]:
    """Ours, the peer, and their common arguments."""
    rng = np.random.default_rng(0)
    shape = (case.batch, *case.in_shape)
    x = jnp.asarray(
        rng.integers(case.ids, size=shape, dtype="int32")
        if case.ids
        else rng.standard_normal(shape, dtype="float32")
    )
    params, out_shape = case.layer.init(jax.random.key(0), case.in_shape)
    dy = jnp.asarray(rng.standard_normal((case.batch, *out_shape), dtype="float32"))
    key = jax.random.key(1)

    def ours(params: Any, x: Any, dy: Any) -> Any:
        y, residuals = case.layer.forward(params, x, key)
        dparams, dx = case.layer.backward(params, residuals, dy)
        return (y, dparams) if case.ids else (y, dparams, dx)

    def peer(params: Any, x: Any, dy: Any) -> Any:
        if case.ids:
            y, back = jax.vjp(lambda params: case.layer.forward(params, x, key)[0], params)
        else:
            y, back = jax.vjp(lambda p, x: case.layer.forward(p, x, key)[0], params, x)
        return y, *back(dy)

    return ours, peer, (params, x, dy)


def pair_of_loss(
    loss: nn.Loss, kind: str
) -> tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]:
    """As `pair_of_layer`."""
    rng = np.random.default_rng(0)
    scores = jnp.asarray(rng.standard_normal((4096, 256), dtype="float32"))
    targets = {
        "labels": rng.integers(256, size=4096, dtype="int32"),
        "numbers": rng.random((4096, 256), dtype="float32"),
        "signs": np.sign(rng.standard_normal((4096, 256), dtype="float32")),
    }[kind]

    def ours(scores: Any, targets: Any) -> Any:
        J, residuals = loss.forward(scores, targets)
        return J, loss.backward(residuals)

    return ours, jax.value_and_grad(lambda z, t: loss.forward(z, t)[0]), (scores, targets)


def measure(
    name: str, ours: Callable[..., Any], peer: Callable[..., Any], arguments: tuple[Any, ...]
) -> list[dict[str, Any]]:
    """Two rows, time and memory."""
    programs = [jax.jit(f).lower(*arguments).compile() for f in (ours, peer)]

    def seconds(program: Any, calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            jax.block_until_ready(program(*arguments))
        return (time.perf_counter() - start) / calls

    calls = max(1, round(SECONDS / min(seconds(p, 2) for p in programs * 2)))
    pairs = []
    for i in range(PAIRS):
        order = (0, 1) if i % 2 else (1, 0)
        times = {which: seconds(programs[which], calls) for which in order}
        pairs.append((times[0], times[1]))
    ratios = [a / b for a, b in pairs]
    low, middle, high = statistics.quantiles(ratios, n=4)
    held = [_bytes(p) for p in programs]
    reason = {"reason": REASONS[name]} if name in REASONS else {}
    return [
        {
            "name": f"rule.{name}.time_over_autodiff",
            "ours": 1e3 * statistics.median(a for a, _ in pairs),
            "peer": 1e3 * statistics.median(b for _, b in pairs),
            "limit": 1.0,
            "ratio": middle,
            "quartiles": [low, high],
            "unit": "ms",
            "n": PAIRS,
            **reason,
        },
        {
            "name": f"rule.{name}.memory_over_autodiff",
            "ours": held[0] / 2**20,
            "peer": held[1] / 2**20,
            "limit": 1.0,
            "ratio": held[0] / held[1],
            "unit": "MiB",
            "n": 1,
            **reason,
        },
    ]


def _bytes(program: Any) -> int:
    """What a compiled program holds at most, besides its arguments."""
    memory = program.memory_analysis()
    return memory.temp_size_in_bytes + memory.output_size_in_bytes


def main(rows: Path) -> None:
    """Measure, print and write.

    Args:
        rows: JSON to write.
    """
    pairs = {case.name: pair_of_layer(case) for case in CASES}
    pairs |= {name: pair_of_loss(*loss) for name, loss in LOSSES.items()}
    measured = []
    print(f"{'block':24s} {'ours':>9s} {'JAX':>9s}  time (quartiles)       memory")
    for name, pair in pairs.items():
        time_row, memory_row = measure(name, *pair)
        measured += [time_row, memory_row]
        low, high = time_row["quartiles"]
        print(
            f"{name:24s} {time_row['ours']:6.2f} ms {time_row['peer']:6.2f} ms  "
            f"{time_row['ratio']:.2f} ({low:.2f} to {high:.2f})    {memory_row['ratio']:.2f}  "
            f"{REASONS.get(name, '')}",
            flush=True,
        )
    device = jax.devices()[0]
    machine = {
        "device": device.device_kind,
        "processor": platform.machine(),
        "cores": cores(),
        "jax": jax.__version__,
    }
    write_text(json.dumps({"rows": measured, "machine": machine}, indent=2) + "\n", rows)


job.run(main, globals().get("snakemake"))
