"""ISOLET for the tests: the real files if available, else the stand-in in their format."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nnjax.datasets import isolet
from nnjax.datasets.standin import standin

REAL = Path(__file__).parents[2] / "shared/data/isolet"


@contextmanager
def isolet_folder(spare: Path) -> Iterator[Path]:
    """A folder with two data files that count as official within the context."""
    if isolet.holds(REAL):
        yield REAL
        return
    table = standin(seed=0)
    for split, name in isolet.FILES.items():
        (spare / name).write_bytes(text(table.filter(pl.col("split") == split)))
    with pytest.MonkeyPatch.context() as patch:
        for split, found in isolet.fingerprints(table).items():
            patch.setitem(isolet.FINGERPRINTS, split, found)
        yield spare


def rows(speakers: np.ndarray, letters: np.ndarray, cues: np.ndarray) -> pl.DataFrame:
    """A table of the data whose features are 0 but for the first ones, the cues."""
    x = np.zeros((len(letters), isolet.FEATURES), np.float32)
    x[:, : cues.shape[1]] = cues
    table = pl.DataFrame({"split": ["train"] * len(x), "speaker": speakers, "letter": letters})
    ids = table.with_columns(pl.col("speaker", "letter").cast(pl.Int32))
    return ids.hstack(pl.from_numpy(x, schema=isolet.COLUMNS))


def text(rows: pl.DataFrame) -> bytes:
    """Rows in the format of the original files: four decimals, then the letter as `1.`."""
    features = rows.select(isolet.COLUMNS).to_numpy()
    letters = rows["letter"].to_list()
    codes = np.rint(features.astype(np.float64) * 10_000).astype(np.int64)
    words = {code: f"{code / 10_000:.4f}" for code in np.unique(codes).tolist()}
    lines = (
        ", ".join([*(words[code] for code in row), f"{letter}."])
        for row, letter in zip(codes.tolist(), letters, strict=True)
    )
    return "".join(f"{line}\n" for line in lines).encode()
