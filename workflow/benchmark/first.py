"""Time to a first result: a fresh process imports its library, compiles, and trains for one epoch.

python first.py THREADS             # the rows
python first.py LIBRARY             # one such process
"""

import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from data import CLASSES, FEATURES, examples

UNITS, BATCH, RATE = 44, 128, 1e-3

# Every function imports its library itself: that is part of what is measured.


def nnjax() -> None:
    """This library."""
    jax, optax, nn = (import_module(name) for name in ("jax", "optax", "nnjax"))
    network = nn.serial(nn.dense(UNITS), nn.relu(), nn.dense(CLASSES))
    params, _ = network.init(jax.random.key(0), (FEATURES,))
    params, _ = nn.fit(
        network, nn.softmax_cross_entropy, optax.adam(RATE), params, examples(), epochs=1,
        batch_size=BATCH, drop_last=True, key=jax.random.key(1), progress=False,
    )  # fmt: skip
    jax.block_until_ready(params)


def scikit_learn() -> None:
    """`MLPClassifier`."""
    classifier = import_module("sklearn.neural_network").MLPClassifier
    model = classifier((UNITS,), batch_size=BATCH, learning_rate_init=RATE)
    model.partial_fit(*examples(), classes=range(CLASSES))


def torch_eager() -> None:
    """PyTorch."""
    _torch(compiled=False)


def torch_compiled() -> None:
    """PyTorch, compiled."""
    _torch(compiled=True)


def _torch(compiled: bool) -> None:
    torch = import_module("torch")
    network: Any = torch.nn.Sequential(
        torch.nn.Linear(FEATURES, UNITS), torch.nn.ReLU(), torch.nn.Linear(UNITS, CLASSES)
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    network = torch.compile(network, dynamic=False) if compiled else network
    loss = torch.nn.CrossEntropyLoss()
    x, labels = (torch.from_numpy(each) for each in examples())
    labels = labels.long()
    for rows in torch.randperm(len(x)).split(BATCH):
        optimizer.zero_grad()
        loss(network(x[rows]), labels[rows]).backward()
        optimizer.step()


LIBRARIES: dict[str, tuple[str, Callable[[], None]]] = {
    "nnjax": ("nnjax", nnjax),
    "scikit_learn": ("sklearn", scikit_learn),
    "torch_eager": ("torch", torch_eager),
    "torch_compiled": ("torch", torch_compiled),
}
"""Name: its package, and its training."""


def measure(repeats: int) -> list[dict[str, Any]]:
    """Rows `first.617-44-26.over_PEER`: processes in turn, as in `clock.in_turn`."""
    names = [name for name, (package, _) in LIBRARIES.items() if find_spec(package)]
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            start = time.perf_counter()
            subprocess.run([sys.executable, __file__, name], check=True)
            times[name].append(1e3 * (time.perf_counter() - start))
    row = import_module("clock").row
    return [
        row(f"first.617-{UNITS}-{CLASSES}.over_{peer}", times["nnjax"], times[peer], "ms", 1.0)
        for peer in names[1:]
    ]


if __name__ == "__main__":
    if sys.argv[1] in LIBRARIES:
        LIBRARIES[sys.argv[1]][1]()
    else:
        import_module("clock").report(lambda _: measure(import_module("clock").REPEATS))
