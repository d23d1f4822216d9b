"""Tune scikit-learn's models on the folds of the training rows, and predict the test rows."""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm

from workflow.lib import job
from workflow.lib.runs.classifiers import points, words
from workflow.lib.tables import write_text
from workflow.table.baselines import models
from workflow.table.rows import Rows, encoded, folds, scores, stored
from workflow.table.settings import Table


def amounts(rows: Rows, train: Rows) -> np.ndarray:
    """Targets as they are fitted: class numbers, or amounts with mean 0 and variance 1."""
    return (rows.y - train.y.mean()) / (train.y.std() or 1.0) if rows.is_regression else rows.y


def fitted(model: Any, train: Rows, others: Rows) -> np.ndarray:
    """What a model, fitted to the training rows, predicts for others."""
    data = encoded(train, others)
    with warnings.catch_warnings():
        # What did not converge is a trial like any other: its score says how good it is.
        warnings.simplefilter("ignore", ConvergenceWarning)
        predicted = model.fit(data.x, amounts(train, train)).predict(data.others)
    if train.is_regression:
        return predicted * (train.y.std() or 1.0) + train.y.mean()
    return predicted


def main(rows: Path, about: Path, table: Table, predictions: Path) -> None:
    """Choose every model's hyper-parameters, fit it to all training rows and predict.

    Args:
        rows: the table's rows.
        about: what is known about them.
        table: the settings.
        predictions: JSON to write, by model: the chosen setting, and the prediction of each
            test row.
    """
    train, test = stored(rows, about)
    parts = folds(train, table.folds)
    smallest = min(len(known) for known, _ in parts)
    every, found = models(train.is_regression, len(train.y)), {}
    for name, (make, grid) in tqdm(every.items(), desc="baselines", file=sys.stderr):
        grid = {
            key: [v for v in values if key != "n_neighbors" or v <= smallest]
            for key, values in grid.items()
        }
        trials = points(grid)
        held_out = np.zeros(len(trials))
        if len(trials) > 1:
            for i, point in enumerate(trials):
                guess = np.zeros(len(train.y))
                for known, others in parts:
                    there = train.where(others)
                    guess[others] = fitted(make(**point), train.where(known), there)
                # Of all rows at once: in one fold amounts may be equal, and have no R².
                held_out[i] = scores(train, guess).mean()
        best = trials[int(held_out.argmax())]
        found[name] = {
            "setting": words(best),
            "held_out": float(held_out.max()) if len(trials) > 1 else None,
            "predicted": fitted(make(**best), train, test).tolist(),
        }
    write_text(json.dumps(found) + "\n", predictions)


job.run(main, globals().get("snakemake"))
