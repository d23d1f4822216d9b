"""One network trained with Adam as users of each library do: functions that train for an epoch."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import nnjax as nn
from nnjax.benchmark import peers
from nnjax.benchmark.cases import Data
from nnjax.benchmark.peers import RATE

Run = Callable[[], Any]


def fitted(network: nn.Layer, batch_size: int, data: Data, epochs: int = 1) -> Run:
    """`nn.fit`, for one epoch or several."""
    params, _ = network.init(jax.random.key(0), data[0].shape[1:])
    optimizer, key = optax.adam(RATE), jax.random.key(1)
    # As for the peers, the data are where the library computes before the clock starts.
    given = jnp.asarray(data[0]), jnp.asarray(data[1])

    def run() -> None:
        nonlocal params
        params, _ = nn.fit(
            network, nn.softmax_cross_entropy, optimizer, params, given, epochs=epochs,
            batch_size=batch_size, drop_last=True, key=key, metric=None, progress=False,
        )  # fmt: skip
        jax.block_until_ready(params)

    return run


def torch(network: Any, batch_size: int, data: Data, compiled: bool = False) -> Run:
    """PyTorch, eagerly or with the step's forward and backward passes compiled."""
    put, rng = peers.Place().put, np.random.default_rng(0)
    step = peers.step(network, compiled=compiled)
    x, labels = map(put, data)

    def run() -> None:
        for rows in peers.batches(rng, len(x), batch_size):
            index = put(rows)
            step(x[index], labels[index])

    return run
