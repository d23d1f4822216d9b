"""Estimate the numbers that a claim declares from the runs of the experiments that it names."""

from pathlib import Path

import polars as pl

from workflow.lib import estimates, job
from workflow.lib.runs.counts import Runs
from workflow.lib.runs.estimands import Estimand
from workflow.lib.runs.evaluate import evaluate
from workflow.lib.runs.found import Source
from workflow.lib.tables import data_of, write_csv


def main(
    numbers: dict[str, Estimand],
    sources: dict[str, dict[str, list[Path]]],
    origin: Path,
    output: Path,
) -> None:
    """Write the numbers.

    Args:
        numbers: what is estimated, by key.
        sources: by protocol and experiment: the folder of the runs and, in the clean protocol, the
            table of choices.
        origin: where the data came from (JSON).
        output: CSV to write, see `estimates.table`.
    """
    found = {
        protocol: {name: source(*files) for name, files in experiments.items()}
        for protocol, experiments in sources.items()
    }
    rows = [row for key, each in numbers.items() for row in evaluate(key, each, found)]
    write_csv(estimates.table(rows, data_of(origin)), output)


def source(runs: Path, choices: Path | None = None) -> Source:
    """Read the runs of an experiment."""
    return Source(Runs(runs), choices and pl.read_parquet(choices))


job.run(main, globals().get("snakemake"))
