"""MNIST: a folder of the four idx files, else scikit-learn's digits; stored as one `.npz`."""

from pathlib import Path

import numpy as np

from nnjax.datasets import mnist
from nnjax.datasets.digits import digits
from nnjax.datasets.fetch import Dataset, Origin, StandIn

__all__ = ["MNIST"]


_PACKED = [f"{name}.gz" for name in mnist.FILES.values()]


def _describe(content: mnist.Digits) -> Origin:
    return {
        "fingerprint": mnist.fingerprints(content),
        "rows": {"train": len(content.y_train), "test": len(content.y_test)},
    }


def _write(content: mnist.Digits, paths: list[Path]) -> None:
    # An open file, because NumPy appends `.npz` to a file name.
    with paths[0].open("wb") as file:
        np.savez(file, allow_pickle=False, **content._asdict())


MNIST = Dataset(
    name="MNIST",
    data="mnist",
    folders=("mnist", "raw", "mnist_data", "mnist-dataset"),  # MNIST/raw is that of torchvision
    files=(*mnist.FILES.values(), mnist.ARCHIVE),
    unfit={},
    needed=", ".join(_PACKED),
    holds=mnist.holds,
    load=mnist.load,
    addresses={"/": {name: name for name in _PACKED}},
    describe=_describe,
    write=_write,
    standin=StandIn(
        make=lambda seed: digits(),
        data="digits",
        source="scikit-learn's digits, 8 x 8 pixels enlarged to 28 x 28",
        warning="THE SMALL DIGITS OF SCIKIT-LEARN, not on MNIST",
    ),
)
