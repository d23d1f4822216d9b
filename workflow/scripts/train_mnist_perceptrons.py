"""Multilayer perceptrons on MNIST, all seeds in one program; scikit-learn on the same inputs."""

import warnings
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

OPTIMIZERS = {"sample_by_sample": optax.sgd, "perceptron": optax.adam}
"""Plain gradient descent on one sample at a time, as the source; and as the other network."""


def main(
    arrays: Path,
    record: Path,
    settings: dict[str, Any],
    threads: int,
    epochs: Path,
    predictions: Path,
    checks: Path,
) -> None:
    """Train and write what happened.

    Args:
        arrays: images and labels (.npz).
        record: the data's source record (JSON).
        settings: the chapter's settings.
        threads: threads of the job.
        epochs: Parquet to write: network, seed, epoch, train_loss, accuracy on the test rows.
        predictions: Parquet to write, one row per classifier, seed and test image.
        checks: Parquet to write: check, value.
    """
    from threadpoolctl import threadpool_limits

    data = mnist_networks.read(arrays, settings["rows"])
    histories, tables, count = [], [], 0
    for name in OPTIMIZERS:
        training = settings["training"][name]
        passes = mnist_networks.epochs_of(training, settings, record)
        params, history, predicted = train(name, data, settings, training, passes)
        histories.append(mnist_networks.epoch_rows(name, history))
        tables += predicted
        count = mnist_networks.parameters(params) // training["seeds"]
    with threadpool_limits(threads):
        for name, fit in PEERS.items():
            peer = settings["peers"][name]
            if "epochs" in peer:
                peer = peer | {"epochs": mnist_networks.epochs_of(peer, settings, record)}
            tables += fit(data, settings, peer)
    write_parquet(pl.concat(histories), epochs)
    write_parquet(pl.concat(tables), predictions)
    write_parquet(pl.DataFrame({"check": ["parameters"], "value": [float(count)]}), checks)


def train(
    name: str,
    data: mnist_networks.Data,
    settings: dict[str, Any],
    training: dict[str, Any],
    epochs: int,
) -> tuple[Any, nn.History, list[pl.DataFrame]]:
    """All seeds of one perceptron.

    Args:
        name: `sample_by_sample` (mean squared error on one-hot targets) or `perceptron` (softmax
            cross-entropy).
        data: images and labels.
        settings: the chapter's settings.
        training: seeds, batch size and rate.
        epochs: passes over the training rows.

    Returns:
        Parameters (arms, seeds, ...), the history's arrays (seeds, epochs), and for each seed what
        it says of the test rows.
    """
    import jax

    targets = data.y_train, data.y_test
    loss = nn.softmax_cross_entropy
    if name == "sample_by_sample":
        loss = nn.mean_squared_error
        one_hot = np.eye(mnist_networks.CLASSES, dtype=np.float32)
        targets = one_hot[data.y_train], one_hot[data.y_test]
    network, batch_size = mnist_networks.perceptron(settings), training["batch_size"]
    params, history = nn.sweep(
        network,
        loss,
        mnist_networks.falling(OPTIMIZERS[name], len(data.y_train), epochs, batch_size),
        (data.x_train, targets[0]),
        seeds=range(training["seeds"]),
        arms={"learning_rate": [training["learning_rate"]]},
        epochs=epochs,
        batch_size=batch_size,
        # In the order of the file, so that all seeds see the same batch and share its products.
        shuffle=False,
        validation=(data.x_test, targets[1]),
    )
    scores = np.asarray(
        jax.vmap(lambda p: network.forward(p, data.x_test)[0])(
            jax.tree.map(lambda leaf: leaf[0], params)
        )
    )
    predicted = [
        mnist_networks.prediction_rows(name, seed, of_seed, data.y_test)
        for seed, of_seed in enumerate(scores)
    ]
    return params, jax.tree.map(lambda array: array[0], history), predicted


def fit_logistic_regression(
    data: mnist_networks.Data, settings: dict[str, Any], peer: dict[str, Any]
) -> list[pl.DataFrame]:
    """scikit-learn's linear classifier; nothing in it is drawn, so there is one seed."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=peer["C"], max_iter=peer["max_iter"])
    with warnings.catch_warnings():
        # It is stopped on purpose: more steps fit the training rows closer and test rows no better.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(_flat(data.x_train), data.y_train)
    scores = model.decision_function(_flat(data.x_test))
    return [mnist_networks.prediction_rows("logistic_regression", 0, scores, data.y_test)]


def fit_mlp_classifier(
    data: mnist_networks.Data, settings: dict[str, Any], peer: dict[str, Any]
) -> list[pl.DataFrame]:
    """scikit-learn's network with as many hidden units: ReLU and Adam at a constant rate."""
    from sklearn.neural_network import MLPClassifier

    x, tables = _flat(data.x_train), []
    for seed in range(peer["seeds"]):
        model = MLPClassifier(
            (settings["units"],),
            batch_size=min(peer["batch_size"], len(x)),
            learning_rate_init=peer["learning_rate"],
            random_state=seed,
        )
        for _ in range(peer["epochs"]):
            model.partial_fit(x, data.y_train, classes=np.arange(mnist_networks.CLASSES))
        scores = np.log(np.maximum(model.predict_proba(_flat(data.x_test)), 1e-30))
        tables.append(mnist_networks.prediction_rows("mlp_classifier", seed, scores, data.y_test))
    return tables


PEERS = {"logistic_regression": fit_logistic_regression, "mlp_classifier": fit_mlp_classifier}


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        Path(snakemake.input.arrays),
        Path(snakemake.input.record),
        snakemake.params["settings"],
        snakemake.threads,
        Path(snakemake.output.epochs),
        Path(snakemake.output.predictions),
        Path(snakemake.output.checks),
    )
