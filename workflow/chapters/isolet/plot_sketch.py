"""Sketches of one neuron, of the XOR network and of the ISOLET network."""

from pathlib import Path
from typing import Literal

import sketch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from workflow.lib import job, style
from workflow.lib.settings import Strict

# Inputs, XOR, and the one-hot target as printed: the first output means 1.
ROWS = [("0 0", "0", "0 1"), ("0 1", "1", "1 0"), ("1 0", "1", "1 0"), ("1 1", "0", "0 1")]


class Drawing(Strict):
    """What is sketched."""

    network: Literal["neuron", "xor", "isolet"]


def main(drawing: Drawing, svg: Path, png: Path) -> None:
    """Draw a sketch.

    Args:
        drawing: what is sketched.
        svg: vector file to write.
        png: raster file to write.
    """
    page, draw = SKETCHES[drawing.network]
    style.render(page, draw, svg, png)


def neuron(figure: Figure) -> None:
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


def xor(figure: Figure) -> None:
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
        sketch.label(axes, (x, 3.4), head, vertical="baseline")
    axes.plot([5.95, 8.4], [3.2, 3.2], color=style.INK, lw=0.9)
    for line, row in enumerate(ROWS):
        for x, text in zip(places, row, strict=True):
            sketch.label(axes, (x, 2.75 - 0.5 * line), text, size=10, vertical="baseline")


def isolet(figure: Figure) -> None:
    """617 features, H hidden units and 26 letters; three dots replace the nodes left out.

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


SKETCHES = {
    "neuron": (style.Page(6.6, 4.0, "One neuron"), neuron),
    "xor": (style.Page(7.2, 3.7, "The XOR network, 2-3-2"), xor),
    "isolet": (style.Page(6.6, 4.9, "The ISOLET network, 617-H-26"), isolet),
}

job.run(main, globals().get("snakemake"))
