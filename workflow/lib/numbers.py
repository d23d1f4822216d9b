"""The numbers of the study: written once, by `summarise`, and read back by key."""

import math
from pathlib import Path
from typing import Any

import polars as pl

from workflow.lib.job import JobError

Number = dict[str, Any]
"""What is known of a number: value, lo, hi, n, unit, interval, what, and p where it was tested."""

FIELDS = ["value", "lo", "hi", "n", "unit", "interval", "what", "p"]
CLOCKS = ("s", "ratio of times")
"""Units of what a clock decides, which differs in every run. `nnjax.compare` has them too: the jobs
that write pages do not wait for JAX, which comes with the library."""
COLUMNS = ["key", "value", "lo", "hi", "n", "p", "unit", "interval", "what", "data"]


def collect(tables: list[Path]) -> dict[str, Number]:
    """The numbers of some tables by key; the end of an interval that is not known is None.

    Raises:
        JobError: if two tables give the same key.
    """
    numbers: dict[str, Number] = {}
    seen: dict[str, Path] = {}
    for path in tables:
        for row in pl.read_csv(path, infer_schema_length=None).iter_rows(named=True):
            key = row["key"]
            if key in numbers:
                raise JobError(f"{path}: {seen[key]} has a number {key} too; rename one of them")
            seen[key] = path
            numbers[key] = {name: _known(row[name]) for name in FIELDS if name in row}
    return numbers


def is_clock(number: Number) -> bool:
    """Whether a clock decides the number: its unit says so."""
    return number["unit"] in CLOCKS


def parted(rows: list[Number]) -> tuple[list[Number], list[Number]]:
    """The numbers that every run of the same code gives, and the clocks.

    Example:
        >>> rows = [{"key": "k6.accuracy", "unit": "fraction"}, {"key": "k12.seconds", "unit": "s"}]
        >>> [[row["key"] for row in part] for part in parted(rows)]
        [['k6.accuracy'], ['k12.seconds']]
    """
    return [row for row in rows if not is_clock(row)], [row for row in rows if is_clock(row)]


def _known(value: Any) -> Any:
    """JSON has neither NaN nor infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
