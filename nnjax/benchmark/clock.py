"""Measuring in turn: a machine whose speed drifts slows both sides of a ratio.

With a time budget: what does not fit is always named.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

REPEATS = 10
"""Measurements of each program; fewer if time is short, and `n` is their number."""
SECONDS = 0.05
"""A measurement repeats its work for about this long, or does it once."""

MEASURED, NO_TIME = "measured", "not measured: time"

Row = dict[str, Any]
"""name; medians `ours` and `peer`; their `ratio`, more than 1 if ours is better; its spread from
`least` to `most`; the `limit` that the ratio should reach; `unit`; `n`."""

Run = Callable[[int], None]
"""Does its work as many times as asked and returns when it is done."""


def seconds(run: Callable[[], Any]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def row(name: str, ours: list[float], peer: list[float], unit: str, limit: float | None) -> Row:
    """A row from the measurements of both sides: of rates, or (unit ms) of times.

    Args:
        name: of the row.
        ours: measurements of this library, one for each repeat.
        peer: those of the peer in the same repeats.
        unit: of both; with ms less is better, with every other unit more.
        limit: what the ratio should reach, or None.

    Example:
        >>> row("step", [2.0, 2.0], [3.0, 5.0], "ms", limit=1.0)["ratio"]
        2.0
    """
    pairs = [(p, o) if unit == "ms" else (o, p) for o, p in zip(ours, peer, strict=True)]
    ratios = [better / worse for better, worse in pairs]
    return {
        "name": name,
        "ours": statistics.median(ours),
        "peer": statistics.median(peer),
        "limit": limit,
        "ratio": statistics.median(ratios),
        "least": min(ratios),
        "most": max(ratios),
        "unit": unit,
        "n": len(ratios),
    }


class Budget:
    """The time that a benchmark may take, divided among its parts in order."""

    def __init__(self, seconds: float, parts: int) -> None:
        """Start the clock.

        Args:
            seconds: for all parts together.
            parts: their number.
        """
        self.start = time.perf_counter()
        self.end = self.start + seconds
        self.parts = parts
        self.longest: dict[str, float] = {}
        """Seconds of the longest start (compilation and a first call) so far, by program."""

    def left(self) -> float:
        """Seconds that are left."""
        return self.end - time.perf_counter()

    def __str__(self) -> str:
        """Seconds used, out of all."""
        now = time.perf_counter()
        return f"[{now - self.start:3.0f} s of {self.end - self.start:.0f}]"

    def part(self) -> float:
        """When the next part should end: at twice its even share of what is left.

        Parts differ in length, and those that come first matter most.
        """
        share = 2 * self.left() / max(self.parts, 1)
        self.parts -= 1
        return min(self.end, time.perf_counter() + share)


class Measured(NamedTuple):
    """For each program its state, and its measurements: repeat, times and seconds of one time."""

    states: dict[str, str]
    times: dict[str, list[dict[str, Any]]]

    def seconds(self, name: str) -> list[float]:
        """Seconds of one run of the work, in every repeat."""
        return [each["seconds"] for each in self.times[name]]


def in_turn(programs: dict[str, Callable[[], Run]], budget: Budget) -> Measured:
    """Time programs one after the other, again and again, and in both directions.

    Args:
        programs: functions that make them, the most important first. Each program first runs
            untimed: it compiles, and fills the caches. One that fails is named with the reason.
        budget: of the whole benchmark. A program starts only if the part has time left and the
            longest start so far under its name would still fit. It is dropped if a measurement
            would not fit.
    """
    end, timed, states = budget.part(), dict[str, tuple[Run, int]](), dict[str, str]()
    round_takes = 0.0
    for name, make in programs.items():
        start = time.perf_counter()
        states[name] = NO_TIME
        if start >= end or budget.left() < budget.longest.get(name, 0.0):
            continue
        try:
            run = make()
            run(1)
            took = time.perf_counter() - start
            budget.longest[name] = max(budget.longest.get(name, 0.0), took)
            # Most of it may be compilation, so only a second run tells how long one takes.
            if budget.left() < took:
                continue
            times, takes = _counted(run)
        # Whatever a peer or a device raises: the other programs can still be measured.
        except Exception as error:
            states[name] = failure(error)
            continue
        if takes <= max(end - time.perf_counter(), 4 * SECONDS):
            timed[name], states[name] = (run, times), MEASURED
            round_takes += takes
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in programs}
    for repeat in _repeats(end, round_takes):
        for name in list(timed)[:: 1 if repeat % 2 == 0 else -1]:
            run, times = timed[name]
            try:
                each = _seconds_of(run, times) / times
            except Exception as error:
                states[name], found[name] = failure(error), []
                del timed[name]
                continue
            found[name].append({"repeat": repeat, "times": times, "seconds": each})
    return Measured(states, found)


def failure(error: Exception) -> str:
    """The state of what failed: the error's kind and its first line."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"failed: {type(error).__name__}: {first[:200]}"


def _seconds_of(run: Run, times: int) -> float:
    return seconds(lambda: run(times))


def _counted(run: Run) -> tuple[int, float]:
    """How often the work is done in about `SECONDS`, a power of two, and the seconds it took."""
    times = 1
    while (takes := _seconds_of(run, times)) < SECONDS:
        times *= 2
    return times, takes


def _repeats(end: float, takes: float) -> Iterator[int]:
    """The numbers of the repeats: one, and as many more as fit if each takes this long."""
    for repeat in range(REPEATS):
        if repeat and time.perf_counter() + takes > end:
            return
        yield repeat
