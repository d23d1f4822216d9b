"""What each ingredient adds: paired differences of test accuracy, and learning curves."""

from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "The art of neural networks: the effect of each ingredient"
INGREDIENTS: dict[str, tuple[str, str]] = {
    "scaling": ("inputs: standardised \N{MINUS SIGN} raw", style.BLUE),
    "scaling_ten": ("standardised \N{MINUS SIGN} raw times ten", style.BLUE),
    "init_large": ("weights: fan-in \N{MINUS SIGN} N(0, 1)", style.ORANGE),
    "init_small": ("fan-in \N{MINUS SIGN} sd 0.0001", style.ORANGE),
    "init_zeros": ("fan-in \N{MINUS SIGN} zeros", style.ORANGE),
    "init_glorot": ("Glorot \N{MINUS SIGN} fan-in", style.ORANGE),
    "dropout": ("dropout \N{MINUS SIGN} none", style.GREEN),
    "l2": ("L2 penalty \N{MINUS SIGN} none", style.GREEN),
    "early_stopping": ("early stopping \N{MINUS SIGN} last epoch", style.GREEN),
    "early_stopping_all": ("early stopping \N{MINUS SIGN} all speakers", style.GREEN),
    "skip": ("deep: skips \N{MINUS SIGN} none", style.INK),
    "skip_shallow": ("deep with skips \N{MINUS SIGN} 1 layer", style.INK),
    "minibatch_epochs": ("mini-batch Adam \N{MINUS SIGN} descent, same epochs", style.GREY),
    "minibatch_updates": ("the same, same updates", style.GREY),
}
CURVES: dict[str, tuple[str, dict[str, Any]]] = {
    "base": ("base", {"color": style.INK, "linewidth": 2.4}),
    "raw": ("raw inputs", {"color": style.BLUE}),
    "times ten": ("raw times ten", {"color": style.BLUE, "linestyle": "--"}),
    "too large": ("weights N(0, 1)", {"color": style.ORANGE}),
    "too small": ("weights sd 0.0001", {"color": style.ORANGE, "linestyle": "--"}),
    "zeros": ("weights 0", {"color": style.ORANGE, "linestyle": ":"}),
    "dropout": ("dropout", {"color": style.GREEN}),
    "deep": ("deep", {"color": style.GREY}),
    "deep, skip": ("deep, skips", {"color": style.GREY, "linestyle": "--"}),
}
STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "base": ("mini-batch Adam", {"color": style.INK, "linewidth": 2.4}),
    "full batch": ("full-batch descent", {"color": style.ORANGE}),
}
SHOWN_EPOCHS = 10
NEAR = 2.5
"""Half the width of the axis of differences, in points; larger ones are numbers by an arrow."""


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the differences, and curves by epoch and by update.

    Args:
        table: CSV as `summarise.figure` describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    footer = (
        f"{read.footer()}. Left: paired by seed and speaker; bars: 95 % over both; band: the "
        "smallest effect of interest; arrows: differences beyond the axis. Right: means over seeds."
    )
    page = style.Page(11.6, 6.0, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """A forest on the left, two panels of curves on the right.

    Args:
        figure: receives three axes.
        rows: as `main` reads them.
    """
    grid = figure.add_gridspec(2, 2, width_ratios=(1.15, 1))
    _forest(figure.add_subplot(grid[:, 0]), rows.filter(part="difference"))
    curves = rows.filter(part="curve")
    top, bottom = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    _curves(top, curves, CURVES, "epoch")
    _curves(bottom, curves, STEPS, "updates")
    top.set_xlim(1, SHOWN_EPOCHS)
    top.set_ylim(0, 100)
    top.set_xlabel("epoch")
    bottom.set_xscale("log")
    bottom.set_xlabel("updates")


def _forest(axes: Axes, rows: pl.DataFrame) -> None:
    axes.axvspan(-0.3, 0.3, color=style.GREEN, alpha=0.12, linewidth=0)
    axes.axvline(0, color=style.GREY, linewidth=0.9)
    known = [name for name in INGREDIENTS if name in set(rows["name"])]
    for place, name in enumerate(known):
        row, (_, colour) = rows.filter(name=name).row(0, named=True), INGREDIENTS[name]
        value, lo, hi = (100 * row[column] for column in ("value", "lo", "hi"))
        text = f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
        if abs(value) > NEAR:
            side = 1 if value > 0 else -1
            axes.annotate(
                "",
                (side * NEAR, place),
                (side * (NEAR - 0.5), place),
                arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 1.8},
            )
            look: dict[str, Any] = {"ha": "right" if side > 0 else "left", "va": "center"}
            text = f"{text} [{lo:.2f}, {hi:.2f}]".replace("-", "\N{MINUS SIGN}")
            axes.text(side * (NEAR - 0.6), place, text, fontsize=8, **look)
            continue
        axes.plot([lo, hi], [place, place], color=colour)
        axes.plot([value], [place], marker="o", markersize=5, color=colour)
        axes.annotate(
            text, (value, place), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=8
        )
    axes.set_yticks(range(len(known)), [INGREDIENTS[name][0] for name in known])
    axes.set_ylim(len(known) - 0.4, -0.7)
    axes.set_xlim(-NEAR, NEAR)
    told = {name: rows.filter(name=name).row(0, named=True) for name in known}
    style.tell_along(
        axes,
        "y",
        {
            known.index(name): f"{INGREDIENTS[name][0]}: "
            + style.interval((100 * row[key] for key in ("value", "lo", "hi")), " points")
            + f", n = {row['n']} seeds"
            for name, row in told.items()
        },
    )
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("difference of test accuracies (percentage points)")


def _curves(
    axes: Axes, rows: pl.DataFrame, shown: dict[str, tuple[str, dict[str, Any]]], x: str
) -> None:
    for name, (label, look) in shown.items():
        part = rows.filter(name=name).sort("epoch")
        if not part.is_empty():
            axes.plot(part[x].to_numpy(), 100 * part["value"].to_numpy(), label=label, **look)
    axes.set_ylabel("test accuracy (%)")
    axes.legend(frameon=False, fontsize=7.5, loc="center left", bbox_to_anchor=(1.0, 0.5))


job.run(main, globals().get("snakemake"))
