"""From the bytes of a downloaded file to its content: gzip, compress (`.Z`), zip or plain."""

import gzip
import io
import zipfile
import zlib
from pathlib import Path

from ncompress import decompress

from nnjax.datasets.errors import DataError

AGAIN = "Download it again or copy it again from a good copy."

# Everything zipfile raises on a file that is damaged, encrypted or packed in an unknown way.
_ZIP_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError)


def read(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        DataError: when the file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as fault:
        raise DataError(
            f"{path} cannot be read ({fault.strerror or fault}). "
            "Expected a file that this user may read."
        ) from None


def names_in(folder: Path) -> set[str]:
    """The names of what lies in a folder; nothing for no such folder.

    Raises:
        DataError: when the folder exists and cannot be looked into.
    """
    try:
        return {path.name for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as fault:
        raise DataError(
            f"{folder} cannot be looked into ({fault.strerror}). "
            "Expected a folder that this user may read."
        ) from None


def unpack(raw: bytes, where: str) -> bytes:
    """The content of one file, told by its first bytes and not by its name.

    A `.Z` stream has neither length nor checksum: one that was cut short unpacks without complaint,
    so the caller has to count what came out.

    Args:
        raw: the bytes of the file; gzip, compress (LZW) or anything else, which is passed on.
        where: the name of the file, for the error message.

    Returns:
        The unpacked bytes.

    Raises:
        DataError: when the file is empty, a web page, or a broken archive.

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
        raise DataError(f"{where} is damaged or cut short ({fault}). {AGAIN}") from None
    return raw


def unpack_members(raw: bytes, where: str) -> dict[str, bytes]:
    """The files of a zip archive, still packed as they lie in it.

    Args:
        raw: the bytes of the archive.
        where: the name of the archive, for the error message.

    Returns:
        Bytes by base name; the folders of the archive are dropped.

    Raises:
        DataError: when this is no zip archive or a damaged one.
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
        raise DataError(f"{where} is no zip archive or a damaged one ({fault}). {AGAIN}") from None


def refuse_web_page(raw: bytes, where: str) -> None:
    """Raise DataError for a web page, which servers send in place of a lost file."""
    if raw[:200].lstrip().startswith(b"<"):
        raise DataError(f"{where} is a web page, not the data. {AGAIN}")
