"""The networks and optimizers of the study, by the names the configuration uses."""

import functools
from collections.abc import Callable
from typing import Any

import optax

import nnjax as nn

ACTIVATIONS: dict[str, Callable[[], nn.Layer]] = {
    "relu": nn.relu,
    "sigmoid": nn.sigmoid,
    "tanh": nn.tanh,
}

INITIALIZERS: dict[str, Callable[[], nn.initializers.Initializer]] = {
    "uniform_fan_in": nn.initializers.uniform_fan_in,
    "glorot": nn.initializers.glorot,
    "he": nn.initializers.he,
    "lecun": nn.initializers.lecun,
}


def _adam(learning_rate: Any, beta1: Any = 0.9) -> optax.GradientTransformation:
    return optax.adam(learning_rate, b1=beta1)


OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {
    "sgd": optax.sgd,
    "sgd_momentum": functools.partial(optax.sgd, momentum=0.9),
    # The constants of PyTorch's optimizers, with which the source ran its comparison. optax adds
    # Adagrad's eps inside the root, PyTorch outside.
    "adagrad": functools.partial(optax.adagrad, initial_accumulator_value=0.0, eps=1e-20),
    "rmsprop": functools.partial(optax.rmsprop, decay=0.99, eps=1e-8, eps_in_sqrt=False),
    "adam": _adam,
}


def multilayer_perceptron(
    hidden_units: int, hidden_layers: int, outputs: int, activation: str, init: str | float
) -> nn.Layer:
    """Dense layers with an activation between them.

    Args:
        hidden_units: units of each hidden layer.
        hidden_layers: 0 or more.
        outputs: units of the last layer, whose scores are not activated.
        activation: a name of ACTIVATIONS.
        init: a name of INITIALIZERS, or the standard deviation of normal weights.

    Returns:
        The network.
    """
    weights = INITIALIZERS[init]() if isinstance(init, str) else nn.initializers.normal(init)
    hidden = [
        layer
        for _ in range(hidden_layers)
        for layer in (nn.dense(hidden_units, weights), ACTIVATIONS[activation]())
    ]
    return nn.serial(*hidden, nn.dense(outputs, weights))


def convolutional(filters: list[int], kernel: int, pool: int, outputs: int) -> nn.Layer:
    """A convolution, ReLU and max pooling for each number of filters, then a dense layer.

    Args:
        filters: of each convolution.
        kernel: extent of the kernels.
        pool: extent and stride of the poolings.
        outputs: units of the last layer, whose scores are not activated.

    Returns:
        The network.
    """
    stages = [
        layer
        for count in filters
        for layer in (nn.conv2d(count, kernel), nn.relu(), nn.max_pool(pool))
    ]
    return nn.serial(*stages, nn.flatten(), nn.dense(outputs, nn.initializers.normal(0.01)))
