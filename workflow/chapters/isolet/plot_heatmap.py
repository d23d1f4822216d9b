"""Figures 5 to 7: an annotated heat map of the test accuracy over two settings.

Most cells lie between 90 and 96 % while a few stay near chance. Colour therefore follows
1 / sqrt(error rate), which gives half of the scale to accuracies above 90 % and still tells 50 %
from chance. The map, viridis, rises evenly in lightness: it survives a grey printer and
colour-blind eyes.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import FuncNorm, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from workflow.lib import job, style
from workflow.lib.settings import Name, Strict
from workflow.lib.tables import FigureTable, read_figure

CELL_WIDTH, CELL_HEIGHT = 0.66, 0.5
COLOURS = matplotlib.colormaps["viridis"]
# By contrast ratio black and white tie at luminance 0.18; on print white reads better a bit longer.
INK_TURNS = 0.22
BAR_TICKS = (0, 50, 70, 80, 85, 90, 93, 95, 96, 97, 98, 99, 99.5, 99.7, 99.9)


# Sixty lines of cells cannot be read; twelve can.
MOST_LINES = 12


class Setting(Strict):
    """One direction of a heat map: its column in the table, its name and unit on the axis."""

    column: Name
    name: Name
    unit: str = ""


class Drawing(Strict):
    """What a figure shows."""

    title: Name
    across: Setting
    up: Setting


def main(table: Path, drawing: Drawing, svg: Path, png: Path) -> None:
    """Draw the table, of many lines of cells a choice with the first and last among them.

    Args:
        table: CSV with the columns of both settings, mean, sd, n, diverged and data (fractions).
        drawing: what the figure shows.
        svg: vector file to write.
        png: raster file to write.
    """
    # Where all runs diverged or there is one seed, the values do not tell their type.
    read = read_figure(table, dict.fromkeys(("mean", "sd"), pl.Float64))
    up = drawing.up
    values = sorted(read.rows[up.column].unique().to_list())
    shown = chosen(values, MOST_LINES)
    if len(shown) < len(values):
        read = replace(read, rows=read.rows.filter(pl.col(up.column).is_in(shown)))
        up = up.model_copy(update={"unit": f"{len(shown)} of {len(values)} shown"})
    page = page_of(read, drawing.title, drawing.across, up)
    style.render(page, lambda figure: draw(figure, read.rows, drawing.across, up), svg, png)


def page_of(table: FigureTable, title: str, across: Setting, up: Setting) -> style.Page:
    """The page around a heat map, sized so that every cell holds its text.

    Args:
        table: the columns of both settings, and n and diverged.
        title: title of the figure.
        across: setting along the x axis.
        up: setting along the y axis.
    """
    rows = table.rows
    columns, lines = rows[across.column].n_unique(), rows[up.column].n_unique()
    words = f"{table.footer()}. Cell: mean \N{PLUS-MINUS SIGN} sd of the seeds, in %."
    if rows["diverged"].to_numpy().any():
        words += " Outlined: k/n div. = k of n seeds diverged."
    if rows.select(across.column, up.column).n_unique() < columns * lines:
        words += " Hatched: not run."
    width = max(7.2, 1.9 + CELL_WIDTH * columns)
    height = max(3.8, 1.6 + CELL_HEIGHT * lines)
    return style.Page(width, height, title, words, table.stand_in)


def draw(figure: Figure, rows: pl.DataFrame, across: Setting, up: Setting) -> None:
    """Cells coloured by the mean accuracy and annotated with mean, sd and diverged seeds.

    Args:
        figure: receives the axes and the colour bar.
        rows: one row per cell; accuracies as fractions. A missing pair is drawn hatched.
        across: setting along the x axis.
        up: setting along the y axis.
    """
    xs = sorted(rows[across.column].unique().to_list())
    ys = sorted(rows[up.column].unique().to_list())
    places = [(xs.index(r[across.column]), ys.index(r[up.column])) for r in rows.to_dicts()]
    cells = dict(zip(places, rows.to_dicts(), strict=True))
    mean = np.full((len(ys), len(xs)), np.nan)
    for (x, y), cell in cells.items():
        mean[y, x] = cell["mean"]

    axes = figure.add_subplot()
    top = _top(mean)
    norm = _scale(top)
    mesh = axes.pcolormesh(
        np.ma.masked_invalid(mean), cmap=COLOURS, norm=norm, edgecolors="white", linewidth=1.2
    )
    for x, y in np.ndindex(len(xs), len(ys)):
        if (x, y) in cells:
            _annotate(axes, x, y, cells[x, y], norm)
            style.tell(axes, (x, y), (1, 1), _told(cells[x, y], across, up))
        else:
            axes.add_patch(
                Rectangle(
                    (x + 0.02, y + 0.03), 0.96, 0.94, fill=False, hatch="////", ec="#AAAAAA", lw=0
                )
            )
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xlim(0, len(xs))
    axes.set_ylim(0, len(ys))
    axes.set_xticks(np.arange(len(xs)) + 0.5, [number(value) for value in xs])
    axes.set_yticks(np.arange(len(ys)) + 0.5, [number(value) for value in ys])
    axes.set_xlabel(_axis_label(across, xs))
    axes.set_ylabel(_axis_label(up, ys))
    _colour_bar(figure, axes, mesh, top)


def number(value: float) -> str:
    """A setting as a reader writes it; below 0.001 with a power of ten.

    >>> number(0.00001), number(0.03), number(8192)
    ('$10^{-5}$', '0.03', '8192')
    """
    if not 0 < value < 0.001:
        return f"{value:g}"
    digits, power = f"{value:e}".split("e")
    factor = "" if float(digits) == 1 else rf"{float(digits):g}\cdot"
    return f"${factor}10^{{{int(power)}}}$"


def chosen(values: list[int], most: int) -> list[int]:
    """At most `most` of the sorted values: round numbers first, the first and last always.

    >>> chosen(list(range(1, 61)), 12)
    [1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 60]
    """
    if len(values) <= most:
        return values
    ends = {values[0], values[-1]}
    round_numbers = [10, 5, 20, 30, 40, 50, 2, 15, 3, 7, 60, 80, 100, 150, 200, 300, 400]
    inner = [v for v in round_numbers if v in values and v not in ends]
    return sorted(ends | set(inner[: most - len(ends)]))


def log_spaced(values: list[float]) -> bool:
    """True if the sorted values are evenly spaced in the logarithm, as 1, 3, 10 nearly are.

    >>> log_spaced([0.001, 0.003, 0.01]), log_spaced([0, 1, 2])
    (True, False)
    """
    if len(values) < 3 or values[0] <= 0:
        return False
    steps = np.diff(np.log(values))
    return bool(steps.max() < 1.2 * steps.min() and steps.min() > np.log(1.5))


def _axis_label(setting: Setting, values: list[float]) -> str:
    words = [setting.unit] if setting.unit else []
    words += ["log-spaced"] if log_spaced(values) else []
    return f"{setting.name} ({', '.join(words)})" if words else setting.name


def _top(mean: np.ndarray) -> float:
    """End of the colour scale: 97 % in every figure, so that they compare, or more if needed."""
    best = np.nanmax(mean) if np.isfinite(mean).any() else 0.0
    return next((end for end in (0.97, 0.99, 0.997) if best <= end), 0.999)


def _scale(top: float) -> FuncNorm:
    """Colour linear in 1 / sqrt(error rate), from 0 to `top` accuracy."""

    def position(accuracy: np.ndarray) -> np.ndarray:
        return (1 - np.clip(accuracy, 0, top)) ** -0.5

    def accuracy(position: np.ndarray) -> np.ndarray:
        return 1 - np.maximum(position, 1.0) ** -2

    return FuncNorm((position, accuracy), vmin=0, vmax=top, clip=True)


def _annotate(axes: Axes, x: int, y: int, cell: dict[str, Any], norm: Normalize) -> None:
    """Write mean, sd and diverged seeds into a cell, in the ink that contrasts with it."""
    mean, sd, diverged = cell["mean"], cell["sd"], cell["diverged"]
    failed = f"{diverged}/{cell['n']} div." if diverged else ""
    if np.isfinite(mean):
        back = to_rgb(COLOURS(norm(mean)))
        lines = [f"{100 * mean:.1f}", f"\N{PLUS-MINUS SIGN} {100 * sd:.1f}", failed]
    else:
        back = (1.0, 1.0, 1.0)
        lines = ["\N{EM DASH}", "", failed or "no value"]
    if not np.isfinite(sd):
        lines[1] = ""
    ink = "black" if _luminance(back) > INK_TURNS else "white"
    shown = [(line, size) for line, size in zip(lines, (9, 6.8, 6.2), strict=True) if line]
    heights = {1: (0.5,), 2: (0.62, 0.27), 3: (0.73, 0.44, 0.19)}[len(shown)]
    for (line, size), height in zip(shown, heights, strict=True):
        axes.text(x + 0.5, y + height, line, ha="center", va="center", fontsize=size, color=ink)
    if diverged:
        axes.add_patch(Rectangle((x + 0.05, y + 0.06), 0.9, 0.88, fill=False, ec=ink, lw=0.9))


def _told(cell: dict[str, Any], across: Setting, up: Setting) -> str:
    """The hover text of a cell."""
    settings = ", ".join(f"{each.name} {cell[each.column]:g}" for each in (across, up))
    accuracy = f"{100 * cell['mean']:.2f} \N{PLUS-MINUS SIGN} {100 * cell['sd']:.2f} %"
    return f"{settings}: {accuracy}, n = {cell['n']} seeds, {cell['diverged']} diverged"


def _luminance(colour: tuple[float, float, float]) -> float:
    """Relative luminance of an sRGB colour (WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _colour_bar(figure: Figure, axes: Axes, mesh: QuadMesh, top: float) -> None:
    """The scale, read in accuracy, with the rule that stretches it."""
    bar = figure.colorbar(mesh, ax=axes, pad=0.02, fraction=0.05, aspect=22)
    ticks = [tick for tick in BAR_TICKS if tick < 100.001 * top]
    bar.set_ticks([tick / 100 for tick in ticks], labels=[f"{tick:g}" for tick in ticks])
    bar.ax.minorticks_off()
    bar.ax.grid(visible=False)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    # Edges in the colour of the face: without them some viewers show hairlines in the bar.
    if bar.solids is not None:
        bar.solids.set_edgecolor("face")
    bar.set_label("mean test accuracy (%)\ncolour is linear in 1 / √(error rate)", labelpad=8)


job.run(main, globals().get("snakemake"))
