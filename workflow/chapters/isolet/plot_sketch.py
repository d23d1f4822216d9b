"""Sketches of one neuron, of the XOR network and of the ISOLET network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from workflow.lib import job, style
from workflow.lib.settings import Strict

RADIUS = 0.3
INPUT, HIDDEN, OUTPUT = "#E8EEF4", "#CFE3F3", "#FBE0CC"
Point = tuple[float, float]
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
    axes = canvas(figure, 7.6, 4.1)
    total, function, output = (3.7, 2.3), (5.25, 2.3), (6.8, 2.3)
    inputs = column(0.7, 2.3, 4, 0.95)
    names = ["$x_1$", "$x_2$", "...", "$x_n$"]
    layer(axes, inputs, names, INPUT)
    for place, name in zip(inputs, names, strict=True):
        if name == "...":
            continue
        arrow(axes, place, total, stop=0.42)
        middle = (0.6 * place[0] + 0.4 * total[0], 0.6 * place[1] + 0.4 * total[1])
        axes.text(
            *middle,
            name.replace("x", "w"),
            ha="center",
            va="center",
            fontsize=11,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
    node(axes, total, "", HIDDEN, radius=0.42)
    axes.text(*total, r"$\Sigma$", ha="center", va="center", fontsize=17, zorder=4)
    bias = (3.7, 3.65)
    node(axes, bias, "$b$", INPUT)
    arrow(axes, bias, total, stop=0.42)
    arrow(axes, total, function, leave=0.42, stop=0.4)
    axes.add_patch(
        FancyBboxPatch(
            (function[0] - 0.32, function[1] - 0.32),
            0.64,
            0.64,
            boxstyle="round,pad=0.08",
            facecolor=HIDDEN,
            edgecolor=style.INK,
            lw=1.1,
        )
    )
    axes.text(*function, "$f$", ha="center", va="center", fontsize=14)
    arrow(axes, function, output, leave=0.4)
    node(axes, output, "$a$", OUTPUT)
    for x, text in ((0.7, "inputs"), (1.9, "weights"), (5.25, "activation"), (6.8, "output")):
        label(axes, (x, 0.55 if x < 3 else 1.65), text)
    label(axes, (3.7, 1.65), "sum")
    label(axes, (4.3, 3.74), "bias")
    formula = r"$a \,=\, f\,\left(\,\sum_{i=1}^{n} x_i\, w_i \,+\, b\right)$"
    axes.text(5.2, 0.65, formula, ha="center", va="center", fontsize=14)


def xor(figure: Figure) -> None:
    """Two inputs, three hidden units, two outputs, and the four training rows.

    Args:
        figure: receives one axes.
    """
    axes = canvas(figure, 8.6, 4.0)
    inputs = column(0.8, 2.3, 2, 1.2)
    hidden = column(2.6, 2.3, 3, 1.1)
    outputs = column(4.4, 2.3, 2, 1.2)
    connect(axes, inputs, hidden)
    connect(axes, hidden, outputs)
    layer(axes, inputs, ["$x_1$", "$x_2$"], INPUT)
    layer(axes, hidden, ["$h_1$", "$h_2$", "$h_3$"], HIDDEN)
    layer(axes, outputs, ["$a_1$", "$a_2$"], OUTPUT)
    for x, text in ((0.8, "2 inputs"), (2.6, "3 hidden units"), (4.4, "2 outputs,\none-hot")):
        label(axes, (x, 0.75), text)
    axes.text(4.85, outputs[0][1], "XOR = 1", va="center_baseline", fontsize=9)
    axes.text(4.85, outputs[1][1], "XOR = 0", va="center_baseline", fontsize=9)
    _targets(axes)


def _targets(axes: Axes) -> None:
    """The four training rows as a small table."""
    places = (6.35, 7.15, 8.0)
    for x, head in zip(places, ("$x_1\\; x_2$", "XOR", "target"), strict=True):
        label(axes, (x, 3.4), head, vertical="baseline")
    axes.plot([5.95, 8.4], [3.2, 3.2], color=style.INK, lw=0.9)
    for line, row in enumerate(ROWS):
        for x, text in zip(places, row, strict=True):
            label(axes, (x, 2.75 - 0.5 * line), text, size=10, vertical="baseline")


def isolet(figure: Figure) -> None:
    """617 features, H hidden units and 26 letters; three dots replace the nodes left out.

    Args:
        figure: receives one axes.
    """
    axes = canvas(figure, 7.2, 5.0)
    layers = [
        (column(1.2, 2.9, 5, 0.85), ["$x_1$", "$x_2$", "$x_3$", "...", "$x_{617}$"]),
        (column(3.6, 2.9, 4, 0.9), ["$h_1$", "$h_2$", "...", "$h_H$"]),
        (column(6.0, 2.9, 5, 0.85), ["A", "B", "C", "...", "Z"]),
    ]
    drawn = [[place for place, text in zip(*each, strict=True) if text != "..."] for each in layers]
    connect(axes, drawn[0], drawn[1])
    connect(axes, drawn[1], drawn[2])
    for each, colour in zip(layers, (INPUT, HIDDEN, OUTPUT), strict=True):
        layer(axes, *each, colour)
    words = ("617 inputs:\nfeatures of the sound", "H hidden units:\nReLU", "26 outputs:\nsoftmax")
    for x, text in zip((1.2, 3.6, 6.0), words, strict=True):
        label(axes, (x, 0.62), text)


def canvas(figure: Figure, width: float, height: float) -> Axes:
    """Axes without ticks in which one unit is the same length both ways."""
    axes = figure.add_subplot()
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.set_aspect("equal")
    axes.axis("off")
    return axes


def node(axes: Axes, at: Point, text: str, colour: str, radius: float = RADIUS) -> None:
    """A circle with a short text in it."""
    axes.add_patch(Circle(at, radius, facecolor=colour, edgecolor=style.INK, lw=1.1, zorder=3))
    axes.text(*at, text, ha="center", va="center_baseline", fontsize=10, zorder=4)


def arrow(
    axes: Axes, start: Point, end: Point, leave: float = RADIUS, stop: float = RADIUS
) -> None:
    """An arrow from centre to centre that leaves and stops at the circles' edges.

    Args:
        axes: where to draw.
        start: centre of the first circle.
        end: centre of the second circle.
        leave: radius of the first circle.
        stop: radius of the second circle.
    """
    (x0, y0), (x1, y1) = start, end
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    axes.add_patch(
        FancyArrowPatch(
            (x0 + leave * dx, y0 + leave * dy),
            (x1 - stop * dx, y1 - stop * dy),
            arrowstyle="-|>",
            mutation_scale=9,
            shrinkA=0,
            shrinkB=0,
            color=style.GREY,
            lw=0.9,
        )
    )


def column(x: float, middle: float, count: int, step: float) -> list[Point]:
    """Centres of `count` nodes one above the other, the first on top.

    >>> column(1.0, 2.0, 2, 1.0)
    [(1.0, 2.5), (1.0, 1.5)]
    """
    return [(x, middle + step * ((count - 1) / 2 - i)) for i in range(count)]


def layer(axes: Axes, places: Sequence[Point], texts: Sequence[str], colour: str) -> None:
    """The nodes of a layer; the text "..." is drawn as three dots, for the nodes left out."""
    for place, text in zip(places, texts, strict=True):
        if text == "...":
            for shift in (-0.16, 0.0, 0.16):
                dot = (place[0], place[1] + shift)
                axes.add_patch(Circle(dot, 0.035, color=style.INK, lw=0, zorder=3))
        else:
            node(axes, place, text, colour)


def connect(axes: Axes, left: Sequence[Point], right: Sequence[Point]) -> None:
    """An arrow from every node of one layer to every node of the next."""
    for start in left:
        for end in right:
            arrow(axes, start, end)


def label(axes: Axes, at: Point, text: str, size: float = 9, vertical: str = "top") -> None:
    """A text centred below a point, or resting on it with `vertical="baseline"`."""
    axes.text(*at, text, ha="center", va=vertical, fontsize=size, linespacing=1.35)


SKETCHES = {
    "neuron": (style.Page(6.6, 4.0, "One neuron"), neuron),
    "xor": (style.Page(7.2, 3.7, "The XOR network, 2-3-2"), xor),
    "isolet": (style.Page(6.6, 4.9, "The ISOLET network, 617-H-26"), isolet),
}

job.run(main, globals().get("snakemake"))
