"""Training advice on ISOLET: every arm is the base network with something removed or added."""

from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import polars as pl
from settings import Arm

import nnjax as nn
from nnjax.datasets import isolet
from workflow.lib import job
from workflow.lib.runs.networks import INITIALIZERS, OPTIMIZERS
from workflow.lib.runs.training import grouped, hits
from workflow.lib.tables import write_parquet

FACTORS = {"raw": 1.0, "times ten": 10.0}
"""Scalings that multiply the published features; `standardised` is the other one."""


class Rows(NamedTuple):
    """Rows to train on, and rows that are measured: test speakers, then held-out ones."""

    x: np.ndarray
    labels: np.ndarray
    x_measured: np.ndarray
    labels_measured: np.ndarray
    speakers: np.ndarray
    held_out: np.ndarray
    """Which of the measured rows are of training speakers that were held out."""


def network(arm: Arm) -> nn.Layer:
    """The network of an arm: hidden layers of ReLUs, the later ones with skips if the arm has them.

    Arms whose networks differ in their initial weights alone get the same functions otherwise, so
    that they are compiled once.
    """
    architecture = arm.hidden_layers, arm.hidden_units, arm.skip, arm.dropout
    common = _network(*architecture, "uniform_fan_in")
    return common._replace(init=_network(*architecture, arm.init).init)


def _network(
    hidden_layers: int, hidden_units: int, skip: bool, dropout: float, init: str | float
) -> nn.Layer:
    weights = INITIALIZERS[init]() if isinstance(init, str) else nn.initializers.normal(init)
    noise = [nn.dropout(dropout)] if dropout else []

    def block() -> nn.Layer:
        return nn.serial(nn.dense(hidden_units, weights), nn.relu(), *noise)

    # The first layer changes the width, so the input cannot be added to it.
    deeper = [nn.residual(block()) if skip else block() for _ in range(hidden_layers - 1)]
    return nn.serial(block(), *deeper, nn.dense(isolet.LETTERS, weights))


def prepared(arm: Arm, train: Path, test: Path, order_seed: int, held_out_seed: int) -> Rows:
    """The rows of an arm, some speakers held out, features scaled by the rows to train on."""
    given, judged = (isolet.examples(pl.read_parquet(path)) for path in (train, test))
    names = np.random.default_rng(held_out_seed).permutation(np.unique(given.speakers))
    apart = np.isin(given.speakers, names[: arm.held_out])
    order = np.random.default_rng(order_seed).permutation(np.flatnonzero(~apart))
    x, measured = given.x[order], np.concatenate([judged.x, given.x[apart]])
    if arm.scaling in FACTORS:
        factor = np.float32(FACTORS[arm.scaling])
        x, measured = x * factor, measured * factor
    else:
        x, measured = isolet.standardise(x, measured)
    return Rows(
        x,
        given.labels[order],
        measured,
        np.concatenate([judged.labels, given.labels[apart]]),
        np.concatenate([judged.speakers, given.speakers[apart]]),
        np.arange(len(measured)) >= len(judged.labels),
    )


def measured_by(rows: Rows) -> Any:
    """The metric of some rows: correct ones of every speaker, then the held-out rows' mean loss."""
    member = grouped(rows.speakers).member
    share = rows.held_out / max(1, rows.held_out.sum())

    def metric(scores: Any, labels: Any) -> Any:
        log_p, _ = nn.log_softmax().forward((), scores)
        loss = -jnp.take_along_axis(log_p, labels[:, None], axis=-1)[:, 0]
        held_out = jnp.where(rows.held_out, loss, 0) @ jnp.asarray(share, scores.dtype)
        return jnp.concatenate(
            [hits(scores, labels) @ jnp.asarray(member, scores.dtype), held_out[None]]
        )

    return metric


def train_arm(name: str, arm: Arm, rows: Rows, metric: Any, seeds: int) -> list[pl.DataFrame]:
    """Train one arm, all seeds at once.

    Args:
        name: of the arm.
        arm: its settings.
        rows: what it is trained and measured on.
        metric: what `measured_by` gave for the same measured rows.
        seeds: how many.

    Returns:
        The tables of `main`.
    """
    groups = grouped(rows.speakers)
    known = np.isin(groups.names, np.unique(rows.speakers[~rows.held_out]))
    batch = arm.batch_size or len(rows.x)
    _, history = nn.sweep(
        network(arm),
        nn.softmax_cross_entropy,
        OPTIMIZERS[arm.optimizer],
        (rows.x, rows.labels),
        seeds=list(range(seeds)),
        arms={"learning_rate": [arm.learning_rate]},
        epochs=arm.epochs,
        batch_size=batch,
        drop_last=True,
        # All seeds get the same batches: their first layers are then one matrix product.
        shuffle=False,
        validation=(rows.x_measured, rows.labels_measured),
        metric=metric,
        penalty=nn.l2(arm.l2) if arm.l2 else None,
    )
    measured = np.asarray(history.validation_accuracy)[0]
    _, epochs, _ = measured.shape
    test_speakers = int(known.sum())
    columns = {
        "arm": [name] * (seeds * epochs),
        "seed": np.repeat(np.arange(seeds), epochs),
        "epoch": np.tile(np.arange(1, epochs + 1), seeds),
    }
    by_epoch = pl.DataFrame(
        columns
        | {
            "train_loss": np.asarray(history.train_loss)[0].ravel(),
            "held_out_loss": measured[..., -1].ravel(),
            "updates": columns["epoch"] * (len(rows.x) // batch),
        }
    )
    if not arm.held_out:
        by_epoch = by_epoch.with_columns(held_out_loss=pl.lit(None, pl.Float32))
    each = {key: np.repeat(values, test_speakers) for key, values in columns.items()}
    by_speaker = pl.DataFrame(
        each
        | {
            "speaker": np.tile(groups.names[known].astype(np.int32), seeds * epochs),
            "rows": np.tile(groups.rows[known].astype(np.int32), seeds * epochs),
            "correct": measured[..., :-1][..., known].astype(np.int32).ravel(),
        }
    )
    return [by_epoch, by_speaker]


def main(
    train: Path,
    test: Path,
    seeds: int,
    order_seed: int,
    held_out_seed: int,
    base: Arm,
    arms: dict[str, dict[str, Any]],
    runs: Path,
    speakers: Path,
) -> None:
    """Train every arm and write what happened.

    Args:
        train: the training rows.
        test: the test rows.
        seeds: of every arm.
        order_seed: of the order of the training rows.
        held_out_seed: of the choice of held-out speakers.
        base: what an arm does not change.
        arms: what each arm changes.
        runs: Parquet to write, one row per arm, seed and epoch: train_loss, held_out_loss (null
            where no speakers were held out), updates so far.
        speakers: Parquet to write, one row per arm, seed, epoch and test speaker: rows, correct.
    """
    # Arms that hold out as many speakers measure the same rows; with one metric they share a
    # compiled program.
    metrics: dict[int, Any] = {}
    tables = []
    for name, change in arms.items():
        arm = base.changed(change)
        rows = prepared(arm, train, test, order_seed, held_out_seed)
        metric = metrics.setdefault(arm.held_out, measured_by(rows))
        tables.append(train_arm(name, arm, rows, metric, seeds))
    by_epoch, by_speaker = zip(*tables, strict=True)
    write_parquet(pl.concat(by_epoch), runs)
    write_parquet(pl.concat(by_speaker), speakers)


job.run(main, globals().get("snakemake"))
