"""The networks and optimizers of the study, by the names the configuration uses."""

import functools
from collections.abc import Callable, Mapping
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

OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {
    "sgd": optax.sgd,
    "sgd_momentum": functools.partial(optax.sgd, momentum=0.9),
    # The constants of PyTorch's optimizers, with which the source ran its comparison. optax adds
    # Adagrad's eps under the root, PyTorch beside it.
    "adagrad": functools.partial(optax.adagrad, initial_accumulator_value=0.0, eps=1e-20),
    "rmsprop": functools.partial(optax.rmsprop, decay=0.99, eps=1e-8, eps_in_sqrt=False),
    "adam": optax.adam,
}


# The same settings are the same network, for which training is compiled once.
@functools.cache
def multilayer_perceptron(
    units: int, layers: int, outputs: int, activation: str, init: str | float
) -> nn.Layer:
    """Dense layers with an activation between them.

    Args:
        units: units of each hidden layer.
        layers: hidden layers, 0 or more.
        outputs: units of the last layer, whose scores are not activated.
        activation: a name of ACTIVATIONS.
        init: a name of INITIALIZERS, or the standard deviation of normal weights.

    Returns:
        The network.
    """
    weights = INITIALIZERS[init]() if isinstance(init, str) else nn.initializers.normal(init)
    hidden = [
        layer
        for _ in range(layers)
        for layer in (nn.dense(units, weights), ACTIVATIONS[activation]())
    ]
    return nn.serial(*hidden, nn.dense(outputs, weights))


def product(arms: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Every combination of the arms' values, as columns of one length.

    Example:
        >>> product({"learning_rate": [0.1, 1.0], "momentum": [0.0, 0.9]})
        {'learning_rate': [0.1, 0.1, 1.0, 1.0], 'momentum': [0.0, 0.9, 0.0, 0.9]}
    """
    rows: list[dict[str, Any]] = [{}]
    for name, values in arms.items():
        rows = [{**row, name: value} for row in rows for value in values]
    return {name: [row[name] for row in rows] for name in arms}
