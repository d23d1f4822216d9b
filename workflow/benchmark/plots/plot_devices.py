"""Speed-up of training on several devices, and which of them share a core."""

import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from workflow.lib import job, style

TITLES = {
    "batches": "nn.fit: rows of a batch split over devices",
    "groups": "nn.sweep: groups of replicas divided among devices",
}

ENDS = ("speed_up", "least", "most")


def main(rows: Path, svg: Path, png: Path) -> None:
    """Draw a panel for each kind of sharing.

    Args:
        rows: JSON of the measurement.
        svg: vector file to write.
        png: raster file to write.
    """
    content = json.loads(rows.read_text(encoding="utf-8"))
    cores = content["machine"]["cores"]
    footer = (
        f"All devices are simulated on the {cores} cores of one processor. Filled: a core for each "
        "device. Hollow: more devices than cores, which can only use the same cores more fully, or "
        "take a larger share of a machine that others use too; not what more hardware would gain. "
        "Dashed: as many times faster as there are devices, up to the cores. Median of "
        f"{content['points'][0]['n']} runs in turn, bars: least to most; "
        f"{content['machine']['processor']}."
    )
    page = style.Page(8.4, 3.9, "Speed-up over one device", footer)
    style.render(page, lambda figure: draw(figure, content["points"], cores), svg, png)


def draw(figure: Figure, points: list[dict[str, Any]], cores: int) -> None:
    """Both panels, with a common scale."""
    panels = figure.subplots(1, len(TITLES), sharey=True)
    for axes, (shared, title) in zip(panels, TITLES.items(), strict=True):
        part = [point for point in points if point["shared"] == shared]
        _panel(axes, part, cores)
        axes.set_title(title, fontsize=9)
    panels[0].set_ylabel("speed-up")
    for axes, shared in zip(panels, TITLES, strict=True):
        _tell(axes, [point for point in points if point["shared"] == shared], cores)


def _panel(axes: Axes, points: list[dict[str, Any]], cores: int) -> None:
    devices = [point["devices"] for point in points]
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.axhline(1, color=style.INK, linewidth=0.8)
    axes.plot(devices, [min(n, cores) for n in devices], "--", color=style.GREY, linewidth=1)
    for point in points:
        n, simulated = point["devices"], point["devices"] > cores
        axes.vlines(n, point["least"], point["most"], color=style.BLUE, alpha=0.5, linewidth=2.5)
        face = "white" if simulated else style.BLUE
        axes.plot(n, point["speed_up"], "o", color=style.BLUE, markerfacecolor=face, markersize=5)
    axes.set_xlabel("devices")
    axes.xaxis.set_major_locator(FixedLocator(devices))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:.3g}"))


def _tell(axes: Axes, points: list[dict[str, Any]], cores: int) -> None:
    """On hover, each number of devices shows its speed-up."""
    told: dict[float, str] = {}
    for point in points:
        speed_up = style.interval((point[end] for end in ENDS), "")
        told[point["devices"]] = (
            f"{point['devices']} simulated devices on {cores} cores: speed-up {speed_up} (least, "
            f"most), n = {point['n']} runs"
        )
    style.tell_along(axes, "x", told)


job.run(main, globals().get("snakemake"))
