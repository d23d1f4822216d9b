"""Trainings on one device and on several, compared: `python on_devices.py [PROCESS PORT]`.

A separate process, since the number of devices is bound when JAX starts. Prints JSON: for every
case, the largest difference to one device and the sum of all numbers, and what was placed where.
"""

import importlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import polars as pl
from training_problem import DATA, HELD_OUT, LOSS, NETWORK, SGD, X, replicate, start, train

import nnjax as nn

NOISY = nn.serial(nn.dense(4), nn.batch_norm(), nn.tanh(), nn.dropout(0.3), nn.dense(2))
MEASURED: dict[str, Any] = {"validation": HELD_OUT, "train_metrics": True, "patience": 2}


def key() -> jax.Array:
    """A key; not at import, since processes must meet before JAX starts."""
    return jax.random.key(7)


def fit(
    network: nn.Layer = NETWORK, optimizer: Any = SGD, loss: nn.Loss = LOSS, **settings: Any
) -> Any:
    """Train a network of the small problem."""
    return nn.fit(network, loss, optimizer, start(network), epochs=3, **settings)


def with_number(key: jax.Array, x: jax.Array, labels: jax.Array) -> Any:
    """An augmentation whose targets have a number beside the labels."""
    return x, (labels, jax.random.uniform(key, (), x.dtype))


def of_pairs(scores: jax.Array, targets: Any) -> Any:
    """The loss of the labels times the number; labels alone have the number 1."""
    labels, number = targets if isinstance(targets, tuple) else (targets, 1.0)
    J, residuals = LOSS.forward(scores, labels)
    return number * J, (residuals, number)


OF_PAIRS = nn.Loss(of_pairs, lambda both: both[1] * LOSS.backward(both[0]))


def resumed(devices: Any) -> Any:
    """Training that starts on some devices and continues where the test says."""
    seen: list[nn.Checkpoint] = []
    train(callback=seen.append, key=key(), devices=devices)
    return nn.fit(
        NETWORK, LOSS, SGD, seen[0], DATA, epochs=3, batch_size=4, key=key(), devices=jax.devices()
    )


def streamed(devices: Any) -> Any:
    """Training from a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        columns = {str(i): DATA[0][:, i] for i in range(3)}
        pl.DataFrame(columns | {"label": DATA[1]}).write_parquet(path)
        data = nn.stream(path, target="label", block=3, window=2)
        return train(data=data, key=key(), devices=devices)


WEIGHTS = np.arange(10.0)
FITS: dict[str, Callable[[Any], Any]] = {
    "last batch of 2 rows": lambda devices: train(devices=devices),
    "all rows": lambda devices: train(batch_size=10, devices=devices),
    "dropped rows": lambda devices: train(batch_size=3, drop_last=True, key=key(), devices=devices),
    "measured": lambda devices: train(**MEASURED, key=key(), devices=devices),
    "noisy": lambda d: fit(
        NOISY, data=DATA, batch_size=4, key=key(), validation=HELD_OUT, devices=d
    ),
    "weights": lambda devices: train(data=(*DATA, WEIGHTS), devices=devices),
    "augmented": lambda devices: train(
        augment=nn.augment.mixup(0.4, 2), key=key(), devices=devices
    ),
    "numbers among the targets": lambda d: fit(
        data=DATA, loss=OF_PAIRS, batch_size=4, key=key(), augment=with_number, devices=d
    ),
    "resumed": resumed,
    "streamed": streamed,
}
SWEEPS: dict[str, Callable[[Any], Any]] = {
    "one group": lambda devices: replicate(shuffle=False, devices=devices),
    "more groups than devices": lambda d: replicate(
        seeds=range(11), validation=HELD_OUT, devices=d
    ),
    "noisy": lambda devices: replicate(NOISY, optimizer=optax.adam, devices=devices),
}


def shares() -> list[list[int]]:
    """The shapes of the parts of the scores that the devices compute, by batch."""
    seen: list[list[int]] = []

    def forward(scores: jax.Array, targets: Any) -> Any:
        note = lambda sharding: seen.append(list(sharding.shard_shape((8, 2))))  # noqa: E731
        jax.debug.inspect_array_sharding(scores, callback=note)
        return LOSS.forward(scores, targets)

    data = DATA[0][:8], DATA[1][:8]
    nn.fit(
        NETWORK, LOSS._replace(forward=forward), SGD, start(), data, epochs=1, batch_size=8,
        devices=jax.devices(),
    )  # fmt: skip
    return seen


def places() -> list[int]:
    """The devices to which a sweep of eight groups copies its arguments."""
    module: Any = importlib.import_module("nnjax.sweep")
    seen: list[int] = []
    copy = module.placed
    module.placed = lambda tree, place: (seen.append(place.id), copy(tree, place))[1]
    replicate(seeds=range(8), devices=jax.devices())
    module.placed = copy
    return sorted(set(seen))


def compared(run: Callable[[Any], Any], devices: Any) -> dict[str, Any]:
    """A training on one device and on several: how far apart, and where the results are."""
    one, several = (jax.tree.leaves(run(given)) for given in (None, devices))
    pairs = list(zip(one, several, strict=True))
    return {
        "difference": max(float(np.nan_to_num(abs(a - b)).max()) for a, b in pairs),
        "same_nans": all(bool((np.isnan(a) == np.isnan(b)).all()) for a, b in pairs),
        "sum": sum(float(np.nansum(leaf)) for leaf in several),
        "local": all(len(leaf.devices()) == 1 for leaf in several),
    }


if __name__ == "__main__":
    cases = [("fit", FITS), ("sweep", SWEEPS)]
    found: dict[str, Any] = {}
    if len(sys.argv) > 1:
        jax.distributed.initialize(
            f"127.0.0.1:{sys.argv[2]}", num_processes=2, process_id=int(sys.argv[1]),
            initialization_timeout=30,
        )  # fmt: skip
        few = {"measured", "streamed", "noisy", "one group", "more groups than devices"}
        cases = [(kind, {n: run for n, run in runs.items() if n in few}) for kind, runs in cases]
    else:
        found = {"shares": shares(), "places": places()}
    assert X.dtype == jax.numpy.asarray(X).dtype, "float64"
    for kind, runs in cases:
        # A sweep compiles for each device; its groups are many in any case.
        devices = jax.devices()[: 3 if kind == "sweep" else None]
        found[kind] = {name: compared(run, devices) for name, run in runs.items()}
    print(json.dumps(found))
    if len(sys.argv) > 1:
        jax.distributed.shutdown()
