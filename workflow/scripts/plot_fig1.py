"""Figure 1: loss by epoch, training with momentum 0."""

from pathlib import Path
from typing import TYPE_CHECKING

import curves
import figtable
import plotjob
import style

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TITLE = "Figure 1. Loss by epoch, SGD with momentum 0"


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the table's mean loss and band, for the training and the test speakers.

    Args:
        table: CSV with epoch, split, mean, q05, q95, n, data.
        svg: vector file to write.
        png: raster file to write.

    Raises:
        TableError: the table is missing or wrong.
    """
    read = figtable.read(table, curves.COLUMNS, curves.KEY)
    page = curves.page(read, TITLE)
    style.render(page, lambda figure: curves.draw_loss(figure, read.rows), svg, png)


if "snakemake" in globals():
    plotjob.run(main, snakemake)
