"""Small networks measured by cross-validation, the learning rate chosen inside each training part.

For every fold, the network is trained at every rate on most of the training rows; the other
training rows choose the rate; and the network trained at that rate predicts the held-out rows,
which take no part in a choice. Plain gradient descent, equations 2.5 and 2.6 of the source.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import polars as pl
from settings import Crossfit
from sklearn.model_selection import StratifiedKFold, train_test_split

import nnjax as nn
from nnjax.datasets.isolet import standardise

Decide = Callable[[Any], Any]
"""Scores (..., rows, outputs) to class numbers (..., rows)."""

CHOOSING = 0.2
"""Share of a fold's training rows that choose the rate."""


class Fold(NamedTuple):
    """Row numbers: to train on, to choose a rate, and held out."""

    train: np.ndarray
    choosing: np.ndarray
    held_out: np.ndarray


class Problem(NamedTuple):
    """Rows to classify: features (rows, n), classes (rows,) from 0, and the folds."""

    x: np.ndarray
    labels: np.ndarray
    folds: list[Fold]


def problem(x: np.ndarray, labels: np.ndarray, folds: int, seed: int) -> Problem:
    """Deal the rows to folds that keep the classes' shares.

    Every fold trains on the same number of rows, so that one program serves all: where folds are
    uneven, a row or two are not used. The training rows are shuffled once; batches follow this
    order in every epoch.

    Args:
        x: features (rows, n).
        labels: classes (rows,), from 0.
        folds: how many.
        seed: of the deal.
    """
    dealt = StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, labels)
    made = []
    for rest, held_out in dealt:
        train, choosing = train_test_split(
            rest, test_size=CHOOSING, stratify=labels[rest], random_state=seed
        )
        made.append(Fold(np.asarray(train), np.asarray(choosing), held_out))
    rows = min(len(fold.train) for fold in made)
    return Problem(x, labels, [fold._replace(train=fold.train[:rows]) for fold in made])


class Task(NamedTuple):
    """One way to state the problem: network, loss, targets, and the classes that scores mean."""

    network: nn.Layer
    loss: nn.Loss
    targets: np.ndarray
    decide: Decide


def crossfit(
    given: Problem, task: Task, rates: list[float], settings: Crossfit
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Train and predict, fold by fold.

    Args:
        given: the rows and folds.
        task: network, loss, targets and decision.
        rates: learning rates to choose from.
        settings: seeds, epochs, and batch size.

    Returns:
        Trials: fold, learning_rate, seed, epoch, loss (of training), accuracy on the choosing rows
        (after the last epoch, else null), chosen. Predictions: fold, seed, row, correct,
        learning_rate.
    """
    seeds = settings.seeds
    trials, predicted = [], []
    for number, fold in enumerate(given.folds):
        # All rows are scaled and predicted, needed or not: one shape, one program.
        x, everything = standardise(given.x[fold.train], given.x)
        params, history = nn.sweep(
            task.network,
            task.loss,
            optax.sgd,
            (x, task.targets[fold.train]),
            seeds=list(range(seeds)),
            arms={"learning_rate": rates},
            epochs=settings.epochs,
            batch_size=settings.batch_size or len(fold.train),
            drop_last=True,
            shuffle=False,
        )
        loss = np.asarray(history.train_loss)
        decided = _decisions(task.network, task.decide, params, jnp.asarray(everything))
        right = np.asarray(decided) == given.labels
        accuracy = right[..., fold.choosing].mean(axis=-1)
        chosen = best(accuracy.mean(axis=1), loss[..., -1].mean(axis=1))
        trials.append(_trials(number, rates, loss, accuracy, chosen))
        predicted.append(
            pl.DataFrame(
                {
                    "fold": number,
                    "seed": np.repeat(np.arange(seeds), len(fold.held_out)),
                    "row": np.tile(fold.held_out, seeds),
                    "correct": right[chosen][:, fold.held_out].ravel(),
                    "learning_rate": rates[chosen],
                }
            )
        )
    return pl.concat(trials), pl.concat(predicted)


def best(accuracy: np.ndarray, loss: np.ndarray) -> int:
    """The index of the rate to use: highest accuracy, then lowest loss; NaN is the worst loss.

    Example:
        >>> best(np.array([0.9, 0.95, 0.95]), np.array([0.1, 0.3, 0.2]))
        2
    """
    worst_last = np.where(np.isfinite(loss), loss, np.inf)
    return int(np.lexsort((worst_last, -accuracy))[0])


@functools.partial(jax.jit, static_argnums=(0, 1))
def _decisions(network: nn.Layer, decide: Decide, params: Any, x: jax.Array) -> jax.Array:
    """Class numbers (rates, seeds, rows)."""
    return decide(jax.vmap(jax.vmap(lambda p: network.forward(p, x)[0]))(params))


def _trials(
    fold: int, rates: list[float], loss: np.ndarray, accuracy: np.ndarray, chosen: int
) -> pl.DataFrame:
    n_rates, seeds, epochs = loss.shape
    at_end = np.full(loss.shape, np.nan)
    at_end[..., -1] = accuracy
    return pl.DataFrame(
        {
            "fold": fold,
            "learning_rate": np.repeat(rates, seeds * epochs),
            "seed": np.tile(np.repeat(np.arange(seeds), epochs), n_rates),
            "epoch": np.tile(np.arange(1, epochs + 1), n_rates * seeds),
            "loss": loss.ravel(),
            "accuracy": at_end.ravel(),
            "chosen": np.repeat(np.arange(n_rates) == chosen, seeds * epochs),
        }
    ).with_columns(pl.col("accuracy").fill_nan(None))
