"""MNIST, handwritten digits (LeCun, Cortes & Burges): read the four idx files and check them.

An idx file begins with the four bytes 0, 0, type, number of dimensions, followed by the size of
each dimension as a big-endian 32-bit number and by the values, last dimension fastest. Type 8 is
the unsigned byte.
"""

import hashlib
import math
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nnjax.datasets.errors import DataError
from nnjax.datasets.find import find
from nnjax.datasets.unpack import AGAIN, content

SIDE = 28
CLASSES = 10
ROWS = {"train": 60_000, "test": 10_000}
FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
# SHA-256 of the unpacked files. The tests check their MD5, which others often quote.
FINGERPRINTS = {
    "x_train": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "y_train": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "x_test": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "y_test": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

ARCHIVE = "mnist.zip"

_UNSIGNED_BYTE = 8


class Digits(NamedTuple):
    """Images and labels, unscaled.

    x_train and x_test are (rows, 28, 28) uint8, 0 white to 255 black; y_train and y_test are
    (rows,) uint8, 0 ... 9.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def load(folder: str | Path) -> Digits:
    """Read and check the four MNIST files of a folder, each plain or packed.

    Files may have names like the published ones, `train-images.idx3-ubyte` for instance, or be
    members of `mnist.zip`.

    Args:
        folder: the folder with the files.

    Returns:
        Images and labels of the 60000 training and 10000 test rows, in file order.

    Raises:
        DataError: naming the file, what was expected and what to do.

    Example:
        >>> load("nowhere")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        nnjax.datasets.errors.DataError: nowhere contains neither train-images-idx3-ubyte nor ...
    """
    folder = Path(folder)
    return Digits(**{part: _load(folder, part) for part in FILES})


def holds(folder: str | Path) -> bool:
    """Whether a folder contains any MNIST file, intact or broken; False for a missing folder.

    Raises:
        DataError: if the folder exists but cannot be read.
    """
    return find(Path(folder), [*FILES.values(), ARCHIVE]) is not None


def fingerprints(digits: Digits) -> dict[str, str]:
    """SHA-256 of each part in idx format, independent of the container."""
    return {
        part: hashlib.sha256(encode(array)).hexdigest() for part, array in digits._asdict().items()
    }


def decode(content: bytes, where: str, shape: tuple[int, ...]) -> np.ndarray:
    """Decode an idx file of unsigned bytes.

    Args:
        content: the unpacked bytes.
        where: the name of the file, for error messages.
        shape: the shape the file must have.

    Returns:
        An array of that shape, uint8.

    Raises:
        DataError: if the content is not such a file, has another shape, or is truncated.

    Example:
        >>> decode(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]), "two", (2,))
        array([7, 9], dtype=uint8)
    """
    magic, header = bytes([0, 0, _UNSIGNED_BYTE, len(shape)]), 4 + 4 * len(shape)
    if content[:4] != magic:
        raise DataError(
            f"{where} is not an idx file of unsigned bytes with {len(shape)} dimension"
            f"{'s' * (len(shape) != 1)}: expected the first bytes {magic.hex(' ')}, found "
            f"{content[:4].hex(' ') or 'nothing'}. {AGAIN}"
        )
    if len(content) < header:
        raise DataError(f"{where} is truncated within its first {header} bytes. {AGAIN}")
    found = struct.unpack(f">{len(shape)}I", content[4:header])
    if found != shape:
        raise DataError(f"{where} declares {_by(found)} values, expected {_by(shape)}. {AGAIN}")
    values, expected = len(content) - header, math.prod(shape)
    if values != expected:
        fault = "is truncated" if values < expected else "is too long"
        raise DataError(f"{where} {fault}: {values} values, expected {expected}. {AGAIN}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def encode(array: np.ndarray) -> bytes:
    """Encode an array of unsigned bytes as an idx file.

    Args:
        array: uint8, any shape.

    Returns:
        The content of the file; `decode` restores the array.

    Example:
        >>> encode(np.array([7, 9], np.uint8)).hex(" ")
        '00 00 08 01 00 00 00 02 07 09'
    """
    header = bytes([0, 0, _UNSIGNED_BYTE, array.ndim]) + struct.pack(
        f">{array.ndim}I", *array.shape
    )
    return header + array.tobytes()


def _load(folder: Path, part: str) -> np.ndarray:
    names = (FILES[part], ARCHIVE)
    path = find(folder, names)
    if path is None:
        raise DataError(
            f"{folder} contains neither {names[0]} nor {names[0]}.gz. "
            "Put all four MNIST files into it."
        )
    image, split = part.split("_")
    shape = (ROWS[split], SIDE, SIDE) if image == "x" else (ROWS[split],)
    # The largest file twice, so that a file in the place of another is still read, and named.
    raw, where = content(path, names, 2 * ROWS["train"] * SIDE * SIDE)
    array = decode(raw, where, shape)
    if image == "y" and array.max() >= CLASSES:
        row = int(np.argmax(array >= CLASSES))
        raise DataError(
            f"{where}, row {row + 1}: the label is {array[row]}, "
            f"expected 0 ... {CLASSES - 1}. {AGAIN}"
        )
    actual = hashlib.sha256(raw).hexdigest()
    if actual != FINGERPRINTS[part]:
        raise DataError(
            f"{where} has the right shape but not the content of MNIST: expected the SHA-256 "
            f"{FINGERPRINTS[part]} of the unpacked file, found {actual}. {AGAIN}"
        )
    return array


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
