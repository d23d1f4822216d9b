"""Tables: written complete or not at all, and read back for figures."""

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs

from workflow.lib import costs
from workflow.lib.job import JobError


def write_text(text: str, path: Path) -> None:
    """Write a text file under a temporary name and rename it.

    Args:
        text: the content.
        path: the file.
    """
    _write(text.encode(), path)


def write_parquet(table: pl.DataFrame, path: Path) -> None:
    """Write a table as Parquet, under a temporary name and renamed.

    Args:
        table: the table.
        path: the file.
    """
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    _write(buffer.getvalue(), path)


def write_csv(table: pl.DataFrame, path: Path) -> None:
    """Write a table as CSV, under a temporary name and renamed.

    Args:
        table: the table.
        path: the file.
    """
    _write(table.write_csv().encode(), path)


def _write(content: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with costs.spent("write"):
            temporary.write_bytes(content)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


SOURCES = {
    "isolet": "ISOLET",
    "stand-in": "synthetic stand-in, not ISOLET",
    "xor": "the four rows of XOR",
    "points": "points in the plane, drawn at random",
    "random": "drawn at random",
    "iris": "iris (Fisher 1936)",
    "sentences": "sentences written for this chapter",
    "mnist": "MNIST",
    "digits": "the 8 x 8 digits of scikit-learn, not MNIST",
    "shakespeare": "tiny Shakespeare",
    "own-text": "a synthetic text, not Shakespeare",
    "bundled": "breast cancer and 8 x 8 digits from scikit-learn",
    "none": "none",
}
"""What a table's column `data` may say, and what a figure then says."""

STAND_INS = {
    "stand-in": "STAND-IN DATA: synthetic, not ISOLET",
    "digits": "STAND-IN DATA: small digits, not MNIST",
    "own-text": "STAND-IN DATA: synthetic text, not Shakespeare",
}
"""Data that replace what could not be reached, and the mark on everything made from them."""


def data_of(origin: Path) -> str:
    """The column `data` of tables made from a data set, as its origin.json has it."""
    return json.loads(origin.read_text(encoding="utf-8"))["data"]


class TableError(JobError):
    """A figure's table is missing, unreadable or not what the figure needs."""


@dataclass(frozen=True)
class FigureTable:
    """The rows of one figure and where their data came from."""

    rows: pl.DataFrame
    source: str

    @property
    def stand_in(self) -> str:
        """The mark of rows that come from stand-in data; empty for others."""
        return STAND_INS.get(self.source, "")

    def footer(self, n: pl.Series | None = None) -> str:
        """The line under a figure: number of seeds and data source.

        Args:
            n: seeds behind each drawn value; the column `n` unless given.
        """
        counts = self.rows["n"] if n is None else n
        low, high = int(counts.to_numpy().min()), int(counts.to_numpy().max())
        number = f"{low}" if low == high else f"{low}\N{EN DASH}{high}"
        return f"n = {number} seed{'s' if high > 1 else ''}; data: {SOURCES[self.source]}"


def read_figure(path: Path, types: dict[str, type[pl.DataType]] | None = None) -> FigureTable:
    """Read the table of a figure.

    Args:
        path: CSV file with the column `data`.
        types: polars types of columns whose values do not tell.

    Returns:
        The rows, empty numbers as NaN, and the data source.

    Raises:
        TableError: no such file, no rows, or a data source that is unknown or mixed.
    """
    try:
        rows = pl.read_csv(path, infer_schema_length=None, schema_overrides=types)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise TableError(f"{path}: cannot be read as a CSV table ({error})") from error
    sources = rows["data"].unique().to_list() if "data" in rows.columns else []
    if len(sources) != 1 or sources[0] not in SOURCES:
        raise TableError(
            f"{path}: expected rows with one data source in the column data, found {sources}; "
            f"run the job that writes the table again (sources: {', '.join(SOURCES)})"
        )
    return FigureTable(rows.with_columns(cs.float().fill_null(np.nan)), sources[0])
