"""Digits: the filters that the first convolution has learned."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "Filters learned by the first convolution"


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw every filter as an image.

    Args:
        table: CSV with filter, row, column, weight.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    footer = (
        f"One network (the first seed); data: {tables.SOURCES[read.source]}. The output of a "
        "filter is large where the image is dark under red and white under blue."
    )
    page = style.Page(8.2, 2.1, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """All filters on one scale.

    Args:
        figure: receives an axes for each filter and a colour bar.
        rows: as `main` reads them.
    """
    ordered = rows.sort("filter", "row", "column")
    count = ordered["filter"].n_unique()
    height = ordered["row"].n_unique()
    kernels = ordered["weight"].to_numpy().reshape(count, height, -1)
    most = float(np.abs(kernels).max())
    grid = figure.subplots(1, count, squeeze=False)[0]
    colours = Normalize(-most, most)
    for index, (axes, kernel) in enumerate(zip(grid, kernels, strict=True)):
        axes.imshow(kernel, cmap="RdBu_r", norm=colours, interpolation="nearest")
        axes.set_axis_off()
        axes.grid(visible=False)
        ends = f"from {kernel.min():+.2f} to {kernel.max():+.2f}"
        for (row, column), weight in np.ndenumerate(kernel):
            text = f"filter {index}, row {row}, column {column}: weight {weight:+.4f} ({ends})"
            style.tell(axes, (column - 0.5, row - 0.5), (1, 1), text)
    figure.colorbar(
        ScalarMappable(colours, "RdBu_r"), ax=list(grid), label="weight", shrink=0.9, pad=0.02
    )


job.run(main, globals().get("snakemake"))
