"""The quadrants: guesses before and after, accuracies of all seeds, regions of three of them."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "Do both coordinates have the same sign? A 2-3-2 network before and after training"
LINE = 2 / 3
"""What the best straight line gets right."""

SAME, OTHER = style.BLUE, style.ORANGE
PALE = ListedColormap(["#F6D9C6", "#C9E0F0"])


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw six panels.

    Args:
        table: CSV as `summarise.quadrants_figure` describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    seeds = read.rows.filter(part="accuracy after").height
    points = read.rows.filter(part="after").height
    footer = (
        f"n = {seeds} seeds, {points} points each, not used in training; data: "
        f"{tables.SOURCES[read.source]}. Blue: the guess is the same sign; orange: opposite "
        "signs. Upper row: the seed of median accuracy; crosses: wrong guesses. Lower row: the "
        "guess at every point of the square after training; words: the truth."
    )
    page = style.Page(9.2, 6.9, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """Guesses and accuracies above, regions below.

    Args:
        figure: receives six axes.
        rows: as `main` reads them.
    """
    panels = figure.subplots(2, 3)
    accuracy = {
        when: dict(rows.filter(part=f"accuracy {when}").select("seed", "value").iter_rows())
        for when in ("before", "after")
    }
    for axes, when in zip(panels[0], ("before", "after"), strict=False):
        part = rows.filter(part=when)
        right = accuracy[when][part["seed"][0]]
        _guesses(axes, part, f"{when} training: {100 * right:.1f} % right")
    _accuracies(panels[0, 2], accuracy)
    for axes, shown in zip(panels[1], ("worst", "median", "best"), strict=True):
        part = rows.filter(part="region", shown=shown).sort("index")
        seed = part["seed"][0]
        _region(axes, part, f"{shown} seed ({seed}): {100 * accuracy['after'][seed]:.1f} %")


def _square(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=9)
    axes.set_aspect("equal")
    axes.grid(visible=False)
    axes.axhline(0, color=style.INK, linewidth=0.8, linestyle=":")
    axes.axvline(0, color=style.INK, linewidth=0.8, linestyle=":")
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")


def _tell(axes: Axes, points: tuple[np.ndarray, ...], title: str, unit: str) -> None:
    """Each quadrant answers with how often the guess is right in it."""
    x, y, lead = points
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for corner, size, east, north in (
        ((left, low), (-left, -low), False, False),
        ((0, low), (right, -low), True, False),
        ((left, 0), (-left, high), False, True),
        ((0, 0), (right, high), True, True),
    ):
        # A point on an axis has no sign.
        here = (x != 0) & (y != 0) & ((x > 0) == east) & ((y > 0) == north)
        hit = here & np.isfinite(lead) & ((lead >= 0) == (east == north))
        share = 100 * hit.sum() / max(here.sum(), 1)
        truth = "same sign" if east == north else "opposite signs"
        text = f"{title}; {truth} here: {hit.sum()} of {here.sum()} {unit} right ({share:.1f} %)"
        style.tell(axes, corner, size, text)


def _guesses(axes: Axes, part: pl.DataFrame, title: str) -> None:
    x, y, lead = (part[name].to_numpy() for name in ("x", "y", "value"))
    guess = lead >= 0
    right = (guess == (x * y > 0)) & np.isfinite(lead)
    for chosen, colour in ((guess, SAME), (~guess, OTHER)):
        look: dict[str, Any] = {"color": colour, "linewidths": 0.7}
        axes.scatter(x[chosen & right], y[chosen & right], 4, marker="o", **look)
        axes.scatter(x[chosen & ~right], y[chosen & ~right], 14, marker="x", **look)
    _square(axes, title)
    _tell(axes, (x, y, lead), title, "points")


def _region(axes: Axes, part: pl.DataFrame, title: str) -> None:
    count = part["x"].n_unique()
    x, y, lead = (part[name].to_numpy().reshape(count, -1) for name in ("x", "y", "value"))
    if np.isfinite(lead).all():
        axes.contourf(x, y, lead, levels=[-np.inf, 0, np.inf], colors=PALE.colors)
        if lead.min() < 0 < lead.max():
            axes.contour(x, y, lead, levels=[0], colors=style.INK, linewidths=1.2)
        signs: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8}
        far = 0.75 * x.max()
        for i, j in ((1, 1), (-1, -1)):
            axes.text(i * far, j * far, "same", color=SAME, **signs)
            axes.text(i * far, -j * far, "opposite", color=OTHER, **signs)
    else:
        style.note(axes, "diverged")
    _square(axes, title)
    _tell(axes, (x.ravel(), y.ravel(), lead.ravel()), title, "points of a grid")


def _accuracies(axes: Axes, accuracy: dict[str, dict[int, float]]) -> None:
    bins = np.linspace(40, 100, 31).tolist()
    counts: dict[str, np.ndarray] = {}
    for when, colour, shade in (("before", style.GREY, 0.5), ("after", style.GREEN, 0.7)):
        values = [100 * value for value in accuracy[when].values()]
        found, _, _ = axes.hist(values, bins, color=colour, alpha=shade, label=when)
        counts[when] = np.asarray(found)
    axes.axvline(100 * LINE, color=style.INK, linewidth=1, linestyle="--")
    axes.text(100 * LINE - 0.7, 0.97, "best straight line", rotation=90, ha="right", va="top",
              fontsize=7.5, transform=axes.get_xaxis_transform())  # fmt: skip
    axes.set_title("all seeds", loc="left", fontsize=9)
    axes.set_xlim(40, 100)
    axes.set_xlabel("points right (%)")
    axes.set_ylabel("seeds")
    axes.legend(loc="upper right", frameon=False, fontsize=8)
    low, high = axes.get_ylim()
    for k, (start, end) in enumerate(pairwise(bins)):
        before, after = (f"{counts[when][k]:.0f}" for when in ("before", "after"))
        text = (
            f"{start:g} to {end:g} % right: {before} seeds before training, {after} after, of "
            f"{len(accuracy['after'])}"
        )
        style.tell(axes, (start, low), (end - start, high - low), text)


job.run(main, globals().get("snakemake"))
