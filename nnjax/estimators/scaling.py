"""Standardisation of inputs and targets, as the first and last layers of the trained network.

    x̂ = (x - mean) / std        y = std ŷ + mean

Both are layers of the library whose parameters are set from the data, not trained: a batch
normalisation in evaluation and a dense layer with a diagonal matrix. So the network's rows and
predictions are in the units of the data, even after it is saved to a file.
"""

import math
from typing import NamedTuple

import numpy as np

from nnjax.combine import serial
from nnjax.core import Layer, Params
from nnjax.layers.batch_norm import BatchNorm, batch_norm
from nnjax.layers.dense import Dense, dense
from nnjax.train import predict

EPS = 1e-5
"""The first layer divides by √(variance + EPS); with variance 1, its scale cancels EPS."""


ROUNDOFF = 4
"""A feature is constant if its range is less, in units of the roundoff of its largest number."""


class Scaling(NamedTuple):
    """Parameters of the first layer, and of the last layer or None."""

    inputs: BatchNorm
    outputs: Dense | None = None

    def network(self, inner: Layer, params: Params) -> tuple[Layer, Params]:
        """The network for unscaled data, from one trained on standardised data."""
        if self.outputs is None:
            return around(inner), (self.inputs, params)
        return around(inner, len(self.outputs.bias)), (self.inputs, params, self.outputs)

    def standardised(self, x: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The data on which the inner network is trained."""
        x = np.asarray(predict(batch_norm(EPS), self.inputs, x))
        if self.outputs is None:
            return x, targets
        std, mean = np.diag(np.asarray(self.outputs.weights)), np.asarray(self.outputs.bias)
        return x, ((targets - mean) / std).astype(x.dtype)


def around(inner: Layer, outputs: int | None = None) -> Layer:
    """The network for unscaled data, around one trained on standardised data."""
    last = () if outputs is None else (dense(outputs),)
    return serial(batch_norm(EPS), inner, *last)


def scaling(x: np.ndarray, weights: np.ndarray | None, targets: np.ndarray | None) -> Scaling:
    """The scaling of each feature (and of each output).

    Args:
        x: inputs (rows, ..., features).
        weights: of the rows (rows,), or None.
        targets: numbers (rows, outputs), or None for classes.
    """
    mean, std = _moments(x, weights, x.dtype)
    ones, zeros = np.ones_like(mean), np.zeros_like(mean)
    scale = math.sqrt(1 + EPS) / std
    inputs = BatchNorm(*(array.astype(x.dtype) for array in (scale, zeros, mean, ones)))  # pyright: ignore[reportArgumentType]
    if targets is None:
        return Scaling(inputs)
    mean, std = _moments(targets, weights, x.dtype)
    largest = max(np.abs(targets).max(), std.max())
    if largest > np.finfo(x.dtype).max:
        raise ValueError(
            f"y: targets up to {largest:.3g} do not fit into {x.dtype}, the precision of the rows; "
            "use another unit, or rows of float64"
        )
    outputs = Dense(np.diag(std).astype(x.dtype), mean.astype(x.dtype))  # pyright: ignore[reportArgumentType]
    return Scaling(inputs, outputs)


def _moments(
    array: np.ndarray, weights: np.ndarray | None, dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each feature; 1 if it is constant up to roundoff."""
    wide = array.astype(np.float64, order="C")  # sums of one order, however the rows are stored
    over = tuple(range(1, array.ndim - 1))  # positions, as of images
    # By a power of two, which rounds nothing: squares of numbers near 1 stay in range.
    _, exponent = np.frexp(np.abs(wide).max(axis=(0, *over)))
    wide = np.ldexp(wide, -exponent)
    mean = np.average(wide.mean(axis=over), axis=0, weights=weights)
    variance = np.average(((wide - mean) ** 2).mean(axis=over), axis=0, weights=weights)
    std = np.sqrt(variance)
    varies = np.ptp(wide, axis=(0, *over)) > ROUNDOFF * np.finfo(array.dtype).eps
    mean, std = np.ldexp(mean, exponent), np.ldexp(std, exponent)
    # Numbers below the smallest normal one have an inverse that overflows.
    return mean, np.where(varies & (std > 4 * np.finfo(dtype).tiny), std, 1.0)
