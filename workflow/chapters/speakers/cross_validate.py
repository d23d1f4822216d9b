"""What a leaking split would have reported: three cross-validations of the same training rows.

`rows` deals single rows to the folds, `ranges` leaves out one of the row ranges that are usually
called isolet1 ... isolet4, `speakers` keeps every speaker together. Only the last one asks about
unknown voices; `ranges` asks about them in ranges 1 and 2 and not in 3 and 4, which hold the first
and second utterances of the same 60 people.
"""

from pathlib import Path

import jax
import numpy as np
import polars as pl
from settings import Tuned

import nnjax as nn
from nnjax.datasets import isolet
from workflow.lib import job
from workflow.lib.runs import classifiers
from workflow.lib.runs.classifiers import Pair
from workflow.lib.runs.experiments import Program
from workflow.lib.runs.folds import Fold, row_folds, scaled, speaker_folds
from workflow.lib.runs.networks import OPTIMIZERS, multilayer_perceptron
from workflow.lib.tables import write_parquet

STARTS = (0, 1560, 3120, 4680)
"""First row of each range, from 0."""


def range_of(rows: int) -> np.ndarray:
    """The range 1 ... 4 of every training row, (rows,).

    Example:
        >>> np.bincount(range_of(6238))[1:]
        array([1560, 1560, 1560, 1558])
    """
    return np.searchsorted(STARTS, np.arange(rows), side="right")


def range_folds(ranges: np.ndarray) -> list[Fold]:
    """Every range is held out once.

    Example:
        >>> for rows, held_out in range_folds(np.array([1, 1, 2])):
        ...     print(rows, held_out)
        [2] [0 1]
        [0 1] [2]
    """
    return [(np.flatnonzero(ranges != r), np.flatnonzero(ranges == r)) for r in np.unique(ranges)]


def network_hits(program: Program, momentum: float, train: Pair, held_out: Pair) -> np.ndarray:
    """Train the network from every seed; whether it gets each held-out row right, (seeds, rows)."""
    # Folds of equal size share the compiled program, since equal settings are one network.
    network = multilayer_perceptron(
        program.hidden_units,
        program.hidden_layers,
        isolet.LETTERS,
        program.activation,
        program.init,
    )
    params, _ = nn.sweep(
        network,
        nn.softmax_cross_entropy,
        OPTIMIZERS[program.optimizer],
        train,
        seeds=list(range(program.seeds)),
        arms={"learning_rate": program.arms.learning_rate[:1], "momentum": [momentum]},
        epochs=program.epochs,
        batch_size=program.batch_size,
        drop_last=True,
        shuffle=program.shuffle,
    )
    replicas = [jax.tree.map(lambda leaf, s=s: leaf[0, s], params) for s in range(program.seeds)]
    scores = [np.asarray(nn.predict(network, replica, held_out[0])) for replica in replicas]
    return np.stack([score.argmax(axis=1) == held_out[1] for score in scores])


def main(
    train: Path, network: Program, momentum: float, tuned: Tuned, folds: int, counts: Path
) -> None:
    """Cross-validate every model in the three ways.

    Args:
        train: the training rows.
        network: the source's network; of its learning rates the first is used.
        momentum: of the network.
        tuned: the grids of the other models; the choices hold out whole speakers.
        folds: of `rows` and `speakers`; `ranges` has four.
        counts: Parquet to write, one row per scheme, model, seed, fold, range and speaker: rows
            and correct when held out.
    """
    data = isolet.examples(pl.read_parquet(train))
    grids = tuned.model_dump()
    chosen = classifiers.best(classifiers.trials(data, grids, folds), grids)
    fixed = {name: (name, chosen[name]) for name in grids} | {"1_nn": ("k_nn", {"n_neighbors": 1})}
    ranges = range_of(len(data.labels))
    schemes = {
        "rows": row_folds(len(data.labels), folds),
        "ranges": range_folds(ranges),
        "speakers": speaker_folds(data.speakers, folds),
    }
    parts = []
    for scheme, split in schemes.items():
        for number, fold in enumerate(split):
            known, held_out = scaled(data, fold)
            results = {"network": network_hits(network, momentum, known, held_out)}
            for name, (model, point) in fixed.items():
                results[name] = classifiers.hits(model, point, known, held_out)[None]
            keys = {"range": ranges[fold[1]], "speaker": data.speakers[fold[1]]}
            parts += [
                classifiers.per_speaker(hits, **keys).select(
                    pl.lit(scheme).alias("scheme"),
                    pl.lit(name).alias("model"),
                    pl.lit(seed).alias("seed"),
                    pl.lit(number).alias("fold"),
                    pl.all(),
                )
                for name, of_seeds in results.items()
                for seed, hits in enumerate(of_seeds)
            ]
    write_parquet(pl.concat(parts), counts)


job.run(main, globals().get("snakemake"))
