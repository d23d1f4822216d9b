"""How training speeds up on 1, 2, 4 and 8 devices, which one processor simulates.

    python devices.py points        # in a fresh process: devices are counted when JAX starts

Each repeat trains on every number of devices in turn, and a speed-up compares times of one repeat.
"""

import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clock
import jax
import optax
from data import CLASSES, FEATURES, examples

import nnjax as nn
from workflow.lib import job
from workflow.lib.machine import cores, processor
from workflow.lib.tables import write_text

DEVICES = (1, 2, 4, 8)
BATCHES = {"units": 512, "rows": 4096, "batch": 1024, "epochs": 2}
GROUPS = {"units": 44, "rows": 2048, "batch": 128, "epochs": 2, "seeds": 16}

Row = dict[str, Any]
"""A point: what is divided, devices; medians of seconds and speed-up, its least and most, n."""


def by_batches(devices: Any) -> None:
    """`nn.fit` with the rows of each batch split over the devices."""
    network = nn.serial(nn.dense(BATCHES["units"]), nn.relu(), nn.dense(CLASSES))
    params, _ = network.init(jax.random.key(0), (FEATURES,))
    fitted = nn.fit(
        network, nn.softmax_cross_entropy, optax.adam(1e-3), params, examples(BATCHES["rows"]),
        epochs=BATCHES["epochs"], batch_size=BATCHES["batch"], key=jax.random.key(1), metric=None,
        progress=False, devices=devices,
    )  # fmt: skip
    jax.block_until_ready(fitted)


def by_groups(devices: Any) -> None:
    """`nn.sweep` with its groups (the arms of a seed) divided among the devices."""
    network = nn.serial(nn.dense(GROUPS["units"]), nn.relu(), nn.dense(CLASSES))
    nn.sweep(
        network, nn.softmax_cross_entropy, optax.adam, examples(GROUPS["rows"]),
        seeds=range(GROUPS["seeds"]), arms={"learning_rate": [1e-3]}, epochs=GROUPS["epochs"],
        batch_size=GROUPS["batch"], metric=None, progress=False, devices=devices,
    )  # fmt: skip


SHARED: dict[str, Callable[[Any], None]] = {"batches": by_batches, "groups": by_groups}


def measure() -> list[Row]:
    """A point for each kind and number of devices."""
    found = []
    for shared, train in SHARED.items():
        runs: dict[str, Callable[[], None]] = {
            str(n): lambda n=n, train=train: train(jax.devices()[:n]) for n in DEVICES
        }
        times = clock.in_turn(runs)
        for n, own in times.items():
            speed_ups = [one / many for one, many in zip(times["1"], own, strict=True)]
            found.append(
                {
                    "shared": shared,
                    "devices": int(n),
                    "seconds": statistics.median(own) / 1e3,
                    "speed_up": statistics.median(speed_ups),
                    "least": min(speed_ups),
                    "most": max(speed_ups),
                    "n": len(speed_ups),
                }
            )
    return found


def main(rows: Path) -> None:
    """Measure on simulated devices and write.

    Args:
        rows: JSON to write: the points and the machine.
    """
    most = max(DEVICES)
    child = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "points"],
        # With fewer threads than devices, those that wait leave none for those they wait for.
        env=clock.fresh(2 * most) | {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": str(most)},
        stdout=subprocess.PIPE,
        check=True,
    )
    content = {
        "points": json.loads(child.stdout),
        "machine": {"processor": processor(), "cores": cores(), "system": platform.system()},
    }
    write_text(json.dumps(content, indent=2) + "\n", rows)


if sys.argv[1:] == ["points"]:
    json.dump(measure(), sys.stdout)
job.run(main, globals().get("snakemake"))
