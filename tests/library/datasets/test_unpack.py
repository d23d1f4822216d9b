"""What a reader does with files that are not the data: it stops in time and says what they are."""

import bz2
import gzip
import io
import lzma
import os
import socket
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ncompress import compress
from small_data import NAMES, Small, small

from nnjax.datasets import unpack
from nnjax.datasets.errors import DataError


@pytest.fixture(params=NAMES)
def data(request: pytest.FixtureRequest) -> Iterator[Small]:
    with small(request.param) as made:
        yield made


def refused(data: Small, folder: Path, path: Path) -> str:
    """The sentence about a file."""
    with pytest.raises(DataError) as caught:
        data.dataset.load(folder)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.isprintable()
    return message.removeprefix(str(path))


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


PACK: dict[str, Callable[[str, bytes], bytes]] = {
    "plain": lambda name, content: content,
    "gzip": lambda name, content: gzip.compress(content),
    "bzip2": lambda name, content: bz2.compress(content, 1),
    "xz": lambda name, content: lzma.compress(content),
    "compress": lambda name, content: compress(content),
    "zip": zipped,
    "Z in zip": lambda name, content: zipped(f"a/{name}.Z", compress(content)),
}

OTHERS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "LFS": (
        lambda c: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        " is a Git LFS pointer, not the data. Replace it: run `git lfs pull`.",
    ),
    "JSON": (lambda c: b'{"error": "not found"}', " is JSON, as servers send for an error, not"),
    "HTML": (lambda c: b"\xef\xbb\xbf\r\n<!DOCTYPE html>", " is a web page, not the data."),
    "XML": (lambda c: b"<?xml version='1.0'?><Error/>", " is a web page, not the data."),
    "ARFF": (lambda c: b"% 1. Title\n@RELATION isolet", " is an ARFF table, not the data."),
    "UTF-16": (lambda c: "First, 1".encode("utf-16"), " is text in UTF-16, not the data."),
    "UTF-16 without a mark": (lambda c: "First".encode("utf-16-be"), " is text in UTF-16, not"),
    "tar": (lambda c: b"a".ljust(257, b"\0") + b"ustar", " is an archive of an unknown kind"),
    "empty": (lambda c: b"", " is empty."),
}


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("case", OTHERS)
def test_another_kind_of_file_is_named(
    case: str, packing: str, data: Small, tmp_path: Path
) -> None:
    change, said = OTHERS[case]
    for name in data.files:
        raw = PACK[packing](name, change(data.files[name]))
        data.put(tmp_path / "a", data.files | {name: raw})
        rest = refused(data, tmp_path / "a", tmp_path / "a" / name)
        inside = {"zip": f"/{name}", "Z in zip": f"/{name}.Z"}.get(packing, "")
        assert rest.startswith(inside + said)


@pytest.mark.parametrize("name", ["isolet", "text"])
@pytest.mark.parametrize("packing", PACK)
def test_line_ends_of_old_macs_are_named(name: str, packing: str, tmp_path: Path) -> None:
    with small(name) as data:
        for file, content in data.files.items():
            raw = PACK[packing](file, content.replace(b"\n", b"\r"))
            data.put(tmp_path / "a", data.files | {file: raw})
            rest = refused(data, tmp_path / "a", tmp_path / "a" / file)
            assert rest.endswith(" has lines that end in CR, as on old Macs. Expected LF.")


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    # A socket's path may have 100 characters only.
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize(
    ("make", "kind"),
    [(fifo, "a FIFO"), (device, "a device"), (Path.mkdir, "a folder"), (listening, "a socket")],
)
def test_only_regular_files_are_opened(
    make: Callable[[Path], None], kind: str, data: Small, tmp_path: Path
) -> None:
    folder = data.put(tmp_path / "a")
    for name, content in data.files.items():
        path = folder / name
        path.unlink()
        make(path)
        assert data.dataset.holds(folder)
        rest = refused(data, folder, path)
        assert rest == f" is {kind}, not a regular file. Put the data file there."
        path.rmdir() if path.is_dir() else path.unlink()
        path.write_bytes(content)


def test_a_link_to_nothing_is_named(data: Small, tmp_path: Path) -> None:
    folder = data.put(tmp_path / "a")
    for name in data.files:
        (folder / name).unlink()
        (folder / name).symlink_to("nothing")
        assert "cannot be read (No such file or directory)" in refused(data, folder, folder / name)
        break


@pytest.mark.parametrize("packing", PACK)
def test_a_bomb_is_read_up_to_the_size_of_the_data(
    packing: str, data: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content again and again, 16 MB, of which as much as the small data set has is kept."""
    monkeypatch.setattr(unpack, "LARGEST", 1 << 20)
    name = next(iter(data.files))
    content = data.files[name]
    raw = PACK[packing](name, content * (16_000_000 // len(content)))
    folder = data.put(tmp_path / "a", data.files | {name: raw})
    tracemalloc.start()
    rest = refused(data, folder, folder / name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert " bytes, more than the data can have." in rest
    assert peak < 10_000_000  # the dictionary of xz has 8 MB


def test_a_bomb_of_gzip_members_and_of_levels(tmp_path: Path) -> None:
    with small("text") as data:
        name, content = next(iter(data.files.items()))
        path = data.put(tmp_path / "a", {name: gzip.compress(content) * 1000}) / name
        assert " bytes, more than the data can have." in refused(data, path.parent, path)
        packed = content
        for level in range(4):
            packed = gzip.compress(packed)
            path.write_bytes(packed)
            if level < 3:
                assert data.same(data.dataset.load(path.parent))
        assert " is packed more than 3 times." in refused(data, path.parent, path)


def test_a_zip_archive_of_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "_MEMBERS", 0)
    with small("text") as data:
        name, content = next(iter(data.files.items()))
        path = data.put(tmp_path / "a", {name: zipped(name, content)}) / name
        assert " has more than 0 members." in refused(data, path.parent, path)


def test_a_reader_that_outlives_python_is_no_leak() -> None:
    """Compiled programs keep functions, and those keep the names of their module."""
    code = (
        "import ctypes\n"
        "from nnjax.datasets import unpack\n"
        "ctypes.pythonapi.Py_IncRef(ctypes.py_object(unpack.content))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
