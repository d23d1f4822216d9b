"""Errors of the notes' backward formulas against central differences, and of spoilt ones."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "Every formula of the notes against central differences"
GROUPS = ("preliminaries", "blocks", "networks", "forks", "nnjax", "spoilt")


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw one line per formula.

    Args:
        table: CSV as `summarise.forks_figure` describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    most = read.rows["n"].to_numpy().max()
    footer = (
        f"n = {most} random cases of each formula (nnjax: one network each), float64. Dot: median; "
        "line: smallest to largest error; error: largest difference over the largest derivative. "
        "Differences themselves are wrong by some 1e-11 to 1e-8."
    )
    page = style.Page(7.6, 1.3 + 0.22 * read.rows.height, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """One panel with a logarithmic error, formulas in groups from top to bottom.

    Args:
        figure: receives the axes.
        rows: as `main` reads them.
    """
    axes = figure.subplots()
    place, places, names = 0.0, list[float](), list[str]()
    for group in GROUPS:
        part = rows.filter(group=group)
        colour = style.ORANGE if group == "spoilt" else style.BLUE
        for check, lo, value, hi in part.select("check", "lo", "value", "hi").iter_rows():
            # An exact result has no place on a logarithmic axis but its left end.
            lo, value, hi = np.maximum([lo, value, hi], 1e-17)
            axes.plot([lo, hi], [place, place], color=colour, linewidth=3, alpha=0.4)
            axes.plot([value], [place], "o", color=colour, markersize=4)
            places.append(place)
            names.append(check)
            place += 1
        place += 0.6 * (not part.is_empty())
    axes.set_xscale("log")
    axes.set_yticks(places, names)
    axes.set_ylim(place - 0.6, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("error (blue: as written; orange: spoilt on purpose)")


job.run(main, globals().get("snakemake"))
