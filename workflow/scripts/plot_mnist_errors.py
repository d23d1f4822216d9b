"""Digits: the test images that the convolutional network is most sure and wrong about."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import figtable
import numpy as np
import plotjob
import polars as pl
import style
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TITLE = "Most sure and wrong: what it is > what the network says"
COLUMNS = {
    "rank": pl.Int64,
    "image": pl.Int64,
    "label": pl.Int64,
    "predicted": pl.Int64,
    "probability": pl.Float64,
    "wrong_seeds": pl.Int64,
    "n": pl.Int64,
    "height": pl.Int64,
    "pixels": pl.String,
}
ACROSS = 8
"""Images in a row."""


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the images in a grid, the surest first.

    Args:
        table: CSV with rank, image, label, predicted, probability, wrong_seeds, n, height, pixels
            (hexadecimal, row by row), data.
        svg: vector file to write.
        png: raster file to write.

    Raises:
        TableError: the table is missing or wrong, or pixels are not those of an image.
    """
    read = figtable.read(table, COLUMNS, key=["rank"])
    images = [_image(table, row) for row in read.rows.sort("rank").iter_rows(named=True)]
    footer = (
        f"n = {read.rows['n'][0]} seeds; data: {figtable.SOURCES[read.source]}. Test images that "
        "the network of the first seed gets wrong; percent: the probability it gives to its "
        "answer; in brackets: how many of the seeds err on the image."
    )
    lines = math.ceil(len(images) / ACROSS)
    page = style.Page(9.6, 0.9 + 1.3 * lines, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows.sort("rank"), images), svg, png)


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


def _image(table: Path, row: dict[str, object]) -> np.ndarray:
    try:
        pixels = np.frombuffer(bytes.fromhex(str(row["pixels"])), np.uint8)
        return pixels.reshape(int(str(row["height"])), -1)
    except ValueError as error:
        raise figtable.TableError(
            f"{table}: the pixels of rank {row['rank']} are not an image of {row['height']} rows "
            f"in hexadecimal ({error})"
        ) from error


if "snakemake" in globals():
    plotjob.run(main, snakemake)
