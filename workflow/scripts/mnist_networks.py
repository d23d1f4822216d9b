"""The networks of the chapter on digits, their data, and how both are trained."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optax
import polars as pl

import nnjax as nn

CLASSES = 10


class Data(NamedTuple):
    """Standardised images (rows, height, width, 1) and labels (rows,), ten classes."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def read(arrays: Path, rows: int, held_out: int = 0) -> Data:
    """The data, every pixel minus the mean of all training pixels, divided by their spread.

    Args:
        arrays: the .npz of the fetch rule.
        rows: training rows to take at most, the first ones.
        held_out: take so many of the last training rows for testing instead of the test rows,
            which are then not looked at.

    Returns:
        The scaled images and the labels.
    """
    with np.load(arrays) as file:
        x, labels = file["x_train"], file["y_train"]
        if held_out:
            x, x_test = x[:-held_out], x[-held_out:]
            labels, y_test = labels[:-held_out], labels[-held_out:]
        else:
            x_test, y_test = file["x_test"], file["y_test"]
    x, labels = x[:rows].astype(np.float32), labels[:rows]
    mean, spread = x.mean(), x.std()
    return Data(
        ((x - mean) / spread)[..., None],
        labels.astype(np.int32),
        ((x_test.astype(np.float32) - mean) / spread)[..., None],
        y_test.astype(np.int32),
    )


def epochs_of(training: dict[str, Any], settings: dict[str, Any], record: Path) -> int:
    """Passes over the training rows: more of them over the stand-in, which has few rows."""
    data = json.loads(record.read_text(encoding="utf-8"))["data"]
    return training["epochs"] * (1 if data == "mnist" else settings["digits_times"])


def perceptron(settings: dict[str, Any]) -> nn.Layer:
    """784-units-10 with LeakyReLU."""
    hidden = nn.dense(settings["units"]), nn.leaky_relu(settings["slope"])
    return nn.serial(nn.flatten(), *hidden, nn.dense(CLASSES))


def convolutional(settings: dict[str, Any]) -> nn.Layer:
    """Twice convolution, ReLU and max pooling; then one dense layer of ten scores."""
    stages = [
        layer
        for filters in settings["filters"]
        for layer in (
            nn.conv2d(filters, settings["kernel"]),
            nn.relu(),
            nn.max_pool(settings["pool"]),
        )
    ]
    return nn.serial(*stages, nn.flatten(), nn.dense(CLASSES))


def falling(
    optimizer: Callable[..., optax.GradientTransformation], rows: int, epochs: int, batch_size: int
) -> Callable[[float], optax.GradientTransformation]:
    """An optimizer of a rate that falls linearly to 0 over the whole training."""
    steps = epochs * (rows // min(batch_size, rows))
    return lambda learning_rate: optimizer(lambda step: learning_rate * (1 - step / steps))


def parameters(params: Any) -> int:
    """How many numbers a network learns."""
    import jax

    return sum(leaf.size for leaf in jax.tree.leaves(params))


def epoch_rows(network: str, history: nn.History) -> pl.DataFrame:
    """What training recorded: network, seed, epoch, train_loss and the test rows' accuracy.

    Args:
        network: its name.
        history: arrays (seeds, epochs).
    """
    loss = np.asarray(history.train_loss)
    seeds, epochs = loss.shape
    return pl.DataFrame(
        {
            "seed": np.repeat(np.arange(seeds), epochs),
            "epoch": np.tile(np.arange(1, epochs + 1), seeds),
            "train_loss": loss.reshape(-1),
            "accuracy": np.asarray(history.validation_accuracy).reshape(-1),
        }
    ).select(pl.lit(network).alias("network"), pl.all())


def prediction_rows(
    network: str, seed: int, scores: np.ndarray, labels: np.ndarray
) -> pl.DataFrame:
    """What a trained network says of every test image.

    Args:
        network: its name.
        seed: its seed.
        scores: (images, classes); of a diverged network not finite.
        labels: (images,).

    Returns:
        network, seed, image, label, predicted, probability (softmax of the predicted class) and
        correct; a network without finite scores predicts -1, which is never correct.
    """
    finite = np.asarray(np.isfinite(scores).all(axis=1))
    safe = np.where(finite[:, None], scores, 0.0).astype(np.float64)
    probabilities = np.exp(safe - safe.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    predicted = np.where(finite, safe.argmax(axis=1), -1)
    return pl.DataFrame(
        {
            "image": np.arange(len(labels)),
            "label": labels.astype(np.int64),
            "predicted": predicted.astype(np.int64),
            "probability": probabilities.max(axis=1),
            "correct": predicted == labels,
        }
    ).select(pl.lit(network).alias("network"), pl.lit(seed).alias("seed"), pl.all())
