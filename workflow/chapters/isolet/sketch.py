"""Circles, arrows and whole layers: the strokes of the network sketches."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

from workflow.lib import style

RADIUS = 0.3
INPUT, HIDDEN, OUTPUT = "#E8EEF4", "#CFE3F3", "#FBE0CC"
Point = tuple[float, float]


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
