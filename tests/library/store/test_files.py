"""Places where no network can be, and files that hold something else."""

import io
import os
import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from saved import archive, assert_same, one_array

import nnjax as nn


def test_save_into_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^save: no such folder: .*none; make it first$"):
        nn.save(tmp_path / "none" / "net.npz", jnp.ones(3))
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError, match=r"^save: no such folder: .*file; make it first$"):
        nn.save(tmp_path / "file" / "net.npz", jnp.ones(3))
    with pytest.raises(FileNotFoundError, match=r"^load: no such file: "):
        nn.load(tmp_path / "file" / "net.npz")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file: .*net\.npz"):
        nn.load(tmp_path / "net.npz", like=())


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link, end = tmp_path / "link.npz", tmp_path / "folder" / "net.npz"
    link.symlink_to(end)
    with pytest.raises(FileNotFoundError, match=r"link\.npz, which links to .*net\.npz$"):
        nn.load(link)
    for params in (jnp.ones(3), jnp.zeros(2)):
        nn.save(link, params)
        assert link.is_symlink()
        assert_same(nn.load(link).params, params)
        assert_same(nn.load(end).params, params)
    assert [file.name for file in end.parent.iterdir()] == ["net.npz"]


def test_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=r"^save: .* is a folder; expected a file"):
        nn.save(tmp_path, jnp.ones(3))
    with pytest.raises(IsADirectoryError, match=r"^load: .* is a folder; expected a file"):
        nn.load(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["device", "pipe", "link to a pipe"])
def test_devices_and_pipes_are_left_alone(kind: str, tmp_path: Path) -> None:
    """To read an empty pipe would wait forever; to replace a device would break the machine."""
    path = Path(os.devnull)
    if kind != "device":
        path = tmp_path / "pipe"
        os.mkfifo(path)
    if kind == "link to a pipe":
        (tmp_path / "link").symlink_to(path)
        path = tmp_path / "link"
    before = path.stat()
    with pytest.raises(OSError, match=r"^save: .* is a device or a pipe; expected a file"):
        nn.save(path, jnp.ones(3))
    with pytest.raises(OSError, match=r"^load: .* is a device or a pipe; expected a file"):
        nn.load(path, like=jnp.ones(3))
    assert path.stat().st_ino == before.st_ino


# --- sizes ----------------------------------------------------------------------------------------


def bomb(path: Path, header: bytes, zeros: int) -> None:
    """An archive of some kilobytes with a member that inflates to the header and many zeros."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("params.npy", "w", force_zip64=True) as member,
    ):
        member.write(header)
        for _ in range(zeros // 2**20):
            member.write(bytes(2**20))


def header_of(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    file = io.BytesIO()
    described = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()


@pytest.mark.parametrize("shape", [(2**26,), (3,)], ids=["honest header", "small header"])
@pytest.mark.parametrize("like", [None, jnp.zeros(3, jnp.float32)], ids=["alone", "like"])
def test_what_inflates_is_refused_before_it_is_read(
    shape: tuple[int, ...], like: Any, tmp_path: Path
) -> None:
    """256 MiB of zeros here; memory stays as it was."""
    path = tmp_path / "net.npz"
    bomb(path, header_of(shape), 2**28)
    assert path.stat().st_size < 2**20
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"would inflate from \d+ to 2684\d+ bytes"):
            nn.load(path, like)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "shape", [(10**12,), (10**6, 10**6, 10**6), (2,), (4,), (-3,), (-1, -3)], ids=str
)
def test_header_that_does_not_fit_its_member_is_refused(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    (tmp_path / "net.npz").write_bytes(archive(params__npy=header_of(shape) + bytes(12)))
    with pytest.raises(ValueError, match=r"params\.npy has \d+ bytes, but its header describes"):
        nn.load(tmp_path / "net.npz", like=jnp.zeros(3, jnp.float32))


# --- files that are something else ----------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"PK\x03\x04 garbage",
        pickle.dumps({"a": 1}),
        one_array(np.zeros(3)),
        one_array(np.array([{}], dtype=object), pickled=True),
        archive(params__npy=one_array(np.array([{}], dtype=object), pickled=True)),
        archive(params__npy=b"garbage"),
        archive(params=b"not an array"),
    ],
    ids=["empty", "text", "zip start", "pickle", "npy", "pickled npy", "pickled member",
         "garbage member", "member that is no array"],
)  # fmt: skip
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"load: .*net\.npz"):
        nn.load(tmp_path / "net.npz", like=jnp.zeros(3))


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'shape': (3,",
        "'''abc",
        "  x\n y\n  z",
        "-" * 9000 + "1",
        "{'descr': " + "(" * 99 + "'<f4'" + ",)" * 99 + ", 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1" + "0" * 30 + ")}",
        "{'descr': '|S0', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': '<M8[s]', 'fortran_order': False, 'shape': (0,)}",
    ],
    ids=["open", "quote", "indented", "deep sum", "deep dtype", "endless", "no size", "dates"],
)
def test_headers_that_numpy_cannot_read_are_refused(header: str, tmp_path: Path) -> None:
    """NumPy fails in many ways: of tokens, of indentation, of memory, of an index, of a size."""
    member = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    (tmp_path / "net.npz").write_bytes(archive(params__npy=member))
    with pytest.raises(ValueError, match=r"^load: .*net\.npz is not a file written by.*\)$"):
        nn.load(tmp_path / "net.npz", like=jnp.zeros(3))


def test_other_compressions_that_are_broken_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("params.npy", one_array(np.zeros(3)))
        file.writestr("more.npy", bytes(1))
        file.writestr("long.npy", one_array(np.random.default_rng(0).random(99)))
    whole = path.read_bytes()
    for place in range(45, 65):
        path.write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
        with pytest.raises(ValueError, match="not a file written by"):
            nn.load(path, like=jnp.zeros(3))


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    nn.save(path, jnp.arange(3.0))
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="not a file written by"):
            nn.load(path, like=jnp.arange(3.0))


def test_every_changed_byte_is_refused_or_harmless(tmp_path: Path) -> None:
    """A changed byte of the data, the header or the directory: an error, or the same numbers."""
    path = tmp_path / "net.npz"
    params = jnp.arange(3.0)
    nn.save(path, params)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x15]) + whole[place + 1 :])
        try:
            loaded = nn.load(path, like=params)
        except ValueError:
            continue
        assert_same(loaded, params)
