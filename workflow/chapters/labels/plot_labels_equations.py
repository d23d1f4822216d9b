"""The sigmoid's slope as printed and corrected, and losses that do not stay in [0, 1]."""

import math
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "Two sentences of the source, computed"
SLOPES = {
    "printed": ("s / (1 \N{MINUS SIGN} s), equation 3.13", style.ORANGE, "-"),
    "corrected": ("s (1 \N{MINUS SIGN} s), equation 3.14", style.BLUE, "-"),
    "complex_step": ("complex step", style.INK, "o"),
    "differences": ("central differences", style.GREEN, "x"),
}


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the slopes by point, and the histogram of the losses before training.

    Args:
        table: CSV as `equations_figure` in equation_numbers.py describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    footer = (
        f"{read.footer(read.rows.filter(part='loss')['n'])}. Left: float64, random points. Right: "
        "every row of the digits, ten classes; the last bar collects all larger losses."
    )
    page = style.Page(9.6, 3.9, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """Both panels.

    Args:
        figure: receives two axes.
        rows: as `main` reads them.
    """
    left, right = figure.subplots(1, 2)
    _slopes(left, rows.filter(part="slope"))
    _losses(right, rows.filter(part="loss").sort("x"))


def _slopes(axes: Axes, rows: pl.DataFrame) -> None:
    for name, (label, colour, mark) in SLOPES.items():
        part = rows.filter(name=name).sort("x")
        x, y = part["x"].to_numpy(), part["value"].to_numpy()
        if mark == "-":
            axes.plot(x, y, color=colour, label=label)
            continue
        # A mark at every point would hide the lines.
        step = max(1, len(x) // 15)
        start = 0 if mark == "o" else step // 2
        axes.plot(x[start::step], y[start::step], mark, color=colour, label=label, markersize=5,
                  markerfacecolor="none")  # fmt: skip
    axes.set_ylim(0, 1.6)
    exact = rows.filter(name="complex_step").sort("x")["x"].to_list()
    told: dict[float, str] = {}
    for x in exact[:: max(1, len(exact) // 30)]:
        values = dict(rows.filter(x=x).select("name", "value").iter_rows())
        numbers = ", ".join(
            f"{label.split(',')[0]} {values[name]:.6f}"
            for name, (label, _, _) in SLOPES.items()
            if name in values
        )
        told[x] = f"x = {x:.2f}: {numbers}"
    style.tell_along(axes, "x", told)
    axes.set_xlabel("x")
    axes.set_ylabel("slope of the sigmoid")
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def _losses(axes: Axes, rows: pl.DataFrame) -> None:
    x, share = rows["x"].to_numpy(), 100 * rows["value"].to_numpy()
    width = float(x[1] - x[0]) if len(x) > 1 else 1.0
    axes.axvspan(0, 1, color=style.GREEN, alpha=0.15, linewidth=0)
    axes.bar(x, share, width, align="edge", color=style.BLUE)
    axes.axvline(math.log(10), color=style.INK, linestyle="--", linewidth=1.2)
    top = 1.2 * share.max()
    axes.set_ylim(0, top)
    axes.set_xlim(0, x[-1] + width)
    for start, part in zip(x, share, strict=True):
        end = f"to {start + width:g}" if start < x[-1] else "and more"
        text = f"cross-entropy {start:g} {end}: {part:.2f} % of the rows, n = {rows['n'][0]} seeds"
        style.tell(axes, (start, 0), (width, top), text)
    axes.text(0.5, 0.97 * top, "[0, 1]", ha="center", va="top", fontsize=8)
    axes.text(math.log(10) + 0.1, 0.97 * top, "log 10: all classes alike", va="top", fontsize=8)
    axes.set_xlabel("cross-entropy of a row before training (nats)")
    axes.set_ylabel("rows (%)")


job.run(main, globals().get("snakemake"))
