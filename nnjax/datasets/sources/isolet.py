"""ISOLET: the UCI archive, else synthetic features; each split is written to a separate file.

So a job that gets the training file only cannot have used the test rows.
"""

from pathlib import Path

import polars as pl

from nnjax.datasets import isolet
from nnjax.datasets.fetch import Dataset, Origin, StandIn
from nnjax.datasets.standin import standin

__all__ = ["ISOLET"]


_ONE_TABLE = (
    "one table, such as OpenML's, lacks the official split between 120 training and 30 test "
    "speakers"
)


def _describe(table: pl.DataFrame) -> Origin:
    counts = (
        table.group_by("split").agg(pl.len(), pl.col("speaker").n_unique()).rows_by_key("split")
    )
    return {
        "fingerprint": {**isolet.fingerprints(table)},
        "coded_rows": isolet.coded_rows(table),
        "rows": {split: counts[split][0][0] for split in isolet.SPLITS},
        "speakers": {split: counts[split][0][1] for split in isolet.SPLITS},
    }


def _write(table: pl.DataFrame, paths: list[Path]) -> None:
    for split, path in zip(isolet.SPLITS, paths, strict=True):
        table.filter(pl.col("split") == split).write_parquet(path)


ISOLET = Dataset(
    name="ISOLET",
    data="isolet",
    folders=("isolet",),
    files=tuple(dict.fromkeys(name for names in isolet.NAMES.values() for name in names)),
    unfit={r"\.arff|^(dataset_\d+_)?isolet\W*(csv|data|txt|tsv|parquet)\b": _ONE_TABLE},
    needed=isolet.ARCHIVE,
    holds=isolet.holds,
    load=isolet.load,
    addresses={
        ".zip": {isolet.ARCHIVE: ""},
        "/": {f"{name}.Z": f"{name}.Z" for name in isolet.FILES.values()},
    },
    describe=_describe,
    write=_write,
    standin=StandIn(
        make=standin,
        data="stand-in",
        source="generated from seed {seed}",
        warning="A SYNTHETIC STAND-IN (seed {seed}), not on speech",
    ),
)
