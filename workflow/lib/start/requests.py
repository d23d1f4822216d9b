"""What a job asks a cluster for: what it used when it last ran, with room.

A cluster ends a job that takes more memory or time than it asked for, and starts smaller requests
sooner.
"""

import json
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import NamedTuple

ROOM = 2
"""Times the measured memory: other versions and more threads take more."""
SLOWER = 4
"""Times the measured seconds: another processor, busy with other jobs."""
LEAST_MEMORY, LEAST_MINUTES = 1000, 10
"""The least to ask for: Python has to start, and a disk may be slow."""


class Used(NamedTuple):
    """Peak memory in MB and seconds of a job."""

    memory: float = 2000.0
    wall: float = 900.0


def used(costs: Path) -> dict[str, Used]:
    """What each job used when it last ran, by its first output.

    Args:
        costs: JSON of `write_costs`; may be missing or damaged, then nothing is known.
    """
    try:
        found = json.loads(costs.read_text(encoding="utf-8"))
        return {
            name: Used(float(cost["memory"]), float(cost["wall"])) for name, cost in found.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def memory(used: Mapping[str, Used], output: str, attempt: int = 1) -> int:
    """The MB to ask for, twice as many at each further attempt.

    Example:
        >>> memory({"a": Used(memory=900.0)}, "a"), memory({}, "a"), memory({}, "a", attempt=2)
        (1800, 4000, 8000)
    """
    asked = ROOM * used.get(output, Used()).memory
    return max(LEAST_MEMORY, ceil(asked)) * 2 ** (attempt - 1)


def minutes(used: Mapping[str, Used], output: str, attempt: int = 1) -> int:
    """The minutes to ask for, twice as many at each further attempt.

    Example:
        >>> minutes({"a": Used(wall=312.0)}, "a"), minutes({"a": Used(wall=2.0)}, "a")
        (21, 10)
    """
    asked = SLOWER * used.get(output, Used()).wall / 60
    return max(LEAST_MINUTES, ceil(asked)) * 2 ** (attempt - 1)
