"""Reading the ISOLET files: plain or packed, every line checked."""

from pathlib import Path
from typing import NoReturn

import numpy as np
import polars as pl

from nnjax.datasets.errors import DataError
from nnjax.datasets.find import find
from nnjax.datasets.isolet import table
from nnjax.datasets.isolet.table import COLUMNS, FEATURES, LETTERS, ROWS, SPLITS, Split
from nnjax.datasets.unpack import AGAIN, content, text

FILES: dict[Split, str] = {"train": "isolet1+2+3+4.data", "test": "isolet5.data"}
ARCHIVE = "isolet.zip"

NAMES: dict[Split, tuple[str, ...]] = {
    split: (name, name.replace(".data", ".csv"), ARCHIVE) for split, name in FILES.items()
}
"""Accepted names of each file, first choice first; and names like them, see `find.first`."""

_WIDEST = 16  # bytes of a value; the published files have 8.4 on average
_FORM = f"{FEATURES} features and the letter 1 ... {LETTERS}"


def load(folder: str | Path, *, check_fingerprint: bool = True) -> pl.DataFrame:
    """Read and check the two ISOLET files of a folder.

    Each of `isolet1+2+3+4.data` and `isolet5.data` may be plain or packed (`.gz`, `.Z`, `.bz2`,
    `.xz`, `.zip`), have a first line with the names of the columns, be called `.csv`, or be a
    member of `isolet.zip`, the archive that UCI distributes.

    Args:
        folder: the folder with the files.
        check_fingerprint: refuse data whose content differs from the published one.

    Returns:
        One row per utterance, train rows first, in file order: split ("train" or "test"), speaker
        (Int32, 1 ... 150), letter (Int32, 1 ... 26), f001 ... f617 (Float32, in [-1, 1]).

    Raises:
        DataError: naming the file, the line (from 1), what was expected and what to do.

    Example:
        >>> load("nowhere")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        nnjax.datasets.errors.DataError: nowhere contains none of isolet1+2+3+4.data ...
    """
    folder = Path(folder)
    paths: dict[Split, Path] = {split: _find(folder, split) for split in SPLITS}
    parts: dict[Split, tuple[np.ndarray, np.ndarray]] = {}
    for split, path in paths.items():
        most = ROWS[split] * (FEATURES + 1) * _WIDEST
        raw, where = content(path, NAMES[split], most)
        features, letters = parts[split] = _parse(text(raw, where), where, ROWS[split])
        actual, expected = table.fingerprint(features, letters), table.FINGERPRINTS[split]
        if check_fingerprint and actual != expected:
            raise DataError(
                f"{where} has the right shape but not the content of ISOLET: expected the "
                f"fingerprint {expected}, found {actual}. {AGAIN}"
            )
    return table.frame(
        np.concatenate([parts[split][0] for split in SPLITS]),
        np.concatenate([parts[split][1] for split in SPLITS]),
    )


def holds(folder: str | Path) -> bool:
    """Whether a folder contains any ISOLET file, intact or broken; False for a missing folder.

    Raises:
        DataError: if the folder exists but cannot be read.
    """
    return any(find(Path(folder), names) for names in NAMES.values())


def _find(folder: Path, split: Split) -> Path:
    path = find(folder, NAMES[split])
    if path is None:
        raise DataError(
            f"{folder} contains none of {FILES[split]} (plain or packed) and no {ARCHIVE}. "
            f"Download {ARCHIVE} from https://archive.ics.uci.edu/dataset/54/isolet into it."
        )
    return path


def _parse(raw: bytes, where: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Checked features (rows, 617) float32 and letters (rows,) int32 of one data file."""
    raw = raw.rstrip()
    # Lines beyond the header and the rows are counted but not split, because there may be millions.
    lines = raw.split(b"\n", rows + 1)
    header = _is_header(lines[0])
    count = raw.count(b"\n") + 1 - header
    lines = lines[: header + rows]
    _check_lines(lines, where, rows, header)

    # Fields are read as text first, so that a bad one can be quoted as written in the file.
    names = [*COLUMNS, "letter"]
    fields = pl.read_csv(
        b"\n".join(lines[header:]),
        has_header=False,
        quote_char=None,
        schema=dict.fromkeys(names, pl.String),
    )
    numbers = pl.all().str.strip_chars().cast(pl.Float64, strict=False)
    values = fields.select(numbers).to_numpy()

    def refuse_first(bad: np.ndarray, offset: int, expected: str) -> None:
        if bad.any():
            row, column = np.argwhere(bad)[0] + (header, offset)
            word = lines[row].split(b",")[column].strip().decode()
            _refuse(where, row, f"value {column + 1} is {word[:40]!r}, expected {expected}")

    refuse_first(~np.isfinite(values), 0, "a finite number")
    features, letters = values[:, :FEATURES], values[:, FEATURES:]
    refuse_first(np.abs(features) > 1, 0, "a feature in [-1, 1]")
    legal = np.isin(letters, np.arange(1, LETTERS + 1))
    refuse_first(~legal, FEATURES, f"the letter as a whole number 1 ... {LETTERS}")
    if count != rows:
        raise DataError(f"{where} has {count} rows, expected {rows}. {AGAIN}")
    return features.astype(np.float32), letters[:, 0].astype(np.int32)


def _is_header(line: bytes) -> bool:
    """Whether a line has a name for every column, and no number."""
    words = line.split(b",", FEATURES + 1)
    return len(words) == FEATURES + 1 and not any(map(_is_number, words))


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _check_lines(lines: list[bytes], where: str, rows: int, header: bool) -> None:
    """Refuse binary content and any line that does not have 618 values."""
    if lines == [b""]:
        raise DataError(f"{where} is empty, expected {rows} rows of {_FORM}. {AGAIN}")
    for row, line in enumerate(lines):
        if not line.isascii():
            _refuse(where, row, f"this is not text, expected {_FORM}")
        width = line.count(b",") + 1 if line.strip() else 0
        if width == FEATURES + 1:
            continue
        if 0 < row == len(lines) - 1 < rows + header and width < FEATURES + 1:
            raise DataError(
                f"{where} is truncated: line {row + 1}, the last, has {width} of "
                f"{FEATURES + 1} values; expected {rows} rows. {AGAIN}"
            )
        _refuse(where, row, f"{width} values, expected {FEATURES + 1} ({_FORM})")


def _refuse(where: str, row: int, what: str) -> NoReturn:
    raise DataError(f"{where}, line {row + 1}: {what}. {AGAIN}")
