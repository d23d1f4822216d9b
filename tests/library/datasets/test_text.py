"""The reader of tiny Shakespeare: formats, refused files, the real file; the synthetic text."""

import gzip
import hashlib
from collections import Counter
from pathlib import Path

import pytest

from nnjax.datasets import text
from nnjax.datasets.errors import DataError
from nnjax.datasets.own_text import own_text

REAL = Path(__file__).parents[4] / "shared/data/text"
CONTENT = b"First Citizen:\nSpeak.\n"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A line that counts as the published text."""
    if "real" not in request.node.name:
        monkeypatch.setattr(text, "BYTES", len(CONTENT))
        monkeypatch.setattr(text, "FINGERPRINT", hashlib.sha256(CONTENT).hexdigest())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tinyshakespeare.txt", CONTENT),
        ("input.txt", CONTENT),
        ("input.txt.gz", gzip.compress(CONTENT, mtime=0)),
    ],
)
def test_names_and_packings(name: str, content: bytes, tmp_path: Path) -> None:
    assert not text.holds(tmp_path)
    (tmp_path / name).write_bytes(content)
    assert text.holds(tmp_path)
    assert text.load(tmp_path) == CONTENT.decode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"<html>", "is a web page, not the data"),
        (CONTENT[:-1], "has 21 bytes of text, expected 22"),
        (CONTENT.replace(b"\n", b"\r\n"), "has lines that end in CR LF, as on Windows"),
        (CONTENT + b"more", "has 26 bytes of text, expected 22"),
        (CONTENT.replace(b"S", b"s"), "not the content of tiny Shakespeare: expected the SHA-256"),
    ],
)
def test_broken_file_is_refused_with_a_sentence(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "input.txt"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        text.load(tmp_path)
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)
    assert str(caught.value).endswith("Download or copy it again.")


@pytest.mark.skipif(not text.holds(REAL), reason="tiny Shakespeare is not available")
def test_the_real_file() -> None:
    found = text.load(REAL)
    assert len(found) == 1_115_394
    assert found.startswith("First Citizen:\nBefore we proceed any further, hear me speak.\n")


def test_the_synthetic_text() -> None:
    found = own_text(0)
    assert found == own_text(0) != own_text(1)
    assert "<" not in found
    counts = Counter(found.split())
    assert 10_000 < counts.total() < 20_000
    assert 300 < len(counts) < 1000
    assert all(line[0].isupper() for line in found.splitlines() if line)
