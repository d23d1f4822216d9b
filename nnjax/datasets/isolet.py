"""ISOLET, spoken letters (UCI data set 54, Cole & Fanty 1990): read, check, split, scale.

Source: https://archive.ics.uci.edu/dataset/54/isolet, doi 10.24432/C51G69.
"""

import hashlib
from pathlib import Path
from typing import Literal, NamedTuple, NoReturn

import numpy as np
import polars as pl

from nnjax.datasets.errors import DataError
from nnjax.datasets.unpack import AGAIN, names_in, read, unpack, unpack_members

Split = Literal["train", "test"]

FEATURES = 617
LETTERS = 26
SPLITS: tuple[Split, Split] = ("train", "test")
FILES: dict[Split, str] = {"train": "isolet1+2+3+4.data", "test": "isolet5.data"}
ARCHIVE = "isolet.zip"
ROWS: dict[Split, int] = {"train": 6238, "test": 1559}
COLUMNS = [f"f{i:03d}" for i in range(1, FEATURES + 1)]
FINGERPRINTS: dict[Split, str] = {
    "train": "0a6975e3e441a1879ca9a697360d8428f89e6fb689a63d4c307e188c7467d9cf",
    "test": "ee0b32dfefb5584090991af3a1feedf56a08568efc88a8a749881eebb66041bf",
}

_PACKINGS = ("", ".gz", ".Z")
_FORM = f"{FEATURES} features and the letter 1 ... {LETTERS}"
# (first row from 0, row after the last, speakers, id of the first speaker) within a split.
_BLOCKS: dict[Split, tuple[tuple[int, int, int, int], ...]] = {
    "train": ((0, 3120, 60, 1), (3120, 4680, 60, 61), (4680, 6238, 60, 61)),
    "test": ((0, 1559, 30, 121),),
}


def load(folder: str | Path, *, check_fingerprint: bool = True) -> pl.DataFrame:
    """Read and check the two ISOLET files of a folder.

    Each of `isolet1+2+3+4.data` and `isolet5.data` may be plain, `.gz` or `.Z` (looked for in this
    order), or lie in `isolet.zip` as the UCI archive packs it.

    Args:
        folder: the folder that holds the files.
        check_fingerprint: refuse data whose content is not the published one.

    Returns:
        One row per utterance, train rows first, in file order: split ("train" or "test"), speaker
        (Int32, 1 ... 150), letter (Int32, 1 ... 26), f001 ... f617 (Float32, in [-1, 1]).

    Raises:
        DataError: naming the file, the line (from 1), what was expected and what to do.

    Example:
        >>> load("nowhere")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        nnjax.datasets.errors.DataError: nowhere holds none of isolet1+2+3+4.data, ...
    """
    folder = Path(folder)
    packed: dict[Split, tuple[bytes, str]] = {s: _find(folder, FILES[s]) for s in SPLITS}
    parts: dict[Split, tuple[np.ndarray, np.ndarray]] = {}
    for split, (raw, where) in packed.items():
        features, letters = parts[split] = _parse(unpack(raw, where), where, ROWS[split])
        actual = fingerprint(features, letters)
        if check_fingerprint and actual != FINGERPRINTS[split]:
            raise DataError(
                f"{where} has the right shape but not the content of ISOLET: expected the "
                f"fingerprint {FINGERPRINTS[split]}, found {actual}. {AGAIN}"
            )
    return frame(
        np.concatenate([parts[split][0] for split in SPLITS]),
        np.concatenate([parts[split][1] for split in SPLITS]),
    )


def holds(folder: str | Path) -> bool:
    """Whether any ISOLET file, whole or broken, lies in a folder; False for no such folder.

    Raises:
        DataError: when the folder exists and cannot be looked into.
    """
    names = {name + packing for name in FILES.values() for packing in _PACKINGS}
    return not (names | {ARCHIVE}).isdisjoint(names_in(Path(folder)))


def speakers(letters: np.ndarray, split: Split) -> np.ndarray:
    """Rebuild who speaks in each row: speakers 1 ... 120 in train, 121 ... 150 in test.

    The files do not name their speakers, but their order gives them away. In rows 1 ... 3120
    (isolet1 and isolet2, 30 speakers each) and in the test file, a speaker says every letter twice,
    A A B B ... Z Z, so a letter smaller than the one before starts the next speaker. Rows
    3121 ... 4680 hold the first utterances of 60 more speakers, one run A ... Z each, and rows
    4681 ... 6238 the second ones in the same order of speakers: the mean residual (features minus
    letter mean) of run i of one range correlates 0.89 with run i of the other, and its nearest
    neighbour is run i for all 60. Two second Fs and one test M are missing; no boundary moves.

    Args:
        letters: of all rows of the split in file order, 1 ... 26, (rows,).
        split: "train" or "test".

    Returns:
        Speaker ids, (rows,), int32.

    Raises:
        DataError: when the letters do not form the runs described above.
    """
    letters = np.asarray(letters).astype(np.int32)
    if len(letters) != ROWS[split]:
        raise DataError(f"The {split} split has {len(letters)} rows, expected {ROWS[split]}.")
    ids = np.empty_like(letters)
    for start, stop, count, first in _BLOCKS[split]:
        run = np.concatenate([[0], np.cumsum(np.diff(letters[start:stop]) < 0)])
        if run[-1] + 1 != count:
            raise DataError(
                f"Rows {start + 1} to {stop} of the {split} split hold {run[-1] + 1} runs through "
                f"the alphabet, expected {count}, one a speaker. The rows must be in the order of "
                f"{FILES[split]}."
            )
        ids[start:stop] = first + run
    return ids


def coded_rows(table: pl.DataFrame) -> int:
    """How many rows hold values in 8 bits instead of the published four decimals.

    The fingerprint cannot tell such a copy from the original, and does not want to; this can: every
    value of a coded row is the centre of one of the 255 steps of [-1, 1], or an end of it.

    Args:
        table: as `load` returns it.

    Returns:
        The number of coded rows; 0 for the published files.

    Example:
        >>> import polars as pl
        >>> row = dict.fromkeys(COLUMNS, 0.0)
        >>> coded_rows(pl.DataFrame([row, row | {"f001": 0.123}]))
        1
    """
    x = table.select(COLUMNS).to_numpy().astype(np.float64)
    step = np.clip((np.rint(10_000 * x) + 10_000) * 255 // 20_000, 0, 254)
    centre = (step + 0.5) / 127.5 - 1
    coded = (np.abs(x - centre) < 1e-4) | (np.abs(x) == 1)
    return int(coded.all(axis=1).sum())


def fingerprint(features: np.ndarray, letters: np.ndarray) -> str:
    """Content fingerprint of a split, the same whatever the container and for 8-bit copies.

    k = clip(floor((rint(10^4 x) + 10^4) 255 / 20000), 0, 255) as uint8 in row order, followed by
    the letters as uint8; of these bytes the SHA-256.

    Args:
        features: in [-1, 1], (rows, 617).
        letters: 1 ... 26, (rows,).

    Returns:
        64 hexadecimal digits.

    Example:
        >>> fingerprint(np.zeros((1, 617)), np.array([1]))[:8]
        'd0bcec19'
    """
    steps = np.rint(np.asarray(features, np.float64) * 10_000).astype(np.int32) + 10_000
    codes = np.clip(steps * 255 // 20_000, 0, 255).astype(np.uint8)
    return hashlib.sha256(
        codes.tobytes() + np.asarray(letters).astype(np.uint8).tobytes()
    ).hexdigest()


def fingerprints(table: pl.DataFrame) -> dict[Split, str]:
    """The content fingerprint of each split of a table."""
    parts: dict[Split, Examples] = {
        split: examples(table.filter(pl.col("split") == split)) for split in SPLITS
    }
    return {split: fingerprint(rows.x, rows.labels + 1) for split, rows in parts.items()}


def is_official(table: pl.DataFrame) -> bool:
    """Whether the table has the content of the published ISOLET."""
    return fingerprints(table) == FINGERPRINTS


def frame(features: np.ndarray, letters: np.ndarray) -> pl.DataFrame:
    """The tidy table of `load` from all rows, train first.

    Args:
        features: (7797, 617), float32.
        letters: 1 ... 26, (7797,).

    Returns:
        Columns split, speaker, letter, f001 ... f617.

    Raises:
        DataError: when rows are missing or out of order.
    """
    n = ROWS["train"]
    parts = {"train": speakers(letters[:n], "train"), "test": speakers(letters[n:], "test")}
    return pl.DataFrame(
        {
            "split": np.repeat(list(parts), [len(ids) for ids in parts.values()]),
            "speaker": np.concatenate(list(parts.values())),
            "letter": letters.astype(np.int32),
        }
    ).hstack(pl.from_numpy(features, schema=COLUMNS))


class Arrays(NamedTuple):
    """ISOLET as arrays: scaled float32 features, int32 letters 0 ... 25 and speaker ids."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    speakers_train: np.ndarray
    speakers_test: np.ndarray


class Examples(NamedTuple):
    """Rows of ISOLET as arrays, as they stand in the file: unscaled.

    Example:
        >>> import polars as pl
        >>> row = {"split": "train", "speaker": 1, "letter": 3, **dict.fromkeys(COLUMNS, 0.5)}
        >>> rows = examples(pl.DataFrame([row]))
        >>> rows.x.shape, rows.labels, rows.speakers
        ((1, 617), array([2], dtype=int32), array([1], dtype=int32))
    """

    x: np.ndarray
    labels: np.ndarray
    speakers: np.ndarray


def examples(table: pl.DataFrame) -> Examples:
    """The rows of a table as arrays, for those who scale them themselves (within a fold, say).

    Args:
        table: as `load` returns it, or some rows of it.

    Returns:
        x (rows, 617) float32 in [-1, 1], labels (rows,) int32 0 ... 25, speakers (rows,) int32.
    """
    return Examples(
        table.select(COLUMNS).to_numpy().astype(np.float32),
        table["letter"].to_numpy().astype(np.int32) - 1,
        table["speaker"].to_numpy().astype(np.int32),
    )


def arrays(table: pl.DataFrame) -> Arrays:
    """Arrays for training, features standardised with the training rows alone.

    Args:
        table: as `load` returns it.

    Returns:
        x (rows, 617) float32, y (rows,) int32 0 ... 25, speakers (rows,) int32, of train and test.
    """
    train, test = (examples(table.filter(pl.col("split") == split)) for split in SPLITS)
    x_train, x_test = standardise(train.x, test.x)
    return Arrays(x_train, train.labels, x_test, test.labels, train.speakers, test.speakers)


def standardise(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Zero mean and unit variance, fitted on the training rows only.

    x' = (x - mean) / sd with the biased standard deviation. A feature that is constant in `train`
    is only shifted (sd taken as 1), because it has no spread to divide by.

    Args:
        train: (rows, features).
        other: rows to scale with the mean and sd of `train`, (rows, features).

    Returns:
        Both, scaled, float32.

    Example:
        >>> standardise(np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[4.0, 6.0]]))[1]
        array([[2., 1.]], dtype=float32)
    """
    reference = np.asarray(train, np.float64)
    mean, sd = reference.mean(axis=0), reference.std(axis=0)
    # Not sd == 0: the mean of equal numbers may round, which leaves a tiny sd.
    scale = np.where(np.ptp(reference, axis=0) == 0, 1.0, sd)
    return ((reference - mean) / scale).astype(np.float32), ((other - mean) / scale).astype(
        np.float32
    )


def one_hot(labels: np.ndarray, classes: int = LETTERS) -> np.ndarray:
    """One-hot rows.

    Args:
        labels: 0 ... classes - 1, (rows,), integer.
        classes: number of classes.

    Returns:
        (rows, classes), float32.

    Raises:
        ValueError: when a label lies outside 0 ... classes - 1.

    Example:
        >>> one_hot(np.array([2, 0]), 3)
        array([[0., 0., 1.],
               [1., 0., 0.]], dtype=float32)
    """
    labels = np.asarray(labels)
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"labels lie in {labels.min()} ... {labels.max()}, expected 0 ... {classes - 1}"
        )
    return (labels[:, None] == np.arange(classes)).astype(np.float32)


def _find(folder: Path, name: str) -> tuple[bytes, str]:
    """The packed bytes of one data file and the name to call it by in an error."""
    present = names_in(folder)
    for packing in _PACKINGS:
        if name + packing in present:
            return read(folder / (name + packing)), str(folder / (name + packing))
    choices = ", ".join(name + packing for packing in _PACKINGS)
    if ARCHIVE not in present:
        raise DataError(
            f"{folder} holds none of {choices} and no {ARCHIVE}. "
            f"Download {ARCHIVE} from https://archive.ics.uci.edu/dataset/54/isolet into it."
        )
    archive = str(folder / ARCHIVE)
    members = unpack_members(read(folder / ARCHIVE), archive)
    for packing in _PACKINGS:
        if name + packing in members:
            return members[name + packing], f"{archive}/{name}{packing}"
    raise DataError(f"{archive} holds none of {choices}. {AGAIN}")


def _parse(content: bytes, where: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Checked features (rows, 617) float32 and letters (rows,) int32 of one data file."""
    lines = content.removeprefix(b"\xef\xbb\xbf").rstrip().split(b"\n")
    _check_lines(lines, where, rows)

    # Fields are read as text first: a bad one can then be shown as it stands in the file.
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
        raise DataError(f"{where} holds {len(lines)} rows, expected {rows}. {AGAIN}")
    return features.astype(np.float32), letters[:, 0].astype(np.int32)


def _check_lines(lines: list[bytes], where: str, rows: int) -> None:
    """Refuse what is no text and any line without 618 values."""
    if lines == [b""]:
        raise DataError(f"{where} is empty, expected {rows} rows of {_FORM}. {AGAIN}")
    for row, line in enumerate(lines):
        if not line.isascii():
            _refuse(where, row, f"this is no text, expected {_FORM}")
        width = line.count(b",") + 1 if line.strip() else 0
        if width == FEATURES + 1:
            continue
        if 0 < row == len(lines) - 1 < rows and width < FEATURES + 1:
            raise DataError(
                f"{where} is cut short: line {row + 1}, the last, holds {width} of "
                f"{FEATURES + 1} values; expected {rows} rows. {AGAIN}"
            )
        _refuse(where, row, f"{width} values, expected {FEATURES + 1} ({_FORM})")


def _refuse(where: str, row: int, what: str) -> NoReturn:
    raise DataError(f"{where}, line {row + 1}: {what}. {AGAIN}")
