"""XOR: every setting, a thousand seeds each, as one program per network and activation."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import numpy as np
import polars as pl
from networks import OPTIMIZERS, multilayer_perceptron, product
from tables import write_parquet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

INPUTS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
TARGETS = [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
"""One-hot: the first output says that the inputs differ, as the source codes its targets."""


def main(xor: dict[str, Any], runs: Path) -> None:
    """Train and write what happened.

    Args:
        xor: the configuration's `xor` section.
        runs: Parquet to write, one row per network, setting, seed and recorded epoch: loss before
            the epoch's update, and `rows_right` (0..4), the rows whose two outputs both lie on the
            right side of 0.5, after the last epoch and null before.
    """
    import jax
    import jax.numpy as jnp

    import nnjax as nn

    x, targets = np.array(INPUTS, "float32"), np.array(TARGETS, "float32")
    arms, seeds = product(xor["arms"]), list(range(xor["seeds"]))
    # The loss falls over decades of epochs, so epochs are recorded at evenly spaced logarithms.
    recorded = np.unique(np.geomspace(1, xor["epochs"], 60).round().astype(int))
    tables = []
    for network_name, units in xor["networks"].items():
        for activation in xor["activations"]:
            layers = 1 if units else 0
            network = multilayer_perceptron(units, layers, 2, activation, xor["init"])
            params, history = nn.sweep(
                network,
                nn.softmax_cross_entropy,
                OPTIMIZERS["sgd"],
                (x, targets),
                seeds=seeds,
                arms=arms,
                epochs=xor["epochs"],
                batch_size=4,
                shuffle=False,
            )
            scores = jax.vmap(jax.vmap(lambda p, n=network: n.forward(p, x)[0]))(params)
            outputs = jax.nn.softmax(scores, axis=-1)
            right = ((outputs > 0.5) == (jnp.asarray(targets) > 0.5)[None, None]).all(axis=-1)
            rows_right = np.asarray(right.sum(axis=-1))
            loss = np.asarray(history.train_loss)[:, :, recorded - 1]
            for a, values in enumerate(zip(*arms.values(), strict=True)):
                tables.append(
                    pl.DataFrame(
                        {
                            "seed": np.repeat(seeds, len(recorded)),
                            "epoch": np.tile(recorded, len(seeds)),
                            "loss": loss[a].reshape(-1),
                            "rows_right": _at_the_end(rows_right[a], len(recorded)),
                        }
                    ).with_columns(
                        network=pl.lit(network_name),
                        activation=pl.lit(activation),
                        **{k: pl.lit(v) for k, v in zip(arms, values, strict=True)},
                    )
                )
    write_parquet(pl.concat(tables), runs)


def _at_the_end(values: np.ndarray, epochs: int) -> list[int | None]:
    """One value per seed, at the last of its epochs."""
    return [v for value in values.tolist() for v in [*[None] * (epochs - 1), value]]


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(snakemake.params["xor"], Path(snakemake.output.runs))
