"""Read one file of a data set: unpacked, and never more bytes than the data can have.

Every reader reads through `content`, so that no file, whatever it is and however it is packed, can
block a study or fill the memory.
"""

import bz2
import gzip
import io
import lzma
import re
import stat
import textwrap
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO

import ncompress  # its functions are not bound here: at the end they would count as leaks

from nnjax.datasets.errors import DataError
from nnjax.datasets.find import first

AGAIN = "Download or copy it again."

LARGEST = 1 << 27
"""Bytes that are read of any file, packed or not; no data set has a larger one."""

_LEVELS = 3  # a `.data.Z` in a zip archive has two
_MEMBERS = 10_000  # of a zip archive; zipfile keeps a large object for each

_STREAMS: dict[bytes, Callable[[BinaryIO], IO[bytes] | io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
_COMPRESS, _ZIP = b"\x1f\x9d", b"PK"

# All that these packages raise for a file that is damaged, encrypted or of an unknown packing.
_FAULTS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(EOFError, RuntimeError, OSError, ValueError, MemoryError),
)

# What files are that have a data file's name but not its content, by their first bytes.
_BOM = rb"(\xef\xbb\xbf)?\s*"
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (rb"version https://git-lfs", "a Git LFS pointer", "Replace it: run `git lfs pull`."),
    (_BOM + rb"<", "a web page", AGAIN),
    (_BOM + rb"[{\[]\s*[\"{\[}\]]", "JSON, as servers send for an error", AGAIN),
    (_BOM + rb"(%|@relation)", "an ARFF table", "Use the original files."),
    (rb"\xff\xfe|\xfe\xff|([^\0]\0){2}|(\0[^\0]){2}", "text in UTF-16", "Save it as plain ASCII."),
    (rb"7z\xbc\xaf|Rar!|.{257}ustar", "an archive of an unknown kind", "Unpack it."),
)

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def content(path: Path, names: Sequence[str], most: int) -> tuple[bytes, str]:
    """Read and unpack a file: gzip, bzip2, xz, compress (`.Z`), zip, or plain.

    Args:
        path: the file.
        names: what the file may be called within a zip archive, see `find.first`.
        most: bytes that it can have when unpacked.

    Returns:
        The unpacked bytes, and the name of the file for messages, with its place in an archive.

    Raises:
        DataError: if it cannot be read, is not a regular file, is empty, larger than `most` bytes,
            a broken archive, or something else than data, such as a web page.
    """
    return unpack(read(path), str(path), names, most)


def read(path: Path) -> bytes:
    """Read the bytes of a regular file, up to `LARGEST`.

    Raises:
        DataError: if the file is larger, not a regular file, or cannot be read.
    """
    try:
        mode = stat.S_IFMT(path.stat().st_mode)
        # To open a FIFO waits for a writer, and a device may never end.
        if mode != stat.S_IFREG:
            kind = _KINDS.get(mode, "something else")
            raise DataError(f"{path} is {kind}, not a regular file. Put the data file there.")
        with path.open("rb") as file:
            return _bounded(file, LARGEST, str(path))
    except OSError as fault:
        raise DataError(
            f"{path} cannot be read ({fault.strerror or fault}). Expected a readable file."
        ) from None


def unpack(raw: bytes, where: str, names: Sequence[str], most: int) -> tuple[bytes, str]:
    """Unpack the bytes of a file; its packing is recognised by its first bytes, not by its name.

    A `.Z` stream has neither length nor checksum: a truncated one unpacks without an error, so the
    caller has to check the length of the result.

    Args:
        raw: the bytes.
        where: the name of the file, for error messages.
        names: what the file may be called within a zip archive.
        most: bytes that it can have when unpacked.

    Returns:
        As `content`.

    Raises:
        DataError: as `content`.

    Example:
        >>> unpack(gzip.compress(b"1.0, 2.0"), "a.gz", [], 100)
        (b'1.0, 2.0', 'a.gz')
    """
    for level in range(_LEVELS + 1):
        _refuse_others(raw, where)
        stream = next((s for magic, s in _STREAMS.items() if raw.startswith(magic)), None)
        try:
            if raw.startswith(_ZIP) or (level == 0 and where.lower().endswith(".zip")):
                raw, where = _member(raw, where, names, most)
            elif raw.startswith(_COMPRESS):
                raw = _decompressed(raw, most, where)
            elif stream is not None:
                raw = _bounded(stream(io.BytesIO(raw)), most, where)
            elif len(raw) > most:
                raise _too_large(where, most)
            else:
                return raw, where
        except _FAULTS as fault:
            raise DataError(f"{where} is damaged or truncated ({_why(fault)}). {AGAIN}") from None
    raise DataError(f"{where} is packed more than {_LEVELS} times. {AGAIN}")


def text(raw: bytes, where: str) -> bytes:
    """The bytes of a text without its byte order mark, whose lines end in LF or CR LF.

    Raises:
        DataError: if the lines end in CR alone.

    Example:
        >>> text(b"a\\rb\\r", "old")
        Traceback (most recent call last):
        nnjax.datasets.errors.DataError: old has lines that end in CR, as on old Macs. Expected LF.
    """
    if b"\r" in raw and b"\n" not in raw:
        raise DataError(f"{where} has lines that end in CR, as on old Macs. Expected LF.")
    return raw.removeprefix(b"\xef\xbb\xbf")


class _Sink(io.BytesIO):
    """A file in memory that counts the bytes written but keeps no more than a number of them."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.count = most, 0

    @property
    def full(self) -> bool:
        return self.count > self.most

    def write(self, data: Any, /) -> int:
        self.count += len(data)
        return len(data) if self.full else super().write(data)


class _Source(io.BytesIO):
    """A file in memory that ends when a sink is full."""

    def __init__(self, raw: bytes, sink: _Sink) -> None:
        super().__init__(raw)
        self.sink = sink

    def read(self, size: int | None = -1, /) -> bytes:
        return b"" if self.sink.full else super().read(size)


def _decompressed(raw: bytes, most: int, where: str) -> bytes:
    """Unpack a `.Z` stream; ncompress has no limit, and an exception in a sink ends the process."""
    sink = _Sink(most)
    ncompress.decompress(_Source(raw, sink), sink)
    if sink.full:
        raise _too_large(where, most)
    return sink.getvalue()


def _bounded(file: IO[bytes] | io.BufferedIOBase, most: int, where: str) -> bytes:
    with file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise _too_large(where, most)
    return raw


def _too_large(where: str, most: int) -> DataError:
    return DataError(f"{where} has more than {most} bytes, more than the data can have. {AGAIN}")


def _member(raw: bytes, where: str, names: Sequence[str], most: int) -> tuple[bytes, str]:
    """The bytes of one member of a zip archive, not unpacked further, and its name for messages."""
    if raw.count(b"PK\1\2") > _MEMBERS:
        raise DataError(f"{where} has more than {_MEMBERS} members. {AGAIN}")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = {
                re.split(r"[/\\]", member.filename)[-1]: member
                for member in archive.infolist()
                if not member.is_dir()
            }
            name = first(members, names)
            if name is None:
                raise DataError(f"{where} contains none of {', '.join(names)}. {AGAIN}")
            inside = f"{where}/{name}"
            return _bounded(archive.open(members[name]), most, inside), inside
    except _FAULTS as fault:
        raise DataError(f"{where} is not a valid zip archive ({_why(fault)}). {AGAIN}") from None


def _why(fault: Exception) -> str:
    """What a package says about a fault, which may quote a name of 64 kB from the file."""
    return textwrap.shorten(str(fault) or type(fault).__name__, 120, placeholder=" ...")


def _refuse_others(raw: bytes, where: str) -> None:
    if not raw:
        raise DataError(f"{where} is empty. {AGAIN}")
    for pattern, kind, advice in _OTHERS:
        if re.match(pattern, raw, re.DOTALL | re.IGNORECASE):
            raise DataError(f"{where} is {kind}, not the data. {advice}")
