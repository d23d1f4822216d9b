"""The tables of both figures, and the numbers of the chapter."""

import json
from pathlib import Path

import agreement
import polars as pl
import times
from settings import Parity, Timing

from workflow.lib import estimates, job
from workflow.lib.numbers import parted
from workflow.lib.runs.counts import Runs
from workflow.lib.tables import write_csv


def main(
    steps: Path,
    speakers: Path,
    measured: Path,
    runs: Path,
    origin: Path,
    parity: Parity,
    timing: Timing,
    torch: str | None,
    parity_table: Path,
    timing_table: Path,
    numbers: Path,
    clocks: Path,
) -> None:
    """Write the tables.

    Args:
        steps: as `train` writes them.
        speakers: also written by `train`.
        measured: as `measure` writes it.
        runs: one of the files of figure 6's runs.
        origin: where the data came from (JSON).
        parity: the optimizers, the margin and the limit.
        timing: the target and the short training.
        torch: version of PyTorch, or None.
        parity_table: CSV to write.
        timing_table: CSV to write.
        numbers: CSV of the chapter's numbers.
        clocks: CSV of its clocks.
    """
    data = json.loads(origin.read_text(encoding="utf-8"))["data"]
    agreed = agreement.table(pl.read_parquet(steps), pl.read_parquet(speakers), parity, torch)
    timed = times.table(pl.read_parquet(measured), Runs(runs.parent), timing, torch)
    write_csv(agreed.with_columns(data=pl.lit(data)), parity_table)
    write_csv(timed.with_columns(data=pl.lit(data)), timing_table)
    same, clocked = parted([*agreement.numbers(agreed), *times.numbers(timed)])
    write_csv(estimates.table(same, data), numbers)
    write_csv(estimates.table(clocked, data), clocks)


job.run(main, globals().get("snakemake"))
