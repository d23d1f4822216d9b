"""Figure 7: test accuracy over Adam's beta1 and the number of hidden layers."""

from pathlib import Path
from typing import TYPE_CHECKING

import figtable
import heatmap
import plotjob
import polars as pl
import style

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TITLE = "Figure 7. Test accuracy by hidden layers and Adam's momentum"
ACROSS = heatmap.Setting("beta1", "Adam's momentum beta1")
UP = heatmap.Setting("hidden_layers", "hidden layers")
COLUMNS = {ACROSS.column: pl.Float64, UP.column: pl.Int64, **heatmap.VALUES}


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the table as a heat map of the test accuracy.

    Args:
        table: CSV with beta1, hidden_layers, mean, sd, n, diverged, data (fractions).
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
