"""The two networks for images, fully connected and convolutional, and random images."""

import math
from typing import Any

import jax
import numpy as np
from settings import Settings

import nnjax as nn
from workflow.lib.runs.networks import convolutional

Batch = tuple[np.ndarray, np.ndarray]
"""Images (batch, height, width, channels) and labels (batch,)."""


def networks(settings: Settings) -> dict[str, nn.Layer]:
    """The networks by name.

    Returns:
        mlp: flatten, dense, ReLU, dense. cnn: a convolution, ReLU and max pooling for each number
        of filters, then flatten and dense. Both end in one score for each class.
    """
    mlp, cnn, classes = settings.networks.mlp, settings.networks.cnn, settings.classes
    weights = nn.initializers.normal(0.01)
    hidden = nn.dense(mlp.hidden_units, weights), nn.relu()
    return {
        "mlp": nn.serial(nn.flatten(), *hidden, nn.dense(classes, weights)),
        "cnn": convolutional(cnn.filters, cnn.kernel, cnn.pool, classes),
    }


def images(seed: int, batch_size: int, settings: Settings) -> Batch:
    """Standard normal images and uniform labels: their content changes neither time nor rounding.

    Args:
        seed: of the images and labels.
        batch_size: how many.
        settings: the chapter's.

    Returns:
        The images in float32, and their labels.
    """
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batch_size, *settings.image), np.float32)
    return x, rng.integers(settings.classes, size=batch_size, dtype=np.int32)


def parameters(network: nn.Layer, seed: int, settings: Settings) -> tuple[Any, ...]:
    """Parameters of a network, drawn by numpy: JAX would compile for seconds to draw them.

    Weights are normal with He's standard deviation sqrt(2 / inputs), biases normal with 0.1.

    Args:
        network: one of `networks`.
        seed: of the parameters.
        settings: the chapter's.

    Returns:
        The tree that the network's `init` gives, of numpy arrays in float32.
    """
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda: network.init(jax.random.key(0), tuple(settings.image))[0])

    def drawn(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        inputs = math.prod(leaf.shape[:-1])
        deviation = math.sqrt(2 / inputs) if len(leaf.shape) > 1 else 0.1
        return np.float32(deviation) * rng.standard_normal(leaf.shape, np.float32)

    return jax.tree.map(drawn, shapes)
