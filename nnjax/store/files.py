"""The file of a network: its place, and what makes a reader safe from files of others."""

import math
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np


def native(dtype: Any) -> np.dtype:
    """The dtype in the byte order of the machine."""
    return np.dtype(dtype).newbyteorder("=")


def foreign(path: Path, error: Exception) -> ValueError:
    """The sentence for a file that is broken, or of another kind."""
    said = str(error).partition("\n")[0] or type(error).__name__
    return ValueError(f"load: {path} is not a file written by nnjax.save ({said})")


def target(path: Path) -> Path:
    """The file to write: the end of a symbolic link; an OSError says why it cannot be written."""
    end = Path(os.path.realpath(path))
    if not end.parent.is_dir():
        raise FileNotFoundError(f"save: no such folder: {end.parent}; make it first")
    _check_regular(end, "save")
    return end


def _check_regular(path: Path, what: str) -> None:
    """Refuse what exists but is no file: opening it may wait forever, replacing it may break it."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(
            f"{what}: {path} is a folder; expected a file such as net.npz in it"
        )
    if not stat.S_ISREG(mode):
        raise OSError(f"{what}: {path} is a device or a pipe; expected a file such as net.npz")


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an archive, in the byte order of the machine."""
    _check_regular(path, "load")
    if not path.exists():
        end = f", which links to {os.path.realpath(path)}" if path.is_symlink() else ""
        raise FileNotFoundError(f"load: no such file: {path}{end}")
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check_sizes(archive, os.fstat(file.fileno()).st_size)
                return {
                    member.filename.removesuffix(".npy"): _array(archive, member)
                    for member in archive.infolist()
                }
        except Exception as error:  # NumPy and zipfile raise a dozen kinds, of tokens and LZMA too
            raise foreign(path, error) from None


def _check_sizes(archive: zipfile.ZipFile, length: int) -> None:
    """Refuse an archive that holds more than it is long; `save` does not compress."""
    total = sum(member.file_size for member in archive.infolist())
    if total > length:
        raise ValueError(f"its arrays would inflate from {length} to {total} bytes")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """One array; its size is compared with that of its header before numbers are read."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{member.filename} has version {version}")
        npy = np.lib.format
        header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = header(file)
        if (dtype.names is None and dtype.kind not in "biufcSU") or not dtype.itemsize:
            raise ValueError(f"{member.filename} has the dtype {dtype}")
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or min(shape, default=0) < 0 or file.tell() + size != member.file_size:
            raise ValueError(
                f"{member.filename} has {member.file_size} bytes, but its header describes an "
                f"array {dtype}{shape}"
            )
    with archive.open(member) as file:
        array = np.lib.format.read_array(file)
    if dtype.names is not None:
        name, *more = dtype.names
        bits = np.dtype(name)  # bfloat16 and similar, see `_storable`
        if more or not jnp.issubdtype(bits, jnp.number) or bits.itemsize != dtype.itemsize:
            raise ValueError(f"{member.filename} has the dtype {dtype}")
        return array[name].view(bits)
    return array.astype(native(dtype), copy=False)
