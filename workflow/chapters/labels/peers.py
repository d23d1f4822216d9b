"""scikit-learn's classifiers on the folds of the networks: the same rows, scaled alike."""

import warnings
from typing import Any

import numpy as np
import polars as pl
from crossfit import Problem
from settings import Binary
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from nnjax.datasets.isolet import standardise


def peers(given: Problem, rates: dict[int, float], settings: Binary) -> pl.DataFrame:
    """Train and predict, fold by fold, on one thread.

    `logistic regression` has no hidden layer; its C is chosen on the choosing rows of each fold, as
    the rate of our network is. `MLPClassifier` has the same hidden units, activation, rate, epochs
    and one batch of all rows, no momentum and no penalty; only its initial weights differ.
    `majority` always predicts the most frequent class.

    Args:
        given: the rows and folds, two classes.
        rates: fold to the learning rate that our network chose there.
        settings: hidden units, epochs, penalties to choose from, and peer_seeds.

    Returns:
        classifier, fold, seed, row, correct.
    """
    tables = []
    # The products are so small that threads would wait for each other.
    with threadpool_limits(1):
        for number, fold in enumerate(given.folds):
            x, held_out = standardise(given.x[fold.train], given.x[fold.held_out])
            y, truth = given.labels[fold.train], given.labels[fold.held_out]
            fitted: dict[str, list[Any]] = {
                "majority": [DummyClassifier(strategy="most_frequent").fit(x, y)]
            }
            C = _penalty(given, number, settings.penalties)
            fitted["logistic regression"] = [LogisticRegression(C=C, max_iter=5000).fit(x, y)]
            fitted["MLPClassifier"] = [
                _network(settings, rates[number], seed, x, y) for seed in range(settings.peer_seeds)
            ]
            for name, models in fitted.items():
                for seed, model in enumerate(models):
                    tables.append(
                        pl.DataFrame(
                            {
                                "classifier": name,
                                "fold": number,
                                "seed": seed,
                                "row": fold.held_out,
                                "correct": model.predict(held_out) == truth,
                            }
                        )
                    )
    return pl.concat(tables)


def _penalty(given: Problem, number: int, penalties: list[float]) -> float:
    """The C with the most choosing rows right; of several, the smallest."""
    fold = given.folds[number]
    x, choosing = standardise(given.x[fold.train], given.x[fold.choosing])
    y, truth = given.labels[fold.train], given.labels[fold.choosing]
    right = [
        np.mean(LogisticRegression(C=C, max_iter=5000).fit(x, y).predict(choosing) == truth)
        for C in penalties
    ]
    return float(penalties[int(np.argmax(right))])


def _network(
    settings: Binary, rate: float, seed: int, x: np.ndarray, y: np.ndarray
) -> MLPClassifier:
    """The fitted classifier, without its warning that it has used all epochs."""
    batch: Any = len(x)
    model = MLPClassifier(
        (settings.hidden_units,),
        solver="sgd",
        alpha=0.0,
        batch_size=batch,
        learning_rate_init=rate,
        momentum=0.0,
        max_iter=settings.epochs,
        tol=0.0,
        n_iter_no_change=settings.epochs,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y)
