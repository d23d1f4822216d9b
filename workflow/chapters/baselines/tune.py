"""Choose the hyper-parameters of the classifiers by cross-validation over the training speakers."""

import json
from pathlib import Path

import polars as pl
from settings import Grids

from nnjax.datasets import isolet
from workflow.lib import job
from workflow.lib.runs import classifiers
from workflow.lib.tables import write_parquet, write_text


def main(train: Path, grids: Grids, folds: int, trials: Path, choices: Path) -> None:
    """Fit every point of every grid on every fold, and name the best.

    Args:
        train: the training rows.
        grids: the values of each model's hyper-parameters; all combinations are trials.
        folds: groups of speakers, each held out once.
        trials: Parquet to write, as `classifiers.trials` describes it.
        choices: JSON to write, model to its hyper-parameters.
    """
    data, values = isolet.examples(pl.read_parquet(train)), grids.model_dump()
    table = classifiers.trials(data, values, folds)
    write_parquet(table, trials)
    write_text(json.dumps(classifiers.best(table, values), indent=2) + "\n", choices)


job.run(main, globals().get("snakemake"))
