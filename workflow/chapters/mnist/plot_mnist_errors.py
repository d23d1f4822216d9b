"""Digits: the test images that the convolutional network gets wrong with the highest confidence."""

import math
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "The most confident errors: true digit > predicted digit"
ACROSS = 8
"""Images in a row."""


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the images in a grid, the most confident error first.

    Args:
        table: CSV as `summarise.confident_errors` describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table, {"pixels": pl.String})
    rows = read.rows.sort("rank")
    images = [
        np.frombuffer(bytes.fromhex(pixels), np.uint8).reshape(height, -1)
        for height, pixels in rows.select("height", "pixels").iter_rows()
    ]
    footer = (
        f"n = {read.rows['n'][0]} seeds; data: {tables.SOURCES[read.source]}. Test images that "
        "the network of the first seed gets wrong; percent: its probability for the "
        "answer; in brackets: number of seeds that err on the image."
    )
    lines = math.ceil(len(images) / ACROSS)
    page = style.Page(9.6, 0.9 + 1.3 * lines, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, rows, images), svg, png)


def draw(figure: Figure, rows: pl.DataFrame, images: list[np.ndarray]) -> None:
    """The grid.

    Args:
        figure: receives the axes.
        rows: as `main` reads them.
        images: (height, width) each.
    """
    lines = math.ceil(len(images) / ACROSS)
    grid = figure.subplots(lines, ACROSS, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, row, image in zip(grid.flat, rows.iter_rows(named=True), images, strict=False):
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(
            f"{row['label']} > {row['predicted']}, {100 * row['probability']:.0f} % "
            f"({row['wrong_seeds']})",
            fontsize=8,
            pad=2,
        )
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        style.tell(
            axes,
            (left, low),
            (right - left, high - low),
            f"test image {row['image']}: true digit {row['label']}, predicted {row['predicted']} "
            f"with probability {row['probability']:.4f}; {row['wrong_seeds']} of {row['n']} seeds "
            "err on it",
        )


job.run(main, globals().get("snakemake"))
