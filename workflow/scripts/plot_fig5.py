"""Figure 5: test accuracy over learning rate and hidden units."""

from pathlib import Path
from typing import TYPE_CHECKING

import figtable
import heatmap
import plotjob
import polars as pl
import style

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TITLE = "Figure 5. Test accuracy by learning rate and hidden units"
ACROSS = heatmap.Setting("learning_rate", "learning rate")
UP = heatmap.Setting("hidden", "hidden units")
COLUMNS = {ACROSS.column: pl.Float64, UP.column: pl.Int64, **heatmap.VALUES}


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the table as a heat map of the test accuracy.

    Args:
        table: CSV with learning_rate, hidden, mean, sd, n, diverged, data (fractions).
        svg: vector file to write.
        png: raster file to write.

    Raises:
        TableError: the table is missing or wrong.
    """
    read = figtable.read(table, COLUMNS, key=[ACROSS.column, UP.column])
    page = heatmap.page(read, TITLE, ACROSS, UP)
    style.render(page, lambda figure: heatmap.draw(figure, read.rows, ACROSS, UP), svg, png)


if "snakemake" in globals():
    plotjob.run(main, snakemake)
