"""The chosen cells of one experiment of the clean arm: refit on all training rows, tested once."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import polars as pl

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

    from nnjax.datasets import isolet

    data = isolet.arrays(pl.concat([pl.read_parquet(train), pl.read_parquet(test)]))
    who = runs.heard(data.speakers_test)
    chosen = pl.read_parquet(choices)
    trained = []
    for (varied, program), epoch in itertools.product(programs, sorted(set(chosen["epoch"]))):
        cells = chosen.filter(epoch=epoch, **varied).select(*program["arms"])
        if not cells.is_empty():
            trained.append(
                runs.train(
                    program,
                    (data.x_train, data.y_train),
                    (data.x_test, data.y_test),
                    who,
                    {**varied, "judged": epoch},
                    arms=cells.to_dict(as_series=False),
                    seeds=refit["seeds"],
                    epochs=refit["epochs"] if epoch == program["epochs"] else epoch,
                )
            )
    runs.write(trained, epochs, speakers)


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
