"""How time and memory of a sweep grow with each size, with the fitted exponents."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from workflow.lib import job, style

ENDS = ("seconds", "least", "most")
QUANTITIES = {"seconds": "seconds", "memory": "MB"}


def main(rows: Path, svg: Path, png: Path) -> None:
    """Draw a column for each size: seconds above memory.

    Args:
        rows: JSON of the benchmark.
        svg: vector file to write.
        png: raster file to write.
    """
    content = json.loads(rows.read_text(encoding="utf-8"))
    grown = content["growth"]
    footer = (
        f"Median of {grown['points'][0]['n']} sweeps, bars: least to most; memory: what they add "
        "to the peak of a fresh process. Line and exponent: least squares through the logarithms, "
        "with the 95 % interval of Student's t. One thread, except along cores; "
        f"{content['machine']['processor']}."
    )
    page = style.Page(12.0, 5.4, "Cost of a sweep along each size, the others fixed", footer)
    style.render(page, lambda figure: draw(figure, grown), svg, png)


def draw(figure: Figure, grown: dict[str, list[dict[str, Any]]]) -> None:
    """All panels, the rows with a common scale."""
    sizes = list(dict.fromkeys(point["size"] for point in grown["points"]))
    panels = figure.subplots(len(QUANTITIES), len(sizes), sharey="row", squeeze=False)
    points_of = {
        size: [point for point in grown["points"] if point["size"] == size] for size in sizes
    }
    for across, (size, points) in zip(panels.T, points_of.items(), strict=True):
        for axes, quantity in zip(across, QUANTITIES, strict=True):
            fit = [
                each
                for each in grown["exponents"]
                if (each["size"], each["quantity"]) == (size, quantity)
            ]
            _panel(axes, points, quantity, fit)
        across[-1].set_xlabel(size)
    for across, (size, points) in zip(panels.T, points_of.items(), strict=True):
        for axes, quantity in zip(across, QUANTITIES, strict=True):
            _tell(axes, points, quantity, size)
    for axes, unit in zip(panels[:, 0], QUANTITIES.values(), strict=True):
        axes.set_ylabel(unit)


def _panel(
    axes: Axes, points: list[dict[str, Any]], quantity: str, fit: list[dict[str, Any]]
) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    sizes = np.array([point["value"] for point in points])
    values = np.array([point[quantity] for point in points])
    axes.plot(sizes, values, "o", color=style.BLUE, markersize=4)
    if quantity == "seconds":
        least, most = ([point[end] for point in points] for end in ("least", "most"))
        axes.vlines(sizes, least, most, color=style.BLUE, alpha=0.5, linewidth=2.5)
    for each in fit:
        centre = np.exp(np.log(values).mean() - each["exponent"] * np.log(sizes).mean())
        axes.plot(sizes, centre * sizes ** each["exponent"], color=style.GREY, linewidth=1)
        words = f"exponent {each['exponent']:.2f}\n[{each['lo']:.2f}, {each['hi']:.2f}]"
        axes.set_title(words, fontsize=8)
    axes.xaxis.set_major_locator(FixedLocator(sizes.tolist()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.tick_params(axis="x", labelsize=7, rotation=45)


def _tell(axes: Axes, points: list[dict[str, Any]], quantity: str, size: str) -> None:
    """On hover, each point shows its number, at any height of its row of panels."""
    told: dict[float, str] = {}
    for point in points:
        number = f"{point['memory']:.3g} MB"
        if quantity == "seconds":
            number = style.interval((point[end] for end in ENDS), " s", ".3g") + " (least, most)"
        told[point["value"]] = f"{size} {point['value']}: {number}, n = {point['n']} sweeps"
    style.tell_along(axes, "x", told)


job.run(main, globals().get("snakemake"))
