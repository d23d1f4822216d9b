"""How much of the machine a sweep uses: its rate relative to that of a plain matrix product.

It is measured with one thread, as the study's jobs run side by side, and with all. A rate counts
the multiplications and additions of the dense layers only (2 per weight and row forward, 2 for the
weights' gradient, 2 for the input's gradient of all layers but the first); everything else -
activations, loss, optimizer, evaluation's loss - is work that the sweep does without being credited
for it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import clock
import jax
import jax.numpy as jnp
import numpy as np
from clock import REPEATS, seconds
from data import CLASSES, FEATURES, ROWS, examples

import nnjax as nn
from workflow.lib.runs.networks import OPTIMIZERS, multilayer_perceptron

SIDE = 2048
TEST_ROWS = 1559


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


def operations(case: Case) -> float:
    """Multiplications and additions in the dense layers of a sweep."""
    first, last = FEATURES * case.units, case.units * CLASSES
    trained = (ROWS // case.batch_size) * case.batch_size * (4 * first + 6 * last)
    evaluated = TEST_ROWS * 2 * (first + last)
    return (trained + evaluated) * case.epochs * case.seeds * len(next(iter(case.arms.values())))


def measure(threads: int) -> list[dict[str, Any]]:
    """Rows of the benchmark with a number of threads; the process must be a fresh one."""
    rng = np.random.default_rng(0)
    x, labels = examples()
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
                drop_last=True,
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
        name = f"sweep.{case.name}.{'' if threads == 1 else 'all_cores.'}share_of_sgemm"
        rows.append(clock.row(name, ours, peers, "GFLOP/s", limit=0.7 if threads == 1 else 0.75))
    return rows


if __name__ == "__main__":
    clock.report(measure)
