"""Cross-validation over the training speakers: every trial of one experiment of the clean arm.

Reads the training rows and nothing else, so that no choice can come from the test speakers.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import polars as pl
from networks import product

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    train: Path,
    programs: list[tuple[dict[str, Any], dict[str, Any]]],
    folds: int,
    epochs: Path,
    speakers: Path,
) -> None:
    """Train every trial once per fold and measure it on the speakers held out.

    Args:
        train: the training rows.
        programs: (the varied setting, all settings) of every program of the experiment.
        folds: groups of speakers; each is held out once.
        epochs: Parquet to write, one row per trial, fold, seed and epoch (`runs.tables`;
            "test" there means held out).
        speakers: Parquet to write, one row per trial, seed, epoch and held-out speaker.
    """
    import runs
    from folds import of_one_shape, scaled, speaker_folds

    from nnjax.datasets import isolet

    examples = isolet.examples(pl.read_parquet(train))
    splits = speaker_folds(examples.speakers, folds)
    parts = [
        (scaled(examples, even), runs.heard(examples.speakers[even[1]], len(held_out)))
        for even, (_, held_out) in zip(of_one_shape(splits), splits, strict=True)
    ]
    trained = [
        runs.train(
            program,
            data,
            held_out,
            who,
            {**varied, "fold": fold},
            arms=product(program["arms"]),
            seeds=program["seeds"],
        )
        for varied, program in programs
        for fold, ((data, held_out), who) in enumerate(parts)
    ]
    runs.write(trained, epochs, speakers)


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        Path(snakemake.input.train),
        snakemake.params["programs"],
        snakemake.params["folds"],
        Path(snakemake.output.epochs),
        Path(snakemake.output.speakers),
    )
