"""What a training run leaves behind: two tables, one by epoch and one by epoch and speaker.

The speaker is the unit of every interval of the study, so a run keeps how many rows of each speaker
it classifies correctly after every epoch; accuracies follow from these counts.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import polars as pl

import nnjax as nn

Score = Callable[[Any, Any], Any]


class Heard(NamedTuple):
    """The speakers of the rows that a run is measured on: who, and how many rows of each."""

    names: np.ndarray
    rows: np.ndarray
    metric: Score
    """`(scores, labels) -> (speakers,)`: rows of each speaker classified correctly."""


def heard(speakers: np.ndarray, counted: int | None = None) -> Heard:
    """Speakers of some rows, and the metric that counts the correct rows of each.

    Args:
        speakers: of every row that is measured, (rows,).
        counted: the first so many rows count, the others fill up a shape; default: all.

    Example:
        >>> names, rows, metric = heard(np.array([7, 7, 9]))
        >>> scores = jnp.array([[2.0, 1.0], [2.0, 1.0], [2.0, 1.0]])
        >>> print(names, rows, metric(scores, jnp.array([0, 1, 0])))
        [7 9] [2 1] [1. 1.]
    """
    names, rows = np.unique(speakers[:counted], return_counts=True)
    # A product with 0s and 1s: exact, and faster for many replicas than adding up by index.
    member = (speakers[:, None] == names).astype(np.float32)
    if counted is not None:
        member[counted:] = 0

    def metric(scores: Any, labels: Any) -> Any:
        hits = (scores.argmax(axis=-1) == labels).astype(scores.dtype)
        return hits @ jnp.asarray(member, scores.dtype)

    return Heard(names, rows, metric)


def tables(
    history: nn.History, arms: dict[str, list[Any]], seeds: list[int], who: Heard
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables of a sweep whose metric is that of `heard`.

    Args:
        history: of `nn.sweep`, its arrays (arms, seeds, epochs), the metric's with speakers last.
        arms: hyper-parameter to its value in each arm.
        seeds: the seeds.
        who: what `heard` gave.

    Returns:
        By arm, seed and epoch (from 1): train_loss (mean over the epoch's batches), test_loss,
        test_accuracy. By arm, seed, epoch and speaker: rows, correct.
    """
    counts = np.asarray(history.validation_accuracy)
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
            "test_accuracy": counts.astype(np.float64).sum(axis=-1).ravel() / who.rows.sum(),
        }
    )
    by_speaker = {name: np.repeat(values, n_speakers) for name, values in columns.items()}
    speakers = pl.DataFrame(
        by_speaker
        | {
            "speaker": np.tile(who.names.astype(np.int32), len(epochs)),
            "rows": np.tile(who.rows.astype(np.int32), len(epochs)),
            "correct": counts.astype(np.int32).ravel(),
        }
    )
    return epochs, speakers
