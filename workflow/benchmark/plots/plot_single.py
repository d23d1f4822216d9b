"""Single trainings: how much faster `nn.fit` is than each peer, by batch size."""

import json
import re
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from workflow.lib import job, style

PEERS = {
    "autodiff": ("jax.grad + optax", style.INK, "o"),
    "equinox": ("Equinox", style.GREY, "v"),
    "numpy": ("NumPy", style.GREEN, "s"),
    "scikit_learn": ("scikit-learn", style.BLUE, "D"),
    "torch_eager": ("PyTorch", style.ORANGE, "^"),
    "torch_compiled": ("PyTorch, compiled", style.ORANGE, "P"),
}
ENDS = ("ratio", "least", "most")
ROW = re.compile(r"single\.617-(?P<units>\d+)-26\.batch(?P<batch>\d+)\.over_(?P<peer>\w+)")


def main(rows: Path, svg: Path, png: Path) -> None:
    """Draw one panel for each width.

    Args:
        rows: JSON of the benchmark.
        svg: vector file to write.
        png: raster file to write.
    """
    content = json.loads(rows.read_text(encoding="utf-8"))
    found = [(match, row) for row in content["rows"] if (match := ROW.fullmatch(row["name"]))]
    machine = content["machine"]["processor"]
    footer = (
        f"Medians of {found[0][1]['n']} runs in turn; bars: least to most. 1 thread, {machine}."
    )
    page = style.Page(
        9.6, 4.4, "One network of 617 inputs and 26 classes: time of peers / time of nn.fit", footer
    )
    style.render(page, lambda figure: draw(figure, found), svg, png)


def draw(figure: Figure, found: list[tuple[re.Match[str], dict[str, Any]]]) -> None:
    """One panel for each width, one line for each peer."""
    widths = sorted({int(match["units"]) for match, _ in found})
    panels = figure.subplots(1, len(widths), sharey=True, squeeze=False)[0]
    for axes, units in zip(panels, widths, strict=True):
        part = [(match, row) for match, row in found if int(match["units"]) == units]
        _panel(axes, part)
        axes.set_title(f"{units} hidden units", loc="left", fontsize=9)
        _tell(axes, part, units)
    panels[0].set_ylabel("times faster than the peer")
    panels[0].legend(fontsize=8, frameon=False)


def _panel(axes: Axes, found: list[tuple[re.Match[str], dict[str, Any]]]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.axhline(1, color=style.INK, linewidth=0.8)
    for peer, (name, colour, marker) in PEERS.items():
        line = [(int(match["batch"]), row) for match, row in found if match["peer"] == peer]
        if line:
            sizes, rows = zip(*sorted(line, key=lambda each: each[0]), strict=True)
            ratios = [row["ratio"] for row in rows]
            axes.plot(sizes, ratios, color=colour, marker=marker, markersize=4, label=name)
            least, most = ([row[end] for row in rows] for end in ("least", "most"))
            axes.vlines(sizes, least, most, color=colour, alpha=0.5, linewidth=2.5)
    sizes = sorted({int(match["batch"]) for match, _ in found})
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}"))
    axes.set_xlabel("batch size")


def _tell(axes: Axes, found: list[tuple[re.Match[str], dict[str, Any]]], units: int) -> None:
    """On hover, each batch size shows the ratios to all peers."""
    told: dict[float, str] = {}
    for size in sorted({int(match["batch"]) for match, _ in found}):
        here = {match["peer"]: row for match, row in found if int(match["batch"]) == size}
        ratios = "; ".join(
            f"{name} {style.interval((here[peer][end] for end in ENDS), '')}"
            for peer, (name, _, _) in PEERS.items()
            if peer in here
        )
        n = next(iter(here.values()))["n"]
        told[size] = (
            f"{units} hidden units, batch size {size}: times faster than {ratios} (least, most), "
            f"n = {n} runs"
        )
    style.tell_along(axes, "x", told)


job.run(main, globals().get("snakemake"))
