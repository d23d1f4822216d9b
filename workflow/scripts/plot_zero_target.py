"""The target zero: summed loss by steps made, all seeds and the published run."""

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

TITLE = "Learning to answer 0, one sample at a time"
COLUMNS = {
    "step": pl.Int64,
    "q05": pl.Float64,
    "q25": pl.Float64,
    "median": pl.Float64,
    "q75": pl.Float64,
    "q95": pl.Float64,
    "n": pl.Int64,
    "published": pl.Float64,
}


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the curve.

    Args:
        table: CSV with the columns of COLUMNS and data; `published` is empty but for the steps that
            the source prints a loss for.
        svg: vector file to write.
        png: raster file to write.

    Raises:
        TableError: the table is missing or wrong.
    """
    read = figtable.read(table, COLUMNS, key=["step"])
    footer = (
        f"{read.footer()}, fresh in every measurement. Network 2-4-4-3, LeakyReLU, squared error. "
        "Line: median of the seeds; dark band: quartiles; light band: 5 % to 95 %."
    )
    page = style.Page(7.2, 4.4, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """One panel with a logarithmic loss.

    Args:
        figure: receives the axes.
        rows: as `main` reads them.
    """
    axes = figure.subplots()
    part = rows.sort("step")
    step = part["step"].to_numpy()
    for low, high, alpha in (("q05", "q95", 0.16), ("q25", "q75", 0.28)):
        ends = part[low].to_numpy(), part[high].to_numpy()
        axes.fill_between(step, *ends, color=style.BLUE, alpha=alpha, linewidth=0)
    axes.plot(step, part["median"].to_numpy(), color=style.BLUE, label="median of the seeds")
    published = part["published"].to_numpy()
    told = np.isfinite(published)
    if told.any():
        axes.plot(
            step[told],
            published[told],
            "D",
            color=style.ORANGE,
            markersize=6,
            label="published, one run",
            clip_on=False,
            zorder=5,
        )
    axes.set_yscale("log")
    axes.set_xlim(0, step.max())
    axes.set_xlabel("steps (one sample each)")
    axes.set_ylabel("summed loss of the measured samples")
    axes.legend(loc="lower left", frameon=False)


if "snakemake" in globals():
    plotjob.run(main, snakemake)
