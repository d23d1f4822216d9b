"""One training program on ISOLET: a network, an optimizer, all arms and seeds at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import numpy as np
import polars as pl
from networks import OPTIMIZERS, multilayer_perceptron, product
from tables import write_parquet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(train: Path, test: Path, program: dict[str, Any], epochs: Path, speakers: Path) -> None:
    """Train and write what happened.

    Args:
        train: the training rows.
        test: the test rows.
        program: the settings of one program (see the configuration's `experiments`).
        epochs: Parquet to write, one row per arm, seed and epoch: train_loss (mean over the
            epoch's batches), test_loss, test_accuracy (fractions).
        speakers: Parquet to write, one row per arm, seed and test speaker after the last epoch:
            rows of the speaker, and how many of them are classified correctly.
    """
    import jax

    import nnjax as nn
    from nnjax.datasets import isolet as dataset

    data = dataset.arrays(pl.concat([pl.read_parquet(train), pl.read_parquet(test)]))
    network = multilayer_perceptron(
        program["units"], program["layers"], 26, program["activation"], program["init"]
    )
    arms, seeds = product(program["arms"]), list(range(program["seeds"]))
    params, history = nn.sweep(
        network,
        nn.softmax_cross_entropy,
        OPTIMIZERS[program["optimizer"]],
        (data.x_train, data.y_train),
        seeds=seeds,
        arms=arms,
        epochs=program["epochs"],
        batch_size=program["batch_size"],
        shuffle=program["shuffle"],
        validation=(data.x_test, data.y_test),
    )
    arm_rows = [dict(zip(arms, values, strict=True)) for values in zip(*arms.values(), strict=True)]
    histories, per_speaker = [], []
    names, rows = np.unique(data.speakers_test, return_counts=True)
    for a, arm in enumerate(arm_rows):
        for s, seed in enumerate(seeds):
            columns = {key: pl.lit(value) for key, value in {**arm, "seed": seed}.items()}
            histories.append(
                pl.DataFrame(
                    {
                        "epoch": np.arange(1, program["epochs"] + 1),
                        "train_loss": np.asarray(history.train_loss[a, s]),
                        "test_loss": np.asarray(history.validation_loss[a, s]),
                        "test_accuracy": np.asarray(history.validation_accuracy[a, s]),
                    }
                ).with_columns(**columns)
            )
            replica = jax.tree.map(lambda leaf, a=a, s=s: leaf[a, s], params)
            scores = np.asarray(nn.predict(network, replica, data.x_test))
            hits = scores.argmax(axis=1) == data.y_test
            correct = [int(hits[data.speakers_test == name].sum()) for name in names]
            per_speaker.append(
                pl.DataFrame({"speaker": names, "rows": rows, "correct": correct}).with_columns(
                    **columns
                )
            )
    write_parquet(pl.concat(histories), epochs)
    write_parquet(pl.concat(per_speaker), speakers)


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        Path(snakemake.input.train),
        Path(snakemake.input.test),
        snakemake.params["program"],
        Path(snakemake.output.epochs),
        Path(snakemake.output.speakers),
    )
