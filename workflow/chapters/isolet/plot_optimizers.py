"""Optimizers at the rate they share and at their tuned rates, and profiles of the tuned ones."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from boxes import COLOURS, DASHES, NAMES, box, told
from errorscale import spread_errors
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow.lib import job, style
from workflow.lib.tables import read_figure

TITLE = "Optimizers at one shared learning rate, and with the rate tuned for each"
# Offset of a protocol's box from its optimizer's place.
PLACES = {"published": -0.21, "clean": 0.21}
UNDER: dict[str, Any] = {"ha": "center", "va": "top"}


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the runs at both rates, and the performance profiles of those at tuned rates.

    Args:
        table: CSV as `summarise_optimizers` writes it.
        svg: vector file to write.
        png: raster file to write.
    """
    floats = ("learning_rate", "seed", "threshold", "value", "lo", "hi")
    read = read_figure(table, dict.fromkeys(floats, pl.Float64))
    means = read.rows.filter(part="mean")
    footer = (
        f"{read.footer(means['n'])}. Pairs: shared rate, and rate tuned on training speakers. "
        "Dots: seeds; box: quartiles; whiskers: farthest seed within 1.5 box heights; grey: 95 % "
        f"of the mean over speakers and seeds. {means['diverged'].sum()} of {means['n'].sum()} "
        "runs diverged. Right: bands 95 % over seeds at each accuracy."
    )
    page = style.Page(9.6, 4.6, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """Both panels.

    Args:
        figure: receives two axes.
        rows: of the table.
    """
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _boxes(left, rows.filter(pl.col("part") != "profile"))
    _profiles(right, rows.filter(protocol="clean"))


def _boxes(axes: Axes, rows: pl.DataFrame) -> None:
    """Per optimizer the shared rate's box and the tuned one's, above their learning rates."""
    names = [name for name in NAMES if name in set(rows["optimizer"])]
    shown = 100 * rows.select("value", "lo", "hi").to_numpy()
    shown = shown[np.isfinite(shown)]
    for middle, name in enumerate(names):
        axes.text(
            middle, -0.14, NAMES[name], transform=axes.get_xaxis_transform(), fontsize=8.5, **UNDER
        )
        for protocol, offset in PLACES.items():
            cell = rows.filter(optimizer=name, protocol=protocol)
            if not cell.is_empty():
                _cell(axes, cell, middle + offset, COLOURS[name])
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_xticks([])
    spread_errors(axes, float(shown.min()), float(shown.max()))
    bottom, top = axes.get_ylim()
    for middle, name in enumerate(names):
        for protocol, offset in PLACES.items():
            cell = rows.filter(optimizer=name, protocol=protocol)
            if not cell.is_empty():
                corner = (middle + offset - 0.21, bottom)
                style.tell(axes, corner, (0.42, top - bottom), _told(cell))
    axes.set_ylabel("test accuracy (%; log scale of errors)")
    axes.set_title("number: mean; below: learning rate", loc="left", fontsize=9)


def _cell(axes: Axes, cell: pl.DataFrame, place: float, colour: str) -> None:
    """One box with its seeds, on the interval of the mean, and what is said about it."""
    mean = cell.row(by_predicate=pl.col("part") == "mean", named=True)
    under = f"{mean['learning_rate']:g}"
    if mean["diverged"]:
        under += f"\n{mean['diverged']}/{mean['n']} div."
    axes.text(place, -0.03, under, transform=axes.get_xaxis_transform(), fontsize=7.5, **UNDER)
    axes.vlines(place, 100 * mean["lo"], 100 * mean["hi"], color=style.FAINT, linewidth=9, zorder=1)
    values = 100 * cell.filter(part="run")["value"].to_numpy()
    values = values[np.isfinite(values)]
    if values.size:
        box(axes, place, values, colour, width=0.34)
    axes.annotate(
        f"{100 * mean['value']:.1f}",
        (place, max([100 * mean["hi"], *values])),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        fontsize=8,
        fontweight="bold",
    )


def _told(cell: pl.DataFrame) -> str:
    """The hover text of a box."""
    mean = cell.row(by_predicate=pl.col("part") == "mean", named=True)
    number = style.interval(100 * mean[key] for key in ("value", "lo", "hi"))
    name = f"{NAMES[mean['optimizer']]}, {mean['protocol']}, rate {mean['learning_rate']:g}"
    values = 100 * cell.filter(part="run")["value"].to_numpy()
    return f"{told(name, values)}; mean {number} over speakers and seeds"


def _profiles(axes: Axes, rows: pl.DataFrame) -> None:
    """The fraction of an optimizer's seeds that reach each accuracy: constant between two."""
    for name in NAMES:
        part = rows.filter(optimizer=name, part="profile").sort("threshold")
        tau, value, lo, hi = (
            part[column].to_numpy() for column in ("threshold", "value", "lo", "hi")
        )
        if part.is_empty():
            continue
        colour, dash = COLOURS[name], DASHES[name]
        axes.fill_between(100 * tau, lo, hi, step="pre", color=colour, alpha=0.08, linewidth=0)
        axes.step(100 * tau, value, where="pre", color=colour, linestyle=dash, label=NAMES[name])
    reached = 100 * rows.filter(part="run")["value"].to_numpy()
    reached = reached[np.isfinite(reached)]
    if reached.size:
        axes.set_xlim(reached.min() - 0.1, reached.max() + 0.1)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("test accuracy (%)")
    axes.set_ylabel("fraction of seeds that reach it")
    axes.set_title("rates tuned", loc="left", fontsize=9)
    axes.legend(fontsize=8, frameon=False, loc="upper right")


job.run(main, globals().get("snakemake"))
