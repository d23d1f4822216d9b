"""What the terminal shows while long jobs run: the share of the expected time, and what runs.

Snakemake counts finished jobs, but most take a second and a few take minutes. Here a job counts as
much as it took in the run whose reports are in the folder; the log of a running job shows what it
does.
"""

import itertools
import json
import re
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

EVERY = 30
"""Seconds between two lines."""
USUAL = 2.0
"""Seconds of a job that has no record."""


class Job(NamedTuple):
    """A job that is due: its first output, and its log."""

    output: str
    log: Path


def expected(costs: Path) -> dict[str, float]:
    """The seconds that each job took when it last ran, by its first output.

    Args:
        costs: JSON of `write_costs`; may be missing or damaged, then nothing is expected.
    """
    try:
        found = json.loads(costs.read_text(encoding="utf-8"))
        return {output: float(cost["wall"]) for output, cost in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def line(
    jobs: Sequence[Job],
    expected: Mapping[str, float],
    since: dict[Job, float],
    began: float,
    now: float,
) -> str | None:
    """What to show.

    Args:
        jobs: all that are due in this run.
        expected: output: seconds of its job.
        since: when each running job was first seen; jobs that began since the last line are added.
        began: when the run began, in seconds, by the clock of file times.
        now: the time now.

    Returns:
        The share that is done, what is left, and the running jobs; None before anything is done.
    """
    done, running, overdue = 0.0, list[tuple[float, str]](), False
    for job in jobs:
        seconds = expected.get(job.output, USUAL)
        if _newer(job.log.with_suffix(".cost.json"), began):
            done += seconds
        elif _newer(job.log, began):
            ran = now - since.setdefault(job, now)
            done += min(ran, 0.95 * seconds)
            overdue |= ran > seconds
            running.append((ran, f"{job.output} for {_spoken(ran)}{_last(job.log)}"))
    total = sum(expected.get(job.output, USUAL) for job in jobs)
    if not done:
        return None
    # The end of a job that takes longer than expected cannot be predicted.
    left = _spoken((now - began) * (total - done) / done)
    until = "one job takes longer than expected" if overdue else f"about {left} left"
    words = "; ".join(text for _, text in sorted(running, reverse=True)[:3])
    share = f"{done / total:.0%} of the expected time, {until}."
    return f"{share} Running: {words}" if words else share


def _newer(path: Path, began: float) -> bool:
    return path.exists() and path.stat().st_mtime >= began


def _last(log: Path) -> str:
    """The last bar in a job's log, in words."""
    bars = re.findall(r"(\w+): +\d+%\|.*?\| (\d+/\d+) \[", log.read_text(encoding="utf-8"))
    return f" ({bars[-1][1]} {bars[-1][0]})" if bars else ""


def _spoken(seconds: float) -> str:
    """A time in words.

    Example:
        >>> _spoken(20), _spoken(59.7), _spoken(610)
        ('20 s', '1 min', '10 min')
    """
    return f"{seconds / 60:.0f} min" if seconds >= 59.5 else f"{seconds:.0f} s"


def show(jobs: Sequence[Job], expected: Mapping[str, float]) -> None:
    """Print a line now and then, until this process ends."""
    began, since = time.time(), dict[Job, float]()

    def run() -> None:
        for second in itertools.count(1):
            time.sleep(1)
            # Every second, to see when a job begins.
            text = line(jobs, expected, since, began, time.time())
            if text and second % EVERY == 0:
                print(text, file=sys.stderr, flush=True)

    threading.Thread(target=run, daemon=True).start()
