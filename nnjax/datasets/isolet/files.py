"""Reading the ISOLET files: plain or packed, every line checked."""

from pathlib import Path
from typing import NoReturn

import numpy as np
import polars as pl

from nnjax.datasets.errors import DataError
from nnjax.datasets.isolet import table
from nnjax.datasets.isolet.table import COLUMNS, FEATURES, LETTERS, ROWS, SPLITS, Split
from nnjax.datasets.unpack import AGAIN, names_in, read, unpack, unpack_members

FILES: dict[Split, str] = {"train": "isolet1+2+3+4.data", "test": "isolet5.data"}
ARCHIVE = "isolet.zip"

_PACKINGS = ("", ".gz", ".Z")
_FORM = f"{FEATURES} features and the letter 1 ... {LETTERS}"


def load(folder: str | Path, *, check_fingerprint: bool = True) -> pl.DataFrame:
    """Read and check the two ISOLET files of a folder.

    Each of `isolet1+2+3+4.data` and `isolet5.data` may be plain, `.gz` or `.Z` (searched in this
    order), or a member of `isolet.zip`, the archive that UCI distributes.

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
        nnjax.datasets.errors.DataError: nowhere contains none of isolet1+2+3+4.data, ...
    """
    folder = Path(folder)
    packed: dict[Split, tuple[bytes, str]] = {s: _find(folder, FILES[s]) for s in SPLITS}
    parts: dict[Split, tuple[np.ndarray, np.ndarray]] = {}
    for split, (raw, where) in packed.items():
        features, letters = parts[split] = _parse(unpack(raw, where), where, ROWS[split])
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
    names = {name + packing for name in FILES.values() for packing in _PACKINGS}
    return not (names | {ARCHIVE}).isdisjoint(names_in(Path(folder)))


def _find(folder: Path, name: str) -> tuple[bytes, str]:
    """The packed bytes of one data file, and its name for error messages."""
    present = names_in(folder)
    for packing in _PACKINGS:
        if name + packing in present:
            return read(folder / (name + packing)), str(folder / (name + packing))
    choices = ", ".join(name + packing for packing in _PACKINGS)
    if ARCHIVE not in present:
        raise DataError(
            f"{folder} contains none of {choices} and no {ARCHIVE}. "
            f"Download {ARCHIVE} from https://archive.ics.uci.edu/dataset/54/isolet into it."
        )
    archive = str(folder / ARCHIVE)
    members = unpack_members(read(folder / ARCHIVE), archive)
    for packing in _PACKINGS:
        if name + packing in members:
            return members[name + packing], f"{archive}/{name}{packing}"
    raise DataError(f"{archive} contains none of {choices}. {AGAIN}")


def _parse(content: bytes, where: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Checked features (rows, 617) float32 and letters (rows,) int32 of one data file."""
    lines = content.removeprefix(b"\xef\xbb\xbf").rstrip().split(b"\n")
    _check_lines(lines, where, rows)

    # Fields are read as text first, so that a bad one can be quoted as written in the file.
    names = [*COLUMNS, "letter"]
    fields = pl.read_csv(
        b"\n".join(lines), has_header=False, quote_char=None, schema=dict.fromkeys(names, pl.String)
    )
    numbers = pl.all().str.strip_chars().cast(pl.Float64, strict=False)
    values = fields.select(numbers).to_numpy()

    def refuse_first(bad: np.ndarray, offset: int, expected: str) -> None:
        if bad.any():
            row, column = np.argwhere(bad)[0] + (0, offset)
            text = lines[row].split(b",")[column].strip().decode()
            _refuse(where, row, f"value {column + 1} is {text[:40]!r}, expected {expected}")

    refuse_first(~np.isfinite(values), 0, "a finite number")
    features, letters = values[:, :FEATURES], values[:, FEATURES:]
    refuse_first(np.abs(features) > 1, 0, "a feature in [-1, 1]")
    legal = np.isin(letters, np.arange(1, LETTERS + 1))
    refuse_first(~legal, FEATURES, f"the letter as a whole number 1 ... {LETTERS}")
    if len(lines) != rows:
        raise DataError(f"{where} has {len(lines)} rows, expected {rows}. {AGAIN}")
    return features.astype(np.float32), letters[:, 0].astype(np.int32)


def _check_lines(lines: list[bytes], where: str, rows: int) -> None:
    """Refuse binary content and any line that does not have 618 values."""
    if lines == [b""]:
        raise DataError(f"{where} is empty, expected {rows} rows of {_FORM}. {AGAIN}")
    for row, line in enumerate(lines):
        if not line.isascii():
            _refuse(where, row, f"this is not text, expected {_FORM}")
        width = line.count(b",") + 1 if line.strip() else 0
        if width == FEATURES + 1:
            continue
        if 0 < row == len(lines) - 1 < rows and width < FEATURES + 1:
            raise DataError(
                f"{where} is truncated: line {row + 1}, the last, has {width} of "
                f"{FEATURES + 1} values; expected {rows} rows. {AGAIN}"
            )
        _refuse(where, row, f"{width} values, expected {FEATURES + 1} ({_FORM})")


def _refuse(where: str, row: int, what: str) -> NoReturn:
    raise DataError(f"{where}, line {row + 1}: {what}. {AGAIN}")
