"""Join what the jobs of one experiment trained."""

from pathlib import Path

import polars as pl

from workflow.lib import job
from workflow.lib.tables import write_parquet


def main(
    parts_epochs: list[Path], parts_speakers: list[Path], epochs: Path, speakers: Path
) -> None:
    """Write the tables of all parts as one run.

    Args:
        parts_epochs: the jobs' tables by epoch.
        parts_speakers: the jobs' tables by epoch and speaker.
        epochs: Parquet to write.
        speakers: Parquet to write.
    """
    write_parquet(pl.concat(map(pl.read_parquet, parts_epochs)), epochs)
    write_parquet(pl.concat(map(pl.read_parquet, parts_speakers)), speakers)


job.run(main, globals().get("snakemake"))
