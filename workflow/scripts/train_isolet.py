"""One experiment on ISOLET: its training programs one after another, all arms and seeds at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import polars as pl
from networks import product

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    train: Path,
    test: Path,
    programs: list[tuple[dict[str, Any], dict[str, Any]]],
    epochs: Path,
    speakers: Path,
) -> None:
    """Train and write what happened.

    Args:
        train: the training rows.
        test: the test rows.
        programs: (the varied setting, all settings) of every program of the experiment.
        epochs: Parquet to write, one row per program, arm, seed and epoch (see `runs.tables`).
        speakers: Parquet to write, one row per program, arm, seed, epoch and test speaker.
    """
    import runs

    from nnjax.datasets import isolet

    data = isolet.arrays(pl.concat([pl.read_parquet(train), pl.read_parquet(test)]))
    who = runs.heard(data.speakers_test)
    trained = [
        runs.train(
            program,
            (data.x_train, data.y_train),
            (data.x_test, data.y_test),
            who,
            varied,
            arms=product(program["arms"]),
            seeds=program["seeds"],
        )
        for varied, program in programs
    ]
    runs.write(trained, epochs, speakers)


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        Path(snakemake.input.train),
        Path(snakemake.input.test),
        snakemake.params["programs"],
        Path(snakemake.output.epochs),
        Path(snakemake.output.speakers),
    )
