"""The ISOLET table: its columns and splits, the speaker of each row, and its fingerprint."""

import hashlib
from typing import Literal

import numpy as np
import polars as pl

from nnjax.datasets.errors import DataError

Split = Literal["train", "test"]

FEATURES = 617
LETTERS = 26
SPLITS: tuple[Split, Split] = ("train", "test")
ROWS: dict[Split, int] = {"train": 6238, "test": 1559}
COLUMNS = [f"f{i:03d}" for i in range(1, FEATURES + 1)]
FINGERPRINTS: dict[Split, str] = {
    "train": "0a6975e3e441a1879ca9a697360d8428f89e6fb689a63d4c307e188c7467d9cf",
    "test": "ee0b32dfefb5584090991af3a1feedf56a08568efc88a8a749881eebb66041bf",
}

# (first row from 0, row after the last, speakers, id of the first speaker) within a split.
_BLOCKS: dict[Split, tuple[tuple[int, int, int, int], ...]] = {
    "train": ((0, 3120, 60, 1), (3120, 4680, 60, 61), (4680, 6238, 60, 61)),
    "test": ((0, 1559, 30, 121),),
}


def frame(features: np.ndarray, letters: np.ndarray) -> pl.DataFrame:
    """Build the tidy table of `load` from all rows, train rows first.

    Args:
        features: (7797, 617), float32.
        letters: 1 ... 26, (7797,).

    Returns:
        Columns split, speaker, letter, f001 ... f617.

    Raises:
        DataError: if rows are missing or out of order.
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


def speakers(letters: np.ndarray, split: Split) -> np.ndarray:
    """Reconstruct the speaker of each row: 1 ... 120 in train, 121 ... 150 in test.

    The files do not name their speakers, but the order of the rows reveals them. In rows 1 ... 3120
    (isolet1 and isolet2, 30 speakers each) and in the test file, each speaker says every letter
    twice, A A B B ... Z Z, so a letter smaller than the previous one starts a new speaker. Rows
    3121 ... 4680 contain the first utterances of 60 more speakers, one run A ... Z each, and rows
    4681 ... 6238 the second ones, with the speakers in the same order: the mean residual (features
    minus letter mean) of run i in the first range correlates 0.89 with that of run i in the second,
    and run i is its nearest neighbour for all 60. Two second Fs and one test M are missing; this
    moves no boundary.

    Args:
        letters: of all rows of the split in file order, 1 ... 26, (rows,).
        split: "train" or "test".

    Returns:
        Speaker ids, (rows,), int32.

    Raises:
        DataError: if the letters do not form the runs described above.
    """
    letters = np.asarray(letters).astype(np.int32)
    if len(letters) != ROWS[split]:
        raise DataError(f"The {split} split has {len(letters)} rows, expected {ROWS[split]}.")
    ids = np.empty_like(letters)
    for start, stop, count, first in _BLOCKS[split]:
        run = np.concatenate([[0], np.cumsum(np.diff(letters[start:stop]) < 0)])
        if run[-1] + 1 != count:
            raise DataError(
                f"Rows {start + 1} to {stop} of the {split} split contain {run[-1] + 1} runs "
                f"through the alphabet, expected {count}, one per speaker. Keep the rows in the "
                "order of the original file."
            )
        ids[start:stop] = first + run
    return ids


def fingerprint(features: np.ndarray, letters: np.ndarray) -> str:
    """Fingerprint of a split's content, independent of the container; equal for 8-bit copies.

    SHA-256 of the bytes clip(⌊(rint(10⁴ x) + 10⁴) · 255 / 20000⌋, 0, 255) in row order, followed
    by the letters as bytes.

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
    """The fingerprint of each split of a table."""
    parts: dict[Split, pl.DataFrame] = {
        split: table.filter(pl.col("split") == split) for split in SPLITS
    }
    return {
        split: fingerprint(rows.select(COLUMNS).to_numpy(), rows["letter"].to_numpy())
        for split, rows in parts.items()
    }


def is_official(table: pl.DataFrame) -> bool:
    """Whether the table has the content of the published ISOLET."""
    return fingerprints(table) == FINGERPRINTS


def coded_rows(table: pl.DataFrame) -> int:
    """Count the rows stored with 8 bits per value instead of the published four decimals.

    The fingerprint deliberately does not distinguish such a copy from the original. Every value of
    a coded row is the centre of one of the 255 steps of [-1, 1], or an end of the interval.

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
