"""Read the one table behind a figure, and refuse a wrong one with a sentence."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs

SOURCES = {
    "isolet": "ISOLET",
    "stand-in": "synthetic stand-in, not ISOLET",
    "xor": "the four rows of XOR",
    "points": "points in the plane, drawn at random",
    "random": "drawn at random",
    "iris": "iris (Fisher 1936)",
    "sentences": "sentences of our own",
    "mnist": "MNIST",
    "digits": "the 8 x 8 digits of scikit-learn, not MNIST",
    "shakespeare": "tiny Shakespeare",
    "own-text": "a small text of our own, not Shakespeare",
    "bundled": "breast cancer and 8 x 8 digits, as scikit-learn brings them",
    "none": "none",
}
"""What a table's column `data` may say, and what a figure then says."""

STAND_INS = {
    "stand-in": "STAND-IN DATA: synthetic, not ISOLET",
    "digits": "STAND-IN DATA: small digits, not MNIST",
    "own-text": "STAND-IN DATA: a text of our own, not Shakespeare",
}
"""Data that replace what could not be reached, and the mark on everything made from them."""


class TableError(ValueError):
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


def read(path: Path, columns: dict[str, type[pl.DataType]], key: list[str]) -> FigureTable:
    """Read a figure's CSV table and check its columns, types and data source.

    Args:
        path: CSV file with the named columns and the column `data`; others are ignored.
        columns: polars type of every column the figure uses; only floats may be empty.
        key: the columns that together name a row, so that none is drawn twice.

    Returns:
        The rows, empty numbers as NaN, and the data source.

    Raises:
        TableError: no such file, a missing column, an empty or wrong value, no rows, the same
            row twice, or a data source that is unknown or mixed.
    """
    wanted = {**columns, "data": pl.String}
    try:
        found = pl.read_csv(path, n_rows=0).columns
    except (OSError, pl.exceptions.PolarsError) as error:
        raise TableError(f"{path}: cannot be read as a CSV table ({error})") from error
    missing = [name for name in wanted if name not in found]
    if missing:
        raise TableError(
            f"{path}: no column {', '.join(missing)}; found {', '.join(found)}. "
            "Run the summarise rule of this figure again."
        )
    try:
        rows = pl.read_csv(path, columns=list(wanted), schema_overrides=wanted)
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise TableError(f"{path}: a value has the wrong type ({reason})") from error
    if rows.is_empty():
        raise TableError(f"{path}: the table has no rows, so there is nothing to draw")
    sources = rows["data"].unique(maintain_order=True).to_list()
    if len(sources) != 1 or sources[0] not in SOURCES:
        raise TableError(
            f"{path}: column data holds {sources}; expected one of {list(SOURCES)} in every row"
        )
    empty = [name for name in rows.select(~cs.float()).columns if rows[name].null_count()]
    if empty:
        raise TableError(f"{path}: empty value in column {', '.join(empty)}; every row needs one")
    if rows.select(key).is_duplicated().any():
        raise TableError(f"{path}: two rows share the same {', '.join(key)}; expected one of each")
    return FigureTable(rows.with_columns(cs.float().fill_null(np.nan)), sources[0])
