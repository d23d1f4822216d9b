"""One network trained with Adam as users of each library do: functions that train for an epoch."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import nnjax as nn

RATE = 1e-3

Data = tuple[np.ndarray, np.ndarray]
"""Inputs and labels."""
Run = Callable[[], Any]


def batches(rng: np.random.Generator, count: int, batch_size: int) -> Iterator[np.ndarray]:
    """Row numbers of an epoch's whole batches."""
    order = rng.permutation(count)
    for start in range(0, count - batch_size + 1, batch_size):
        yield order[start : start + batch_size]


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
    torch = import_module("torch")
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    forward = torch.compile(network, dynamic=False) if compiled else network
    loss = torch.nn.CrossEntropyLoss()
    x, labels = (torch.from_numpy(each) for each in data)
    labels = labels.long()
    rng = np.random.default_rng(0)

    def run() -> None:
        for rows in batches(rng, len(x), batch_size):
            index = torch.from_numpy(rows)
            optimizer.zero_grad()
            loss(forward(x[index]), labels[index]).backward()
            optimizer.step()

    return run
