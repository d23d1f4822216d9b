"""Read a table of any common format: load and unpack the file, then choose the reader."""

import gzip
import io
import re
import warnings
import zlib
from collections.abc import Collection
from pathlib import Path

import polars as pl
import psutil

from nnjax.tables import arff, text
from nnjax.tables.bundled import PREFIX, bundled
from nnjax.tables.errors import TableError, listed, near

MEMORY_FACTOR = 6
"""Bytes of memory needed to read one byte of text: bytes, text, strings by column, numbers."""

_SUFFIXES = (".csv", ".tsv", ".txt", ".tab", ".dat", ".data", ".parquet", ".pq", ".arff")

# Files that are not tables, by their first bytes.
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (rb"PK\x03\x04", "a zip archive or an Excel workbook", "save the sheet as CSV, or unpack it"),
    (rb"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (rb"\x89HDF|\x93NUMPY|%PDF|\x7fELF", "a binary file", "write the table as CSV or Parquet"),
    (rb"BZh|\xfd7zXZ|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd", "an archive", "unpack it, or use gzip"),
    (
        rb"(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml|head|!--)",
        "a web page",
        "download the file again",
    ),
    (rb"version https://git-lfs", "a Git LFS pointer", "run `git lfs pull`"),
    (rb"(\xef\xbb\xbf)?\s*[\[{]\s*[\"\[{]", "JSON", "write the table as CSV or Parquet"),
)


def read_table(source: str | Path, *, as_text: Collection[str] = ()) -> pl.DataFrame:
    """Read a table: CSV, TSV, Parquet or ARFF, also gzipped, or one of scikit-learn's.

    The format is detected from the content, the separator of text files (`,` `;` tab `|`) from the
    first lines, or from a first line `sep=;`. Empty fields, NA, N/A, NaN, nan, null, ? and - are
    missing values. A column gets the first of these types that fits all its values: whole numbers,
    numbers, booleans (true, false), dates (2024-12-31), dates with times, numbers with thousands
    separated by commas (1,234.5) or, unless fields are separated by commas, with decimal commas
    (1.234,5), strings. With `;`, 1,234 has a decimal comma.

    Args:
        source: a path, or `sklearn:` followed by `iris`, `wine`, `breast_cancer`, `digits` or
            `diabetes`, whose target is the column `target`.
        as_text: names of columns whose values stay strings, such as categories "01".

    Returns:
        The table.

    Raises:
        TableError: if the table cannot be read; the message names the file, the line and what was
            expected.

    Warns:
        UserWarning: if a file is not UTF-8 and is read as Latin-1.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "a.csv"
        ...     _ = path.write_text("name;height\\nAda;1,7\\nMax;?\\n")
        ...     read_table(path).rows()
        [('Ada', 1.7), ('Max', None)]
    """
    if str(source).startswith(PREFIX):
        return bundled(str(source))
    path = Path(source)
    raw = _unpacked(path, _content(path))
    if raw.startswith(b"PAR1"):
        return _parquet(path, raw)
    for pattern, kind, remedy in _OTHERS:
        if re.match(pattern, raw[:1000], re.IGNORECASE):
            raise TableError(f"{path} is {kind}, not a table; {remedy}")
    content = _decoded(path, raw)
    del raw
    if not content.strip():
        raise TableError(f"{path} is empty; expected a line of column names, then the rows")
    if arff.is_arff(content):
        return arff.read(str(path), content, as_text)
    return text.read(str(path), content, as_text)


def _content(path: Path) -> bytes:
    """The bytes of a file that fits into memory."""
    if not path.exists():
        raise TableError(f"{path}: no such file; {_instead(path)}")
    if path.is_dir():
        tables = sorted(file.name for file in path.iterdir() if _is_table(file))
        hint = f"name a file in it, such as {listed(tables, 3)}" if tables else "name a file"
        raise TableError(f"{path} is a folder, not a table; {hint}")
    if not path.is_file():
        raise TableError(f"{path} is a device or a pipe; expected a regular file")
    size, most = path.stat().st_size, _most()
    if size > most:
        raise TableError(
            f"{path} has {_bytes(size)}, and reading it takes {MEMORY_FACTOR} times as much "
            f"memory, more than is free; expected at most {_bytes(most)}, so use fewer rows or "
            "columns"
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from None


def _unpacked(path: Path, raw: bytes) -> bytes:
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    most = _most()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            unpacked = file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(f"{path} is a broken gzip file ({error}); download it again") from None
    if len(unpacked) > most:
        raise TableError(
            f"{path} inflates from {_bytes(len(raw))} to more than {_bytes(most)}, which does not "
            "fit into free memory; use fewer rows or columns"
        )
    return unpacked


def _most() -> int:
    """The size in bytes of the largest table that fits into free memory."""
    return psutil.virtual_memory().available // MEMORY_FACTOR


def _decoded(path: Path, raw: bytes) -> str:
    """Bytes as a text whose lines end in \\n."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\0" in raw:
        line = raw[: raw.index(b"\0")].count(b"\n") + 1
        raise TableError(
            f"{path} is a binary file (a zero byte in line {line}), not a table; expected CSV, "
            "TSV, ARFF or Parquet"
        )
    else:
        encodings = ["utf-8-sig", "latin-1"]
    for encoding in encodings:
        try:
            content = raw.decode(encoding)
        except UnicodeDecodeError as error:
            if encoding == "utf-16":
                raise TableError(f"{path} is broken UTF-16; save it as UTF-8") from None
            byte, line = raw[error.start], raw[: error.start].count(b"\n") + 1
            warnings.warn(
                f"{path} is not UTF-8 (byte 0x{byte:02x} in line {line}) and was read as Latin-1; "
                "save it as UTF-8 if characters are wrong",
                stacklevel=3,
            )
        else:
            return content.replace("\r\n", "\n").replace("\r", "\n")
    raise AssertionError("Latin-1 decodes all bytes")


def _parquet(path: Path, raw: bytes) -> pl.DataFrame:
    try:
        table = pl.read_parquet(io.BytesIO(raw))
    except (pl.exceptions.PolarsError, OSError, ValueError, pl.exceptions.PanicException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TableError(f"{path} is a broken Parquet file ({reason}); write it again") from None
    if not table.height:
        raise TableError(f"{path} has no rows; expected at least one")
    return table


def _instead(path: Path) -> str:
    """A hint at files that exist, for a file that does not."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either"
    names = sorted(file.name for file in path.parent.iterdir() if _is_table(file))
    alike = near(path.name, names)
    if alike:
        return f"did you mean {listed(alike, 3)} in {path.parent}?"
    return f"{path.parent} contains {listed(names) if names else 'no table'}"


def _is_table(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(_SUFFIXES) and path.is_file()


def _bytes(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
