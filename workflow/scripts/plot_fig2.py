"""Figure 2: test accuracy by epoch, training with momentum 0."""

from pathlib import Path
from typing import TYPE_CHECKING

import curves
import figtable
import plotjob
import polars as pl
import style

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TITLE = "Figure 2. Test accuracy by epoch, SGD with momentum 0"
PUBLISHED = "published for momentum 0.9"


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the table's mean accuracy and band beside the published value.

    Args:
        table: CSV with epoch, split, mean, q05, q95, n, published, data (fractions).
        svg: vector file to write.
        png: raster file to write.

    Raises:
        TableError: the table is missing or wrong.
    """
    read = figtable.read(table, {**curves.COLUMNS, "published": pl.Float64}, curves.KEY)
    page = curves.page(read, TITLE)
    style.render(page, lambda figure: curves.draw_accuracy(figure, read.rows, PUBLISHED), svg, png)


if "snakemake" in globals():
    plotjob.run(main, snakemake)
