"""Damaged files of all data sets: the data, or one sentence that names the file.

The default run tries 50 files of every packing and reader, 1050 in all, the exhaustive one 400,
8400 in all; Hypothesis makes the same ones every time. A reader reads no more than the data can
have, see `test_unpack.py`, so that every file also takes little memory and time.
"""

import bz2
import gzip
import io
import lzma
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ncompress import compress
from small_data import NAMES, Small, small

from nnjax.datasets.errors import DataError


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        archive.writestr("readme", b"not the data")
    return buffer.getvalue()


PACK: dict[str, Callable[[str, bytes], bytes]] = {
    "plain": lambda name, content: content,
    "gzip": lambda name, content: gzip.compress(content, mtime=0),
    "bzip2": lambda name, content: bz2.compress(content),
    "xz": lambda name, content: lzma.compress(content),
    "compress": lambda name, content: compress(content),
    "zip": zipped,
    "Z in zip": lambda name, content: zipped(f"a/{name}.Z", compress(content)),
}


def flip(rng: random.Random, raw: bytes) -> bytes:
    bent = bytearray(raw)
    for _ in range(rng.randint(1, 8) if raw else 0):
        bent[rng.randrange(len(bent))] = rng.randrange(256)
    return bytes(bent)


def cut(rng: random.Random, raw: bytes) -> bytes:
    return raw[: rng.randint(0, len(raw))]


def cut_out(rng: random.Random, raw: bytes) -> bytes:
    start, stop = sorted(rng.randint(0, len(raw)) for _ in range(2))
    return raw[:start] + raw[stop:]


def insert(rng: random.Random, raw: bytes) -> bytes:
    start = rng.randint(0, len(raw))
    return raw[:start] + rng.randbytes(rng.choice([1, 2, 50])) + raw[start:]


def more(rng: random.Random, raw: bytes) -> bytes:
    """Garbage at the end, or the whole a second time, as gzip members may follow each other."""
    return raw + rng.choice([raw, b"\0" * 9, b"\n\n", b"end", rng.randbytes(9)])


def lines(rng: random.Random, raw: bytes) -> bytes:
    """One line dropped, doubled, or exchanged with another."""
    found = raw.splitlines(keepends=True) or [b""]
    i, j = rng.randrange(len(found)), rng.randrange(len(found))
    if rng.random() < 0.5:
        found[i : i + 1] = rng.choice([[], [found[i]] * 2])
    else:
        found[i], found[j] = found[j], found[i]
    return b"".join(found)


def words(rng: random.Random, raw: bytes) -> bytes:
    """Some word between commas or blanks is another one."""
    found = raw.split(b" ")
    new = ["nan,", "inf,", "-1e999,", "", "1,2,", '"1",', "0x1,", "1_0,", "27.", "\0", "ä", "1\r"]
    found[rng.randrange(len(found))] = rng.choice(new).encode()
    return b" ".join(found)


def recode(rng: random.Random, raw: bytes) -> bytes:
    """Another encoding, other line ends, a byte order mark, another first line."""
    text = raw.decode("latin-1")
    return rng.choice(
        [
            text.encode("utf-16"),
            text.encode("utf-16-le"),
            text.encode("utf-32"),
            text.encode("utf-8-sig"),
            raw.replace(b"\n", b"\r"),
            raw.replace(b"\n", b"\r\n"),
            raw.replace(b",", b";"),
            raw.replace(b".", b","),
            b"%s\n" % b",".join([b"name"] * 618) + raw,
            b"\n" + raw,
        ]
    )


CONTENT = (flip, cut, cut_out, insert, more, lines, words, recode)
FILE = (flip, cut, cut_out, insert, more)


@pytest.fixture(params=NAMES, scope="module")
def data(request: pytest.FixtureRequest) -> Iterator[Small]:
    with small(request.param) as made:
        yield made


def check(data: Small, folder: Path, packing: str, rng: random.Random) -> None:
    """Damage one file, its content or its packing or both, and read the folder."""
    name = rng.choice(list(data.files))
    content = data.files[name]
    for _ in range(rng.randint(0, 2)):
        content = rng.choice(CONTENT)(rng, content)
    raw = PACK[packing](name, content)
    if raw == data.files[name] or rng.random() < 0.6:
        raw = rng.choice(FILE)(rng, raw)
    data.put(folder, data.files | {name: raw})
    try:
        found = data.dataset.load(folder)
    except DataError as error:
        message = str(error)
        assert message.isprintable()
        assert message.startswith((f"{folder / name} ", f"{folder / name}/", f"{folder / name},"))
        assert len(message) < 600
    else:
        assert data.same(found)


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize(
    "examples", [50, pytest.param(400, marks=pytest.mark.exhaustive)], ids=lambda n: f"{n} files"
)
def test_damaged_files_give_the_data_or_a_sentence(
    examples: int, packing: str, data: Small, tmp_path: Path
) -> None:
    @settings(max_examples=examples)
    @given(rng=st.randoms())
    def run(rng: random.Random) -> None:
        check(data, tmp_path / "a", packing, rng)

    run()
