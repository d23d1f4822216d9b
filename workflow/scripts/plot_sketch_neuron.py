"""Sketch: one neuron, from inputs to output."""

from pathlib import Path
from typing import TYPE_CHECKING

import plotjob
import sketch
import style
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TITLE = "One neuron"


def main(svg: Path, png: Path) -> None:
    """Draw the sketch.

    Args:
        svg: vector file to write.
        png: raster file to write.
    """
    style.render(style.Page(6.6, 4.0, TITLE), draw, svg, png)


def draw(figure: Figure) -> None:
    """Weighted inputs and a bias are summed and passed through the activation function.

    Args:
        figure: receives one axes.
    """
    axes = sketch.canvas(figure, 7.6, 4.1)
    total, function, output = (3.7, 2.3), (5.25, 2.3), (6.8, 2.3)
    inputs = sketch.column(0.7, 2.3, 4, 0.95)
    names = ["$x_1$", "$x_2$", "...", "$x_n$"]
    sketch.layer(axes, inputs, names, sketch.INPUT)
    for place, name in zip(inputs, names, strict=True):
        if name == "...":
            continue
        sketch.arrow(axes, place, total, stop=0.42)
        middle = (0.6 * place[0] + 0.4 * total[0], 0.6 * place[1] + 0.4 * total[1])
        axes.text(
            *middle,
            name.replace("x", "w"),
            ha="center",
            va="center",
            fontsize=11,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
    sketch.node(axes, total, "", sketch.HIDDEN, radius=0.42)
    axes.text(*total, r"$\Sigma$", ha="center", va="center", fontsize=17, zorder=4)
    bias = (3.7, 3.65)
    sketch.node(axes, bias, "$b$", sketch.INPUT)
    sketch.arrow(axes, bias, total, stop=0.42)
    sketch.arrow(axes, total, function, leave=0.42, stop=0.4)
    axes.add_patch(
        FancyBboxPatch(
            (function[0] - 0.32, function[1] - 0.32),
            0.64,
            0.64,
            boxstyle="round,pad=0.08",
            facecolor=sketch.HIDDEN,
            edgecolor=style.INK,
            lw=1.1,
        )
    )
    axes.text(*function, "$f$", ha="center", va="center", fontsize=14)
    sketch.arrow(axes, function, output, leave=0.4)
    sketch.node(axes, output, "$a$", sketch.OUTPUT)
    for x, text in ((0.7, "inputs"), (1.9, "weights"), (5.25, "activation"), (6.8, "output")):
        sketch.label(axes, (x, 0.55 if x < 3 else 1.65), text)
    sketch.label(axes, (3.7, 1.65), "sum")
    sketch.label(axes, (4.3, 3.74), "bias")
    formula = r"$a \,=\, f\,\left(\,\sum_{i=1}^{n} x_i\, w_i \,+\, b\right)$"
    axes.text(5.2, 0.65, formula, ha="center", va="center", fontsize=14)


if "snakemake" in globals():
    plotjob.run(main, snakemake)
