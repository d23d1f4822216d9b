"""The practice chapter: every arm is the base network with something taken away or added."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import job
import numpy as np
import polars as pl
from tables import write_parquet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TIMES = {"raw": 1.0, "times ten": 10.0}
"""Scalings that multiply the published features; `standardised` is the other one."""


class Rows(NamedTuple):
    """Rows to train on, and rows that are measured: the test speakers, and training speakers."""

    x: np.ndarray
    labels: np.ndarray
    x_measured: np.ndarray
    labels_measured: np.ndarray
    speakers: np.ndarray
    held_out: np.ndarray
    """Of the measured rows, those of training speakers that were held out."""


def main(train: Path, test: Path, settings: dict[str, Any], runs: Path, speakers: Path) -> None:
    """Train every arm and write what happened.

    Args:
        train: the training rows.
        test: the test rows.
        settings: the configuration's `chapters.practice`.
        runs: Parquet to write, one row per arm, seed and epoch: train_loss, held_out_loss (null
            where no speakers were held out), updates so far.
        speakers: Parquet to write, one row per arm, seed, epoch and test speaker: rows, correct.
    """
    metrics: dict[int, Any] = {}
    tables = [
        train_arm(name, settings["base"] | changes, train, test, settings, metrics)
        for name, changes in settings["arms"].items()
    ]
    write_parquet(pl.concat(by_epoch for by_epoch, _ in tables), runs)
    write_parquet(pl.concat(by_speaker for _, by_speaker in tables), speakers)


def network(arm: dict[str, Any]) -> Any:
    """The network of an arm: hidden layers of ReLUs, all but the first with a skip if asked for.

    Arms whose networks differ in their initial weights alone get the same functions otherwise, so
    that they are compiled once.
    """
    architecture = tuple(arm[name] for name in ("layers", "units", "skip", "dropout"))
    common = _network(*architecture, "uniform_fan_in")
    return common._replace(init=_network(*architecture, arm["init"]).init)


@functools.cache
def _network(layers: int, units: int, skip: bool, dropout: float, init: str | float) -> Any:
    from networks import INITIALIZERS

    import nnjax as nn

    weights = INITIALIZERS[init]() if isinstance(init, str) else nn.initializers.normal(init)
    noise = [nn.dropout(dropout)] if dropout else []

    def block() -> nn.Layer:
        return nn.serial(nn.dense(units, weights), nn.relu(), *noise)

    # The first layer changes the width, so the input cannot be added to it.
    deeper = [nn.residual(block()) if skip else block() for _ in range(layers - 1)]
    return nn.serial(block(), *deeper, nn.dense(26, weights))


def prepared(arm: dict[str, Any], train: Path, test: Path, settings: dict[str, Any]) -> Rows:
    """The rows of an arm: held-out speakers set apart, features scaled by what is trained on."""
    from nnjax.datasets.isolet import examples, standardise

    given, judged = (examples(pl.read_parquet(path)) for path in (train, test))
    names = np.random.default_rng(settings["held_out_seed"]).permutation(np.unique(given.speakers))
    apart = np.isin(given.speakers, names[: arm["held_out"]])
    order = np.random.default_rng(settings["order_seed"]).permutation(np.flatnonzero(~apart))
    x, measured = given.x[order], np.concatenate([judged.x, given.x[apart]])
    if arm["scaling"] in TIMES:
        x, measured = (
            x * np.float32(TIMES[arm["scaling"]]),
            measured * np.float32(TIMES[arm["scaling"]]),
        )
    else:
        x, measured = standardise(x, measured)
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
    import jax.numpy as jnp
    from runs import heard, hits

    import nnjax as nn

    member = heard(rows.speakers).member
    share = rows.held_out / max(1, rows.held_out.sum())

    def metric(scores: Any, labels: Any) -> Any:
        log_p, _ = nn.log_softmax().forward((), scores)
        loss = -jnp.take_along_axis(log_p, labels[:, None], axis=-1)[:, 0]
        held_out = jnp.where(rows.held_out, loss, 0) @ jnp.asarray(share, scores.dtype)
        return jnp.concatenate(
            [hits(scores, labels) @ jnp.asarray(member, scores.dtype), held_out[None]]
        )

    return metric


def train_arm(
    name: str,
    arm: dict[str, Any],
    train: Path,
    test: Path,
    settings: dict[str, Any],
    metrics: dict[int, Any],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One arm, all seeds at once; the tables of `main`.

    Args:
        name: of the arm.
        arm: all of its settings.
        train: the training rows.
        test: the test rows.
        settings: the configuration's `chapters.practice`.
        metrics: number of held-out speakers to the metric of such arms, which measure the same
            rows; filled where one is missing. The same metric lets arms share a compiled program.
    """
    from networks import OPTIMIZERS
    from runs import heard

    import nnjax as nn

    rows = prepared(arm, train, test, settings)
    who = heard(rows.speakers)
    known = np.isin(who.names, np.unique(rows.speakers[~rows.held_out]))
    metric = metrics.setdefault(arm["held_out"], measured_by(rows))
    batch = arm["batch_size"] or len(rows.x)
    _, history = nn.sweep(
        network(arm),
        nn.softmax_cross_entropy,
        OPTIMIZERS[arm["optimizer"]],
        (rows.x, rows.labels),
        seeds=list(range(settings["seeds"])),
        arms={"learning_rate": [arm["learning_rate"]]},
        epochs=arm["epochs"],
        batch_size=batch,
        # All seeds take the same batches: their first layers are then one matrix product.
        shuffle=False,
        validation=(rows.x_measured, rows.labels_measured),
        metric=metric,
        penalty=nn.l2(arm["l2"]) if arm["l2"] else None,
    )
    measured = np.asarray(history.validation_accuracy)[0]
    seeds, epochs, _ = measured.shape
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
    if not arm["held_out"]:
        by_epoch = by_epoch.with_columns(held_out_loss=pl.lit(None, pl.Float32))
    each = {key: np.repeat(values, test_speakers) for key, values in columns.items()}
    by_speaker = pl.DataFrame(
        each
        | {
            "speaker": np.tile(who.names[known].astype(np.int32), seeds * epochs),
            "rows": np.tile(who.rows[known].astype(np.int32), seeds * epochs),
            "correct": measured[..., :-1][..., known].astype(np.int32).ravel(),
        }
    )
    return by_epoch, by_speaker


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        Path(snakemake.input.train),
        Path(snakemake.input.test),
        snakemake.params["settings"],
        Path(snakemake.output.runs),
        Path(snakemake.output.speakers),
    )
