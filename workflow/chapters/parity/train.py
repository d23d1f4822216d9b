"""The same training by four implementations: hand-derived rules, jax.grad, PyTorch, scikit-learn.

Two measurements. Step by step in float64 from one seed: how far any parameter is from that of the
hand-derived training. And in float32 over the seeds: rows of the test set classified correctly.
"""

import functools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import torch_network
from settings import Parity
from threadpoolctl import threadpool_limits

import nnjax as nn
from nnjax.datasets import isolet
from nnjax.epoch import State, batch_rows, train_step
from workflow.lib import job
from workflow.lib.runs.autodiff import autodiff
from workflow.lib.runs.experiments import Program
from workflow.lib.runs.networks import OPTIMIZERS, multilayer_perceptron
from workflow.lib.tables import write_parquet

OURS, AUTODIFF, TORCH, SCIKIT_LEARN = "hand-derived", "jax.grad", "PyTorch", "scikit-learn"
Leaves = list[np.ndarray]
"""Weights and bias of each layer in turn."""


class Task(NamedTuple):
    """What every implementation is given: data, network, optimizer, and the start of a seed."""

    x: np.ndarray
    labels: np.ndarray
    network: nn.Layer
    program: Program
    optimizer: str
    hyperparams: dict[str, float]
    shuffle: bool

    def start(self, seed: int) -> tuple[Any, np.ndarray]:
        """Initial parameters and the batches' row numbers (epochs, steps, batch) of a seed.

        They are those of `nn.sweep`, from the same keys.
        """
        init_key, fit_key = jax.random.split(jax.random.key(seed))
        params = self.network.init(init_key, self.x.shape[1:])[0]
        order_key, _ = jax.random.split(fit_key)
        epochs, batch = self.program.epochs, self.program.batch_size
        return params, np.asarray(_orders(len(self.x), batch, self.shuffle, epochs)(order_key))


@functools.cache
def _orders(
    rows: int, batch_size: int, shuffle: bool, epochs: int
) -> Callable[[jax.Array], jax.Array]:
    def orders(key: jax.Array) -> jax.Array:
        return jax.vmap(lambda epoch: batch_rows(rows, batch_size, shuffle, key, epoch))(
            jnp.arange(epochs)
        )

    return jax.jit(orders)


# --- every parameter after every step -------------------------------------------------------------


def jax_steps(task: Task, network: nn.Layer, loss: nn.Loss) -> Iterator[Leaves]:
    """For each epoch the parameters after every step, each leaf (steps, ...)."""
    optimizer = OPTIMIZERS[task.optimizer](**task.hyperparams)

    # The data are arguments: as constants of the program they would be compiled into it.
    @jax.jit
    def epoch(
        state: State, x: jax.Array, labels: jax.Array, batches: jax.Array
    ) -> tuple[State, Any]:
        def step(state: State, rows: jax.Array) -> tuple[State, Any]:
            state, _ = train_step(network, loss, optimizer, state, x[rows], labels[rows], None)
            return state, state.params

        return jax.lax.scan(step, state, batches)

    x, labels = jnp.asarray(task.x), jnp.asarray(task.labels)
    params, orders = task.start(0)
    state = State(params, optimizer.init(params))
    for batches in orders:
        state, history = epoch(state, x, labels, jnp.asarray(batches))
        yield [np.asarray(leaf) for leaf in jax.tree.leaves(history)]


def torch_steps(task: Task) -> Iterator[Leaves]:
    """The same from PyTorch."""
    params, orders = task.start(0)
    network = torch_network.build(
        [np.asarray(leaf) for leaf in jax.tree.leaves(params)], task.program.activation
    )
    optimizer = torch_network.optimizer(task.optimizer, network, task.hyperparams)
    train = torch_network.training(network, optimizer, task.x, task.labels)
    for batches in orders:
        history = [torch_network.leaves(network) for _ in train(batches)]
        yield [np.stack(leaf) for leaf in zip(*history, strict=True)]


def worst_difference(a: Leaves, b: Leaves) -> float:
    """The largest absolute difference of two trajectories; NaN where one of them is."""
    return float(np.max([np.abs(p - q).max() for p, q in zip(a, b, strict=True)]))


# --- rows of the test set classified correctly ----------------------------------------------------


def jax_hits(
    task: Task, network: nn.Layer, loss: nn.Loss, seeds: int, x: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Which test rows each seed classifies correctly, (seeds, rows); all seeds at once."""
    program = task.program
    params, _ = nn.sweep(
        network,
        loss,
        OPTIMIZERS[task.optimizer],
        (task.x, task.labels),
        seeds=range(seeds),
        arms={name: [value] for name, value in task.hyperparams.items()},
        epochs=program.epochs,
        batch_size=program.batch_size,
        drop_last=True,
        shuffle=task.shuffle,
    )
    replicas = [jax.tree.map(lambda leaf, s=s: leaf[0, s], params) for s in range(seeds)]
    scores = [np.asarray(nn.predict(task.network, replica, x)) for replica in replicas]
    return np.stack([s.argmax(axis=1) == labels for s in scores])


def torch_hits(task: Task, seeds: int, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The same from PyTorch, one seed after another."""
    hits = []
    for seed in range(seeds):
        params, orders = task.start(seed)
        network = torch_network.build(
            [np.asarray(leaf) for leaf in jax.tree.leaves(params)], task.program.activation
        )
        optimizer = torch_network.optimizer(task.optimizer, network, task.hyperparams)
        train = torch_network.training(network, optimizer, task.x, task.labels)
        for _ in train(orders.reshape(-1, orders.shape[-1])):
            pass
        hits.append(torch_network.predict(network, x).argmax(axis=1) == labels)
    return np.stack(hits)


def scikit_learn_has(task: Task) -> bool:
    """Whether scikit-learn can train the same: one hidden layer, SGD, file order."""
    return task.optimizer == "sgd" and not task.shuffle and task.program.hidden_layers == 1


def scikit_learn(task: Task, seed: int) -> Any:
    """scikit-learn's network after training: momentum without Nesterov, no penalty, file order.

    It has no argument for initial weights. One step on a few rows makes its arrays, ours replace
    them, and `warm_start` trains on from there with a new optimizer. It would also use the rows
    that are left over after the last whole batch, so it is not given them.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    if not scikit_learn_has(task):
        raise ValueError("scikit-learn is compared for one hidden layer, sgd and file order")
    params, orders = task.start(seed)
    leaves = [np.array(leaf) for leaf in jax.tree.leaves(params)]
    classes = np.arange(leaves[-1].size)
    model = MLPClassifier(
        (task.program.hidden_units,),
        activation=task.program.activation,
        solver="sgd",
        learning_rate_init=task.hyperparams["learning_rate"],
        momentum=task.hyperparams["momentum"],
        nesterovs_momentum=False,
        alpha=0.0,
        batch_size=task.program.batch_size,  # pyright: ignore[reportArgumentType]
        shuffle=False,
        warm_start=True,
        max_iter=task.program.epochs,
        n_iter_no_change=task.program.epochs + 1,
        random_state=0,
    )
    used = orders[0].size
    with warnings.catch_warnings():
        # It says so when it stops after the asked number of epochs.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # So few rows that a batch cannot be as large as asked for is what the first step has.
        warnings.filterwarnings("ignore", "Got `batch_size`")
        model.partial_fit(task.x[: classes.size], classes, classes=classes)
        model.coefs_, model.intercepts_ = leaves[::2], leaves[1::2]
        return model.fit(task.x[:used], task.labels[:used])


def scikit_learn_leaves(model: Any) -> Leaves:
    """Its parameters as ours: weights and bias of each layer in turn."""
    return [leaf for pair in zip(model.coefs_, model.intercepts_, strict=True) for leaf in pair]


def scikit_learn_hits(task: Task, seeds: int, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which test rows scikit-learn's network classifies correctly, (seeds, rows)."""
    return np.stack([scikit_learn(task, seed).predict(x) == labels for seed in range(seeds)])


def main(
    train: Path,
    test: Path,
    program: Program,
    parity: Parity,
    torch: str | None,
    steps: Path,
    speakers: Path,
) -> None:
    """Train with all implementations, on one thread, and write both measurements.

    Args:
        train: the training rows.
        test: the test rows.
        program: network, batches, epochs and seeds.
        parity: the optimizers, and how many seeds jax.grad and scikit-learn train at most.
        torch: version of PyTorch, None where it is not installed: its rows are then left out.
        steps: Parquet to write, one row per optimizer, implementation and epoch: `worst`, the
            largest absolute difference of any parameter from the hand-derived training after any
            step of the epoch.
        speakers: Parquet to write, one row per optimizer, implementation, seed and test speaker,
            with the speaker's rows and how many are correct.
    """
    rows, held_out = (isolet.examples(pl.read_parquet(path)) for path in (train, test))
    x, x_test = isolet.standardise(rows.x, held_out.x)
    network = multilayer_perceptron(
        program.hidden_units,
        program.hidden_layers,
        isolet.LETTERS,
        program.activation,
        program.init,
    )
    ours = (network, nn.softmax_cross_entropy)
    peer = autodiff(*ours)
    if torch is not None:
        torch_network.use_threads(1)

    step_rows, speaker_rows = list[dict[str, Any]](), list[pl.DataFrame]()
    with threadpool_limits(1):
        for optimizer, descent in parity.optimizers:
            hyperparams = descent.hyperparams()
            task = Task(x, rows.labels, network, program, optimizer, hyperparams, descent.shuffle)
            with jax.enable_x64(False):
                hits = hits_of(task, ours, peer, parity.peer_seeds, torch, x_test, held_out.labels)
            for implementation, of_seeds in hits.items():
                labels = {"optimizer": optimizer, "implementation": implementation}
                speaker_rows += counted(labels, of_seeds, held_out.speakers)
            with jax.enable_x64(True):
                double = task._replace(x=x.astype(np.float64))
                step_rows += differences(double, ours, peer, torch)
    write_parquet(pl.DataFrame(step_rows), steps)
    write_parquet(pl.concat(speaker_rows), speakers)


Rules = tuple[nn.Layer, nn.Loss]
"""A network and its loss, with their backward passes."""


def hits_of(
    task: Task,
    ours: Rules,
    peer: Rules,
    peer_seeds: int,
    torch: str | None,
    x: np.ndarray,
    labels: np.ndarray,
) -> dict[str, np.ndarray]:
    """Which test rows each implementation classifies correctly, (seeds, rows)."""
    seeds = task.program.seeds
    few = min(peer_seeds, seeds)
    hits = {
        OURS: jax_hits(task, *ours, seeds, x, labels),
        AUTODIFF: jax_hits(task, *peer, few, x, labels),
    }
    if torch is not None:
        hits[TORCH] = torch_hits(task, seeds, x, labels)
    if scikit_learn_has(task):
        hits[SCIKIT_LEARN] = scikit_learn_hits(task, few, x, labels)
    return hits


def counted(labels: dict[str, str], hits: np.ndarray, speakers: np.ndarray) -> list[pl.DataFrame]:
    """Rows and correct rows of every speaker, a table for each seed."""
    names, counts = np.unique(speakers, return_counts=True)
    found = []
    for seed, hit in enumerate(hits):
        correct = [int(hit[speakers == name].sum()) for name in names]
        table = pl.DataFrame({"speaker": names, "rows": counts, "correct": correct})
        columns = [pl.lit(value).alias(key) for key, value in {**labels, "seed": seed}.items()]
        found.append(table.select(*columns, pl.all()))
    return found


def differences(task: Task, ours: Rules, peer: Rules, torch: str | None) -> list[dict[str, Any]]:
    """How far each implementation's parameters are from the hand-derived ones, by epoch."""
    trajectories = {AUTODIFF: jax_steps(task, *peer)}
    if torch is not None:
        trajectories[TORCH] = torch_steps(task)
    rows, last = list[dict[str, Any]](), Leaves()

    def row(implementation: str, epoch: int, worst: float) -> dict[str, Any]:
        labels = {"optimizer": task.optimizer, "implementation": implementation}
        return {**labels, "epoch": epoch, "worst": worst}

    for epoch, reference in enumerate(jax_steps(task, *ours), start=1):
        last = reference
        rows += [
            row(implementation, epoch, worst_difference(next(trajectory), reference))
            for implementation, trajectory in trajectories.items()
        ]
    if scikit_learn_has(task):
        # Its parameters can be read only after the last epoch.
        done = scikit_learn_leaves(scikit_learn(task, 0))
        worst = worst_difference(done, [leaf[-1] for leaf in last])
        rows.append(row(SCIKIT_LEARN, task.program.epochs, worst))
    return rows


job.run(main, globals().get("snakemake"))
