"""Gradients and losses before training, and training, by depth, activation and initialisation."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import polars as pl
from settings import Gradients, Losses, Training

import nnjax as nn
from nnjax.initializers import Initializer
from workflow.lib.runs.networks import ACTIVATIONS, INITIALIZERS


def initializer(name: str) -> Initializer:
    """An initialiser by its name: one of INITIALIZERS, `4 x NAME`, or a standard deviation.

    Glorot and Bengio advise four times Glorot's bound for the logistic sigmoid, whose slope at 0 is
    a quarter.
    """
    if name.startswith("4 x "):
        once = initializer(name.removeprefix("4 x "))
        return lambda key, shape: 4 * once(key, shape)
    return INITIALIZERS[name]() if name in INITIALIZERS else nn.initializers.normal(float(name))


def network(
    activation: str, init: str, hidden_layers: int, hidden_units: int, outputs: int
) -> nn.Layer:
    """A network whose hidden layers are alike; its initialiser is named as `initializer` says."""
    weights, active = initializer(init), ACTIVATIONS[activation]()
    hidden = [
        layer for _ in range(hidden_layers) for layer in (nn.dense(hidden_units, weights), active)
    ]
    return nn.serial(*hidden, nn.dense(outputs, weights))


def drawn(net: nn.Layer, in_shape: tuple[int, ...], seeds: int) -> Any:
    """Initial parameters of every seed, (seeds, ...).

    One after the other and outside of a program: drawing a matrix is then compiled once for all
    networks that have one of that shape.
    """
    keys = jax.random.split(jax.random.key(0), seeds)
    each = [net.init(key, in_shape)[0] for key in keys]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *each)


def norms(x: np.ndarray, labels: np.ndarray, settings: Gradients) -> pl.DataFrame:
    """The norm of every weight matrix's gradient before training.

    Args:
        x: inputs (rows, n).
        labels: classes from 0, (rows,).
        settings: networks, hidden layers and units, seeds.

    Returns:
        activation, init, hidden_layers, layer (1 is the first), seed, norm (Frobenius, divided by
        the square root of the number of weights, so that layers of different shapes compare).
    """
    rows, targets = jnp.asarray(x, jnp.float32), jnp.asarray(labels)
    outputs = int(labels.max()) + 1
    tables = []
    for activation, init in settings.networks:
        for depth in settings.hidden_layers:
            net = network(activation, init, depth, settings.hidden_units, outputs)
            params = drawn(net, x.shape[1:], settings.seeds)
            # No program for each network: the layers are alike, and so are compiled once for all.
            gradient = jax.vmap(nn.value_and_grad(net, nn.softmax_cross_entropy), (0, None, None))
            _, grads = gradient(params, rows, targets)
            weights = [np.asarray(part.weights, np.float64) for part in grads if part]
            # A root mean square that cannot underflow: gradients of 1e-20 have squares of 1e-40.
            size = np.stack([np.sqrt((w**2).mean(axis=(1, 2))) for w in weights], axis=1)
            seeds, layers = size.shape
            tables.append(
                pl.DataFrame(
                    {
                        "activation": activation,
                        "init": init,
                        "hidden_layers": depth,
                        "layer": np.tile(np.arange(1, layers + 1), seeds),
                        "seed": np.repeat(np.arange(seeds), layers),
                        "norm": size.ravel(),
                    }
                )
            )
    return pl.concat(tables)


def trained(x: np.ndarray, labels: np.ndarray, settings: Training) -> pl.DataFrame:
    """Train networks of different depths: loss and accuracy on their training rows.

    The question is about optimisation, so the measured rows are the training rows, and the best
    rate is the one with the lowest training loss.

    Args:
        x: inputs (rows, n).
        labels: classes from 0, (rows,).
        settings: networks, hidden layers and units, rates, seeds, epochs, batch size.

    Returns:
        activation, init, hidden_layers, learning_rate, seed, epoch, loss, accuracy (of the training
        rows).
    """
    rates, outputs = settings.rates, int(labels.max()) + 1
    tables = []
    for activation, init in settings.networks:
        for depth in settings.hidden_layers:
            _, history = nn.sweep(
                network(activation, init, depth, settings.hidden_units, outputs),
                nn.softmax_cross_entropy,
                optax.sgd,
                (x, labels),
                seeds=list(range(settings.seeds)),
                arms={"learning_rate": rates},
                epochs=settings.epochs,
                batch_size=settings.batch_size,
                drop_last=True,
                shuffle=False,
                validation=(x, labels),
            )
            loss, accuracy = map(np.asarray, (history.validation_loss, history.validation_accuracy))
            n_rates, seeds, epochs = loss.shape
            tables.append(
                pl.DataFrame(
                    {
                        "activation": activation,
                        "init": init,
                        "hidden_layers": depth,
                        "learning_rate": np.repeat(rates, seeds * epochs),
                        "seed": np.tile(np.repeat(np.arange(seeds), epochs), n_rates),
                        "epoch": np.tile(np.arange(1, epochs + 1), n_rates * seeds),
                        "loss": loss.ravel(),
                        "accuracy": accuracy.ravel(),
                    }
                )
            )
    return pl.concat(tables)


def losses_at_start(x: np.ndarray, labels: np.ndarray, settings: Losses) -> pl.DataFrame:
    """S2: the cross-entropy of every single row before training, one hidden layer of ReLUs.

    Args:
        x: inputs (rows, n).
        labels: classes from 0, (rows,).
        settings: initialiser, hidden units and seeds.

    Returns:
        seed, row, loss (nats).
    """
    classes, seeds = int(labels.max()) + 1, settings.seeds
    net = network("relu", settings.init, 1, settings.hidden_units, classes)
    params = drawn(net, x.shape[1:], seeds)
    scores = jax.vmap(lambda p: net.forward(p, jnp.asarray(x, jnp.float32))[0])(params)
    log_p = nn.log_softmax().forward((), scores)[0]
    loss = -np.asarray(log_p)[:, np.arange(len(labels)), labels]
    return pl.DataFrame(
        {
            "seed": np.repeat(np.arange(seeds), len(labels)),
            "row": np.tile(np.arange(len(labels)), seeds),
            "loss": loss.ravel().astype(np.float64),
        }
    )


def counter_example(probability: float, classes: int) -> float:
    """The cross-entropy of one example whose class has this probability; 1/e gives 1."""
    p = np.full((1, classes), (1 - probability) / (classes - 1), np.float32)
    p[0, 0] = probability
    J, _ = nn.categorical_cross_entropy.forward(jnp.asarray(p), jnp.zeros(1, jnp.int32))
    if not math.isfinite(float(J)):
        raise ValueError(f"counter_example({probability}): the loss is not finite")
    return float(J)
