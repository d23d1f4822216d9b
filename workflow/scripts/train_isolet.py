"""One training program on ISOLET: a network, an optimizer, all arms and seeds at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
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
        epochs: Parquet to write, one row per arm, seed and epoch (see `runs.tables`).
        speakers: Parquet to write, one row per arm, seed, epoch and test speaker.
    """
    import runs

    import nnjax as nn
    from nnjax.datasets import isolet as dataset

    data = dataset.arrays(pl.concat([pl.read_parquet(train), pl.read_parquet(test)]))
    who = runs.heard(data.speakers_test)
    arms, seeds = product(program["arms"]), list(range(program["seeds"]))
    _, history = nn.sweep(
        multilayer_perceptron(
            program["units"], program["layers"], 26, program["activation"], program["init"]
        ),
        nn.softmax_cross_entropy,
        OPTIMIZERS[program["optimizer"]],
        (data.x_train, data.y_train),
        seeds=seeds,
        arms=arms,
        epochs=program["epochs"],
        batch_size=program["batch_size"],
        shuffle=program["shuffle"],
        validation=(data.x_test, data.y_test),
        metric=who.metric,
    )
    by_epoch, by_speaker = runs.tables(history, arms, seeds, who)
    write_parquet(by_epoch, epochs)
    write_parquet(by_speaker, speakers)


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        Path(snakemake.input.train),
        Path(snakemake.input.test),
        snakemake.params["program"],
        Path(snakemake.output.epochs),
        Path(snakemake.output.speakers),
    )
