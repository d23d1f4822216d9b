"""Figure 6: test accuracy over batch size and epochs."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import figtable
import heatmap
import plotjob
import polars as pl
import style

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TITLE = "Figure 6. Test accuracy by batch size and epochs"
ACROSS = heatmap.Setting("batch_size", "batch size", "rows")
UP = heatmap.Setting("epoch", "epochs of training")
COLUMNS = {ACROSS.column: pl.Int64, UP.column: pl.Int64, **heatmap.VALUES}
# Sixty lines of cells cannot be read; twelve can.
MOST_EPOCHS = 12


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw a choice of the table's epochs, the first and last among them, as a heat map.

    Args:
        table: CSV with batch_size, epoch, mean, sd, n, diverged, data (fractions).
        svg: vector file to write.
        png: raster file to write.

    Raises:
        TableError: the table is missing or wrong.
    """
    read = figtable.read(table, COLUMNS, key=[ACROSS.column, UP.column])
    epochs = sorted(read.rows["epoch"].unique().to_list())
    shown = heatmap.chosen(epochs, MOST_EPOCHS)
    read = replace(read, rows=read.rows.filter(pl.col("epoch").is_in(shown)))
    some = len(shown) < len(epochs)
    up = UP._replace(unit=f"{len(shown)} of {len(epochs)} shown") if some else UP
    page = heatmap.page(read, TITLE, ACROSS, up)
    style.render(page, lambda figure: heatmap.draw(figure, read.rows, ACROSS, up), svg, png)


if "snakemake" in globals():
    plotjob.run(main, snakemake)
