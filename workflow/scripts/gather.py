"""Gather the numbers that the claims of a chapter declare in the chapter's table."""

from pathlib import Path

import polars as pl

from workflow.lib import estimates, job
from workflow.lib.numbers import COLUMNS
from workflow.lib.tables import write_csv


def main(tables: list[Path], output: Path) -> None:
    """Write the rows of several tables as one.

    Args:
        tables: CSV files as `measure` writes them.
        output: CSV to write, see `estimates.table`.
    """
    parts = [pl.read_csv(path, infer_schema_length=None) for path in tables]
    rows = [dict.fromkeys(COLUMNS) | row for part in parts for row in part.rows(named=True)]
    write_csv(estimates.table(rows, parts[0]["data"][0]), output)


job.run(main, globals().get("snakemake"))
