"""Platforms: images per second of a training step by batch size, one panel for each network."""

from pathlib import Path
from typing import TYPE_CHECKING

import figtable
import numpy as np
import plotjob
import polars as pl
import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator
from platform_arms import MEASURED

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TITLE = "Images per second of a training step"
COLUMNS = {
    "network": pl.String,
    "platform": pl.String,
    "arm": pl.String,
    "batch_size": pl.Int64,
    "value": pl.Float64,
    "lo": pl.Float64,
    "hi": pl.Float64,
    "n": pl.Int64,
    "device": pl.String,
    "state": pl.String,
    "threads": pl.Int64,
}
NETWORKS = {"mlp": "fully connected", "cnn": "convolutional"}
COLOURS = {"hand-derived": style.INK, "jax.grad": style.BLUE, "PyTorch": style.ORANGE}
MARKERS = {"hand-derived": "o", "jax.grad": "s", "PyTorch": "^"}
LINES = {"cpu": "-", "gpu": "--"}


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw both panels.

    Args:
        table: CSV with the columns above and data, as summarise_platforms writes it.
        svg: vector file to write.
        png: raster file to write.

    Raises:
        TableError: the table is missing or wrong, or names an unknown network, platform or arm.
    """
    read = figtable.read(table, COLUMNS, key=["network", "platform", "arm", "batch_size"])
    for column, known in (("network", NETWORKS), ("platform", LINES), ("arm", COLOURS)):
        unknown = set(read.rows[column]) - set(known)
        if unknown:
            raise figtable.TableError(
                f"{table}: unknown {column} {sorted(unknown)}; expected some of {list(known)}"
            )
    measured = read.rows.filter(state=MEASURED)
    if measured.is_empty():
        raise figtable.TableError(f"{table}: nothing was measured, so there is nothing to draw")
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
        f"95 %, between order statistics. Images: {figtable.SOURCES[read.source]}, float32. "
        f"{'. '.join([*devices, *missing(read.rows)])}."
    )
    page = style.Page(9.6, 4.4, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, measured), svg, png)


def missing(rows: pl.DataFrame) -> list[str]:
    """What was not measured and why, one sentence for each reason.

    Example:
        >>> names = {"platform": ["gpu", "gpu"], "arm": ["jax.grad", "PyTorch"]}
        >>> missing(pl.DataFrame(names | {"state": "not measured: no GPU here"}))
        ['GPU (jax.grad, PyTorch): not measured: no GPU here']
    """
    absent = rows.filter(pl.col("state") != MEASURED).unique(
        ["platform", "arm"], keep="first", maintain_order=True
    )
    return [
        f"{str(platform).upper()} ({', '.join(cells['arm'])}): {state}"
        for (platform, state), cells in absent.group_by("platform", "state", maintain_order=True)
    ]


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """One panel for each network, with a line for each platform and arm.

    Args:
        figure: receives the axes.
        rows: those that were measured.
    """
    names = [name for name in NETWORKS if name in set(rows["network"])]
    for axes, network in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for platform, arm in rows.select("platform", "arm").unique(maintain_order=True).rows():
            cells = rows.filter(network=network, platform=platform, arm=arm).sort("batch_size")
            _line(axes, cells, str(platform), str(arm))
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


def _line(axes: Axes, cells: pl.DataFrame, platform: str, arm: str) -> None:
    sizes, value, lo, hi = (
        cells[name].to_numpy().astype(float) for name in ("batch_size", "value", "lo", "hi")
    )
    axes.plot(
        sizes,
        value,
        LINES[platform],
        color=COLOURS[arm],
        marker=MARKERS[arm],
        markersize=4,
        linewidth=1.3,
        label=f"{arm}, {platform.upper()}",
    )
    known = np.isfinite(lo) & np.isfinite(hi)
    axes.vlines(sizes[known], lo[known], hi[known], color=COLOURS[arm], linewidth=2.5, alpha=0.5)


if "snakemake" in globals():
    plotjob.run(main, snakemake)
