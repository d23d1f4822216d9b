"""An axis of accuracies in percent on which equal steps are equal ratios of errors."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullLocator

ROUNDING = 0.05
"""Percent added to every error, so that 100 % correct has a place."""
GAP = 0.05
"""The least distance of two ticks, as a part of the axis."""
ENOUGH = 5
"""Ticks without which whole percents are divided."""


def spread_errors(axes: Axes, low: float, high: float) -> None:
    """Give the y axis the scale, limits and ticks.

    From 90 to 95 % is as far as from 80 to 90 %: the errors halve.

    Args:
        axes: whose y axis it is.
        low: the least accuracy shown, in percent.
        high: the largest.
    """
    axes.set_yscale("function", functions=(_forward, _backward))
    bottom, top = _forward(np.array([low, high], dtype=float))
    room = 0.04 * (top - bottom) + 0.005
    ends = _backward(np.array([bottom - room, top + room])).clip(0, 100)
    axes.set_ylim(*ends)
    axis: Axis = axes.yaxis
    axis.set_major_locator(FixedLocator(ticks(*ends)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FormatStrFormatter("%g"))


def ticks(low: float, high: float) -> list[float]:
    """Round accuracies between two ends that lie far enough apart; the roundest first.

    Example:
        >>> ticks(94, 96)
        [94.0, 94.5, 95.0, 95.5, 96.0]
    """
    chosen: list[float] = []
    gap = GAP * np.diff(_forward(np.array([low, high], dtype=float)))[0]
    for step in (10, 5, 1, 0.5, 0.1):
        if step < 1 and len(chosen) >= ENOUGH:
            break
        for tick in np.arange(100, -step, -step).round(1):
            places = _forward(np.array([tick, *chosen]))
            if low <= tick <= high and (abs(places[1:] - places[0]) >= gap).all():
                chosen.append(float(tick))
    return sorted(chosen)


def _forward(accuracy: np.ndarray) -> np.ndarray:
    return -np.log10(np.maximum(100 + ROUNDING - accuracy, ROUNDING))


def _backward(place: np.ndarray) -> np.ndarray:
    return 100 + ROUNDING - 10 ** -np.asarray(place)
