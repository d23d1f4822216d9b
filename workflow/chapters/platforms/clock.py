"""Time many programs in one run: in turn, repeatedly, and in both directions.

Where the machine's speed drifts, all are slowed alike, and the order changes from repeat to repeat.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

Run = Callable[[int], None]
"""Does its work a number of times and returns when it is done."""


class Cell(NamedTuple):
    """What is timed, and the labels of its measurements."""

    labels: dict[str, Any]
    run: Run


def seconds_of(run: Run, times: int) -> float:
    """Seconds that so many times take."""
    start = time.perf_counter()
    run(times)
    return time.perf_counter() - start


def times_for(run: Run, seconds: float) -> int:
    """How often the work is done in at least so long; a power of two."""
    times = 1
    while seconds_of(run, times) < seconds:
        times *= 2
    return times


def interleaved(cells: list[Cell], repeats: int, seconds: float) -> list[dict[str, Any]]:
    """Time all cells.

    Args:
        cells: what to time. Each is run beforehand: it compiles, and fills the caches.
        repeats: measurements of each cell.
        seconds: a measurement does the work as often as takes about so long, or once.

    Returns:
        For each repeat and cell its labels, `repeat`, `times` and `seconds` of one time.
    """
    for cell in cells:
        cell.run(1)
    pairs = [(cell, times_for(cell.run, seconds)) for cell in cells]
    measured = []
    for repeat in range(repeats):
        for cell, times in pairs if repeat % 2 == 0 else reversed(pairs):
            seconds_each = seconds_of(cell.run, times) / times
            found = {"repeat": repeat, "times": times, "seconds": seconds_each}
            measured.append(cell.labels | found)
    return measured
