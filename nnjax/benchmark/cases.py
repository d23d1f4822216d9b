"""What is trained: networks, the same networks in PyTorch, and random data of their shapes.

Speed does not depend on the values of the data.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import nnjax as nn
from nnjax.benchmark import peers
from nnjax.benchmark.peers import DIGITS, FEATURES, HEADS, LENGTH, TOKENS, Many

Data = tuple[np.ndarray, np.ndarray]
"""Inputs and labels."""


class Case(NamedTuple):
    """A network, the same in PyTorch, its data, and the steps of an epoch by batch size."""

    name: str
    network: nn.Layer
    peer: Callable[[], Any]
    data: Callable[[int], Data]
    batches: dict[int, int]


LETTERS, LETTER_FEATURES = 26, 617
"""Classes and features of ISOLET."""
ROWS = 6238
"""Its training rows."""
SWEEPS = [
    Many(units, LETTERS, np.geomspace(1e-4, 1e-2, rates).tolist(), seeds, batch_size=128)
    for units, rates, seeds in ((44, 6, 5), (512, 3, 2))
]


def dense(many: Many) -> nn.Layer:
    """A network of a sweep."""
    return nn.serial(nn.dense(many.units), nn.relu(), nn.dense(many.classes))


def name(many: Many) -> str:
    """As in the names of rows: 617-44-26."""
    return f"{LETTER_FEATURES}-{many.units}-{many.classes}"


def operations(many: Many, rows: int) -> float:
    """Multiplications and additions of the dense layers in an epoch of all networks.

    For each row and weight 2 forward, 2 for the weights' gradient and, but in the first layer, 2
    for the gradient of its input.

    Args:
        many: the networks.
        rows: of the data; those left over after the last whole batch are not used.

    Example:
        >>> one = Many(units=1, classes=26, rates=[0.1], seeds=1, batch_size=2)
        >>> operations(one, rows=3) == 2 * (4 * 617 + 6 * 26)
        True
    """
    of_a_row = 4 * LETTER_FEATURES * many.units + 6 * many.units * many.classes
    trained = rows // many.batch_size * many.batch_size
    return float(of_a_row * trained * len(many.rates) * many.seeds)


def letters(count: int) -> Data:
    """Random rows (count, 617) and labels, with the shape of ISOLET."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, LETTER_FEATURES), dtype="float32")
    return x, rng.integers(0, LETTERS, count, dtype="int32")


def images(count: int) -> Data:
    """Random images (count, 28, 28, 1) and labels."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, 28, 28, 1), dtype="float32")
    return x, rng.integers(0, DIGITS, count, dtype="int32")


def rows(count: int) -> Data:
    """The images as sequences of 28 rows, (count, 28, 28)."""
    x, labels = images(count)
    return x[..., 0], labels


def texts(count: int) -> Data:
    """Random tokens (count, 64), and at every place the next one."""
    tokens = np.random.default_rng(0).integers(0, TOKENS, (count, LENGTH + 1), dtype="int32")
    return tokens[:, :-1], tokens[:, 1:]


CASES = [
    Case(
        "mlp",
        nn.serial(nn.flatten(), nn.dense(128), nn.relu(), nn.dense(DIGITS)),
        peers.perceptron,
        images,
        {1: 500, 64: 100, 1024: 20},
    ),
    Case(
        "cnn",
        nn.serial(
            nn.conv2d(8, 5),
            nn.relu(),
            nn.max_pool(2),
            nn.conv2d(16, 5),
            nn.relu(),
            nn.max_pool(2),
            nn.flatten(),
            nn.dense(DIGITS),
        ),
        peers.convolutional,
        images,
        {1: 200, 64: 20, 1024: 2},
    ),
    Case("lstm", nn.serial(nn.lstm(128, last=True), nn.dense(DIGITS)), peers.lstm, rows, {64: 10}),
    Case(
        "transformer",
        nn.serial(
            nn.embedding(TOKENS, FEATURES),
            nn.position_embedding(LENGTH),
            nn.transformer_block(FEATURES, HEADS),
            nn.transformer_block(FEATURES, HEADS),
            nn.layer_norm(),
            nn.dense(TOKENS),
        ),
        peers.transformer,
        texts,
        {16: 8},
    ),
]


def case(name: str) -> Case:
    """A network by its name."""
    return next(case for case in CASES if case.name == name)
