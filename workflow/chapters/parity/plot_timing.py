"""Timing: one epoch by batch size and implementation, and the time to a test accuracy."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from workflow.lib import job, style, tables

TITLE = "Time of training by batch size"
COLOURS = {
    "hand-derived": style.INK,
    "jax.grad": style.BLUE,
    "numpy": style.GREEN,
    "PyTorch": style.ORANGE,
}


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the time per epoch, and the time to the target.

    Args:
        table: CSV of `times.table`.
        svg: vector file to write.
        png: raster file to write.

    """
    read = tables.read_figure(table)
    epochs = read.rows.filter(quantity="epoch_seconds")
    target = read.rows.filter(quantity="seconds_to_target")
    threads = int(read.rows["threads"][0])
    repeats = int(epochs["n"].to_numpy().min())
    footer = (
        f"{read.footer(target['n'])}. Medians of {repeats} repeats (left), of the seeds (right); "
        f"bars: at least 95 %, between order statistics. {threads} "
        f"thread{'s' if threads > 1 else ''}, {read.rows['machine'][0]}."
    )
    page = style.Page(9.6, 4.2, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, epochs, target), svg, png)


def draw(figure: Figure, epochs: pl.DataFrame, target: pl.DataFrame) -> None:
    """Both panels.

    Args:
        figure: receives two axes.
        epochs: the rows of epoch_seconds.
        target: the rows of seconds_to_target; an infinite value was never reached.
    """
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
    for implementation, colour in COLOURS.items():
        part = epochs.filter(implementation=implementation).sort("batch_size")
        if not part.is_empty():
            _points(left, part, colour, implementation)
    left.legend(fontsize=8, frameon=False, loc="upper right")
    left.set_ylabel("seconds per epoch")
    left.set_title("one epoch", loc="left", fontsize=9)
    _sizes(left, epochs)
    cells = epochs.sort("batch_size").to_dicts()
    style.tell_rows(left, "x", cells, "batch_size", "implementation", unit=" s")

    reached = target.filter(pl.col("value").is_finite()).sort("batch_size")
    if reached.is_empty():
        style.note(right, "no batch size reaches it in half of the seeds")
    else:
        _points(right, reached, COLOURS["hand-derived"], "hand-derived")
    for row in target.filter(pl.col("never") > 0).iter_rows(named=True):
        right.text(
            row["batch_size"],
            0.99,
            f"{row['never']:.0f}/{row['n']}\nnever",
            transform=right.get_xaxis_transform(),
            ha="center",
            va="top",
            fontsize=7,
            color=style.GREY,
        )
    low, high = right.get_ylim()
    right.set_ylim(low, high * (high / low) ** 0.3)
    right.set_ylabel("seconds of training")
    share = 100 * float(target["target"][0])
    right.set_title(f"until the test accuracy is {share:g} %", loc="left", fontsize=9)
    _sizes(right, target)
    cells = target.sort("batch_size").to_dicts()
    style.tell_rows(right, "x", cells, "batch_size", "implementation", unit=" s")


def _points(axes: Axes, rows: pl.DataFrame, colour: str, label: str) -> None:
    """Medians joined by a line; a bar where both ends of the interval are known and finite."""
    sizes, value, lo, hi = (
        rows[name].to_numpy().astype(float) for name in ("batch_size", "value", "lo", "hi")
    )
    axes.plot(sizes, value, color=colour, marker="o", markersize=4, linewidth=1.3, label=label)
    known = np.isfinite(lo) & np.isfinite(hi)
    axes.vlines(sizes[known], lo[known], hi[known], color=colour, linewidth=2.5, alpha=0.5)
    # The interval has no upper end where too many seeds never get there.
    for size, bottom, middle in zip(sizes[~known], lo[~known], value[~known], strict=True):
        if np.isfinite(bottom):
            axes.annotate(
                "",
                (size, middle * 1.6),
                (size, bottom),
                arrowprops={"arrowstyle": "->", "color": colour, "alpha": 0.5, "linewidth": 2},
            )


def _sizes(axes: Axes, rows: pl.DataFrame) -> None:
    sizes = sorted(set(rows["batch_size"]))
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="x", labelsize=7.5)
    axes.set_xlim(min(sizes) / 1.5, max(sizes) * 1.5)
    axes.set_xlabel("batch size")


job.run(main, globals().get("snakemake"))
