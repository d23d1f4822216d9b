"""Measuring in turn: a machine whose speed drifts slows both sides of a ratio."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nnjax.benchmark.clock import Row, seconds
from nnjax.benchmark.clock import row as row

REPEATS = 7


def fresh(threads: int) -> dict[str, str]:
    """The environment of a fresh process, in which the threads are bound when libraries load."""
    variables = dict.fromkeys(("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    # A quick study sets it for its own programs.
    kept = {k: v for k, v in os.environ.items() if k != "JAX_DISABLE_MOST_OPTIMIZATIONS"}
    return kept | variables | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def in_turn(runs: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Milliseconds of every run in every repeat, after one call of each to warm up."""
    for run in runs.values():
        run()
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(REPEATS):
        for name, run in runs.items():
            found[name].append(1e3 * seconds(run))
    return found


def report(measure: Callable[[int], list[Row]]) -> None:
    """What a fresh process does: measure with the number of threads given, and print the rows."""
    json.dump(measure(int(sys.argv[1])), sys.stdout)
