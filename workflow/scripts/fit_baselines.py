"""The baselines as chosen, fitted to all training rows; here, and once, the test is opened."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import baselines
import job
import polars as pl
from tables import write_parquet

from nnjax.datasets import isolet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(train: Path, test: Path, choices: Path, speakers: Path) -> None:
    """Fit every chosen model once and count.

    Args:
        train: the training rows.
        test: the test rows.
        choices: JSON, model to its hyperparameters.
        speakers: Parquet to write, one row per model and test speaker: setting (in words), seed
            (0: nothing is drawn), rows and correct.
    """
    known, unknown = (isolet.examples(pl.read_parquet(path)) for path in (train, test))
    x, x_test = isolet.standardise(known.x, unknown.x)
    parts = []
    for model, point in json.loads(choices.read_text(encoding="utf-8")).items():
        hits = baselines.hits(model, point, (x, known.labels), (x_test, unknown.labels))
        parts.append(
            baselines.per_speaker(hits, speaker=unknown.speakers).select(
                pl.lit(model).alias("model"),
                pl.lit(baselines.words(point)).alias("setting"),
                pl.lit(0).alias("seed"),
                pl.all(),
            )
        )
    write_parquet(pl.concat(parts), speakers)


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        Path(snakemake.input.train),
        Path(snakemake.input.test),
        Path(snakemake.input.choices),
        Path(snakemake.output.speakers),
    )
