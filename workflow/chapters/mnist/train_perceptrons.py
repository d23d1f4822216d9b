"""Multilayer perceptrons on MNIST, all seeds in one program; scikit-learn on the same inputs."""

import warnings
from pathlib import Path
from typing import Any

import jax
import networks
import numpy as np
import optax
import polars as pl
from settings import LogisticRegression, Peers, Perceptron, Training

import nnjax as nn
from workflow.lib import job
from workflow.lib.tables import write_parquet

OPTIMIZERS = {"sample_by_sample": optax.sgd, "perceptron": optax.adam}
"""Plain gradient descent on single samples, as in the source; Adam, as for the other network."""


def train(
    name: str, network: nn.Layer, data: networks.Data, training: Training
) -> tuple[nn.History, list[pl.DataFrame]]:
    """All seeds of one perceptron.

    Args:
        name: `sample_by_sample` (mean squared error on one-hot targets) or `perceptron` (softmax
            cross-entropy).
        network: the network.
        data: images and labels.
        training: seeds, epochs, batch size and rate.

    Returns:
        The history's arrays (seeds, epochs), and for each seed its predictions for the test rows.
    """
    targets = data.y_train, data.y_test
    loss = nn.softmax_cross_entropy
    if name == "sample_by_sample":
        loss = nn.mean_squared_error
        one_hot = np.eye(networks.CLASSES, dtype=np.float32)
        targets = one_hot[data.y_train], one_hot[data.y_test]
    rows, epochs, batch_size = len(data.y_train), training.epochs, training.batch_size
    params, history = nn.sweep(
        network,
        loss,
        networks.falling(OPTIMIZERS[name], rows, epochs, batch_size),
        (data.x_train, targets[0]),
        seeds=range(training.seeds),
        arms={"learning_rate": [training.learning_rate]},
        epochs=epochs,
        batch_size=batch_size,
        drop_last=True,
        # In the order of the file: all seeds see the same batch and share its products.
        shuffle=False,
        validation=(data.x_test, targets[1]),
    )
    scores = np.asarray(
        jax.vmap(lambda p: network.forward(p, data.x_test)[0])(
            jax.tree.map(lambda leaf: leaf[0], params)
        )
    )
    predicted = [
        networks.prediction_rows(name, seed, of_seed, data.y_test)
        for seed, of_seed in enumerate(scores)
    ]
    return jax.tree.map(lambda array: array[0], history), predicted


def fit_logistic_regression(
    data: networks.Data, settings: LogisticRegression
) -> list[pl.DataFrame]:
    """scikit-learn's linear classifier; its training draws nothing, so there is one seed."""
    from sklearn import linear_model
    from sklearn.exceptions import ConvergenceWarning

    model = linear_model.LogisticRegression(C=settings.C, max_iter=settings.max_iter)
    with warnings.catch_warnings():
        # Stopped early on purpose: more steps fit the training rows better, but not the test rows.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(_flat(data.x_train), data.y_train)
    scores = model.decision_function(_flat(data.x_test))
    return [networks.prediction_rows("logistic_regression", 0, scores, data.y_test)]


def fit_mlp_classifier(
    data: networks.Data, hidden_units: int, training: Training
) -> list[pl.DataFrame]:
    """scikit-learn's network with as many hidden units: ReLU and Adam at a constant rate."""
    from sklearn.neural_network import MLPClassifier

    x, tables = _flat(data.x_train), []
    batch_size: Any = min(training.batch_size, len(x))  # scikit-learn's annotation lacks int
    for seed in range(training.seeds):
        model = MLPClassifier(
            (hidden_units,),
            batch_size=batch_size,
            learning_rate_init=training.learning_rate,
            random_state=seed,
        )
        for _ in range(training.epochs):
            model.partial_fit(x, data.y_train, classes=np.arange(networks.CLASSES))
        scores = np.log(np.maximum(model.predict_proba(_flat(data.x_test)), 1e-30))
        tables.append(networks.prediction_rows("mlp_classifier", seed, scores, data.y_test))
    return tables


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)


def main(
    arrays: Path,
    origin: Path,
    rows: int,
    digits_times: int,
    perceptron: Perceptron,
    training: dict[str, Training],
    peers: Peers,
    runs: Path,
) -> None:
    """Train and write the tables.

    Args:
        arrays: images and labels (.npz).
        origin: JSON with the origin of the data.
        rows: training rows at most.
        digits_times: factor for the epochs on the stand-in.
        perceptron: the network.
        training: its training, by the names of OPTIMIZERS.
        peers: the classifiers of scikit-learn.
        runs: folder to write: `epochs` and `predictions` (see `networks`), `checks` (check, value).
    """
    from threadpoolctl import threadpool_limits

    data = networks.read(arrays, rows)
    network = networks.perceptron(perceptron)
    histories, predictions = [], []
    for name in OPTIMIZERS:
        history, predicted = train(
            name, network, data, networks.adapted(training[name], digits_times, origin)
        )
        histories.append(networks.epoch_rows(name, history))
        predictions += predicted
    # As many threads as the rule asks for.
    with threadpool_limits(1):
        predictions += fit_logistic_regression(data, peers.logistic_regression)
        predictions += fit_mlp_classifier(
            data,
            perceptron.hidden_units,
            networks.adapted(peers.mlp_classifier, digits_times, origin),
        )
    parameters = float(nn.summary(network, data.x_train.shape[1:]).parameters)
    tables = {
        "epochs": pl.concat(histories),
        "predictions": pl.concat(predictions),
        "checks": pl.DataFrame({"check": ["parameters"], "value": [parameters]}),
    }
    for name, table in tables.items():
        write_parquet(table, runs / f"{name}.parquet")


job.run(main, globals().get("snakemake"))
