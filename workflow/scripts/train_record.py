"""Train the record's members on the training speakers and let them judge the test speakers.

The settings were chosen by cross-validation over the training speakers (workflow/config/record.yaml
says how).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import numpy as np
import polars as pl
from tables import write_parquet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

ENSEMBLE = -1
"""Stands for the ensemble in the column `seed`."""


def main(
    train: Path, test: Path, recipe: dict[str, Any], speakers: Path, predictions: Path
) -> None:
    """Train and write who was understood.

    Args:
        train: rows to train on.
        test: rows to judge.
        recipe: the configuration's `record`: `network` and how many `members`.
        speakers: Parquet to write, one row per seed and speaker of `test`: rows, how many are
            classified correctly, and whether the network diverged (its probabilities are not
            finite); seed -1 is the ensemble, the mean of the members' probabilities.
        predictions: Parquet to write, one row per seed and row of `test`: row from 0, speaker,
            letter and predicted letter 1 ... 26, and the probability of the latter.
    """
    from record_network import probabilities

    from nnjax.datasets.isolet import examples, standardise

    trained, judged = (examples(pl.read_parquet(path)) for path in (train, test))
    x, x_judged = standardise(trained.x, judged.x)
    seeds = list(range(recipe["members"]))
    members = probabilities(
        recipe["network"], (x, trained.labels, trained.speakers), x_judged, seeds
    )
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
        for seed, scores in zip([*seeds, ENSEMBLE], [*members, members.mean(axis=0)], strict=True)
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


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        Path(snakemake.input.train),
        Path(snakemake.input.test),
        snakemake.params["recipe"],
        Path(snakemake.output.speakers),
        Path(snakemake.output.predictions),
    )
