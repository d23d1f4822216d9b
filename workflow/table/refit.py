"""Train the chosen networks on all training rows, from many seeds, and predict the test rows."""

from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import softmax

from workflow.lib import job
from workflow.lib.tables import write_parquet
from workflow.table.networks import refitted
from workflow.table.rows import stored
from workflow.table.settings import Table


def main(rows: Path, about: Path, table: Table, chosen: Path, predictions: Path) -> None:
    """Write the predictions of every chosen network.

    Args:
        rows: the table's rows.
        about: what is known about them.
        table: the settings.
        chosen: Parquet of the trials, with `best`.
        predictions: Parquet to write, one row per network and seed: its settings, `predicted` (a
            list, one entry per test row), and `confidence`, the probability of the predicted class
            (of classes).
    """
    train, test = stored(rows, about)
    found = []
    for choice in pl.read_parquet(chosen).filter("best").iter_rows(named=True):
        predicted, scores = refitted(train, test, choice, table.refit_seeds, table.batch_rows)
        confidence = softmax(scores.astype(float), axis=-1).max(axis=-1)
        for seed in range(table.refit_seeds):
            found.append(
                {
                    **{
                        k: choice[k]
                        for k in ("hidden_units", "optimizer", "learning_rate", "epochs")
                    },
                    "seed": seed,
                    "predicted": predicted[seed].astype(np.float64).tolist(),
                    "confidence": None if train.is_regression else confidence[seed].tolist(),
                }
            )
    write_parquet(pl.DataFrame(found), predictions)


job.run(main, globals().get("snakemake"))
