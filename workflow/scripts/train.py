"""Train an experiment on ISOLET: all its programs, arms and seeds."""

from pathlib import Path

import polars as pl

from nnjax.datasets import isolet
from workflow.lib import job, training
from workflow.lib.experiments import Experiment


def main(train: Path, test: Path, experiment: Experiment, epochs: Path, speakers: Path) -> None:
    """Train, measure after every epoch, and write the history.

    Args:
        train: the training rows.
        test: the test rows.
        experiment: network, optimizer, and what is varied.
        epochs: Parquet to write, one row per program, arm, seed and epoch (see `training.tables`).
        speakers: Parquet to write, one row per program, arm, seed, epoch and test speaker.
    """
    data = isolet.arrays(pl.concat([pl.read_parquet(train), pl.read_parquet(test)]))
    groups = training.grouped(data.speakers_test)
    trained = [
        training.train(
            program,
            (data.x_train, data.y_train),
            (data.x_test, data.y_test),
            groups,
            varied,
            arms=program.arms.columns(),
            seeds=program.seeds,
        )
        for varied, program in experiment.programs()
    ]
    training.write(trained, epochs, speakers)


job.run(main, globals().get("snakemake"))
