"""The MNIST reader: the idx format, refused files, the real files; the digits as stand-in."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from nnjax.datasets import mnist
from nnjax.datasets.digits import digits
from nnjax.datasets.errors import DataError

REAL = Path(__file__).parents[4] / "shared/data/mnist"
# Others usually quote the MD5.
MD5 = {
    "x_train": "6bbc9ace898e44ae57da46a324031adb",
    "y_train": "a25bea736e30d166cdddb491f175f624",
    "x_test": "2646ac647ad5339dbf082846283269ea",
    "y_test": "27ae3e4e09519cfbb04c329615203637",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four small files that count as official; the images packed, the labels plain."""
    monkeypatch.setattr(mnist, "ROWS", {"train": 3, "test": 2})
    rng = np.random.default_rng(0)
    content = mnist.Digits(
        rng.integers(256, size=(3, 28, 28), dtype=np.uint8),
        np.array([5, 0, 4], np.uint8),
        rng.integers(256, size=(2, 28, 28), dtype=np.uint8),
        np.array([7, 2], np.uint8),
    )
    monkeypatch.setattr(mnist, "FINGERPRINTS", mnist.fingerprints(content))
    for part, array in content._asdict().items():
        if part[0] == "x":
            (tmp_path / f"{mnist.FILES[part]}.gz").write_bytes(gzip.compress(mnist.encode(array)))
        else:
            (tmp_path / mnist.FILES[part]).write_bytes(mnist.encode(array))
    return tmp_path


def test_files_are_read_unchanged(folder: Path) -> None:
    found = mnist.load(folder)
    assert found.y_train.tolist() == [5, 0, 4]
    assert found.x_test.shape == (2, 28, 28)
    assert found.x_test.dtype == np.uint8
    assert mnist.fingerprints(found) == mnist.FINGERPRINTS


@pytest.mark.parametrize("array", [np.arange(6, dtype=np.uint8), np.zeros((2, 3, 4), np.uint8)])
def test_idx_round_trip(array: np.ndarray) -> None:
    assert np.array_equal(mnist.decode(mnist.encode(array), "f", array.shape), array)


LABELS = mnist.encode(np.array([5, 0, 4], np.uint8))
# The content of the file of training labels, and what the error must say.
BROKEN = {
    "empty": (b"", "is empty"),
    "web page": (b"<html>", "is a web page, not the data"),
    "images in its place": (
        mnist.encode(np.zeros((3, 28, 28), np.uint8)),
        "with 1 dimension: expected the first bytes 00 00 08 01, found 00 00 08 03",
    ),
    "other type": (b"\0\0\x0d\1" + LABELS[4:], "found 00 00 0d 01"),
    "short header": (LABELS[:6], "is truncated within its first 8 bytes"),
    "other count": (mnist.encode(np.zeros(2, np.uint8)), "declares 2 values, expected"),
    "cut short": (LABELS[:-1], "is truncated: 2 values, expected 3"),
    "too long": (LABELS + b"\0", "is too long: 4 values, expected 3"),
    "damaged packing": (gzip.compress(LABELS)[:-6], "is damaged or truncated"),
    "no label": (mnist.encode(np.array([5, 10, 4], np.uint8)), "row 2: the label is 10, expected"),
    "other content": (mnist.encode(np.array([5, 1, 4], np.uint8)), "not the content of MNIST"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_file_is_refused_with_a_sentence(case: str, folder: Path) -> None:
    content, said = BROKEN[case]
    path = folder / mnist.FILES["y_train"]
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        mnist.load(folder)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert said in message
    assert message.endswith("Download or copy it again.")
    assert "\n" not in message


def test_missing_file_is_named(folder: Path) -> None:
    assert mnist.holds(folder)
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"neither t10k-images-idx3-ubyte nor .* Put all four"):
        mnist.load(folder)
    assert not mnist.holds(folder / "nothing")


@pytest.mark.skipif(not mnist.holds(REAL), reason="MNIST is not available")
def test_the_real_files() -> None:
    found = mnist.load(REAL)
    sums = {
        part: hashlib.md5(mnist.encode(array)).hexdigest()
        for part, array in found._asdict().items()
    }
    assert sums == MD5
    assert found.y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(found.y_test).tolist() == [
        *(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    ]


def test_the_digits_have_the_format_of_mnist() -> None:
    found = digits()
    assert (found.x_train.shape, found.x_test.shape) == ((1500, 28, 28), (297, 28, 28))
    assert all(array.dtype == np.uint8 for array in found)
    assert (found.x_train.min(), found.x_train.max()) == (0, 255)
    assert set(found.y_test.tolist()) == set(range(10))
    # A margin of two pixels, then squares of 3 x 3 equal pixels.
    assert not found.x_train[:, :2].any()
    inner = found.x_train[:, 2:-2, 2:-2]
    assert np.array_equal(inner[:, ::3, ::3].repeat(3, 1).repeat(3, 2), inner)
