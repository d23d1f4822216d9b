"""Errors of the notes' backward formulas and of planted mistakes, against central differences."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "Every formula of the notes against central differences"
GROUPS = ("preliminaries", "blocks", "networks", "forks", "nnjax", "planted mistake")


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
        "line: smallest to largest. Error: largest difference over the largest derivative. "
        "Central differences are themselves off by about 1e-11 to 1e-8."
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
    told: dict[float, str] = {}
    for group in GROUPS:
        part = rows.filter(group=group)
        colour = style.ORANGE if group == "planted mistake" else style.BLUE
        for check, lo, value, hi in part.select("check", "lo", "value", "hi").iter_rows():
            # A logarithmic axis can show an exact result only at its left end.
            lo, value, hi = np.maximum([lo, value, hi], 1e-17)
            axes.plot([lo, hi], [place, place], color=colour, linewidth=3, alpha=0.4)
            axes.plot([value], [place], "o", color=colour, markersize=4)
            number = style.interval((value, lo, hi), "", ".2g")
            told[place] = f"{group}, {check}: error {number}, n = {rows['n'][0]} networks"
            places.append(place)
            names.append(check)
            place += 1
        place += 0.6 * (not part.is_empty())
    axes.set_xscale("log")
    axes.set_yticks(places, names)
    axes.set_ylim(place - 0.6, -0.6)
    axes.grid(visible=False, axis="y")
    style.tell_along(axes, "y", told)
    axes.set_xlabel("error (blue: as written; orange: with a planted mistake)")


job.run(main, globals().get("snakemake"))
