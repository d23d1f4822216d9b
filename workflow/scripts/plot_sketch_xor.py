"""Sketch: the 2-3-2 network for XOR and its one-hot targets."""

from pathlib import Path
from typing import TYPE_CHECKING

import plotjob
import sketch
import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TITLE = "The XOR network, 2-3-2"
# Inputs, XOR, and the one-hot target as published: the first output stands for 1.
ROWS = [("0 0", "0", "0 1"), ("0 1", "1", "1 0"), ("1 0", "1", "1 0"), ("1 1", "0", "0 1")]


def main(svg: Path, png: Path) -> None:
    """Draw the sketch.

    Args:
        svg: vector file to write.
        png: raster file to write.
    """
    style.render(style.Page(7.2, 3.7, TITLE), draw, svg, png)


def draw(figure: Figure) -> None:
    """Two inputs, three hidden units, two outputs; beside them the four training rows.

    Args:
        figure: receives one axes.
    """
    axes = sketch.canvas(figure, 8.6, 4.0)
    inputs = sketch.column(0.8, 2.3, 2, 1.2)
    hidden = sketch.column(2.6, 2.3, 3, 1.1)
    outputs = sketch.column(4.4, 2.3, 2, 1.2)
    sketch.connect(axes, inputs, hidden)
    sketch.connect(axes, hidden, outputs)
    sketch.layer(axes, inputs, ["$x_1$", "$x_2$"], sketch.INPUT)
    sketch.layer(axes, hidden, ["$h_1$", "$h_2$", "$h_3$"], sketch.HIDDEN)
    sketch.layer(axes, outputs, ["$a_1$", "$a_2$"], sketch.OUTPUT)
    for x, text in ((0.8, "2 inputs"), (2.6, "3 hidden units"), (4.4, "2 outputs,\none-hot")):
        sketch.label(axes, (x, 0.75), text)
    axes.text(4.85, outputs[0][1], "XOR = 1", va="center_baseline", fontsize=9)
    axes.text(4.85, outputs[1][1], "XOR = 0", va="center_baseline", fontsize=9)
    _targets(axes)


def _targets(axes: Axes) -> None:
    """The four training rows as a small table."""
    places = (6.35, 7.15, 8.0)
    for x, head in zip(places, ("$x_1\\; x_2$", "XOR", "target"), strict=True):
        sketch.label(axes, (x, 3.4), head, stands="baseline")
    axes.plot([5.95, 8.4], [3.2, 3.2], color=style.INK, lw=0.9)
    for line, row in enumerate(ROWS):
        for x, text in zip(places, row, strict=True):
            sketch.label(axes, (x, 2.75 - 0.5 * line), text, size=10, stands="baseline")


if "snakemake" in globals():
    plotjob.run(main, snakemake)
