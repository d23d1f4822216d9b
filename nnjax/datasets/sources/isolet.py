"""ISOLET: the UCI archive, else synthetic features; its splits are written to files of their own.

What is given only the training rows then cannot have looked at the test rows.
"""

from pathlib import Path

import polars as pl

from nnjax.datasets import isolet
from nnjax.datasets.fetch import Dataset, Record, StandIn
from nnjax.datasets.standin import standin

__all__ = ["ISOLET"]


def _describe(table: pl.DataFrame) -> Record:
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
    folder="isolet",
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
