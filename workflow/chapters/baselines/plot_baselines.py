"""Test accuracy of the classifiers, the source's network and the literature, with intervals."""

from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "Baselines: test accuracy on the official split"
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "network": ("network, trained here", {"color": style.ORANGE, "marker": "s"}),
    "baseline": ("baseline, fitted here", {"color": style.BLUE, "marker": "o"}),
    "literature": ("literature", {"color": style.GREY, "marker": "D", "markerfacecolor": "white"}),
}


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw one dot and its interval per result, the best on top.

    Args:
        table: CSV as `summarise.main` describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    source = tables.SOURCES[read.source] + ("; literature: ISOLET" if read.stand_in else "")
    footer = (
        f"Data: {source}. Bars: 95 %; solid: over the test speakers; dashed: rows as if "
        "independent, too narrow (errors by speaker were not published). Right: errors of all rows."
    )
    height = 1.4 + 0.3 * read.rows.height
    page = style.Page(8.2, height, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """The dots, from the best down, each kind with its own mark.

    Args:
        figure: receives one axes.
        rows: as `main` reads them.
    """
    axes = figure.add_subplot()
    ranked = rows.sort("accuracy", "name").with_row_index("place")
    for kind, (label, look) in KINDS.items():
        part = ranked.filter(kind=kind)
        if part.is_empty():
            continue
        dash = "--" if kind == "literature" else "-"
        place = part["place"].to_numpy()
        value, lo, hi = (100 * part[column].to_numpy() for column in ("accuracy", "lo", "hi"))
        axes.hlines(place, lo, hi, color=look["color"], linestyle=dash, linewidth=1.3)
        axes.plot(value, place, linestyle="", markersize=6, label=label, **look)
    axes.set_yticks(ranked["place"].to_list(), ranked["name"].to_list())
    axes.grid(visible=False, axis="y")
    for place, errors, total in ranked.select("place", "errors", "rows").iter_rows():
        axes.annotate(
            f"{round(errors, 1):g}/{total}",
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            annotation_clip=False,
        )
    axes.set_xlabel("test accuracy (%)")
    told = {}
    for row in ranked.iter_rows(named=True):
        number = style.interval(100 * row[name] for name in ("accuracy", "lo", "hi"))
        told[row["place"]] = f"{row['name']}: {number}, {row['errors']:.4g} of {row['rows']} wrong"
    style.tell_along(axes, "y", told)
    axes.legend(loc="upper left", frameon=False, fontsize=8)


job.run(main, globals().get("snakemake"))
