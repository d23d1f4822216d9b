"""Costs: where the time of every job went. Each job measures itself; this command shows the table.

    python -m workflow.lib.costs

`cpu` are processor seconds. Of the `wall` seconds, the job spends some to `start` Python and
import, to `trace` programs, to `lower` and to `compile` them (or to read them from the cache), and
to `write` results; the rest is `run`. `memory` is the peak in MB. Below the table: the totals, and
the longest chain of jobs that wait for each other, which no number of cores makes shorter.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import psutil

from workflow.lib.machine import peak_memory
from workflow.lib.made import fingerprints, records

Span = tuple[float, float]
"""Begin and end, in seconds of one clock."""
Record = dict[str, Any]
"""What one job wrote."""

PHASES = {
    "/jax/core/compile/jaxpr_trace_duration": "trace",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "lower",
    "/jax/core/compile/backend_compile_duration": "compile",
}
"""JAX's monitoring events, and the columns that they belong to."""
SPENT: dict[str, list[Span]] = {}
"""The spans of this process by phase: each job is one process."""
COLUMNS = ("cpu", "wall", "start", "trace", "lower", "compile", "write", "run", "memory")

# --- in a job -------------------------------------------------------------------------------------


def listen() -> None:
    """Record the times that JAX reports for its programs, if the job uses JAX."""
    if "jax" in sys.modules:
        import jax

        jax.monitoring.register_event_duration_secs_listener(_on_event)


def _on_event(event: str, duration_secs: float, **kwargs: str | int) -> None:
    if event in PHASES:
        _note(PHASES[event], duration_secs)


@contextmanager
def spent(phase: str) -> Iterator[None]:
    """Note the time of a block."""
    begin = time.perf_counter()
    yield
    _note(phase, time.perf_counter() - begin)


def _note(phase: str, seconds: float) -> None:
    now = time.perf_counter()
    SPENT.setdefault(phase, []).append((now - seconds, now))


def age() -> float:
    """Seconds since this process began."""
    return time.time() - psutil.Process().create_time()


def write(path: Path, start: float, rule: str, inputs: list[str], outputs: list[str]) -> None:
    """Write the record of the job of this process.

    Args:
        path: JSON to write.
        start: the age of the process when its work began.
        rule: the job's rule.
        inputs: its input files.
        outputs: its output files; none if it failed.
    """
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    kilobyte = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss
    phases = {"start": start} | {name: covered(spans) for name, spans in SPENT.items()}
    wall = age()
    record = phases | {
        "wall": wall,
        "cpu": sum(each.ru_utime + each.ru_stime for each in used),
        "run": wall - sum(phases.values()),
        "memory": max(peak_memory(), used[1].ru_maxrss * kilobyte / 1e6),
    }
    job: Record = {"rule": rule, "inputs": inputs, "outputs": outputs}
    job["reports"] = fingerprints(outputs)
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(job | {n: round(v, 3) for n, v in record.items()}) + "\n")
    draft.replace(path)


def covered(spans: list[Span]) -> float:
    """The time that at least one of the spans covers: programs are traced inside of others.

    Example:
        >>> covered([(1.0, 2.0), (0.0, 3.0), (5.0, 6.0)])
        4.0
    """
    total, end = 0.0, float("-inf")
    for begin, stop in sorted(spans):
        total += max(0.0, stop - max(begin, end))
        end = max(end, stop)
    return total


# --- the table ------------------------------------------------------------------------------------


def collect(logs: Path) -> list[Record]:
    """The records of the jobs whose outputs are still there; a failed job has none."""
    return [
        each
        for each in records(logs)
        if each["outputs"] and all(Path(output).exists() for output in each["outputs"])
    ]


def longest_chain(records: list[Record]) -> list[Record]:
    """The jobs of the longest chain in which each waits for the one before.

    Example:
        >>> jobs = [{"inputs": ["b"], "outputs": ["c"], "wall": 1.0},
        ...         {"inputs": [], "outputs": ["a"], "wall": 9.0},
        ...         {"inputs": ["a"], "outputs": ["b"], "wall": 2.0},
        ...         {"inputs": ["a"], "outputs": ["d"], "wall": 2.5}]
        >>> [job["outputs"] for job in longest_chain(jobs)]
        [['a'], ['b'], ['c']]
    """
    maker = {output: record for record in records for output in record["outputs"]}
    chains: dict[str, list[Record]] = {}

    def chain(record: Record) -> list[Record]:
        name = record["outputs"][0]
        if name not in chains:
            before = [chain(maker[file]) for file in record["inputs"] if file in maker]
            chains[name] = [*max(before, key=_length, default=[]), record]
        return chains[name]

    return max(map(chain, records), key=_length, default=[])


def _length(chain: list[Record]) -> float:
    return sum(record["wall"] for record in chain)


def table(records: list[Record]) -> pl.DataFrame:
    """One row for each job, the most expensive first."""
    rows = [
        {"job": record["outputs"][0]} | {name: record.get(name, 0.0) for name in COLUMNS}
        for record in records
    ]
    return pl.DataFrame(rows).sort("cpu", descending=True)


def show() -> None:
    """Print the table."""
    records = collect(Path("logs"))
    if not records:
        raise SystemExit("no job has left its costs in logs/; run the study here first")
    jobs = table(records)
    chain = longest_chain(records)
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        fmt_str_lengths=60,
        tbl_width_chars=160,
        tbl_hide_column_data_types=True,
        float_precision=1,
    ):
        print(jobs)
    sums = ", ".join(f"{name} {jobs[name].sum():.0f}" for name in COLUMNS[:-1])
    print(f"{len(jobs)} jobs, seconds: {sums}; largest memory {jobs['memory'].max():.0f} MB")
    names = " -> ".join(record["outputs"][0] for record in chain)
    print(f"longest chain {_length(chain):.0f} s: {names}")


if __name__ == "__main__":
    show()
