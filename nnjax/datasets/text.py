"""Tiny Shakespeare, A. Karpathy's selection for language models: read and check."""

import hashlib
from pathlib import Path

from nnjax.datasets.errors import DataError
from nnjax.datasets.unpack import AGAIN, names_in, read, unpack

FILES = ("tinyshakespeare.txt", "input.txt")
"""Accepted file names: that of this project, then that of the public address."""

BYTES = 1_115_394
FINGERPRINT = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"

_PACKINGS = ("", ".gz")


def load(folder: str | Path) -> str:
    """Read and check the text in a folder: `tinyshakespeare.txt` or `input.txt`, plain or `.gz`.

    Args:
        folder: the folder with the file.

    Returns:
        The whole text.

    Raises:
        DataError: naming the file, what was expected and what to do.

    Example:
        >>> load("nowhere")
        Traceback (most recent call last):
        nnjax.datasets.errors.DataError: nowhere contains neither tinyshakespeare.txt nor input.txt.
    """
    folder = Path(folder)
    found = _found(folder)
    if not found:
        raise DataError(f"{folder} contains neither {' nor '.join(FILES)}.")
    where = str(folder / found[0])
    content = unpack(read(folder / found[0]), where)
    if len(content) != BYTES:
        raise DataError(f"{where} has {len(content)} bytes of text, expected {BYTES}. {AGAIN}")
    actual = hashlib.sha256(content).hexdigest()
    if actual != FINGERPRINT:
        raise DataError(
            f"{where} has the right length but not the content of tiny Shakespeare: expected the "
            f"SHA-256 {FINGERPRINT}, found {actual}. {AGAIN}"
        )
    return content.decode()


def holds(folder: str | Path) -> bool:
    """Whether a folder contains the file, intact or broken; False for a missing folder.

    Raises:
        DataError: if the folder exists but cannot be read.
    """
    return bool(_found(Path(folder)))


def _found(folder: Path) -> list[str]:
    present = names_in(folder)
    return [name + pack for name in FILES for pack in _PACKINGS if name + pack in present]
