"""Platforms: images per second of a training step by batch size, one panel for each network."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator
from names import AUTODIFF, MEASURED, NETWORKS, OURS, TORCH

from workflow.lib import job, style, tables

TITLE = "Images per second of a training step"
COLOURS = {OURS: style.INK, AUTODIFF: style.BLUE, TORCH: style.ORANGE}
MARKERS = {OURS: "o", AUTODIFF: "s", TORCH: "^"}
LINES = {"cpu": "-", "gpu": "--"}


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw both panels.

    Args:
        table: CSV as `summarise.throughput_rows` describes it, and `threads`.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    measured = read.rows.filter(state=MEASURED)
    threads = int(read.rows["threads"][0])
    devices = [
        f"{platform.upper()}: {device}"
        + (f", {threads} thread{'s' if threads > 1 else ''}" if platform == "cpu" else "")
        for platform, device in measured.select("platform", "device")
        .unique(["platform"], keep="first", maintain_order=True)
        .iter_rows()
    ]
    footer = (
        f"Medians of {int(measured['n'].to_numpy().min())} interleaved repeats; bars: at least "
        f"95 %, between order statistics. Images: {tables.SOURCES[read.source]}, float32. "
        f"{'. '.join([*devices, *missing(read.rows)])}."
    )
    page = style.Page(9.6, 4.4, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, measured), svg, png)


def missing(rows: pl.DataFrame) -> list[str]:
    """What was not measured and why, one sentence for each reason.

    Example:
        >>> names = {"platform": ["gpu", "gpu"], "implementation": ["jax.grad", "PyTorch"]}
        >>> missing(pl.DataFrame(names | {"state": "not measured: no GPU here"}))
        ['GPU (jax.grad, PyTorch): not measured: no GPU here']
    """
    absent = rows.filter(pl.col("state") != MEASURED).unique(
        ["platform", "implementation"], keep="first", maintain_order=True
    )
    return [
        f"{str(platform).upper()} ({', '.join(cells['implementation'])}): {state}"
        for (platform, state), cells in absent.group_by("platform", "state", maintain_order=True)
    ]


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """One panel for each network, with a line for each platform and implementation.

    Args:
        figure: receives the axes.
        rows: those that were measured.
    """
    names = [name for name in NETWORKS if name in set(rows["network"])]
    for axes, network in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        lines = rows.select("platform", "implementation").unique(maintain_order=True)
        for platform, implementation in lines.iter_rows():
            cells = rows.filter(
                network=network, platform=platform, implementation=implementation
            ).sort("batch_size")
            _line(axes, cells, platform, implementation)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        sizes = sorted(set(rows["batch_size"]))
        axes.xaxis.set_major_locator(FixedLocator(sizes))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:.0f}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda speed, _: f"{speed:,.0f}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("batch size")
        axes.set_title(NETWORKS[network], loc="left", fontsize=9)
        axes.set_ylabel("images per second")
        axes.legend(loc="lower right", frameon=False, fontsize=8)
        cells = [
            row | {"line": f"{row['implementation']}, {row['platform'].upper()}"}
            for row in rows.filter(network=network).sort("batch_size").to_dicts()
        ]
        style.tell_rows(axes, "x", cells, "batch_size", "line", unit=" images/s", form=",.0f")


def _line(axes: Axes, cells: pl.DataFrame, platform: str, implementation: str) -> None:
    sizes, value, lo, hi = (
        cells[name].to_numpy().astype(float) for name in ("batch_size", "value", "lo", "hi")
    )
    axes.plot(
        sizes,
        value,
        LINES[platform],
        color=COLOURS[implementation],
        marker=MARKERS[implementation],
        markersize=4,
        linewidth=1.3,
        label=f"{implementation}, {platform.upper()}",
    )
    known = np.isfinite(lo) & np.isfinite(hi)
    colour = COLOURS[implementation]
    axes.vlines(sizes[known], lo[known], hi[known], color=colour, linewidth=2.5, alpha=0.5)


job.run(main, globals().get("snakemake"))
