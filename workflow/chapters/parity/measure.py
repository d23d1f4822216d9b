"""Time one epoch of one network: hand-derived rules, jax.grad, plain numpy, PyTorch.

Every implementation trains the same network with Adam on the same rows in float32, in its usual
way: it draws an order of the rows, takes batches, steps. Implementations and batch sizes are timed
in turn, repeatedly, so that a drift of the machine's speed slows all alike.
"""

import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import polars as pl
import torch_network
from settings import Timing
from threadpoolctl import threadpool_limits

import nnjax as nn
from nnjax.datasets import isolet
from nnjax.epoch import State, batch_rows, train_step
from workflow.lib import job
from workflow.lib.machine import processor
from workflow.lib.runs.autodiff import autodiff
from workflow.lib.runs.by_numpy import Epoch, numpy_epoch
from workflow.lib.runs.experiments import Experiment
from workflow.lib.runs.networks import multilayer_perceptron
from workflow.lib.tables import write_parquet


def jax_epoch(
    network: nn.Layer,
    loss: nn.Loss,
    x: np.ndarray,
    labels: np.ndarray,
    batch_size: int,
    rate: float,
) -> Epoch:
    """An epoch as `nn.fit` runs it: one compiled scan over the batches."""
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


def torch_epoch(
    leaves: list[np.ndarray], x: np.ndarray, labels: np.ndarray, batch_size: int, rate: float
) -> Epoch:
    """An epoch in PyTorch, eagerly: its layers, its autograd, its Adam."""
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
    train: Path, batch_sizes: Experiment, timing: Timing, torch: str | None, measured: Path
) -> None:
    """Time the epochs, each implementation on one thread, and write every measurement.

    Args:
        train: the training rows.
        batch_sizes: the experiment of figure 6; a batch size above the number of rows means all
            rows in one batch.
        timing: `repeats`, and the batch sizes at which the other implementations are timed too.
        torch: version of PyTorch, None where it is not installed: it is then left out.
        measured: Parquet to write: implementation, batch_size, repeat, seconds; threads, machine,
            torch.
    """
    rows = isolet.examples(pl.read_parquet(train))
    x, labels = isolet.standardise(rows.x, rows.x[:0])[0], rows.labels
    programs = [program for _, program in batch_sizes.programs()]
    program, rate = programs[0], programs[0].arms.learning_rate[0]
    network = multilayer_perceptron(
        program.hidden_units,
        program.hidden_layers,
        isolet.LETTERS,
        program.activation,
        program.init,
    )
    ours = (network, nn.softmax_cross_entropy)
    peer = autodiff(*ours)
    with jax.enable_x64(False):
        params = network.init(jax.random.key(0), x.shape[1:])[0]
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(params)]
        makers: dict[str, Callable[[int], Epoch]] = {
            "hand-derived": lambda size: jax_epoch(*ours, x, labels, size, rate),
            "jax.grad": lambda size: jax_epoch(*peer, x, labels, size, rate),
            "numpy": lambda size: numpy_epoch(
                [leaf.copy() for leaf in leaves], x, labels, size, rate
            ),
        }
        if torch is not None:
            torch_network.use_threads(1)
            makers["PyTorch"] = lambda size: torch_epoch(leaves, x, labels, size, rate)
        cells: dict[tuple[str, int], Epoch] = {}
        for implementation, make in makers.items():
            sizes = set(timing.peer_batch_sizes)
            if implementation == "hand-derived":
                sizes |= {program.batch_size for program in programs}
            cells |= {(implementation, size): make(min(size, len(x))) for size in sorted(sizes)}
        with threadpool_limits(1):
            found = interleaved(cells, timing.repeats)
    columns = {"threads": pl.lit(1), "machine": pl.lit(processor())}
    torch_version = pl.lit(torch, dtype=pl.String)
    write_parquet(pl.DataFrame(found).with_columns(**columns, torch=torch_version), measured)


def interleaved(cells: dict[tuple[str, int], Epoch], repeats: int) -> list[dict[str, str | float]]:
    """Seconds of every cell's epoch in every repeat, after one epoch of warm-up."""
    for epoch in cells.values():
        epoch()
    found = list[dict[str, str | float]]()
    for repeat in range(repeats):
        for (implementation, size), epoch in cells.items():
            start = time.perf_counter()
            epoch()
            seconds = time.perf_counter() - start
            labels = {"implementation": implementation, "batch_size": size, "repeat": repeat}
            found.append({**labels, "seconds": seconds})
    return found


job.run(main, globals().get("snakemake"))
