"""One network: `nn.fit` against the ways in which others would write it.

    python singles.py THREADS

All train 617-units-26 with Adam on the same rows in float32, by batches in a random order, each in
its usual way, for a few epochs. Small batches are timed on fewer rows, at most 400 steps an epoch.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import clock
import jax
import jax.numpy as jnp
import numpy as np
import optax
from data import CLASSES, FEATURES, ROWS, examples
from sklearn.neural_network import MLPClassifier

import nnjax as nn
from workflow.lib.runs.by_numpy import numpy_epoch

UNITS, BATCHES = (44, 512), (2, 8, 32, 128, 1024)
STEPS, EPOCHS = 400, 3
RATE = 1e-3

Data = tuple[np.ndarray, np.ndarray]
Run = Callable[[], Any]


def ours(units: int, batch_size: int, data: Data) -> Run:
    """`nn.fit`."""
    network = nn.serial(nn.dense(units), nn.relu(), nn.dense(CLASSES))
    params, _ = network.init(jax.random.key(0), (FEATURES,))
    optimizer, key = optax.adam(RATE), jax.random.key(1)

    def run() -> None:
        nonlocal params
        params, _ = nn.fit(
            network, nn.softmax_cross_entropy, optimizer, params, data, epochs=EPOCHS,
            batch_size=batch_size, key=key, metric=None, progress=False,
        )  # fmt: skip
        jax.block_until_ready(params)

    return run


def autodiff(units: int, batch_size: int, data: Data) -> Run:
    """`jax.grad` and optax in a compiled scan over the batches of an epoch."""
    x, labels = jnp.asarray(data[0]), jnp.asarray(data[1])
    optimizer = optax.adam(RATE)
    network = nn.serial(nn.dense(units), nn.dense(CLASSES))
    first, last = network.init(jax.random.key(0), (FEATURES,))[0]
    params = [tuple(first), tuple(last)]

    def loss(params: Any, x: jax.Array, labels: jax.Array) -> jax.Array:
        (w1, b1), (w2, b2) = params
        scores = jnp.maximum(x @ w1 + b1, 0) @ w2 + b2
        return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()

    @jax.jit
    def epoch(params: Any, state: Any, key: jax.Array) -> Any:
        order = jax.random.permutation(key, len(x))
        whole = len(x) // batch_size

        def step(carry: Any, rows: jax.Array) -> Any:
            params, state = carry
            grads = jax.grad(loss)(params, x[rows], labels[rows])
            updates, state = optimizer.update(grads, state)
            return (optax.apply_updates(params, updates), state), None

        batches = order[: whole * batch_size].reshape(whole, batch_size)
        return jax.lax.scan(step, (params, state), batches)[0]

    carry = (params, optimizer.init(params))

    def run() -> None:
        nonlocal carry
        carry = jax.block_until_ready(epoch(*carry, jax.random.key(1)))

    return run


def batches(rng: np.random.Generator, count: int, batch_size: int) -> Iterator[np.ndarray]:
    """Row numbers of an epoch's whole batches."""
    order = rng.permutation(count)
    for start in range(0, count - batch_size + 1, batch_size):
        yield order[start : start + batch_size]


def numpy(units: int, batch_size: int, data: Data) -> Run:
    """The network written by hand in NumPy."""
    rng = np.random.default_rng(0)
    shapes = [(FEATURES, units), (units,), (units, CLASSES), (CLASSES,)]
    params = [rng.normal(0, 0.05, shape).astype("float32") for shape in shapes]
    return numpy_epoch(params, *data, batch_size, RATE)


def scikit_learn(units: int, batch_size: int, data: Data) -> Run:
    """`MLPClassifier.partial_fit`, which is one epoch."""
    model = MLPClassifier(
        (units,),
        batch_size=batch_size,  # pyright: ignore[reportArgumentType]
        learning_rate_init=RATE,
        alpha=0.0,
    )
    classes = np.arange(CLASSES)
    return lambda: model.partial_fit(*data, classes=classes)


def torch(units: int, batch_size: int, data: Data, compiled: bool = False) -> Run:
    """PyTorch, eagerly or with the step's forward and backward passes compiled."""
    torch = import_module("torch")
    network = torch.nn.Sequential(
        torch.nn.Linear(FEATURES, units), torch.nn.ReLU(), torch.nn.Linear(units, CLASSES)
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    forward = torch.compile(network) if compiled else network
    loss = torch.nn.CrossEntropyLoss()
    x, labels = torch.from_numpy(data[0]), torch.from_numpy(data[1].astype("int64"))
    rng = np.random.default_rng(0)

    def run() -> None:
        for rows in batches(rng, len(x), batch_size):
            index = torch.from_numpy(rows)
            optimizer.zero_grad()
            loss(forward(x[index]), labels[index]).backward()
            optimizer.step()

    return run


def several(epoch: Run) -> Run:
    """An epoch as often as `nn.fit` trains."""

    def run() -> None:
        for _ in range(EPOCHS):
            epoch()

    return run


def measure(threads: int) -> list[clock.Row]:
    """Rows `single.NETWORK.batchN.over_PEER`."""
    peers: dict[str, Callable[[int, int, Data], Run]] = {
        "autodiff": autodiff,
        "numpy": numpy,
        "scikit_learn": scikit_learn,
    }
    if find_spec("torch"):
        import_module("torch").set_num_threads(threads)
        peers["torch_eager"] = torch
        peers["torch_compiled"] = lambda *case: torch(*case, compiled=True)
    found = []
    for units in UNITS:
        for batch_size in BATCHES:
            data = examples(min(ROWS, STEPS * batch_size))
            runs = {name: several(make(units, batch_size, data)) for name, make in peers.items()}
            times = clock.in_turn({"ours": ours(units, batch_size, data), **runs})
            found += [
                clock.row(
                    f"single.617-{units}-26.batch{batch_size}.over_{name}",
                    times["ours"],
                    times[name],
                    "ms",
                    limit=1.0,
                )
                for name in peers
            ]
    return found


if __name__ == "__main__":
    clock.report(measure)
