"""Summarise the audit of speakers and the leaking splits: tables of the figures, and numbers."""

from pathlib import Path

import polars as pl
import schemes
import voices

from workflow.lib import job
from workflow.lib.estimates import table as numbers_table
from workflow.lib.tables import data_of, write_csv


def main(
    pairs: Path,
    letters: Path,
    counts: Path,
    origin: Path,
    audit: Path,
    audit_counts: Path,
    leak: Path,
    numbers: Path,
) -> None:
    """Write the tables.

    Args:
        pairs: Parquet of the correlations of runs, by group.
        letters: Parquet of the rows of every letter, by group.
        counts: Parquet of the cross-validated counts by scheme and model.
        origin: where the data came from (JSON).
        audit: CSV to write: the pairs of runs that the figure shows.
        audit_counts: CSV to write: what the correlations and letter counts say, by group.
        leak: CSV to write: accuracies by scheme, model and range.
        numbers: CSV of the chapter's numbers.
    """
    data, all_pairs = data_of(origin), pl.read_parquet(pairs)
    found = voices.counted(all_pairs, pl.read_parquet(letters))
    by_scheme = schemes.table(pl.read_parquet(counts))
    made = {audit: voices.pairs_drawn(all_pairs), audit_counts: found, leak: by_scheme}
    for path, table in made.items():
        write_csv(table.with_columns(data=pl.lit(data)), path)
    rows = [*schemes.numbers(by_scheme), *voices.numbers(found)]
    write_csv(numbers_table(rows, data), numbers)


job.run(main, globals().get("snakemake"))
