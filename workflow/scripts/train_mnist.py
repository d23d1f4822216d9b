"""The convolutional network on MNIST, seed by seed, and the checks of what it rests on."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import mnist_networks
import numpy as np
import optax
import polars as pl
from tables import write_parquet

import nnjax as nn

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

NAME = "convolutional"


def main(
    arrays: Path,
    record: Path,
    settings: dict[str, Any],
    epochs: Path,
    predictions: Path,
    filters: Path,
    checks: Path,
) -> None:
    """Train and write what happened.

    Args:
        arrays: images and labels (.npz).
        record: the data's source record (JSON).
        settings: the chapter's settings.
        epochs: Parquet to write: network, seed, epoch, train_loss, accuracy on the test rows.
        predictions: Parquet to write, one row per seed and test image.
        filters: Parquet to write, the first convolution of the first seed: filter, row, column,
            weight.
        checks: Parquet to write: check, value.
    """
    data = mnist_networks.read(arrays, settings["rows"])
    training = settings["training"][NAME]
    passes = mnist_networks.epochs_of(training, settings, record)
    trained, history, predicted = train(data, settings, training, passes)
    write_parquet(mnist_networks.epoch_rows(NAME, history), epochs)
    write_parquet(pl.concat(predicted), predictions)
    write_parquet(filter_rows(np.asarray(trained[0][0].kernel)), filters)
    network = mnist_networks.convolutional(settings)
    measured = {
        "gradient_difference": gradient_difference(network, data.x_train[:8], data.y_train[:8]),
        "softmax_ratio": softmax_ratio(),
        "parameters": float(mnist_networks.parameters(trained[0])),
    }
    write_parquet(pl.DataFrame({"check": list(measured), "value": list(measured.values())}), checks)


def train(
    data: mnist_networks.Data, settings: dict[str, Any], training: dict[str, Any], epochs: int
) -> tuple[list[Any], nn.History, list[pl.DataFrame]]:
    """All seeds, one after the other: kernels of several networks share no product.

    Args:
        data: images and labels.
        settings: the chapter's settings.
        training: seeds, batch size and rate.
        epochs: passes over the training rows, in the order of the file.

    Returns:
        The parameters of every seed, the history's arrays (seeds, epochs), and for each seed what
        it says of the test rows.
    """
    import jax

    network, batch_size = mnist_networks.convolutional(settings), training["batch_size"]
    make = mnist_networks.falling(optax.adam, len(data.y_train), epochs, batch_size)
    optimizer = make(training["learning_rate"])
    trained, histories, predicted = [], [], []
    for seed in range(training["seeds"]):
        initial, _ = network.init(jax.random.key(seed), data.x_train.shape[1:])
        params, history = nn.fit(
            network,
            nn.softmax_cross_entropy,
            optimizer,
            initial,
            (data.x_train, data.y_train),
            epochs=epochs,
            batch_size=batch_size,
            validation=(data.x_test, data.y_test),
        )
        scores = np.asarray(nn.predict(network, params, data.x_test, batch_size=1000))
        trained.append(params)
        histories.append(jax.tree.map(np.asarray, history))
        predicted.append(mnist_networks.prediction_rows(NAME, seed, scores, data.y_test))
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
    """How far our backward pass is from JAX's differentiation of the forward pass, in float64.

        max |ours - jax.grad| / max |jax.grad|    over all parameters

    Args:
        network: the network; parameters are drawn from seed 0.
        x: images.
        labels: their classes.
    """
    import jax

    # Drawn in float32, as for training: another precision would compile the drawing once more.
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
    """Softmax of (1, 2): how many times the first output is the second, where inputs are 2 : 1."""
    outputs = np.asarray(nn.softmax().forward((), np.array([[1.0, 2.0]], np.float32))[0])
    return float(outputs[0, 1] / outputs[0, 0])


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        Path(snakemake.input.arrays),
        Path(snakemake.input.record),
        snakemake.params["settings"],
        Path(snakemake.output.epochs),
        Path(snakemake.output.predictions),
        Path(snakemake.output.filters),
        Path(snakemake.output.checks),
    )
