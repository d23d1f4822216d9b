"""Writing tables: complete or not at all."""

import io
import os
from pathlib import Path

import polars as pl


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
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
