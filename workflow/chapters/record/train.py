"""Train the members of the ensemble on the training speakers and classify the test speakers.

The recipe was chosen by cross-validation over the training speakers (settings.yaml says how).
"""

from pathlib import Path

import numpy as np
import polars as pl
from network import probabilities
from settings import Network

from nnjax.datasets.isolet import examples, standardise
from workflow.lib import job
from workflow.lib.tables import write_parquet

ENSEMBLE = -1
"""The ensemble in the column `seed`."""


def main(
    train: Path, test: Path, members: int, network: Network, speakers: Path, predictions: Path
) -> None:
    """Train, and write the predictions and how many of each speaker's rows are right.

    Args:
        train: rows to train on.
        test: rows to classify.
        members: networks of the ensemble.
        network: the recipe.
        speakers: Parquet to write, one row per seed and speaker of `test`: rows, how many are
            classified correctly, and whether the network diverged (its probabilities are not
            finite); seed -1 is the ensemble, the mean of the members' probabilities.
        predictions: Parquet to write, one row per seed and row of `test`: row from 0, speaker,
            letter and predicted letter 1 ... 26, and the probability of the latter.
    """
    trained, judged = (examples(pl.read_parquet(path)) for path in (train, test))
    x, x_judged = standardise(trained.x, judged.x)
    seeds = list(range(members))
    of_seeds = probabilities(network, (x, trained.labels, trained.speakers), x_judged, seeds)
    table = pl.concat(
        pl.DataFrame(
            {
                "seed": np.full(len(judged.labels), seed),
                "row": np.arange(len(judged.labels)),
                "speaker": judged.speakers,
                "letter": judged.labels + 1,
                "predicted": scores.argmax(axis=1) + 1,
                "probability": scores.max(axis=1),
            }
        )
        for seed, scores in zip([*seeds, ENSEMBLE], [*of_seeds, of_seeds.mean(axis=0)], strict=True)
    )
    write_parquet(table, predictions)
    write_parquet(counted(table), speakers)


def counted(predictions: pl.DataFrame) -> pl.DataFrame:
    """Rows, correct rows and divergence of every seed and speaker."""
    return (
        predictions.group_by("seed", "speaker", maintain_order=True)
        .agg(
            rows=pl.len().cast(pl.Int64),
            correct=(pl.col("letter") == pl.col("predicted")).sum().cast(pl.Int64),
            diverged=~pl.col("probability").is_finite().all(),
        )
        .sort("seed", "speaker")
    )


job.run(main, globals().get("snakemake"))
