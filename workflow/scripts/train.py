"""Train an experiment on ISOLET: all its programs, arms and seeds."""

from pathlib import Path

from workflow.lib import job
from workflow.lib.runs import training
from workflow.lib.runs.experiments import Experiment


def main(train: Path, test: Path, experiment: Experiment, epochs: Path, speakers: Path) -> None:
    """Train, measure after every epoch, and write the history.

    Args:
        train: the training rows.
        test: the test rows.
        experiment: network, optimizer, and what is varied.
        epochs: Parquet to write, one row per program, arm, seed and epoch (see `training.tables`).
        speakers: Parquet to write, one row per program, arm, seed, epoch and test speaker.
    """
    split = training.official(train, test)
    trained = [training.train(program, split, varied) for varied, program in experiment.programs()]
    training.write(trained, epochs, speakers)


job.run(main, globals().get("snakemake"))
