"""What each part of the recipe is worth, by cross-validation over the training speakers."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import polars as pl
from search_record import compared
from tables import write_csv

from nnjax.datasets.isolet import examples

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    train: Path,
    record: Path,
    recipe: dict[str, Any],
    digest: str,
    search: dict[str, Any],
    ablation: Path,
) -> None:
    """Take the recipe apart.

    Args:
        train: the training speakers' rows.
        record: the data's source record (JSON).
        recipe: the configuration's `record`.
        digest: names the recipe in every row.
        search: the configuration's `record_search`: `ablation`, `ablation_seeds` and `folds`.
        ablation: CSV to write: the recipe first, then the recipe with each change.
    """
    data = examples(pl.read_parquet(train))
    source = {"data": json.loads(record.read_text(encoding="utf-8"))["data"], "recipe": digest}
    arms, table = {"the recipe": {}} | search["ablation"], []
    seeds = list(range(search["ablation_seeds"]))
    for row in compared(data, recipe["network"], arms, search["folds"], seeds):
        table.append(row | source)
        write_csv(pl.DataFrame(table), ablation)


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        Path(snakemake.input.train),
        Path(snakemake.input.record),
        snakemake.params["recipe"],
        snakemake.params["digest"],
        snakemake.params["search"],
        Path(snakemake.output.ablation),
    )
