"""Measuring in turn: a machine whose speed drifts slows both sides of a ratio."""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPEATS = 7

Row = dict[str, Any]
"""name; medians `ours` and `peer`; their `ratio`, more than 1 if ours is better; its spread from
`least` to `most`; the `limit` that the ratio should reach; `unit`; `n`."""


def fresh(threads: int) -> dict[str, str]:
    """The environment of a fresh process, in which the threads are bound when libraries load."""
    variables = dict.fromkeys(("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    # A quick study sets it for its own programs.
    kept = {k: v for k, v in os.environ.items() if k != "JAX_DISABLE_MOST_OPTIMIZATIONS"}
    return kept | variables | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def seconds(run: Callable[[], Any]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def in_turn(runs: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Milliseconds of every run in every repeat, after one call of each to warm up."""
    for run in runs.values():
        run()
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(REPEATS):
        for name, run in runs.items():
            found[name].append(1e3 * seconds(run))
    return found


def row(name: str, ours: list[float], peer: list[float], unit: str, limit: float) -> Row:
    """A row from the measurements of both sides: of rates, or (unit ms) of times."""
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


def report(measure: Callable[[int], list[Row]]) -> None:
    """What a fresh process does: measure with the number of threads given, and print the rows."""
    json.dump(measure(int(sys.argv[1])), sys.stdout)
