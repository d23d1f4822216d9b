"""How cost grows: seconds and memory of `nn.sweep` along each size, the others fixed.

python growth.py SIZE=VALUE         # one point, in a fresh process, whose peak memory it is
"""

import json
import subprocess
import sys
from typing import Any

import clock
import numpy as np
from scipy import stats

BASE = {"rows": 4096, "features": 256, "units": 64, "layers": 1, "replicas": 16, "cores": 1}
BATCH, EPOCHS, REPEATS = 128, 3, 5
VALUES = {
    "rows": [1024, 2048, 4096, 8192, 16384],
    "features": [64, 128, 256, 512, 1024],
    "units": [32, 64, 128, 256, 512],
    "layers": [1, 2, 4, 8],
    "replicas": [4, 8, 16, 32, 64],
}

Row = dict[str, Any]
"""A point: size, value, seconds, their least and most, n, and the memory in MB that the sweeps add
to the peak of the process."""


def point(size: str, value: int) -> Row:
    """Time sweeps of the base with one size changed, and the memory of this process."""
    import optax

    import nnjax as nn
    from workflow.lib.machine import peak_memory

    at = BASE | {size: value}
    rng = np.random.default_rng(0)
    x = rng.standard_normal((at["rows"], at["features"]), dtype="float32")
    labels = rng.integers(0, 10, at["rows"], dtype="int32")
    hidden = [layer for _ in range(at["layers"]) for layer in (nn.dense(at["units"]), nn.relu())]
    network = nn.serial(*hidden, nn.dense(10))

    def sweep() -> None:
        nn.sweep(
            network, nn.softmax_cross_entropy, optax.adam, (x, labels),
            seeds=list(range(at["replicas"])), arms={"learning_rate": [1e-3]}, epochs=EPOCHS,
            batch_size=BATCH, drop_last=True, metric=None, progress=False,
        )  # fmt: skip

    before = peak_memory()
    sweep()
    times = sorted(clock.seconds(sweep) for _ in range(REPEATS))
    return {
        "size": size,
        "value": value,
        "seconds": times[len(times) // 2],
        "least": times[0],
        "most": times[-1],
        "memory": peak_memory() - before,
        "n": len(times),
    }


def measured(size: str, value: int) -> Row:
    """A point, measured in a fresh process."""
    cores = value if size == "cores" else BASE["cores"]
    child = subprocess.run(
        [sys.executable, __file__, f"{size}={value}"],
        env=clock.fresh(cores),
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(child.stdout)


def exponents(rows: list[Row]) -> list[Row]:
    """The slope of a straight line through log seconds, and log memory, over log size.

    Returns:
        For each size and quantity: the exponent, its 95 % interval (Student's t), the points.

    Example:
        >>> rows = [{"size": "rows", "value": v, "seconds": v**2, "memory": v} for v in (1, 2, 4)]
        >>> [(row["quantity"], round(row["exponent"], 6)) for row in exponents(rows)]
        [('seconds', 2.0), ('memory', 1.0)]
    """
    found = []
    for size in dict.fromkeys(row["size"] for row in rows):
        part = [row for row in rows if row["size"] == size]
        for quantity in ("seconds", "memory") if len(part) > 2 else ():
            sizes, values = (np.log([row[name] for row in part]) for name in ("value", quantity))
            line: Any = stats.linregress(sizes, values)
            half = stats.t.ppf(0.975, len(part) - 2) * line.stderr
            found.append(
                {
                    "size": size,
                    "quantity": quantity,
                    "exponent": float(line.slope),
                    "lo": float(line.slope - half),
                    "hi": float(line.slope + half),
                    "n": len(part),
                }
            )
    return found


def measure(cores: int) -> dict[str, list[Row]]:
    """All points and exponents; cores are doubled up to those of the machine."""
    doubled = [2**k for k in range(cores.bit_length())]
    values = VALUES | {"cores": doubled}
    points = [measured(size, value) for size, several in values.items() for value in several]
    return {"points": points, "exponents": exponents(points)}


if __name__ == "__main__":
    name, _, number = sys.argv[1].partition("=")
    json.dump(point(name, int(number)), sys.stdout)
