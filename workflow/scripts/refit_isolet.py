"""The chosen cells of one experiment of the clean arm: refit on all training rows, tested once."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import polars as pl
from networks import OPTIMIZERS, multilayer_perceptron
from tables import write_parquet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    train: Path,
    test: Path,
    choices: Path,
    programs: list[tuple[dict[str, Any], dict[str, Any]]],
    refit: dict[str, int],
    epochs: Path,
    speakers: Path,
) -> None:
    """Train every cell with its chosen learning rate.

    Args:
        train: the training rows.
        test: the test rows, which no choice has seen.
        choices: one row per cell, as `choose` writes it.
        programs: (the varied setting, all settings) of every program of the experiment.
        refit: `seeds`, and for how many `epochs` a choice at the last epoch is trained; other
            choices are trained for as long as they were judged.
        epochs: Parquet to write, one row per cell, seed and epoch (see `runs.tables`), with the
            epoch at which the cell was `judged`.
        speakers: Parquet to write, one row per cell, seed, epoch and test speaker.
    """
    import runs

    import nnjax as nn
    from nnjax.datasets import isolet

    data = isolet.arrays(pl.concat([pl.read_parquet(train), pl.read_parquet(test)]))
    who = runs.heard(data.speakers_test)
    seeds = list(range(refit["seeds"]))
    chosen = pl.read_parquet(choices)
    by_epoch, by_speaker = [], []
    for (varied, program), epoch in itertools.product(programs, sorted(set(chosen["epoch"]))):
        cells = chosen.filter(epoch=epoch, **varied).select(*program["arms"])
        if cells.is_empty():
            continue
        arms = cells.to_dict(as_series=False)
        _, history = nn.sweep(
            multilayer_perceptron(
                program["units"], program["layers"], 26, program["activation"], program["init"]
            ),
            nn.softmax_cross_entropy,
            OPTIMIZERS[program["optimizer"]],
            (data.x_train, data.y_train),
            seeds=seeds,
            arms=arms,
            epochs=refit["epochs"] if epoch == program["epochs"] else epoch,
            batch_size=program["batch_size"],
            shuffle=program["shuffle"],
            validation=(data.x_test, data.y_test),
            metric=who.metric,
        )
        for table, all_rows in zip(
            runs.tables(history, arms, seeds, who), (by_epoch, by_speaker), strict=True
        ):
            marks = {**varied, "judged": epoch}
            all_rows.append(table.with_columns(**{k: pl.lit(v) for k, v in marks.items()}))
    write_parquet(pl.concat(by_epoch), epochs)
    write_parquet(pl.concat(by_speaker), speakers)


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        Path(snakemake.input.train),
        Path(snakemake.input.test),
        Path(snakemake.input.choices),
        snakemake.params["programs"],
        snakemake.params["refit"],
        Path(snakemake.output.epochs),
        Path(snakemake.output.speakers),
    )
