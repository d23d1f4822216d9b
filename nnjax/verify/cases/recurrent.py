"""Cases of the recurrent layers."""

import numpy as np

from nnjax.combine import residual, serial
from nnjax.core import Shape
from nnjax.initializers import normal
from nnjax.layers.dense import dense
from nnjax.layers.gru import gru
from nnjax.layers.lstm import lstm
from nnjax.layers.rnn import rnn
from nnjax.verify.case import LayerCase


def padded(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Normal inputs and, in the last channel, a mask: the first example has no padding, the second
    lacks step 1, the others end early."""
    x = rng.normal(size=shape)
    time = shape[1]
    ends = [np.arange(time) < time - b for b in range(shape[0])]
    hole = np.arange(time) != 1
    rows = [ends[0], *(hole if b == 1 else ends[b] for b in range(1, shape[0]))]
    x[..., -1] = np.array(rows)
    return x


def all_padded(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Padding only."""
    x = rng.normal(size=shape)
    x[..., -1] = 0
    return x


def between(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """A mask of numbers in [0, 1): steps that count partially."""
    x = rng.normal(size=shape)
    x[..., -1] = rng.uniform(size=shape[:-1])
    return x


def saturated(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Inputs so large that float32 rounds every gate to 0 or 1."""
    return 12 * rng.normal(size=shape)


_CELLS = {"rnn": rnn, "lstm": lstm, "gru": gru}

LAYERS = [
    row
    for name, cell in _CELLS.items()
    for row in [
        LayerCase(name, "all steps", cell(2), (4, 3), batch=2),
        LayerCase(name, "last step", cell(2, last=True), (4, 3), batch=2),
        LayerCase(name, "masked", cell(2, masked=True), (4, 4), batch=3, inputs=padded),
        LayerCase(
            name, "masked, last", cell(2, last=True, masked=True), (3, 3), batch=3, inputs=padded
        ),
        LayerCase(name, "masked in part", cell(2, masked=True), (3, 3), batch=2, inputs=between),
        LayerCase(
            name,
            "nothing but padding",
            cell(2, last=True, masked=True),
            (3, 3),
            batch=2,
            inputs=all_padded,
        ),
        LayerCase(name, "one step", cell(2), (1, 3), batch=2),
        LayerCase(name, "one step, last", cell(2, last=True), (1, 3), batch=2),
        LayerCase(name, "batch 1, one unit", cell(1), (5, 2), batch=1),
        LayerCase(name, "one of everything", cell(1, masked=True), (1, 2), batch=1, inputs=between),
        LayerCase(name, "saturated", cell(2), (3, 2), batch=2, inputs=saturated),
        LayerCase(name, "at init", cell(3, init=normal(0.5)), (3, 2), batch=2, at_init=True),
    ]
] + [
    LayerCase("rnn", "one on another", serial(rnn(2), rnn(3, last=True), dense(1)), (3, 2)),
    LayerCase("gru", "residual", serial(residual(gru(2)), dense(1)), (3, 2), batch=2),
    LayerCase("lstm", "long", lstm(1, last=True), (24, 1), batch=1),
]
