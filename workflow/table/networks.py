"""The networks of a table's study: no hidden layer or one, trained by `nn.sweep`."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import optax

import nnjax as nn
from workflow.table.rows import Encoded, Rows, encoded

MAKERS: dict[str, Any] = {
    "adam": optax.adam,
    "rmsprop": optax.rmsprop,
    "adagrad": optax.adagrad,
    "momentum": functools.partial(optax.sgd, momentum=0.9),
    "sgd": optax.sgd,
}
NAMES = {"adam": "Adam", "rmsprop": "RMSprop", "adagrad": "Adagrad", "momentum": "momentum"}
NAMES |= {"sgd": "SGD"}


def network(hidden_units: int, outputs: int) -> nn.Layer:
    """A network with one hidden layer of ReLU; with 0 units, none."""
    last = nn.dense(outputs)
    if not hidden_units:
        return last
    return nn.serial(nn.dense(hidden_units, nn.initializers.he()), nn.relu(), last)


class Targets:
    """Targets as a network is trained on them: class numbers, or standardised amounts."""

    def __init__(self, train: Rows) -> None:
        self.outputs = 1 if train.classes is None else len(train.classes)
        self.loss = nn.mean_squared_error if train.classes is None else nn.softmax_cross_entropy
        self.mean, self.std = (
            (train.y.mean(), train.y.std() or 1.0) if self.outputs == 1 else (0, 1)
        )

    def of(self, rows: Rows) -> np.ndarray:
        """For the loss."""
        if rows.classes is not None:
            return rows.y.astype(np.int32)
        return ((rows.y - self.mean) / self.std)[:, None].astype(np.float32)

    def predicted(self, scores: np.ndarray) -> np.ndarray:
        """Class numbers, or amounts, from the scores (..., rows, outputs)."""
        if self.outputs > 1:
            return scores.argmax(axis=-1)
        return scores[..., 0] * self.std + self.mean


def batch_size(rows: int, at_most: int) -> int:
    """Rows in a batch: at most a tenth of all."""
    return max(1, min(at_most, rows // 10))


def trained(
    data: Encoded,
    train: Rows,
    held_out: Rows | None,
    hidden_units: int,
    optimizer: str,
    rates: list[float],
    seeds: int,
    epochs: int,
    batch_rows: int,
    weights: np.ndarray | None = None,
) -> tuple[Any, nn.History]:
    """Networks of all rates and seeds in one program, measured on the held-out rows."""
    targets = Targets(train)
    validation = None if held_out is None else (data.others, targets.of(held_out))
    if validation is not None and weights is not None:
        validation = (*validation, weights)
    return nn.sweep(
        network(hidden_units, targets.outputs),
        targets.loss,
        MAKERS[optimizer],
        (data.x, targets.of(train)),
        seeds=range(seeds),
        arms={"learning_rate": rates},
        epochs=epochs,
        batch_size=batch_size(len(data.x), batch_rows),
        drop_last=True,
        validation=validation,
        metric=None if train.is_regression else nn.accuracy,
        progress=False,
        threads=1,
    )


def outputs(params: Any, hidden_units: int, train: Rows, x: np.ndarray) -> np.ndarray:
    """Scores (arms, seeds, rows, outputs) of trained networks, computed one by one."""
    net = network(hidden_units, Targets(train).outputs)
    arms, seeds = jax.tree.leaves(params)[0].shape[:2]

    def one(arm: int, seed: int) -> np.ndarray:
        return np.asarray(nn.predict(net, jax.tree.map(lambda leaf: leaf[arm, seed], params), x))

    return np.stack([[one(arm, seed) for seed in range(seeds)] for arm in range(arms)])


Choice = Mapping[str, Any]
"""hidden_units, optimizer, learning_rate and epochs of a network."""


def refitted(
    train: Rows, others: Rows, choice: Choice, seeds: int, batch_rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predictions (seeds, rows) and scores of a chosen network for other rows."""
    data = encoded(train, others)
    params, _ = trained(
        data, train, None, choice["hidden_units"], choice["optimizer"],
        [choice["learning_rate"]], seeds, choice["epochs"], batch_rows,
    )  # fmt: skip
    scores = outputs(params, choice["hidden_units"], train, data.others)[0]
    return Targets(train).predicted(scores), scores
