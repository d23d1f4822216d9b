"""Tuning: what each optimizer reaches by learning rate, and after how many trials."""

from pathlib import Path
from typing import Any

import polars as pl
from boxes import COLOURS, DASHES, NAMES
from errorscale import spread_errors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from workflow.lib import job, style
from workflow.lib.tables import read_figure

TITLE = "Tuning: accuracy by learning rate, and the best of several trials"


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw both parts of the table.

    Args:
        table: CSV as `summarise_tuning` writes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = read_figure(table)
    rates = read.rows.filter(part="rate")
    guessing, runs = (int(rates[column].sum()) for column in ("guessing", "runs"))
    at_edge = rates.filter(pl.col("chosen") & pl.col("edge")).height
    footer = (
        f"{read.footer()}. Every training speaker is held out once. Bands: 95 % over speakers and "
        f"seeds. Ring: chosen; {at_edge} of {rates['optimizer'].n_unique()} at an edge of the grid"
        + (" (square)" if at_edge else "")
        + f". {guessing} of {runs} runs ended guessing (cross: most of a trial's)."
    )
    page = style.Page(9.6, 4.6, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """Both panels, with one scale of accuracy.

    Args:
        figure: receives two axes.
        rows: of the table.
    """
    left, right = figure.subplots(1, 2, sharey=True)
    for name in NAMES:
        part = rows.filter(optimizer=name)
        _line(left, part.filter(part="rate").sort("learning_rate"), name, "learning_rate")
        _line(right, part.filter(part="best").sort("trials"), name, "trials")
        _marks(left, part.filter(part="rate"), COLOURS[name])
    shown = 100 * rows.select("value", "lo", "hi").to_numpy()
    spread_errors(left, float(shown.min()), float(shown.max()))
    left.set_xscale("log")
    left.set_xlabel("learning rate")
    left.set_ylabel("cross-validated accuracy (%; log scale of errors)")
    left.set_title("every trial", loc="left", fontsize=9)
    right.set_xlabel("trials drawn at random from the grid")
    right.set_title("expected best", loc="left", fontsize=9)
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    rates, best = rows.filter(part="rate"), rows.filter(part="best")
    style.tell_along(left, "x", _told(rates, "learning_rate", "learning rate"))
    style.tell_along(right, "x", _told(best, "trials", "trials"))
    right.legend(fontsize=8, frameon=False, loc="lower right")


def _line(axes: Axes, rows: pl.DataFrame, name: str, across: str) -> None:
    x, value, lo, hi = (rows[column].to_numpy() for column in (across, "value", "lo", "hi"))
    axes.fill_between(x, 100 * lo, 100 * hi, color=COLOURS[name], alpha=0.15, linewidth=0)
    axes.plot(
        x,
        100 * value,
        color=COLOURS[name],
        linestyle=DASHES[name],
        marker="o",
        markersize=3.2,
        linewidth=1.5,
        label=NAMES[name],
    )


def _told(rows: pl.DataFrame, across: str, words: str) -> dict[float, str]:
    """The hover text of each place along the axis: the accuracy of every optimizer."""
    return {
        place: f"{words} {place:g}: "
        + "; ".join(
            f"{NAMES[row['optimizer']]} "
            + style.interval(100 * row[name] for name in ("value", "lo", "hi"))
            for row in part.iter_rows(named=True)
        )
        for (place,), part in rows.group_by(across, maintain_order=True)
    }


def _marks(axes: Axes, rows: pl.DataFrame, colour: str) -> None:
    """A ring or square around what was chosen, a cross on what does no better than a guess."""
    look: dict[str, Any] = {"color": colour, "linestyle": "none", "clip_on": False, "zorder": 4}
    for row in rows.iter_rows(named=True):
        place = row["learning_rate"], 100 * row["value"]
        if row["chosen"]:
            marker = "s" if row["edge"] else "o"
            axes.plot(*place, marker=marker, markersize=10, mfc="none", mew=1.8, **look)
        if 2 * row["guessing"] > row["runs"]:
            axes.plot(*place, marker="x", markersize=8, mew=1.8, **look)


job.run(main, globals().get("snakemake"))
