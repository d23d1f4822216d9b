"""Optimizers at the rate they share and at their tuned rates, and profiles of the tuned ones."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import figtable
import numpy as np
import plotjob
import polars as pl
import style
from errorscale import spread_errors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optimizers import COLOURS, DASHES, NAMES, box

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TITLE = "Optimizers at one shared learning rate, and with the rate tuned for each"
COLUMNS = {
    "part": pl.String,
    "arm": pl.String,
    "optimizer": pl.String,
    "learning_rate": pl.Float64,
    "seed": pl.Float64,  # empty but in runs
    "threshold": pl.Float64,
    "value": pl.Float64,
    "lo": pl.Float64,
    "hi": pl.Float64,
    "n": pl.Int64,
    "diverged": pl.Int64,
}
KEY = ["part", "arm", "optimizer", "seed", "threshold"]
# Place of an arm's box beside its optimizer.
ARMS = {"shared": -0.21, "tuned": 0.21}
UNDER: dict[str, Any] = {"ha": "center", "va": "top"}
PARTS = ["run", "mean", "interquartile_mean", "profile"]


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the runs of both arms, and the performance profiles of the tuned one.

    Args:
        table: CSV as `summarise_optimizers` writes it.
        svg: vector file to write.
        png: raster file to write.

    Raises:
        TableError: the table is missing or wrong, or names an unknown part, arm or optimizer.
    """
    read = figtable.read(table, COLUMNS, key=KEY)
    for column, known in (("optimizer", list(NAMES)), ("arm", list(ARMS)), ("part", PARTS)):
        unknown = set(read.rows[column]) - set(known)
        if unknown:
            raise figtable.TableError(
                f"{table}: unknown {column} {sorted(unknown)}; expected some of {known}"
            )
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
        rows: the columns above.
    """
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _boxes(left, rows.filter(pl.col("part") != "profile"))
    _profiles(right, rows.filter(arm="tuned"))


def _boxes(axes: Axes, rows: pl.DataFrame) -> None:
    """Per optimizer the shared rate's box and the tuned one's, above their learning rates."""
    names = [name for name in NAMES if name in set(rows["optimizer"])]
    shown = 100 * rows.select("value", "lo", "hi").to_numpy()
    shown = shown[np.isfinite(shown)]
    for middle, name in enumerate(names):
        axes.text(
            middle, -0.14, NAMES[name], transform=axes.get_xaxis_transform(), fontsize=8.5, **UNDER
        )
        for arm, beside in ARMS.items():
            cell = rows.filter(optimizer=name, arm=arm)
            if not cell.is_empty():
                _cell(axes, cell, middle + beside, COLOURS[name])
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_xticks([])
    spread_errors(axes, float(shown.min()), float(shown.max()))
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


if "snakemake" in globals():
    plotjob.run(main, snakemake)
