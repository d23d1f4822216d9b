"""Search for the recipe by cross-validation over the training speakers.

Each stage has a base and makes one change of it after the other, with the same folds and seeds, so
that every difference is paired by speaker and seed. Changes without gain stay in the table. The job
has no access to the test speakers.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from network import probabilities
from settings import Network, Search

from nnjax import stats
from nnjax.datasets.isolet import Examples, examples
from workflow.lib import job
from workflow.lib.runs.folds import scaled, speaker_folds
from workflow.lib.tables import write_csv

Counts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Correct rows by seed and speaker, of the ensemble by speaker (1, speakers), rows by speaker."""


def main(train: Path, origin: Path, search: Search, trials: Path) -> None:
    """Run the search.

    Args:
        train: the training speakers' rows.
        origin: where the data came from (JSON).
        search: the stages.
        trials: CSV to write, one row per trial of each stage, the stage's base first.
    """
    data = examples(pl.read_parquet(train))
    source = {"data": json.loads(origin.read_text(encoding="utf-8"))["data"]}
    seeds, table = list(range(search.seeds)), []
    for number, stage in enumerate(search.stages, start=1):
        base = search.start.changed(stage.base)
        arms = {words(stage.base) or "start": {}}
        arms |= {words(change): change for change in stage.changes}
        for row in compared(data, base, arms, search.folds, seeds):
            table.append({"stage": number, **row, **source})
            write_csv(pl.DataFrame(table), trials)


def compared(
    data: Examples,
    base: Network,
    arms: dict[str, dict[str, Any]],
    k: int,
    seeds: list[int],
) -> Iterator[dict[str, Any]]:
    """Each arm's accuracy, alone and as an ensemble, and its difference to the first arm."""
    first = None
    for name, change in arms.items():
        alone, together, rows = cross_validated(data, base.changed(change), k, seeds)
        first = first or (alone, together)
        single = interval(alone, rows)
        yield {
            "arm": name,
            "accuracy": single.value,
            "lo": single.lo,
            "hi": single.hi,
            "n": single.n,
            "errors": float(rows.sum() - alone.sum(axis=1).mean()),
            "rows": int(rows.sum()),
            **_prefixed("difference", interval(alone - first[0], rows)),
            **_prefixed("ensemble", interval(together, rows)),
            "ensemble_errors": int(rows.sum() - together.sum()),
            **_prefixed("ensemble_difference", interval(together - first[1], rows)),
        }


def cross_validated(data: Examples, recipe: Network, k: int, seeds: list[int]) -> Counts:
    """Every speaker is classified by networks trained without that speaker."""
    judged = np.empty((len(seeds), len(data.labels), 26), np.float32)
    for fold in speaker_folds(data.speakers, k):
        (x, labels), (x_held_out, _) = scaled(data, fold)
        training = (x, labels, data.speakers[fold[0]])
        judged[:, fold[1]] = probabilities(recipe, training, x_held_out, seeds)
    names, index = np.unique(data.speakers, return_inverse=True)
    hits = np.stack([p.argmax(axis=1) == data.labels for p in [*judged, judged.mean(axis=0)]])
    correct = np.stack([np.bincount(index, h, minlength=len(names)) for h in hits])
    return correct[:-1], correct[-1:], np.bincount(index)


def interval(correct: np.ndarray, rows: np.ndarray) -> stats.Interval:
    """Over speakers and seeds; of one ensemble over speakers alone."""
    return stats.two_level_interval(correct, rows, np.random.default_rng(0))


def words(change: dict[str, Any]) -> str:
    """A change of settings as text.

    >>> words({"warp": 0.1, "augmentations": {"mixup": 0.2}})
    'warp 0.1, mixup 0.2'
    """
    flat = {k: v for k, v in change.items() if k != "augmentations"} | change.get(
        "augmentations", {}
    )
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in flat.items())


def _prefixed(name: str, values: stats.Interval) -> dict[str, float]:
    return {name: values.value, f"{name}_lo": values.lo, f"{name}_hi": values.hi}


job.run(main, globals().get("snakemake"))
