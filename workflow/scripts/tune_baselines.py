"""Choose the hyperparameters of the baselines by cross-validation over the training speakers."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import baselines
import folds
import job
import polars as pl
from networks import product
from tables import write_parquet, write_text

from nnjax.datasets import isolet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    train: Path, grids: dict[str, dict[str, list[float]]], k: int, trials: Path, choices: Path
) -> None:
    """Try every point of every grid on every fold, and name the best.

    Args:
        train: the training rows.
        grids: model to hyperparameter to its values; all combinations are tried.
        k: folds.
        trials: Parquet to write, one row per trial and training speaker: model, trial (from 0, in
            the grid's order), setting (in words), rows and correct when held out.
        choices: JSON to write, model to its hyperparameters.
    """
    data = isolet.examples(pl.read_parquet(train))
    parts = []
    for fold in folds.speaker_folds(data.speakers, k):
        known, held_out = folds.scaled(data, fold)
        for model, grid in grids.items():
            for trial, point in enumerate(points(grid)):
                hits = baselines.hits(model, point, known, held_out)
                parts.append(
                    baselines.per_speaker(hits, speaker=data.speakers[fold[1]]).select(
                        pl.lit(model).alias("model"),
                        pl.lit(trial).alias("trial"),
                        pl.lit(baselines.words(point)).alias("setting"),
                        pl.all(),
                    )
                )
    table = pl.concat(parts)
    best = {model: points(grid)[best_trial(table, model)] for model, grid in grids.items()}
    write_parquet(table, trials)
    write_text(json.dumps(best, indent=2) + "\n", choices)


def points(grid: dict[str, list[float]]) -> list[dict[str, Any]]:
    """The combinations of a grid.

    Example:
        >>> points({"C": [1, 3], "gamma": [0.1]})
        [{'C': 1, 'gamma': 0.1}, {'C': 3, 'gamma': 0.1}]
    """
    columns = product(grid)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def best_trial(trials: pl.DataFrame, model: str) -> int:
    """The trial with the most held-out rows right; of equals the first in the grid's order."""
    totals = trials.filter(model=model).group_by("trial").agg(pl.col("correct").sum())
    return int(totals.sort("correct", "trial", descending=[True, False])["trial"][0])


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        Path(snakemake.input.train),
        snakemake.params["grids"],
        snakemake.params["folds"],
        Path(snakemake.output.trials),
        Path(snakemake.output.choices),
    )
