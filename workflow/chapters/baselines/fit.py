"""The classifiers as chosen, fitted to all training rows; only here is the test opened, once."""

import json
from pathlib import Path

import polars as pl

from nnjax.datasets import isolet
from workflow.lib import job
from workflow.lib.runs import classifiers
from workflow.lib.tables import write_parquet


def main(train: Path, test: Path, choices: Path, speakers: Path) -> None:
    """Fit every chosen model once and count.

    Args:
        train: the training rows.
        test: the test rows.
        choices: JSON, model to its hyper-parameters.
        speakers: Parquet to write, one row per model and test speaker: setting (in words), seed
            (0: nothing is drawn), rows and correct.
    """
    known, unknown = (isolet.examples(pl.read_parquet(path)) for path in (train, test))
    x, x_test = isolet.standardise(known.x, unknown.x)
    parts = []
    for model, point in json.loads(choices.read_text(encoding="utf-8")).items():
        hits = classifiers.hits(model, point, (x, known.labels), (x_test, unknown.labels))
        parts.append(
            classifiers.per_speaker(hits, speaker=unknown.speakers).select(
                pl.lit(model).alias("model"),
                pl.lit(classifiers.words(point)).alias("setting"),
                pl.lit(0).alias("seed"),
                pl.all(),
            )
        )
    write_parquet(pl.concat(parts), speakers)


job.run(main, globals().get("snakemake"))
