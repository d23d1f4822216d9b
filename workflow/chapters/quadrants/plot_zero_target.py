"""The target zero: summed loss by steps made, all seeds and the printed run."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "Learning to answer 0, one sample at a time"


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the curve.

    Args:
        table: CSV as `summarise.zero_target_figure` describes it; `printed` is empty but for the
            steps for which the source prints a loss.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
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
    printed = part["printed"].to_numpy()
    known = np.isfinite(printed)
    if known.any():
        axes.plot(
            step[known],
            printed[known],
            "D",
            color=style.ORANGE,
            markersize=6,
            label="printed, one run",
            clip_on=False,
            zorder=5,
        )
    axes.set_yscale("log")
    axes.set_xlim(0, step.max())
    axes.set_xlabel("steps (one sample each)")
    axes.set_ylabel("summed loss of the measured samples")
    axes.legend(loc="lower left", frameon=False)
    told = {
        row["step"]: f"step {row['step']}: median {row['median']:.3g}, half of the seeds from "
        f"{row['q25']:.3g} to {row['q75']:.3g}, nine tenths from "
        f"{row['q05']:.3g} to {row['q95']:.3g}, n = {row['n']}"
        for row in part.iter_rows(named=True)
    }
    style.tell_along(axes, "x", told)


job.run(main, globals().get("snakemake"))
