"""Tiny Shakespeare, A. Karpathy's selection for language models: read and check."""

import hashlib
from pathlib import Path

from nnjax.datasets import unpack
from nnjax.datasets.errors import DataError
from nnjax.datasets.find import find
from nnjax.datasets.unpack import AGAIN

FILES = ("tinyshakespeare.txt", "input.txt")
"""Accepted file names: that of this project, then that of the public address."""

BYTES = 1_115_394
FINGERPRINT = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"


def load(folder: str | Path) -> str:
    """Read and check the text in a folder: `tinyshakespeare.txt` or `input.txt`, plain or packed.

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
    path = find(folder, FILES)
    if path is None:
        raise DataError(f"{folder} contains neither {' nor '.join(FILES)}.")
    # Up to twice the size, so that the length is part of the message about another text.
    raw, where = unpack.content(path, FILES, 2 * BYTES)
    content = unpack.text(raw, where)
    if b"\r" in content:
        raise DataError(
            f"{where} has lines that end in CR LF, as on Windows; expected LF alone. {AGAIN}"
        )
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
    return find(Path(folder), FILES) is not None
