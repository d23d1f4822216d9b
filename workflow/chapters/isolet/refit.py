"""The cells of an experiment of the clean protocol, refit on all training rows and tested."""

import itertools
from pathlib import Path

import polars as pl
from settings import Refit

from workflow.lib import job
from workflow.lib.runs import training
from workflow.lib.runs.experiments import Experiment


def main(
    train: Path,
    test: Path,
    choices: Path,
    experiment: Experiment,
    refit: Refit,
    epochs: Path,
    speakers: Path,
) -> None:
    """Train every cell with its chosen learning rate.

    Args:
        train: the training rows.
        test: the test rows, which no choice has seen.
        choices: one row per cell, as `choose` writes it.
        experiment: whose cells they are.
        refit: how many seeds, and for how many epochs a choice at the last epoch is trained; other
            choices are trained for as long as they were judged.
        epochs: Parquet to write, one row per cell, seed and epoch (see `training.tables`), with the
            epoch at which the cell was `judged`.
        speakers: Parquet to write, one row per cell, seed, epoch and test speaker.
    """
    split = training.official(train, test)
    chosen = pl.read_parquet(choices)
    trained = []
    for (varied, program), epoch in itertools.product(
        experiment.programs(), sorted(set(chosen["epoch"]))
    ):
        cells = chosen.filter(epoch=epoch, **varied).select(*program.arms.columns())
        if not cells.is_empty():
            length = refit.epochs if epoch == program.epochs else epoch
            longer = program.model_copy(update={"seeds": refit.seeds, "epochs": length})
            marks = {**varied, "judged": epoch}
            trained.append(training.train(longer, split, marks, cells.to_dict(as_series=False)))
    training.write(trained, epochs, speakers)


job.run(main, globals().get("snakemake"))
