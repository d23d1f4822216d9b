"""The same training in four hands: our rules, JAX's derivative, PyTorch, scikit-learn.

Two measurements. Step by step in float64 from one seed: how far any parameter is from that of the
hand-derived training. And in float32 over the seeds: rows of the test set classified correctly.
"""

import functools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import job
import numpy as np
import polars as pl
from tables import write_parquet

if TYPE_CHECKING:
    import jax
    from snakemake.iocontainers import snakemake

    import nnjax as nn

OURS, AUTODIFF, TORCH, SCIKIT_LEARN = "hand-derived", "jax.grad", "PyTorch", "scikit-learn"
Leaves = list[np.ndarray]
"""Weights and bias of each layer in turn."""


class Task(NamedTuple):
    """What every hand gets: data, network, optimizer and its settings, and where a seed starts."""

    x: np.ndarray
    labels: np.ndarray
    network: "nn.Layer"
    program: dict[str, Any]
    optimizer: str
    settings: dict[str, float]
    shuffle: bool

    def start(self, seed: int) -> tuple[Any, np.ndarray]:
        """Initial parameters and the batches' row numbers (epochs, steps, batch) of a seed.

        They are those of `nn.sweep`, from the same keys.
        """
        import jax

        init_key, fit_key = jax.random.split(jax.random.key(seed))
        params = self.network.init(init_key, self.x.shape[1:])[0]
        order_key, _ = jax.random.split(fit_key)
        epochs, batch = self.program["epochs"], self.program["batch_size"]
        return params, np.asarray(_orders(len(self.x), batch, self.shuffle, epochs)(order_key))


@functools.cache
def _orders(
    rows: int, batch_size: int, shuffle: bool, epochs: int
) -> "Callable[[jax.Array], jax.Array]":
    import jax
    import jax.numpy as jnp

    from nnjax.epoch import batch_rows

    def orders(key: jax.Array) -> jax.Array:
        return jax.vmap(lambda epoch: batch_rows(rows, batch_size, shuffle, key, epoch))(
            jnp.arange(epochs)
        )

    return jax.jit(orders)


# --- every parameter after every step -------------------------------------------------------------


def jax_steps(task: Task, network: "nn.Layer", loss: "nn.Loss") -> Iterator[Leaves]:
    """For each epoch the parameters after every step, each leaf (steps, ...)."""
    import jax
    import jax.numpy as jnp
    from networks import OPTIMIZERS

    from nnjax.epoch import State, train_step

    optimizer = OPTIMIZERS[task.optimizer](**task.settings)
    x, labels = jnp.asarray(task.x), jnp.asarray(task.labels)

    @jax.jit
    def epoch(state: State, batches: jax.Array) -> tuple[State, Any]:
        def step(state: State, rows: jax.Array) -> tuple[State, Any]:
            state, _ = train_step(network, loss, optimizer, state, x[rows], labels[rows], None)
            return state, state.params

        return jax.lax.scan(step, state, batches)

    params, orders = task.start(0)
    state = State(params, optimizer.init(params))
    for batches in orders:
        state, history = epoch(state, jnp.asarray(batches))
        yield [np.asarray(leaf) for leaf in jax.tree.leaves(history)]


def torch_steps(task: Task) -> Iterator[Leaves]:
    """The same from PyTorch."""
    import jax
    import torch_network

    params, orders = task.start(0)
    network = torch_network.build(
        [np.asarray(leaf) for leaf in jax.tree.leaves(params)], task.program["activation"]
    )
    optimizer = torch_network.optimizer(task.optimizer, network, task.settings)
    train = torch_network.training(network, optimizer, task.x, task.labels)
    for batches in orders:
        history = [torch_network.leaves(network) for _ in train(batches)]
        yield [np.stack(leaf) for leaf in zip(*history, strict=True)]


def worst_difference(a: Leaves, b: Leaves) -> float:
    """The largest absolute difference of two trajectories; NaN where one of them is."""
    return float(np.max([np.abs(p - q).max() for p, q in zip(a, b, strict=True)]))


# --- rows of the test set classified correctly ----------------------------------------------------


def jax_hits(
    task: Task, network: "nn.Layer", loss: "nn.Loss", seeds: int, x: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Which test rows each seed classifies correctly, (seeds, rows); all seeds at once."""
    import jax
    from networks import OPTIMIZERS

    import nnjax as nn

    program = task.program
    params, _ = nn.sweep(
        network,
        loss,
        OPTIMIZERS[task.optimizer],
        (task.x, task.labels),
        seeds=range(seeds),
        arms={name: [value] for name, value in task.settings.items()},
        epochs=program["epochs"],
        batch_size=program["batch_size"],
        shuffle=task.shuffle,
    )
    replicas = [jax.tree.map(lambda leaf, s=s: leaf[0, s], params) for s in range(seeds)]
    scores = [np.asarray(nn.predict(task.network, replica, x)) for replica in replicas]
    return np.stack([s.argmax(axis=1) == labels for s in scores])


def torch_hits(task: Task, seeds: int, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The same from PyTorch, one seed after another."""
    import jax
    import torch_network

    hits = []
    for seed in range(seeds):
        params, orders = task.start(seed)
        network = torch_network.build(
            [np.asarray(leaf) for leaf in jax.tree.leaves(params)], task.program["activation"]
        )
        optimizer = torch_network.optimizer(task.optimizer, network, task.settings)
        train = torch_network.training(network, optimizer, task.x, task.labels)
        for _ in train(orders.reshape(-1, orders.shape[-1])):
            pass
        hits.append(torch_network.predict(network, x).argmax(axis=1) == labels)
    return np.stack(hits)


def scikit_learn(task: Task, seed: int) -> Any:
    """scikit-learn's network after training: momentum without Nesterov, no penalty, file order.

    It has no argument for initial weights. One step on a few rows makes its arrays, ours replace
    them, and `warm_start` trains on from there with a new optimizer. It would also use the rows
    that are left over after the last whole batch, so it is not given them.
    """
    import jax
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    if task.optimizer != "sgd" or task.shuffle or task.program["layers"] != 1:
        raise ValueError("scikit-learn is compared for one hidden layer, sgd and file order")
    params, orders = task.start(seed)
    leaves = [np.array(leaf) for leaf in jax.tree.leaves(params)]
    classes = np.arange(leaves[-1].size)
    model = MLPClassifier(
        (task.program["units"],),
        activation=task.program["activation"],
        solver="sgd",
        learning_rate_init=task.settings["learning_rate"],
        momentum=task.settings["momentum"],
        nesterovs_momentum=False,
        alpha=0.0,
        batch_size=task.program["batch_size"],
        shuffle=False,
        warm_start=True,
        max_iter=task.program["epochs"],
        n_iter_no_change=task.program["epochs"] + 1,
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
    program: dict[str, Any],
    settings: dict[str, Any],
    torch: str | None,
    steps: Path,
    speakers: Path,
    threads: int = 1,
) -> None:
    """Train in all hands and write both measurements.

    Args:
        train: the training rows.
        test: the test rows.
        program: network, batches, epochs and seeds, as of an experiment of the configuration.
        settings: the configuration's `parity`: `optimizers`, and `peer_seeds`, how many seeds
            JAX's derivative and scikit-learn train at most.
        torch: version of PyTorch, None where it is not installed: its rows are then left out.
        steps: Parquet to write, one row per optimizer, arm and epoch: `worst`, the largest absolute
            difference of any parameter to the hand-derived training after any of its steps.
        speakers: Parquet to write, one row per optimizer, arm, seed and test speaker, with the
            speaker's rows and how many are correct.
        threads: bound of the libraries that do not ask JAX.
    """
    import jax
    from autodiff import autodiff
    from networks import multilayer_perceptron
    from threadpoolctl import threadpool_limits

    import nnjax as nn
    from nnjax.datasets import isolet

    rows, held_out = (isolet.examples(pl.read_parquet(path)) for path in (train, test))
    x, x_test = isolet.standardise(rows.x, held_out.x)
    network = multilayer_perceptron(
        program["units"], program["layers"], isolet.LETTERS, program["activation"], program["init"]
    )
    ours = (network, nn.softmax_cross_entropy)
    peer = autodiff(*ours)
    names, counts = np.unique(held_out.speakers, return_counts=True)
    if torch is not None:
        import torch_network

        torch_network.use_threads(threads)

    step_rows, speaker_rows = [], []
    with threadpool_limits(threads):
        for optimizer, choice in settings["optimizers"].items():
            hyperparams = {k: v for k, v in choice.items() if k != "shuffle"}
            task = Task(x, rows.labels, network, program, optimizer, hyperparams, choice["shuffle"])
            plain = optimizer == "sgd" and not task.shuffle and program["layers"] == 1

            def count(arm: str, hits: np.ndarray, optimizer: str = optimizer) -> None:
                for seed, hit in enumerate(hits):
                    correct = [int(hit[held_out.speakers == name].sum()) for name in names]
                    table = pl.DataFrame({"speaker": names, "rows": counts, "correct": correct})
                    labels = {"optimizer": optimizer, "arm": arm, "seed": seed}
                    columns = [pl.lit(value).alias(key) for key, value in labels.items()]
                    speaker_rows.append(table.select(*columns, pl.all()))

            with jax.enable_x64(False):
                tests, seeds = (x_test, held_out.labels), program["seeds"]
                few = min(settings["peer_seeds"], seeds)
                count(OURS, jax_hits(task, *ours, seeds, *tests))
                count(AUTODIFF, jax_hits(task, *peer, few, *tests))
                if torch is not None:
                    count(TORCH, torch_hits(task, seeds, *tests))
                if plain:
                    count(SCIKIT_LEARN, scikit_learn_hits(task, few, *tests))

            with jax.enable_x64(True):
                double = task._replace(x=x.astype(np.float64))
                peers = {AUTODIFF: jax_steps(double, *peer)}
                if torch is not None:
                    peers[TORCH] = torch_steps(double)
                last: Leaves = []
                for epoch, reference in enumerate(jax_steps(double, *ours), start=1):
                    last = reference
                    for arm, trajectory in peers.items():
                        worst = worst_difference(next(trajectory), reference)
                        step_rows.append(
                            {"optimizer": optimizer, "arm": arm, "epoch": epoch, "worst": worst}
                        )
                if plain:
                    # It can be looked at only when it is done.
                    model = scikit_learn(double, 0)
                    done = [
                        a
                        for pair in zip(model.coefs_, model.intercepts_, strict=True)
                        for a in pair
                    ]
                    worst = worst_difference(done, [leaf[-1] for leaf in last])
                    step_rows.append(
                        {
                            "optimizer": optimizer,
                            "arm": SCIKIT_LEARN,
                            "epoch": program["epochs"],
                            "worst": worst,
                        }
                    )
    write_parquet(pl.DataFrame(step_rows), steps)
    write_parquet(pl.concat(speaker_rows), speakers)


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        Path(snakemake.input.train),
        Path(snakemake.input.test),
        snakemake.params["program"],
        snakemake.params["settings"],
        snakemake.params["torch"],
        Path(snakemake.output.steps),
        Path(snakemake.output.speakers),
        snakemake.threads,
    )
