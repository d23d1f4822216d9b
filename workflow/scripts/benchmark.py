"""How much of the machine a sweep uses: its rate relative to that of a plain matrix product.

Both are measured in one process, in turn, so that a machine whose speed drifts slows both; medians
and the median of the ratios are printed. It is done with one thread, as the study's jobs run side
by side, and with all. A rate counts the multiplications and additions of the dense layers only
(2 per weight and row forward, 2 for the weights' gradient, 2 for the input's gradient of all
layers but the first); everything else - activations, loss, optimizer, evaluation's loss - is work
that the sweep does without being credited for it.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from workflow.lib import job
from workflow.lib.tables import write_text

ROOT = Path(__file__).resolve().parents[2]
MEASURE = "--measure-with-threads"
REPEATS = 5
SIDE = 2048
ROWS, FEATURES, CLASSES, TEST_ROWS = 6238, 617, 26, 1559


class Case(NamedTuple):
    """A sweep to time."""

    name: str
    units: int
    batch_size: int
    optimizer: str
    arms: dict[str, list[float]]
    seeds: int
    shuffle: bool
    epochs: int


RATES = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]
CASES = [
    Case(
        "617-44-26.batch128",
        44,
        128,
        "sgd",
        {"learning_rate": [0.01], "momentum": [0.9]},
        30,
        False,
        6,
    ),
    Case(
        "617-44-26.batch512",
        44,
        512,
        "sgd",
        {"learning_rate": [0.01], "momentum": [0.9]},
        30,
        False,
        6,
    ),
    Case("617-128-26.batch128.adam", 128, 128, "adam", {"learning_rate": RATES}, 4, True, 6),
    Case("617-512-26.batch128.adam", 512, 128, "adam", {"learning_rate": RATES}, 1, True, 6),
]


def seconds(run: Callable[[], Any]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def operations(case: Case) -> float:
    """Multiplications and additions in the dense layers of a sweep."""
    first, last = FEATURES * case.units, case.units * CLASSES
    trained = (ROWS // case.batch_size) * case.batch_size * (4 * first + 6 * last)
    evaluated = TEST_ROWS * 2 * (first + last)
    return (trained + evaluated) * case.epochs * case.seeds * len(next(iter(case.arms.values())))


def measure(threads: int) -> list[dict[str, Any]]:
    """Rows of the benchmark with a number of threads; the process must be a fresh one."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    import nnjax as nn
    from workflow.lib.runs.networks import OPTIMIZERS, multilayer_perceptron

    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, FEATURES), dtype="float32")
    labels = rng.integers(0, CLASSES, ROWS, dtype="int32")
    held_out = (x[:TEST_ROWS], labels[:TEST_ROWS])
    square = rng.standard_normal((SIDE, SIDE), dtype="float32")
    on_device, product = jnp.asarray(square), jax.jit(jnp.matmul)
    products: dict[str, Callable[[], Any]] = {
        "jax": lambda: product(on_device, on_device).block_until_ready(),
        "numpy": lambda: square @ square,
    }
    rows = []
    for case in CASES:
        network = multilayer_perceptron(case.units, 1, CLASSES, "relu", 0.01)

        def sweep(case: Case = case, network: nn.Layer = network) -> None:
            nn.sweep(
                network,
                nn.softmax_cross_entropy,
                OPTIMIZERS[case.optimizer],
                (x, labels),
                seeds=list(range(case.seeds)),
                arms=case.arms,
                epochs=case.epochs,
                batch_size=case.batch_size,
                shuffle=case.shuffle,
                validation=held_out,
                progress=False,
            )

        for warm_up in (sweep, *products.values()):
            warm_up()
        ours, peers = [], []
        for _ in range(REPEATS):
            # The machine's rate is that of the faster of two libraries, measured around the sweep.
            before = min(seconds(run) for run in products.values())
            ours.append(operations(case) / seconds(sweep) / 1e9)
            after = min(seconds(run) for run in products.values())
            peers.append(2 * SIDE**3 / ((before + after) / 2) / 1e9)
        rows.append(
            {
                "name": f"sweep.{case.name}.{'' if threads == 1 else 'all_cores.'}share_of_sgemm",
                "ours": statistics.median(ours),
                "peer": statistics.median(peers),
                "limit": 0.7,
                "ratio": statistics.median(o / p for o, p in zip(ours, peers, strict=True)),
                "unit": "GFLOP/s",
                "n": REPEATS,
            }
        )
    return rows


def main(rows: Path) -> None:
    """Measure with one thread and with all, print and write.

    Args:
        rows: JSON to write.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    measured: list[dict[str, Any]] = []
    for threads in sorted({1, cores}):
        variables = dict.fromkeys(
            ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)
        )
        # A fresh process: the number of threads is fixed when JAX and BLAS are loaded.
        child = subprocess.run(
            [sys.executable, __file__, MEASURE, str(threads)],
            env=os.environ | variables | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            check=True,
        )
        measured += json.loads(child.stdout)
    print(f"{'':58s} {'sweep':>9s} {'sgemm':>9s} {'share':>6s}")
    for row in measured:
        print(f"{row['name']:58s} {row['ours']:9.1f} {row['peer']:9.1f} {row['ratio']:6.2f}")
    print(f"GFLOP/s, medians of {REPEATS}; share: median of the ratios")
    machine = {"processor": platform.machine(), "cores": cores, "system": platform.system()}
    write_text(json.dumps({"rows": measured, "machine": machine}, indent=2) + "\n", rows)


if sys.argv[1:2] == [MEASURE]:
    print(json.dumps(measure(int(sys.argv[2]))))
job.run(main, globals().get("snakemake"))
