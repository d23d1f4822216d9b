"""The convolutional network on MNIST, seed by seed, and checks of its gradient and of softmax."""

from pathlib import Path
from typing import Any

import jax
import networks
import numpy as np
import optax
import polars as pl
from settings import Convolutional, Training

import nnjax as nn
from workflow.lib import job
from workflow.lib.tables import write_parquet

NAME = "convolutional"


def train(
    network: nn.Layer, data: networks.Data, training: Training
) -> tuple[list[Any], nn.History, list[pl.DataFrame]]:
    """All seeds, one after the other: convolutions of several networks share no products.

    Args:
        network: the network.
        data: images and labels.
        training: seeds, epochs, batch size and rate; batches come in the order of the file.

    Returns:
        The parameters of every seed, the history's arrays (seeds, epochs), and for each seed its
        predictions for the test rows.
    """
    make = networks.falling(optax.adam, len(data.y_train), training.epochs, training.batch_size)
    optimizer = make(training.learning_rate)
    trained, histories, predicted = [], [], []
    for seed in range(training.seeds):
        initial, _ = network.init(jax.random.key(seed), data.x_train.shape[1:])
        params, history = nn.fit(
            network,
            nn.softmax_cross_entropy,
            optimizer,
            initial,
            (data.x_train, data.y_train),
            epochs=training.epochs,
            batch_size=training.batch_size,
            drop_last=True,
            validation=(data.x_test, data.y_test),
        )
        scores = np.asarray(nn.predict(network, params, data.x_test, batch_size=1000))
        trained.append(params)
        histories.append(jax.tree.map(np.asarray, history))
        predicted.append(networks.prediction_rows(NAME, seed, scores, data.y_test))
    return trained, jax.tree.map(lambda *seeds: np.stack(seeds), *histories), predicted


def filter_rows(kernel: np.ndarray) -> pl.DataFrame:
    """A kernel (height, width, 1, filters) as rows: filter, row, column, weight."""
    row, column, number = np.indices(kernel[:, :, 0].shape)
    return pl.DataFrame(
        {
            "filter": number.reshape(-1),
            "row": row.reshape(-1),
            "column": column.reshape(-1),
            "weight": kernel[:, :, 0].reshape(-1),
        }
    )


def gradient_difference(network: nn.Layer, x: np.ndarray, labels: np.ndarray) -> float:
    """The distance of our backward pass from JAX's differentiation of the forward pass, in float64.

        max |ours - jax.grad| / max |jax.grad|    over all parameters

    Args:
        network: the network; parameters are drawn from seed 0.
        x: images.
        labels: their classes.
    """
    # Drawn in float32, as for training: another precision would compile the drawing again.
    drawn, _ = network.init(jax.random.key(0), x.shape[1:])
    with jax.enable_x64(True):
        x = x.astype(np.float64)
        params = jax.tree.map(lambda leaf: leaf.astype(np.float64), drawn)

        def loss_at(params: Any) -> Any:
            scores = network.forward(params, x)[0]
            return nn.softmax_cross_entropy.forward(scores, jax.numpy.asarray(labels))[0]

        by_hand = jax.jit(nn.value_and_grad(network, nn.softmax_cross_entropy))
        _, ours = by_hand(params, x, labels)
        theirs = jax.jit(jax.grad(loss_at))(params)
        leaves = [jax.tree.leaves(tree) for tree in (ours, theirs)]
        worst = max(float(np.abs(a - b).max()) for a, b in zip(*leaves, strict=True))
        return worst / max(float(np.abs(b).max()) for b in leaves[1])


def softmax_ratio() -> float:
    """Softmax of the inputs 1 and 2: the second output over the first."""
    outputs = np.asarray(nn.softmax().forward((), np.array([[1.0, 2.0]], np.float32))[0])
    return float(outputs[0, 1] / outputs[0, 0])


def main(
    arrays: Path,
    origin: Path,
    rows: int,
    digits_times: int,
    convolutional: Convolutional,
    training: Training,
    runs: Path,
) -> None:
    """Train and write the tables.

    Args:
        arrays: images and labels (.npz).
        origin: JSON with the origin of the data.
        rows: training rows at most.
        digits_times: factor for the epochs on the stand-in.
        convolutional: the network.
        training: its training.
        runs: folder to write: `epochs` and `predictions` (see `networks`), `filters` (the first
            convolution of the first seed: filter, row, column, weight), `checks` (check, value).
    """
    data = networks.read(arrays, rows)
    network = networks.convolutional(convolutional)
    trained, history, predicted = train(
        network, data, networks.adapted(training, digits_times, origin)
    )
    checks = {
        "gradient_difference": gradient_difference(network, data.x_train[:8], data.y_train[:8]),
        "softmax_ratio": softmax_ratio(),
        "parameters": float(nn.summary(network, data.x_train.shape[1:]).parameters),
    }
    tables = {
        "epochs": networks.epoch_rows(NAME, history),
        "predictions": pl.concat(predicted),
        "filters": filter_rows(np.asarray(trained[0][0].kernel)),
        "checks": pl.DataFrame({"check": list(checks), "value": list(checks.values())}),
    }
    for name, table in tables.items():
        write_parquet(table, runs / f"{name}.parquet")


job.run(main, globals().get("snakemake"))
