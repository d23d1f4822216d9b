"""Binary labels, gradients and codings: the tables of the four figures, and the numbers."""

from pathlib import Path

import polars as pl
from accuracy_numbers import coding_figure, labels_figure, of_binary, of_coding
from equation_numbers import equations_figure, of_equations, of_losses
from gradient_numbers import gradient_figure, of_gradients, of_training

from workflow.lib import job
from workflow.lib.estimates import table as numbers_table
from workflow.lib.tables import write_csv

DATA = pl.lit("bundled").alias("data")


def main(
    runs: Path,
    labels: Path,
    labels_equations: Path,
    gradient_depth: Path,
    coding: Path,
    numbers: Path,
) -> None:
    """Write the tables.

    Args:
        runs: folder that `train` wrote.
        labels: CSV of the figure of binary labels.
        labels_equations: CSV of the figure of equations and losses.
        gradient_depth: CSV of the figure of gradients by depth.
        coding: CSV of the figure of codings.
        numbers: CSV of the chapter's numbers.
    """
    read = {path.stem: pl.read_parquet(path) for path in runs.glob("*.parquet")}
    rows = [
        *of_equations(read["slopes"], read["checks"], read["failure"]),
        *of_losses(read["losses"], read["counter"]),
        *of_gradients(read["gradients"]),
        *of_training(read["training"]),
        *of_coding(read["coding"], read["coding_trials"]),
        *of_binary(read["binary"], read["peers"], read["binary_trials"]),
    ]
    write_csv(numbers_table(rows, "bundled"), numbers)
    for figure, path in (
        (labels_figure(read["binary"], read["peers"], read["binary_trials"]), labels),
        (equations_figure(read["slopes"], read["losses"]), labels_equations),
        (gradient_figure(read["gradients"], read["training"]), gradient_depth),
        (coding_figure(read["coding"]), coding),
    ):
        write_csv(figure.with_columns(DATA), path)


job.run(main, globals().get("snakemake"))
