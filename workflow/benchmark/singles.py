"""One network: `nn.fit` against the ways in which others would write it.

    python singles.py THREADS

All train 617-units-26 with Adam on the same rows in float32, by batches in a random order, each in
its usual way, for a few epochs. Small batches are timed on fewer rows, at most 400 steps an epoch.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import clock
import jax
import jax.numpy as jnp
import numpy as np
import optax
import trainings
from data import CLASSES, FEATURES, ROWS, examples
from sklearn.neural_network import MLPClassifier
from trainings import Run

import nnjax as nn
from nnjax.benchmark.cases import Data
from nnjax.benchmark.peers import RATE, batches
from workflow.lib.runs.by_numpy import numpy_epoch

UNITS, BATCHES = (44, 512), (2, 8, 32, 128, 1024)
STEPS, EPOCHS = 400, 3


def ours(units: int, batch_size: int, data: Data) -> Run:
    """`nn.fit`."""
    network = nn.serial(nn.dense(units), nn.relu(), nn.dense(CLASSES))
    return trainings.fitted(network, batch_size, data, EPOCHS)


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


def equinox(units: int, batch_size: int, data: Data) -> Run:
    """An Equinox model, its step compiled, as the library's examples train."""
    eqx = import_module("equinox")
    x, labels = jnp.asarray(data[0]), jnp.asarray(data[1])
    keys = jax.random.split(jax.random.key(0))
    model = eqx.nn.Sequential(
        [
            eqx.nn.Linear(FEATURES, units, key=keys[0]),
            eqx.nn.Lambda(jax.nn.relu),
            eqx.nn.Linear(units, CLASSES, key=keys[1]),
        ]
    )
    optimizer = optax.adam(RATE)
    state = optimizer.init(eqx.filter(model, eqx.is_array))
    rng = np.random.default_rng(0)

    @eqx.filter_value_and_grad
    def loss(model: Any, x: jax.Array, labels: jax.Array) -> jax.Array:
        scores = jax.vmap(model)(x)
        return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()

    @eqx.filter_jit(donate="all")
    def step(model: Any, state: Any, x: jax.Array, labels: jax.Array) -> Any:
        _, grads = loss(model, x, labels)
        updates, state = optimizer.update(grads, state)
        return eqx.apply_updates(model, updates), state

    def run() -> None:
        nonlocal model, state
        for rows in batches(rng, len(x), batch_size):
            model, state = step(model, state, x[rows], labels[rows])
        jax.block_until_ready(state)

    return run


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
    """PyTorch, see `trainings.torch`."""
    layers = import_module("torch").nn
    network = layers.Sequential(
        layers.Linear(FEATURES, units), layers.ReLU(), layers.Linear(units, CLASSES)
    )
    return trainings.torch(network, batch_size, data, compiled)


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
    if find_spec("equinox"):
        peers["equinox"] = equinox
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
