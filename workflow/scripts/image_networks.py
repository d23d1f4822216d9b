"""The two networks for images, fully connected and convolutional, and images drawn at random."""

import math
from typing import Any

import jax
import numpy as np

import nnjax as nn

Batch = tuple[np.ndarray, np.ndarray]
"""Images (batch, height, width, channels) and labels (batch,)."""


def networks(settings: dict[str, Any]) -> dict[str, nn.Layer]:
    """The networks by name.

    Args:
        settings: `classes`, and `networks` with `mlp` (units) and `cnn` (filters, kernel, pool).

    Returns:
        mlp: flatten, dense, ReLU, dense. cnn: a convolution, ReLU and max pooling for each number
        of filters, then flatten and dense. Both end in one score for each class.
    """
    mlp, cnn = settings["networks"]["mlp"], settings["networks"]["cnn"]
    scores = nn.dense(settings["classes"])
    stages = [
        layer
        for filters in cnn["filters"]
        for layer in (nn.conv2d(filters, cnn["kernel"]), nn.relu(), nn.max_pool(cnn["pool"]))
    ]
    return {
        "mlp": nn.serial(nn.flatten(), nn.dense(mlp["units"]), nn.relu(), scores),
        "cnn": nn.serial(*stages, nn.flatten(), scores),
    }


def images(seed: int, batch_size: int, settings: dict[str, Any]) -> Batch:
    """Standard normal images and uniform labels: time and rounding do not ask what they show.

    Args:
        seed: to draw from.
        batch_size: how many.
        settings: `image` (height, width, channels) and `classes`.

    Returns:
        The images in float32, and their labels.
    """
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batch_size, *settings["image"]), np.float32)
    return x, rng.integers(settings["classes"], size=batch_size, dtype=np.int32)


def parameters(network: nn.Layer, seed: int, settings: dict[str, Any]) -> tuple[Any, ...]:
    """Parameters of a network, drawn by numpy: JAX would compile for seconds to draw them.

    Weights are normal with He's spread sqrt(2 / inputs), biases normal with the spread 0.1.

    Args:
        network: one of `networks`.
        seed: to draw from.
        settings: `image` (height, width, channels).

    Returns:
        The tree that the network's `init` gives, of numpy arrays in float32.
    """
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda: network.init(jax.random.key(0), tuple(settings["image"]))[0])

    def drawn(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        inputs = math.prod(leaf.shape[:-1])
        spread = math.sqrt(2 / inputs) if len(leaf.shape) > 1 else 0.1
        return np.float32(spread) * rng.standard_normal(leaf.shape, np.float32)

    return jax.tree.map(drawn, shapes)
