"""Time of one epoch of one network: ours, JAX's derivative, plain numpy, PyTorch.

Every arm trains the same network with Adam on the same rows in float32, in its own usual way: it
draws an order of the rows, takes batches, steps. Arms and batch sizes are timed in turn, again and
again, so that a machine whose speed drifts slows all alike.
"""

import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import numpy as np
import polars as pl
from tables import write_parquet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

    import nnjax as nn

Epoch = Callable[[], None]
"""Trains for one more epoch and returns when it is done."""


def jax_epoch(
    network: "nn.Layer",
    loss: "nn.Loss",
    x: np.ndarray,
    labels: np.ndarray,
    batch_size: int,
    rate: float,
) -> Epoch:
    """An epoch as `nn.fit` runs it: one compiled scan over the batches."""
    import jax
    import jax.numpy as jnp
    import optax

    from nnjax.epoch import State, batch_rows, train_step

    optimizer, data = optax.adam(rate), (jnp.asarray(x), jnp.asarray(labels))
    params = network.init(jax.random.key(0), x.shape[1:])[0]
    order_key = jax.random.key(1)

    @jax.jit
    def epoch(state: State, data: tuple[jax.Array, jax.Array], number: int) -> State:
        def step(state: State, rows: jax.Array) -> tuple[State, jax.Array]:
            x, targets = jax.tree.map(lambda array: array[rows], data)
            return train_step(network, loss, optimizer, state, x, targets, None)

        return jax.lax.scan(step, state, batch_rows(len(x), batch_size, True, order_key, number))[0]

    state, number = State(params, optimizer.init(params)), 0

    def run() -> None:
        nonlocal state, number
        state, number = jax.block_until_ready(epoch(state, data, number)), number + 1

    return run


def numpy_epoch(
    leaves: list[np.ndarray], x: np.ndarray, labels: np.ndarray, batch_size: int, rate: float
) -> Epoch:
    """An epoch of a network with one hidden ReLU layer written by hand in numpy: a plain loop.

    The leaves, weights and bias of each layer in turn, are trained in place.
    """
    w1, b1, w2, b2 = params = leaves
    first, second = ([np.zeros_like(p) for p in params] for _ in range(2))
    rng, t = np.random.default_rng(0), 0

    def run() -> None:
        nonlocal t
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch_size + 1, batch_size):
            rows = order[start : start + batch_size]
            batch = x[rows]
            hidden = np.maximum(batch @ w1 + b1, 0)
            scores = hidden @ w2 + b2
            exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
            dscores = exponentials / exponentials.sum(axis=1, keepdims=True)
            dscores[np.arange(batch_size), labels[rows]] -= 1
            dscores /= batch_size
            dhidden = (dscores @ w2.T) * (hidden > 0)
            grads = (batch.T @ dhidden, dhidden.sum(0), hidden.T @ dscores, dscores.sum(0))
            t += 1
            for p, g, m, v in zip(params, grads, first, second, strict=True):
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                p -= rate / (1 - 0.9**t) * m / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)

    return run


def torch_epoch(
    leaves: list[np.ndarray], x: np.ndarray, labels: np.ndarray, batch_size: int, rate: float
) -> Epoch:
    """An epoch in PyTorch, eagerly: its layers, its autograd, its Adam."""
    import torch_network

    network = torch_network.build(leaves, "relu")
    optimizer = torch_network.optimizer("adam", network, {"learning_rate": rate})
    train = torch_network.training(network, optimizer, x, labels)
    rng = np.random.default_rng(0)
    whole = len(x) // batch_size

    def run() -> None:
        order = rng.permutation(len(x))[: whole * batch_size]
        for _ in train(order.reshape(whole, batch_size)):
            pass

    return run


def main(
    train: Path,
    program: dict[str, Any],
    settings: dict[str, Any],
    torch: str | None,
    threads: int,
    epochs: Path,
) -> None:
    """Time the epochs and write every measurement.

    Args:
        train: the training rows.
        program: network, learning_rate and batch_sizes of figure 6; a batch size above the number
            of rows means all rows in one batch.
        settings: the configuration's `timing`: `repeats`, and `peer_batch_sizes` at which the other
            arms are timed too.
        torch: version of PyTorch, None where it is not installed: it is then left out.
        threads: how many all arms may use.
        epochs: Parquet to write: arm, batch_size, repeat, seconds; threads, machine, torch.
    """
    import jax
    from autodiff import autodiff
    from networks import multilayer_perceptron
    from threadpoolctl import threadpool_limits

    import nnjax as nn
    from nnjax.datasets import isolet

    rows = isolet.examples(pl.read_parquet(train))
    x, labels = isolet.standardise(rows.x, rows.x[:0])[0], rows.labels
    network = multilayer_perceptron(
        program["units"], program["layers"], isolet.LETTERS, program["activation"], program["init"]
    )
    rate = program["learning_rate"]
    ours = (network, nn.softmax_cross_entropy)
    peer = autodiff(*ours)
    with jax.enable_x64(False):
        params = network.init(jax.random.key(0), x.shape[1:])[0]
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(params)]
        arms: dict[str, Callable[[int], Epoch]] = {
            "hand-derived": lambda size: jax_epoch(*ours, x, labels, size, rate),
            "jax.grad": lambda size: jax_epoch(*peer, x, labels, size, rate),
            "numpy": lambda size: numpy_epoch(
                [leaf.copy() for leaf in leaves], x, labels, size, rate
            ),
        }
        if torch is not None:
            import torch_network

            torch_network.use_threads(threads)
            arms["PyTorch"] = lambda size: torch_epoch(leaves, x, labels, size, rate)
        cells: dict[tuple[str, int], Epoch] = {}
        for arm, make in arms.items():
            sizes = set(settings["peer_batch_sizes"])
            if arm == "hand-derived":
                sizes |= set(program["batch_sizes"])
            cells |= {(arm, size): make(min(size, len(x))) for size in sorted(sizes)}

        measured = []
        with threadpool_limits(threads):
            for epoch in cells.values():
                epoch()  # compiles, and fills the caches
            for repeat in range(settings["repeats"]):
                for (arm, size), epoch in cells.items():
                    start = time.perf_counter()
                    epoch()
                    seconds = time.perf_counter() - start
                    measured.append(
                        {"arm": arm, "batch_size": size, "repeat": repeat, "seconds": seconds}
                    )
    write_parquet(
        pl.DataFrame(measured).with_columns(
            threads=pl.lit(threads),
            machine=pl.lit(machine()),
            torch=pl.lit(torch, dtype=pl.String),
        ),
        epochs,
    )


def machine() -> str:
    """The processor's name where the system tells it, and its kind."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or 'processor'} ({platform.machine()})"


if "snakemake" in globals():
    # All cores are asked for, so that nothing runs beside it; one is used, by every arm.
    job.begin(snakemake.log[0])
    main(
        Path(snakemake.input.train),
        snakemake.params["program"],
        snakemake.params["settings"],
        snakemake.params["torch"],
        1,
        Path(snakemake.output.epochs),
    )
