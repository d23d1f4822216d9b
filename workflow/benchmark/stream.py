"""Training from a Parquet file in streamed blocks, against training in memory.

Rows per second of both in turn, for two networks, and the peak memory of a process that only
streams. It takes about ten minutes. The rows in memory are fewer, with the same network, batches
and optimizer. The file is written to the temporary folder and removed.
"""

import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clock
import jax
import numpy as np
import optax
import polars as pl
from data import CLASSES, FEATURES

import nnjax as nn
from workflow.lib import job
from workflow.lib.machine import cores, peak_memory, processor
from workflow.lib.tables import write_text

ROWS, IN_MEMORY, BATCH, BLOCK, REPEATS = 1_000_000, 200_000, 128, 8192, 3
UNITS = {512: "stream", 44: "stream.617-44-26"}
"""Hidden units, and the name of the row."""


def written(path: Path, rows: int) -> None:
    """A file of random rows: blocks of columns in turn, so that memory stays small."""
    rng = np.random.default_rng(0)
    names = [f"feature {i}" for i in range(FEATURES)]
    frames = path.with_suffix(".parts")
    frames.mkdir()
    for first in range(0, rows, BLOCK):
        count = min(BLOCK, rows - first)
        frame = pl.DataFrame(rng.standard_normal((count, FEATURES), dtype="float32"), names)
        labels = pl.Series("label", rng.integers(0, CLASSES, count, dtype="int32"))
        frame.with_columns(labels).write_parquet(
            frames / f"{first:09d}.parquet", compression="uncompressed"
        )
    pl.scan_parquet(frames / "*.parquet").sink_parquet(
        path, compression="uncompressed", row_group_size=BLOCK
    )
    for part in frames.iterdir():
        part.unlink()
    frames.rmdir()


def trained(data: Any, units: int) -> Callable[[], Any]:
    """One epoch by shuffled batches."""
    network = nn.serial(nn.dense(units), nn.relu(), nn.dense(CLASSES))
    params, _ = network.init(jax.random.key(0), (FEATURES,))

    def run() -> Any:
        fitted = nn.fit(
            network, nn.softmax_cross_entropy, optax.adam(1e-3), params, data, epochs=1,
            batch_size=BATCH, key=jax.random.key(1), metric=None, progress=False,
        )  # fmt: skip
        return jax.block_until_ready(fitted)

    return run


def from_file(path: Path, units: int) -> Callable[[], Any]:
    """One epoch on the stream of a file."""
    return trained(nn.stream(path, target="label", block=BLOCK), units)


def measure(rows: int) -> list[dict[str, Any]]:
    """Rows of the benchmark, each with the peak memory of streaming in MB."""
    clock.REPEATS = REPEATS
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        written(path, rows)
        few = min(rows, IN_MEMORY)
        frame = pl.scan_parquet(path).head(few).collect()
        data = frame.drop("label").to_numpy(order="c"), frame["label"].to_numpy()
        del frame
        for units, name in UNITS.items():
            alone = subprocess.run(
                [sys.executable, __file__, "memory", str(path), str(units)],
                env=clock.fresh(cores()),
                stdout=subprocess.PIPE,
                check=True,
            )
            times = clock.in_turn({"ours": from_file(path, units), "memory": trained(data, units)})
            ours, memory = (
                [1e3 * count / ms for ms in times[kind]]
                for kind, count in (("ours", rows), ("memory", few))
            )
            row = clock.row(f"{name}.share_of_in_memory", ours, memory, "rows/s", limit=0.7)
            found.append(row | {"units": units, "rows": rows, "peak_memory": float(alone.stdout)})
    return found


def main(rows: Path) -> None:
    """Measure and write.

    Args:
        rows: JSON to write: the rows and the machine.
    """
    machine = {"processor": processor(), "cores": cores(), "system": platform.system()}
    write_text(json.dumps({"rows": measure(ROWS), "machine": machine}, indent=2) + "\n", rows)


if sys.argv[1:2] == ["memory"]:
    from_file(Path(sys.argv[2]), int(sys.argv[3]))()
    print(peak_memory())
job.run(main, globals().get("snakemake"))
