"""XOR in one table for the figure, and the two numbers of the claims."""

from pathlib import Path
from typing import Any

import polars as pl
from settings import Reference

from nnjax import stats
from workflow.lib import job
from workflow.lib.estimates import SEEDS_WILSON, number
from workflow.lib.estimates import table as numbers_table
from workflow.lib.tables import write_csv

CLAIMS = {"k1": "2-3-2", "k2": "2-2"}
"""Claim to the network that it is about."""


def figure(runs: pl.DataFrame, reference: Reference) -> pl.DataFrame:
    """Median loss with quartiles by epoch, and the fraction of seeds that solve XOR.

    Args:
        runs: as `train.main` describes them.
        reference: the setting that is marked.

    Returns:
        By network, setting (in words) and epoch: loss_median, loss_q25, loss_q75, n (seeds),
        reference; after the last epoch solved with lo and hi, and most_rows_right (0..4).
    """
    asked = reference.model_dump()
    settings = [column for column in runs.columns if column in asked]
    rows = []
    for key, cell in runs.group_by("network", *settings, "epoch", maintain_order=True):
        network, *values, epoch = key
        setting = dict(zip(settings, values, strict=True))
        fraction: dict[str, float | None] = {"solved": None, "lo": None, "hi": None}
        if cell["rows_right"].null_count() == 0:
            solved = stats.proportion_interval(int((cell["rows_right"] == 4).sum()), cell.height)
            fraction = {"solved": solved.value, "lo": solved.lo, "hi": solved.hi}
        rows.append(
            {
                "network": network,
                "setting": ", ".join(_words(name, value) for name, value in setting.items()),
                "epoch": epoch,
                "loss_median": cell["loss"].median(),
                "loss_q25": cell["loss"].quantile(0.25, "linear"),
                "loss_q75": cell["loss"].quantile(0.75, "linear"),
                **fraction,
                "n": cell.height,
                "most_rows_right": cell["rows_right"].max(),
                "reference": setting == asked,
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def _words(name: str, value: Any) -> str:
    return str(value) if name == "activation" else f"{name.replace('_', ' ')} {value:g}"


def claimed(table: pl.DataFrame) -> list[dict[str, Any]]:
    """K1 and K2: the fraction of seeds that solve XOR at the reference setting."""
    last = table.filter(pl.col("reference"), pl.col("epoch") == pl.col("epoch").max())
    rows = []
    for claim, network in CLAIMS.items():
        row = last.row(by_predicate=pl.col("network") == network, named=True)
        rows.append(
            number(
                f"{claim}.solved_fraction",
                f"XOR, {network}: seeds that solve it (our choice: {row['setting']})",
                stats.Interval(row["solved"], row["lo"], row["hi"], row["n"]),
                "fraction",
                SEEDS_WILSON,
            )
        )
    return rows


def main(reference: Reference, runs: Path, table: Path, numbers: Path) -> None:
    """Write both tables.

    Args:
        reference: the setting whose results are the numbers.
        runs: Parquet that `train` wrote.
        table: CSV of the figure.
        numbers: CSV of the chapter's numbers.
    """
    drawn = figure(pl.read_parquet(runs), reference)
    write_csv(drawn.with_columns(data=pl.lit("xor")), table)
    write_csv(numbers_table(claimed(drawn), "xor"), numbers)


job.run(main, globals().get("snakemake"))
