"""Small versions of the three data sets that their readers take for the published ones."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
from isolet_files import text as isolet_text

from nnjax.datasets import isolet, mnist, text
from nnjax.datasets.fetch import Dataset
from nnjax.datasets.isolet import table
from nnjax.datasets.sources.isolet import ISOLET
from nnjax.datasets.sources.mnist import MNIST
from nnjax.datasets.sources.text import TEXT


class Small(NamedTuple):
    """A data set, the bytes of its files by name, and whether a content is that of the files."""

    dataset: Dataset[Any]
    files: dict[str, bytes]
    same: Callable[[Any], bool]

    def put(self, folder: Path, files: dict[str, bytes] | None = None) -> Path:
        """Write its files, or others, to a folder, whose content they replace."""
        shutil.rmtree(folder, ignore_errors=True)
        for name, content in (self.files if files is None else files).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder


def _isolet(patch: pytest.MonkeyPatch) -> Small:
    rng = np.random.default_rng(0)
    letters = np.array([1, 2, 1, 3, 5, 5])
    patch.setattr(table, "_BLOCKS", {"train": ((0, 4, 2, 1),), "test": ((0, 2, 1, 121),)})
    for split, rows in zip(isolet.SPLITS, (4, 2), strict=True):
        patch.setitem(table.ROWS, split, rows)
    x = (rng.integers(-10_000, 10_001, size=(6, isolet.FEATURES)) / 10_000).astype(np.float32)
    whole = table.frame(x, letters)
    for split, found in isolet.fingerprints(whole).items():
        patch.setitem(isolet.FINGERPRINTS, split, found)
    files = {
        name: isolet_text(whole.filter(pl.col("split") == split))
        for split, name in isolet.FILES.items()
    }

    def same(found: pl.DataFrame) -> bool:
        """Up to the steps of 8 bits, between which the fingerprint does not distinguish."""
        keys = ["split", "speaker", "letter"]
        close = np.abs(found.select(isolet.COLUMNS).to_numpy() - x).max() < 1 / 127
        return found.select(keys).equals(whole.select(keys)) and bool(close)

    return Small(ISOLET, files, same)


def _mnist(patch: pytest.MonkeyPatch) -> Small:
    rng = np.random.default_rng(0)
    patch.setattr(mnist, "ROWS", {"train": 3, "test": 2})
    content = mnist.Digits(
        *(
            rng.integers(10, size=(rows, *image), dtype=np.uint8)
            for rows in (3, 2)
            for image in ((28, 28), ())
        )
    )
    patch.setattr(mnist, "FINGERPRINTS", mnist.fingerprints(content))
    files = {mnist.FILES[part]: mnist.encode(array) for part, array in content._asdict().items()}
    return Small(MNIST, files, lambda found: all(map(np.array_equal, found, content)))


def _text(patch: pytest.MonkeyPatch) -> Small:
    content = b"First Citizen:\nSpeak.\n\nAll:\nSpeak, speak.\n" * 10
    patch.setattr(text, "BYTES", len(content))
    patch.setattr(text, "FINGERPRINT", hashlib.sha256(content).hexdigest())
    return Small(TEXT, {text.FILES[0]: content}, lambda found: found == content.decode())


_MAKERS = {"isolet": _isolet, "mnist": _mnist, "text": _text}
NAMES = tuple(_MAKERS)
SOURCES: dict[str, Dataset[Any]] = {"isolet": ISOLET, "mnist": MNIST, "text": TEXT}


@contextmanager
def small(name: str) -> Iterator[Small]:
    """A small data set that counts as the published one within the context."""
    with pytest.MonkeyPatch.context() as patch:
        yield _MAKERS[name](patch)
