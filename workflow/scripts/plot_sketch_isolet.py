"""Sketch: the 617-H-26 network for ISOLET."""

from pathlib import Path
from typing import TYPE_CHECKING

import plotjob
import sketch
import style
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TITLE = "The ISOLET network, 617-H-26"


def main(svg: Path, png: Path) -> None:
    """Draw the sketch.

    Args:
        svg: vector file to write.
        png: raster file to write.
    """
    style.render(style.Page(6.6, 4.9, TITLE), draw, svg, png)


def draw(figure: Figure) -> None:
    """617 features, H hidden units and 26 letters; ellipses stand for the nodes left out.

    Args:
        figure: receives one axes.
    """
    axes = sketch.canvas(figure, 7.2, 5.0)
    layers = [
        (sketch.column(1.2, 2.9, 5, 0.85), ["$x_1$", "$x_2$", "$x_3$", "...", "$x_{617}$"]),
        (sketch.column(3.6, 2.9, 4, 0.9), ["$h_1$", "$h_2$", "...", "$h_H$"]),
        (sketch.column(6.0, 2.9, 5, 0.85), ["A", "B", "C", "...", "Z"]),
    ]
    drawn = [[place for place, text in zip(*each, strict=True) if text != "..."] for each in layers]
    sketch.connect(axes, drawn[0], drawn[1])
    sketch.connect(axes, drawn[1], drawn[2])
    for each, colour in zip(layers, (sketch.INPUT, sketch.HIDDEN, sketch.OUTPUT), strict=True):
        sketch.layer(axes, *each, colour)
    words = ("617 inputs:\nfeatures of the sound", "H hidden units:\nReLU", "26 outputs:\nsoftmax")
    for x, text in zip((1.2, 3.6, 6.0), words, strict=True):
        sketch.label(axes, (x, 0.62), text)


if "snakemake" in globals():
    plotjob.run(main, snakemake)
