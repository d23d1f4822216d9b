"""One-hot rows or label numbers: accuracy of the same network, overall and by digit."""

from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "Coding of classes: one-hot or label number"
CODINGS: dict[str, dict[str, Any]] = {
    "one-hot, cross-entropy": {"color": style.BLUE, "marker": "o"},
    "one-hot, squared error": {"color": style.GREEN, "marker": "s"},
    "label number": {"color": style.ORANGE, "marker": "^"},
    "label number, renumbered": {"color": style.GREY, "marker": "v"},
}


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the accuracy of each coding, over all rows and by digit.

    Args:
        table: CSV as `coding_figure` in accuracy_numbers.py describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    footer = (
        f"{read.footer()}. Cross-validated; the same folds, seeds and batches for all; each coding "
        "at the learning rate chosen inside the training rows. Bars: 95 % over rows and seeds."
    )
    page = style.Page(9.6, 4.0, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """Both panels.

    Args:
        figure: receives two axes.
        rows: as `main` reads them.
    """
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
    known = [name for name in CODINGS if name in set(rows["name"])]
    _all(left, rows.filter(part="all"), known)
    _digits(right, rows.filter(part="digit"), known)


def _all(axes: Axes, rows: pl.DataFrame, known: list[str]) -> None:
    for place, name in enumerate(known):
        row, look = rows.filter(name=name).row(0, named=True), CODINGS[name]
        axes.plot([100 * row["lo"], 100 * row["hi"]], [place, place], color=look["color"])
        axes.plot([100 * row["value"]], [place], markersize=6, **look)
        axes.annotate(
            f"{100 * row['value']:.1f}",
            (100 * row["value"], place),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.set_yticks(range(len(known)), [name.replace(", ", ",\n") for name in known])
    axes.set_ylim(len(known) - 0.5, -0.6)
    axes.set_xlim(0, 104)
    told = {
        known.index(row["name"]): f"{row['name']} "
        + style.interval(100 * row[key] for key in ("value", "lo", "hi"))
        + f", n = {row['n']}"
        for row in rows.to_dicts()
    }
    style.tell_along(axes, "y", told)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("held-out accuracy (%)")


def _digits(axes: Axes, rows: pl.DataFrame, known: list[str]) -> None:
    for place, name in enumerate(known):
        part, look = rows.filter(name=name).sort("x"), CODINGS[name]
        x = part["x"].to_numpy() + 0.12 * (place - (len(known) - 1) / 2)
        value, lo, hi = (100 * part[column].to_numpy() for column in ("value", "lo", "hi"))
        axes.vlines(x, lo, hi, color=look["color"], linewidth=1.2)
        axes.plot(x, value, linestyle="", markersize=5, label=name, **look)
    axes.set_xticks(sorted(rows["x"].unique().to_list()))
    axes.set_ylim(0, 104)
    axes.grid(visible=False, axis="x")
    digits = [row | {"digit": row["x"]} for row in rows.to_dicts()]
    style.tell_rows(axes, "x", digits, "digit", "name", 100, " %", ".1f")
    axes.set_xlabel("digit")
    axes.set_ylabel("held-out accuracy (%)")


job.run(main, globals().get("snakemake"))
