"""Train on ISOLET and write the history: two tables, by epoch and by epoch and speaker.

The speaker is the unit of every interval of the study, so a run keeps how many rows of each speaker
it classifies correctly after every epoch; accuracies follow from these counts.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

import nnjax as nn
from nnjax.datasets import isolet
from nnjax.train import Data
from workflow.lib.runs.experiments import Program
from workflow.lib.runs.networks import OPTIMIZERS, multilayer_perceptron
from workflow.lib.tables import write_parquet


class Groups(NamedTuple):
    """The speakers of the rows that a run is measured on, and how many rows each has."""

    names: np.ndarray
    rows: np.ndarray
    member: np.ndarray
    """1 where a row belongs to the speaker and counts, else 0, (rows, speakers)."""


def grouped(speakers: np.ndarray, counted: int | None = None) -> Groups:
    """The speakers of some rows.

    Args:
        speakers: of every row that is measured, (rows,).
        counted: the first so many rows count, the others fill up a shape; default: all.

    Example:
        >>> names, rows, member = grouped(np.array([7, 7, 9]))
        >>> print(names, rows, member.tolist())
        [7 9] [2 1] [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    names, rows = np.unique(speakers[:counted], return_counts=True)
    member = (speakers[:, None] == names).astype(np.float32)
    if counted is not None:
        member[counted:] = 0
    return Groups(names, rows, member)


def hits(scores: Any, labels: Any) -> Any:
    """A metric: 1 for every row that is classified correctly, else 0, (rows,).

    It does not depend on speakers, so all folds of a cross-validation run one compiled program.

    Example:
        >>> print(hits(np.array([[2.0, 1.0], [2.0, 1.0]]), np.array([0, 1])))
        [1. 0.]
    """
    return (scores.argmax(axis=-1) == labels).astype(scores.dtype)


class Split(NamedTuple):
    """What a run is trained on, what it is measured on, and the speakers of the latter."""

    train: Data
    measured: Data
    groups: Groups


def official(train: Path, test: Path) -> Split:
    """The training speakers and the test speakers, standardised by the former.

    Args:
        train: the training rows.
        test: the test rows.
    """
    data = isolet.arrays(pl.concat([pl.read_parquet(train), pl.read_parquet(test)]))
    groups = grouped(data.speakers_test)
    return Split((data.x_train, data.y_train), (data.x_test, data.y_test), groups)


Tables = tuple[pl.DataFrame, pl.DataFrame]
"""What a training leaves behind, see `tables`."""


def train(
    program: Program,
    split: Split,
    marks: dict[str, Any],
    arms: dict[str, list[float]] | None = None,
) -> Tables:
    """Train all arms and seeds of one program, measured by speaker after every epoch.

    Args:
        program: network, optimizer, batches, order, epochs and seeds.
        split: what it is trained and measured on.
        marks: columns for both tables, the same in every row.
        arms: hyper-parameters of the optimizer, as columns of one length, instead of the program's.
    """
    seeds = list(range(program.seeds))
    arms = arms or program.arms.columns()
    _, history = nn.sweep(
        multilayer_perceptron(
            program.hidden_units,
            program.hidden_layers,
            isolet.LETTERS,
            program.activation,
            program.init,
        ),
        nn.softmax_cross_entropy,
        OPTIMIZERS[program.optimizer],
        split.train,
        seeds=seeds,
        arms=arms,
        epochs=program.epochs,
        batch_size=program.batch_size,
        drop_last=True,
        shuffle=program.shuffle,
        validation=split.measured,
        metric=hits,
    )
    columns = [pl.lit(value).alias(name) for name, value in marks.items()]
    by_epoch, by_speaker = tables(history, arms, seeds, split.groups)
    return by_epoch.with_columns(columns), by_speaker.with_columns(columns)


def write(trained: Iterable[Tables], epochs: Path, speakers: Path) -> None:
    """Write the tables of several trainings as two Parquet files."""
    by_epoch, by_speaker = zip(*trained, strict=True)
    write_parquet(pl.concat(by_epoch), epochs)
    write_parquet(pl.concat(by_speaker), speakers)


def tables(
    history: nn.History, arms: dict[str, list[Any]], seeds: list[int], groups: Groups
) -> Tables:
    """The tables of a sweep whose metric is `hits`.

    Args:
        history: of `nn.sweep`, its arrays (arms, seeds, epochs), the metric's with rows last.
        arms: hyper-parameter to its value in each arm.
        seeds: the seeds.
        groups: what `grouped` gave.

    Returns:
        By arm, seed and epoch (from 1): train_loss (mean over the epoch's batches), test_loss,
        test_accuracy. By arm, seed, epoch and speaker: rows, correct.
    """
    # A product with 0s and 1s: exact, and faster for many replicas than adding up by index.
    counts = np.asarray(history.validation_accuracy) @ groups.member
    n_arms, n_seeds, n_epochs, n_speakers = counts.shape
    keys = [
        np.repeat(np.arange(n_arms), n_seeds * n_epochs),
        np.tile(np.repeat(np.array(seeds), n_epochs), n_arms),
        np.tile(np.arange(1, n_epochs + 1), n_arms * n_seeds),
    ]
    columns = {name: np.array(values)[keys[0]] for name, values in arms.items()}
    columns |= {"seed": keys[1], "epoch": keys[2]}
    epochs = pl.DataFrame(
        columns
        | {
            "train_loss": np.asarray(history.train_loss).ravel(),
            "test_loss": np.asarray(history.validation_loss).ravel(),
            "test_accuracy": counts.astype(np.float64).sum(axis=-1).ravel() / groups.rows.sum(),
        }
    )
    by_speaker = {name: np.repeat(values, n_speakers) for name, values in columns.items()}
    speakers = pl.DataFrame(
        by_speaker
        | {
            "speaker": np.tile(groups.names.astype(np.int32), len(epochs)),
            "rows": np.tile(groups.rows.astype(np.int32), len(epochs)),
            "correct": counts.astype(np.int32).ravel(),
        }
    )
    return epochs, speakers
