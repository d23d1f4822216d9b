"""Cross-validation over the training speakers: every trial of one experiment of the clean protocol.

Reads the training rows and nothing else, so that no choice can come from the test speakers.
"""

from pathlib import Path

import polars as pl

from nnjax.datasets import isolet
from workflow.lib import job
from workflow.lib.runs import training
from workflow.lib.runs.experiments import Experiment
from workflow.lib.runs.folds import of_one_shape, scaled, speaker_folds


def main(train: Path, experiment: Experiment, folds: int, epochs: Path, speakers: Path) -> None:
    """Train every trial once per fold and measure it on the speakers held out.

    Args:
        train: the training rows.
        experiment: its arms are the trials.
        folds: groups of speakers; each is held out once.
        epochs: Parquet to write, one row per trial, fold, seed and epoch (see `training.tables`;
            "test" there means held out).
        speakers: Parquet to write, one row per trial, seed, epoch and held-out speaker.
    """
    examples = isolet.examples(pl.read_parquet(train))
    dealt = speaker_folds(examples.speakers, folds)
    splits = [
        training.Split(
            *scaled(examples, even), training.grouped(examples.speakers[even[1]], len(held_out))
        )
        for even, (_, held_out) in zip(of_one_shape(dealt), dealt, strict=True)
    ]
    trained = [
        training.train(program, split, {**varied, "fold": fold})
        for varied, program in experiment.programs()
        for fold, split in enumerate(splits)
    ]
    training.write(trained, epochs, speakers)


job.run(main, globals().get("snakemake"))
