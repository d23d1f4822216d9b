"""The data and the networks of the chapter on digits, and the tables that a training leaves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import optax
import polars as pl
from settings import Convolutional, Perceptron, Training

import nnjax as nn
from workflow.lib.runs import networks as shared

CLASSES = 10


class Data(NamedTuple):
    """Standardised images (rows, height, width, 1) and labels (rows,), ten classes."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def read(arrays: Path, rows: int, held_out: int = 0) -> Data:
    """The data, standardised by the mean and the standard deviation of all training pixels.

    Args:
        arrays: the .npz of the fetch rule.
        rows: training rows to take at most, from the beginning.
        held_out: if above 0, test on so many training rows from the end; the test rows are then not
            read.

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
    mean, deviation = x.mean(), x.std()
    return Data(
        ((x - mean) / deviation)[..., None],
        labels.astype(np.int32),
        ((x_test.astype(np.float32) - mean) / deviation)[..., None],
        y_test.astype(np.int32),
    )


def adapted(training: Training, digits_times: int, origin: Path) -> Training:
    """The training with as many epochs as the data need: more on the stand-in, which has few rows.

    Args:
        training: with the epochs for MNIST.
        digits_times: factor for the epochs on the stand-in.
        origin: JSON with the origin of the data.
    """
    if json.loads(origin.read_text(encoding="utf-8"))["data"] == "mnist":
        return training
    return training.model_copy(update={"epochs": training.epochs * digits_times})


def perceptron(settings: Perceptron) -> nn.Layer:
    """One hidden layer with LeakyReLU, and ten scores."""
    weights = nn.initializers.normal(0.01)
    hidden = nn.dense(settings.hidden_units, weights), nn.leaky_relu(settings.slope)
    return nn.serial(nn.flatten(), *hidden, nn.dense(CLASSES, weights))


def convolutional(settings: Convolutional) -> nn.Layer:
    """Two stages of convolution, ReLU and max pooling, and ten scores."""
    return shared.convolutional(settings.filters, settings.kernel, settings.pool, CLASSES)


def falling(
    optimizer: Callable[..., optax.GradientTransformation], rows: int, epochs: int, batch_size: int
) -> Callable[[float], optax.GradientTransformation]:
    """An optimizer whose rate falls linearly to 0 over the whole training."""
    steps = epochs * (rows // min(batch_size, rows))
    return lambda learning_rate: optimizer(lambda step: learning_rate * (1 - step / steps))


def epoch_rows(network: str, history: nn.History) -> pl.DataFrame:
    """The history of a training: network, seed, epoch, train_loss and accuracy on the test rows.

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
    """The predictions of a trained network for all test images.

    Args:
        network: its name.
        seed: its seed.
        scores: (images, classes); not finite if the training diverged.
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
