"""Unpack downloaded files: gzip, compress (`.Z`), zip or plain."""

import gzip
import io
import zipfile
import zlib
from pathlib import Path

from ncompress import decompress

from nnjax.datasets.errors import DataError

AGAIN = "Download or copy it again."

# All that zipfile raises for a file that is damaged, encrypted or packed by an unknown method.
_ZIP_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError)


def read(path: Path) -> bytes:
    """Read the bytes of a file.

    Raises:
        DataError: if the file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as fault:
        raise DataError(
            f"{path} cannot be read ({fault.strerror or fault}). Expected a readable file."
        ) from None


def names_in(folder: Path) -> set[str]:
    """List the names in a folder; empty for a missing folder.

    Raises:
        DataError: if the folder exists but cannot be read.
    """
    try:
        return {path.name for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as fault:
        raise DataError(
            f"{folder} cannot be read ({fault.strerror}). Expected a readable folder."
        ) from None


def unpack(raw: bytes, where: str) -> bytes:
    """Unpack one file, whose format is recognised by its first bytes, not by its name.

    A `.Z` stream has neither length nor checksum: a truncated one unpacks without an error, so the
    caller has to check the length of the result.

    Args:
        raw: the bytes of the file; gzip, compress (LZW) or anything else, which is returned as is.
        where: the name of the file, for error messages.

    Returns:
        The unpacked bytes.

    Raises:
        DataError: if the file is empty, a web page, or a broken archive.

    Example:
        >>> unpack(gzip.compress(b"1.0, 2.0"), "a.gz")
        b'1.0, 2.0'
    """
    refuse_web_page(raw, where)
    if not raw:
        raise DataError(f"{where} is empty. {AGAIN}")
    try:
        if raw.startswith(b"\x1f\x8b"):
            return gzip.decompress(raw)
        if raw.startswith(b"\x1f\x9d"):
            return decompress(raw)
    except (EOFError, zlib.error, OSError, ValueError) as fault:
        raise DataError(f"{where} is damaged or truncated ({fault}). {AGAIN}") from None
    return raw


def unpack_members(raw: bytes, where: str) -> dict[str, bytes]:
    """Extract the files of a zip archive, without unpacking the files themselves.

    Args:
        raw: the bytes of the archive.
        where: the name of the archive, for error messages.

    Returns:
        Bytes by base name; the archive's folders are dropped.

    Raises:
        DataError: if this is not a valid zip archive.
    """
    refuse_web_page(raw, where)
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return {
                Path(member.filename).name: archive.read(member)
                for member in archive.infolist()
                if not member.is_dir()
            }
    except _ZIP_FAULTS as fault:
        raise DataError(f"{where} is not a valid zip archive ({fault}). {AGAIN}") from None


def refuse_web_page(raw: bytes, where: str) -> None:
    """Raise DataError for a web page, which servers send in place of a missing file."""
    if raw[:200].lstrip().startswith(b"<"):
        raise DataError(f"{where} is a web page, not the data. {AGAIN}")
