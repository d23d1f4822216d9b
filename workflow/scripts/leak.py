"""What a leaking split would have reported: three cross-validations of the same training rows.

`rows` deals single rows to the folds, `ranges` leaves out one of the row ranges that are usually
called isolet1 ... isolet4, `speakers` keeps every speaker together. Only the last one asks about
unknown voices; `ranges` asks about them in ranges 1 and 2 and not in 3 and 4, which hold the first
and second utterances of the same 60 people.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import baselines
import folds
import jax
import job
import numpy as np
import polars as pl
from networks import OPTIMIZERS, multilayer_perceptron
from tables import write_parquet

import nnjax as nn
from nnjax.datasets import isolet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

STARTS = (0, 1560, 3120, 4680)
"""First row of each range, from 0."""

TUNED = ("rbf_svm",)


def range_of(rows: int) -> np.ndarray:
    """The range 1 ... 4 of every training row, (rows,).

    Example:
        >>> np.bincount(range_of(6238))[1:]
        array([1560, 1560, 1560, 1558])
    """
    return np.searchsorted(STARTS, np.arange(rows), side="right")


def range_folds(ranges: np.ndarray) -> list[folds.Fold]:
    """Every range is held out once.

    Example:
        >>> for rows, held_out in range_folds(np.array([1, 1, 2])):
        ...     print(rows, held_out)
        [2] [0 1]
        [0 1] [2]
    """
    return [(np.flatnonzero(ranges != r), np.flatnonzero(ranges == r)) for r in np.unique(ranges)]


def network_hits(
    network: nn.Layer, program: dict[str, Any], train: baselines.Pair, held_out: baselines.Pair
) -> np.ndarray:
    """Train the study's network with every seed; held-out rows it gets right, (seeds, rows)."""
    params, _ = nn.sweep(
        network,
        nn.softmax_cross_entropy,
        OPTIMIZERS[program["optimizer"]],
        train,
        seeds=list(range(program["seeds"])),
        arms=program["arms"],
        epochs=program["epochs"],
        batch_size=program["batch_size"],
        shuffle=program["shuffle"],
    )
    replicas = [jax.tree.map(lambda leaf, s=s: leaf[0, s], params) for s in range(program["seeds"])]
    scores = [np.asarray(nn.predict(network, replica, held_out[0])) for replica in replicas]
    return np.stack([score.argmax(axis=1) == held_out[1] for score in scores])


def main(train: Path, choices: Path, program: dict[str, Any], k: int, speakers: Path) -> None:
    """Cross-validate every model in the three ways.

    Args:
        train: the training rows.
        choices: JSON, model to its hyperparameters, chosen by cross-validation over speakers.
        program: the settings of the study's network, with a single arm.
        k: folds of `rows` and `speakers`; `ranges` has four.
        speakers: Parquet to write, one row per scheme, model, seed, fold, range and speaker: rows
            and correct when held out.
    """
    data = isolet.examples(pl.read_parquet(train))
    # One network for all folds: folds of equal size then share its compiled program.
    network = multilayer_perceptron(
        program["units"], program["layers"], 26, program["activation"], program["init"]
    )
    chosen = json.loads(choices.read_text(encoding="utf-8"))
    fixed = {model: (model, chosen[model]) for model in TUNED}
    fixed["1_nn"] = ("k_nn", {"n_neighbors": 1})
    ranges = range_of(len(data.labels))
    schemes = {
        "rows": folds.row_folds(len(data.labels), k),
        "ranges": range_folds(ranges),
        "speakers": folds.speaker_folds(data.speakers, k),
    }
    parts = []
    for scheme, split in schemes.items():
        for number, fold in enumerate(split):
            known, held_out = folds.scaled(data, fold)
            results = {"network": network_hits(network, program, known, held_out)}
            for name, (model, point) in fixed.items():
                results[name] = baselines.hits(model, point, known, held_out)[None]
            keys = {"range": ranges[fold[1]], "speaker": data.speakers[fold[1]]}
            parts += [
                baselines.per_speaker(hits, **keys).select(
                    pl.lit(scheme).alias("scheme"),
                    pl.lit(name).alias("model"),
                    pl.lit(seed).alias("seed"),
                    pl.lit(number).alias("fold"),
                    pl.all(),
                )
                for name, of_seeds in results.items()
                for seed, hits in enumerate(of_seeds)
            ]
    write_parquet(pl.concat(parts), speakers)


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        Path(snakemake.input.train),
        Path(snakemake.input.choices),
        snakemake.params["program"],
        snakemake.params["folds"],
        Path(snakemake.output.speakers),
    )
