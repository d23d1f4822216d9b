"""What each part of the recipe is worth, by cross-validation over the training speakers."""

import json
from pathlib import Path

import polars as pl
from search import compared
from settings import Network, Search

from nnjax.datasets.isolet import examples
from workflow.lib import job
from workflow.lib.tables import write_csv


def main(
    train: Path, origin: Path, network: Network, recipe: str, search: Search, ablation: Path
) -> None:
    """Take the recipe apart.

    Args:
        train: the training speakers' rows.
        origin: where the data came from (JSON).
        network: the recipe.
        recipe: its digest, which names the recipe in every row.
        search: the changes, the folds and the seeds.
        ablation: CSV to write: the recipe first, then the recipe with each change.
    """
    data = examples(pl.read_parquet(train))
    source = {"data": json.loads(origin.read_text(encoding="utf-8"))["data"], "recipe": recipe}
    arms, table = {"the recipe": {}} | search.ablation, []
    seeds = list(range(search.ablation_seeds))
    for row in compared(data, network, arms, search.folds, seeds):
        table.append(row | source)
        write_csv(pl.DataFrame(table), ablation)


job.run(main, globals().get("snakemake"))
