"""The optimizers in figures: their names and colours, and a box with all its seeds."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from workflow.lib import style

NAMES = {
    "sgd": "SGD",
    "sgd_momentum": "SGD, momentum",
    "adagrad": "Adagrad",
    "rmsprop": "RMSprop",
    "adam": "Adam",
}
COLOURS = dict(
    zip(NAMES, (style.GREY, style.GREY, style.GREEN, style.BLUE, style.ORANGE), strict=True)
)
DASHES: dict[str, Any] = dict.fromkeys(NAMES, "solid") | {"sgd": (0, (3, 1.5))}


def box(axes: Axes, place: float, values: np.ndarray, colour: str, width: float = 0.5) -> None:
    """A box of the quartiles, with every value spread around its middle by a fixed rule.

    Args:
        axes: receives the box.
        place: its middle.
        values: finite, at least one.
        colour: of the box and the dots.
        width: of the box.
    """
    axes.boxplot(
        values,
        positions=[place],
        widths=width,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": colour, "alpha": 0.3, "edgecolor": style.INK},
        medianprops={"color": style.INK, "linewidth": 1.8},
        whiskerprops={"color": style.GREY},
        capprops={"color": style.GREY},
    )
    axes.scatter(
        place + 0.72 * width * _jitter(values.size),
        values,
        s=11,
        color=colour,
        alpha=0.75,
        lw=0,
        zorder=3,
    )


def told(name: str, values: np.ndarray) -> str:
    """The hover text of a box: its quartiles, its ends, and how many runs diverged.

    Args:
        name: of the box.
        values: accuracies in percent, NaN where a run diverged.
    """
    finite = values[np.isfinite(values)]
    lost = f"n = {values.size} seeds, {values.size - finite.size} diverged"
    if not finite.size:
        return f"{name}: {lost}"
    low, first, median, third, high = np.percentile(finite, (0, 25, 50, 75, 100))
    return (
        f"{name}: median {median:.2f} %, quartiles {first:.2f} to {third:.2f}, "
        f"all from {low:.2f} to {high:.2f}, {lost}"
    )


def _jitter(count: int) -> np.ndarray:
    """Places in (-1/2, 1/2): multiples of the golden ratio, even and without chance."""
    return (np.arange(1, count + 1) * 0.6180339887498949) % 1 - 0.5
