"""Equations checked, binary networks, gradients by depth, and class codings.

Two small data sets that come with scikit-learn: breast cancer, and handwritten digits of 8 x 8.
"""

from pathlib import Path
from typing import Any

import equations as source
import gradients as by_depth
import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from crossfit import Task, crossfit, problem
from peers import peers
from settings import (
    Binary,
    BinaryProblem,
    Coding,
    CodingName,
    Equations,
    Gradients,
    Losses,
    Training,
)
from sklearn.datasets import load_breast_cancer, load_digits

import nnjax as nn
from nnjax.datasets.isolet import one_hot, standardise
from workflow.lib import job
from workflow.lib.runs.networks import multilayer_perceptron
from workflow.lib.tables import write_parquet

Tables = dict[str, pl.DataFrame]


def digits() -> tuple[np.ndarray, np.ndarray]:
    """The digits: pixels (rows, 64) and classes (rows,)."""
    found: Any = load_digits()
    x, labels = found.data, found.target
    return x, labels.astype(np.int32)


def binary_problems() -> dict[BinaryProblem, tuple[np.ndarray, np.ndarray]]:
    """Two real problems with labels 0 and 1: features and labels."""
    found: Any = load_breast_cancer()
    x, labels = found.data, found.target
    pixels, digit = digits()
    return {
        "breast cancer": (x, labels.astype(np.int32)),
        "odd digits": (pixels, digit % 2),
    }


def check_equations(settings: Equations) -> Tables:
    """S1, and the chain of derivatives on random 2-3-1 networks."""
    rng = np.random.default_rng(settings.seed)
    networks = [source.network(rng) for _ in range(settings.networks)]
    at_zero = source.slopes(np.zeros(1)).row(0, named=True)
    return {
        "slopes": source.slopes(rng.uniform(-settings.reach, settings.reach, settings.points)),
        "checks": pl.concat(
            [
                source.checked(networks),
                source.library(networks, settings.rate),
                source.identities(rng, settings.draws),
            ]
        ),
        "failure": pl.DataFrame(
            {
                "score": [source.unfused_failure()],
                "printed_over_true": [at_zero["printed"] / at_zero["complex_step"]],
            }
        ),
    }


def train_binary(settings: Binary) -> Tables:
    """One hidden layer and a sigmoid output on binary labels, and scikit-learn's classifiers."""
    predicted, trials, others = [], [], []
    for name, (x, labels) in binary_problems().items():
        given = problem(x, labels, settings.folds, settings.fold_seed)
        task = Task(
            multilayer_perceptron(settings.hidden_units, 1, 1, "relu", settings.init),
            nn.sigmoid_cross_entropy,
            labels[:, None].astype(np.float32),
            # Above one half: where the score is positive.
            lambda scores: scores[..., 0] > 0,
        )
        searched, ours = crossfit(given, task, settings.rates[name], settings)
        chosen = dict(ours.select("fold", "learning_rate").unique().iter_rows())
        named = pl.lit(name).alias("problem")
        trials.append(searched.with_columns(named))
        predicted.append(ours.with_columns(named))
        others.append(peers(given, chosen, settings).with_columns(named))
    return {
        "binary": pl.concat(predicted),
        "binary_trials": pl.concat(trials),
        "peers": pl.concat(others),
    }


def train_depths(losses: Losses, gradients: Gradients, training: Training) -> Tables:
    """S2 and S3, on the digits."""
    x, labels = digits()
    x, _ = standardise(x, x)
    p = losses.probabilities
    counter = {"probability": p, "loss": [by_depth.counter_example(each, 10) for each in p]}
    return {
        "losses": by_depth.losses_at_start(x, labels, losses),
        "counter": pl.DataFrame(counter),
        "gradients": by_depth.norms(x, labels, gradients),
        "training": by_depth.trained(x, labels, training),
    }


def train_codings(settings: Coding) -> Tables:
    """S5: the same network trained on one-hot rows or on label numbers."""
    x, labels = digits()
    given = problem(x, labels, settings.folds, settings.fold_seed)
    new_number = np.random.default_rng(settings.renumber_seed).permutation(10)
    old_number = np.argsort(new_number)

    def nearest(scores: jax.Array) -> jax.Array:
        return jnp.clip(jnp.round(scores[..., 0]), 0, 9).astype(jnp.int32)

    many, one = (
        multilayer_perceptron(settings.hidden_units, 1, outputs, "relu", settings.init)
        for outputs in (10, 1)
    )
    tasks: dict[CodingName, Task] = {
        "one-hot, cross-entropy": Task(
            many, nn.softmax_cross_entropy, labels, lambda scores: scores.argmax(axis=-1)
        ),
        "one-hot, squared error": Task(
            many, nn.mean_squared_error, one_hot(labels, 10), lambda scores: scores.argmax(axis=-1)
        ),
        "label number": Task(
            one, nn.mean_squared_error, labels[:, None].astype(np.float32), nearest
        ),
        "label number, renumbered": Task(
            one,
            nn.mean_squared_error,
            new_number[labels][:, None].astype(np.float32),
            lambda scores: jnp.asarray(old_number)[nearest(scores)],
        ),
    }
    predicted, trials = [], []
    for name, task in tasks.items():
        searched, ours = crossfit(given, task, settings.rates[name], settings)
        named = pl.lit(name).alias("coding")
        trials.append(searched.with_columns(named))
        predicted.append(ours.with_columns(named, digit=pl.Series(labels)[ours["row"]]))
    return {"coding": pl.concat(predicted), "coding_trials": pl.concat(trials)}


def main(
    equations: Equations,
    binary: Binary,
    losses: Losses,
    gradients: Gradients,
    training: Training,
    coding: Coding,
    runs: Path,
) -> None:
    """Run all experiments of the chapter.

    Args:
        equations: settings of the checks of equations.
        binary: settings of the networks on binary labels.
        losses: settings of the losses before training.
        gradients: settings of the gradients before training.
        training: settings of the trained depths.
        coding: settings of the codings.
        runs: folder to write, all Parquet: slopes, checks, failure; binary, binary_trials, peers;
            losses, counter, gradients, training; coding, coding_trials.
    """
    made = {
        **check_equations(equations),
        **train_binary(binary),
        **train_depths(losses, gradients, training),
        **train_codings(coding),
    }
    for name, table in made.items():
        write_parquet(table, runs / f"{name}.parquet")


job.run(main, globals().get("snakemake"))
