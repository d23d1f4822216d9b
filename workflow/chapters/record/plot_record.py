"""Draw the record: what each part of the recipe contributes, and the result."""

from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "Record. ISOLET, official split: the best network"
NAMES = {"study": "the source's", "single": "one network", "ensemble": "ensemble"}
COLOURS = {"study": style.GREY, "single": style.BLUE, "ensemble": style.ORANGE}


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the ablation on the left and the result on the right.

    Args:
        table: CSV as `summarise.main` describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    result, parts = (read.rows.filter(part=part) for part in ("result", "ablation"))
    footer = (
        f"Left: {read.footer(parts['n'])}, cross-validation over the training speakers; "
        "differences paired by seed and speaker. Right: test speakers. Bars: 95 % intervals over "
        "speakers and seeds, of the ensemble over speakers."
    )
    if read.rows["recipe"].n_unique() > 1:
        footer += " LEFT AND RIGHT SHOW DIFFERENT RECIPES."
    page = style.Page(8.8, 4.4, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, result, parts), svg, png)


def draw(figure: Figure, result: pl.DataFrame, parts: pl.DataFrame) -> None:
    """Two panels.

    Args:
        figure: receives the axes.
        result: the rows of `summarise`.
        parts: the rows of `ablate`; the first is the recipe itself, with difference 0.
    """
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _differences(left, parts[1:])
    _accuracies(right, result)


def _differences(axes: Axes, parts: pl.DataFrame) -> None:
    """Accuracy without each part minus accuracy of the recipe, in percentage points."""
    for place, row in enumerate(parts.iter_rows(named=True)):
        low, middle, high = (100 * row[name] for name in ("lo", "value", "hi"))
        axes.plot([low, high], [place, place], color=style.BLUE)
        axes.plot(middle, place, "o", color=style.BLUE)
    axes.axvline(0, color=style.INK, lw=0.8)
    axes.set_yticks(range(parts.height), parts["what"].to_list())
    axes.set_ylim(parts.height - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    told = {place: _told(row, " points") for place, row in enumerate(parts.iter_rows(named=True))}
    style.tell_along(axes, "y", told)
    axes.set_xlabel("accuracy minus the recipe's (percentage points)")
    axes.set_title("effect of a change of the recipe", loc="left", fontsize=9)


def _accuracies(axes: Axes, result: pl.DataFrame) -> None:
    """Accuracy with its interval for each of NAMES, and the best published one as a line."""
    rows = {row["what"]: row for row in result.iter_rows(named=True)}
    best = rows["literature"]
    axes.axhline(100 * best["value"], color=style.GREEN, ls="--", lw=1.2)
    axes.annotate(
        f"published: {best['errors']:.0f} errors",
        (0, 100 * best["value"]),
        xycoords=("axes fraction", "data"),
        xytext=(3, 3),
        textcoords="offset points",
        fontsize=8,
        color=style.GREEN,
    )
    for place, (what, name) in enumerate(NAMES.items()):
        row = rows[what]
        axes.plot([place, place], [100 * row["lo"], 100 * row["hi"]], color=COLOURS[what])
        axes.plot(place, 100 * row["value"], "o", color=COLOURS[what])
        words = f"{name}\n{100 * row['value']:.2f} %\n{row['errors']:.1f} errors"
        under = axes.get_xaxis_transform()
        axes.text(place, -0.03, words, transform=under, ha="center", va="top")
    axes.set_xlim(-0.5, len(NAMES) - 0.5)
    axes.set_xticks([])
    told = {place: _told(rows[what], " %") for place, what in enumerate(NAMES)}
    style.tell_along(axes, "x", told)
    axes.set_ylabel("test accuracy (%)")
    axes.set_title("the result", loc="left", fontsize=9)


def _told(row: dict[str, Any], unit: str) -> str:
    """The hover text of a line."""
    number = style.interval((100 * row[name] for name in ("value", "lo", "hi")), unit)
    return f"{NAMES.get(row['what'], row['what'])}: {number}, n = {row['n']} seeds"


job.run(main, globals().get("snakemake"))
