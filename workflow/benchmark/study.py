"""The last full study in this folder: how much of its time was arithmetic, and how much overhead.

    python study.py 1

The arithmetic is that of the dense layers in the trainings of ISOLET's networks (the experiments of
study.yaml and of the chapter `isolet`); that of other chapters is not counted, so the share is a
lower bound. How long jobs took is their own record (workflow/lib/costs.py).
"""

import json
from pathlib import Path

import clock
import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from data import CLASSES, FEATURES, ROWS
from share import SIDE, TEST_ROWS

from workflow.lib import costs

USUAL = {"hidden_units": 44, "hidden_layers": 1, "batch_size": 128}
"""Of an experiment whose table lacks the column."""
BESIDES = ("start", "trace", "lower", "compile", "write")
"""What a job spends on anything but its work."""


def operations(epochs: pl.DataFrame) -> float:
    """Multiplications and additions of the dense layers behind a table of `training.tables`.

    Each row is an epoch of one network: forward and backward for every row of a whole batch, and
    forward for every row that it is measured on.

    Example:
        >>> one = pl.DataFrame({"hidden_layers": [0]})
        >>> operations(one) == (6144 * 4 + 1559 * 2) * 617 * 26
        True
    """
    folds = epochs["fold"].n_unique() if "fold" in epochs.columns else 0
    trained, measured = (ROWS - ROWS // folds, ROWS // folds) if folds else (ROWS, TEST_ROWS)
    columns = [
        pl.lit(value).alias(name) for name, value in USUAL.items() if name not in epochs.columns
    ]
    units, layers, size = epochs.with_columns(columns).select(list(USUAL)).to_numpy().T
    batch = np.minimum(size, trained)
    first = FEATURES * np.where(layers == 0, CLASSES, units)
    rest = np.where(layers == 0, 0, (layers - 1) * units**2 + units * CLASSES)
    steps = trained // batch * batch
    return float((steps * (4 * first + 6 * rest) + measured * 2 * (first + rest)).sum())


def measure(threads: int) -> list[clock.Row]:
    """Rows `study.share_of_sgemm` and `study.overhead_share`; none if no study was run here."""
    tables = [
        path
        for folder in ("reference", "batch_sizes", "isolet/runs", "isolet/tuning", "isolet/clean")
        for path in sorted(Path("results", folder).rglob("epochs.parquet"))
        if not path.parent.name.startswith("part")
    ]
    records = costs.collect(Path("logs"))
    numbers = Path("reports/numbers.json")
    if not (tables and records and numbers.exists()) or (
        json.loads(numbers.read_text(encoding="utf-8"))["provenance"]["study"] != "full"
    ):
        return []
    square = jnp.ones((SIDE, SIDE), "float32")
    product = jax.jit(jnp.matmul)
    times = clock.in_turn({"product": lambda: product(square, square).block_until_ready()})
    rate = 2 * SIDE**3 / (min(times["product"]) / 1e3)
    arithmetic = sum(operations(pl.read_parquet(path)) for path in tables) / rate
    cpu, wall, besides = (
        sum(record.get(name, 0.0) for record in records for name in names)
        for names in (("cpu",), ("wall",), BESIDES)
    )
    return [
        clock.row("study.share_of_sgemm", [arithmetic], [cpu], "CPU s", limit=0.3),
        # The only row where less is better.
        clock.row("study.overhead_share", [besides], [wall], "job s", limit=0.2),
    ]


if __name__ == "__main__":
    clock.report(measure)
