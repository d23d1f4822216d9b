"""XOR: every setting and seed, as one program per network and activation."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl

import nnjax as nn
from workflow.lib import job
from workflow.lib.runs.experiments import Activation, Arms
from workflow.lib.runs.networks import OPTIMIZERS, multilayer_perceptron
from workflow.lib.tables import write_parquet

INPUTS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
TARGETS = [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
"""One-hot: the first output says that the inputs differ, as the source codes its targets."""

NETWORKS = {"2-3-2": 3, "2-2": 0}
"""Name to hidden units; 0 for no hidden layer."""


def main(
    activations: list[Activation], init: float, arms: Arms, epochs: int, seeds: int, runs: Path
) -> None:
    """Train and write what happened.

    Args:
        activations: of the hidden layer.
        init: standard deviation of the initial weights.
        arms: learning rates and momenta.
        epochs: steps of full-batch gradient descent.
        seeds: how many.
        runs: Parquet to write, one row per network, setting, seed and recorded epoch: loss before
            the epoch's update, and `rows_right` (0..4), the rows whose two outputs both lie on the
            right side of 0.5, after the last epoch and null before.
    """
    x, targets = np.array(INPUTS, "float32"), np.array(TARGETS, "float32")
    columns, numbers = arms.columns(), list(range(seeds))
    # The loss falls over decades of epochs, so epochs are recorded at evenly spaced logarithms.
    recorded = np.unique(np.geomspace(1, epochs, 60).round().astype(int))
    tables = []
    for name, hidden_units in NETWORKS.items():
        for activation in activations:
            network = multilayer_perceptron(
                hidden_units, int(hidden_units > 0), 2, activation, init
            )
            params, history = nn.sweep(
                network,
                nn.softmax_cross_entropy,
                OPTIMIZERS["sgd"],
                (x, targets),
                seeds=numbers,
                arms=columns,
                epochs=epochs,
                batch_size=4,
                drop_last=True,
                shuffle=False,
            )
            scores = jax.vmap(jax.vmap(lambda p, n=network: n.forward(p, x)[0]))(params)
            outputs = jax.nn.softmax(scores, axis=-1)
            right = ((outputs > 0.5) == (jnp.asarray(targets) > 0.5)[None, None]).all(axis=-1)
            rows_right = np.asarray(right.sum(axis=-1))
            loss = np.asarray(history.train_loss)[:, :, recorded - 1]
            for arm, values in enumerate(zip(*columns.values(), strict=True)):
                tables.append(
                    pl.DataFrame(
                        {
                            "seed": np.repeat(numbers, len(recorded)),
                            "epoch": np.tile(recorded, seeds),
                            "loss": loss[arm].reshape(-1),
                            "rows_right": _at_the_end(rows_right[arm], len(recorded)),
                        }
                    ).with_columns(
                        network=pl.lit(name),
                        activation=pl.lit(activation),
                        **{key: pl.lit(v) for key, v in zip(columns, values, strict=True)},
                    )
                )
    write_parquet(pl.concat(tables), runs)


def _at_the_end(values: np.ndarray, epochs: int) -> list[int | None]:
    """One value per seed, at the last of its epochs."""
    return [v for value in values.tolist() for v in [*[None] * (epochs - 1), value]]


job.run(main, globals().get("snakemake"))
