"""The small problem that the tests of training share: 10 rows, 3 features, 2 classes."""

import functools
from typing import Any

import jax
import numpy as np
import optax

import nnjax as nn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3))
LABELS = RNG.integers(2, size=10)
HELD_OUT = (RNG.normal(size=(5, 3)), RNG.integers(2, size=5))
DATA = (X, LABELS)
LINEAR = nn.dense(2, nn.initializers.normal(0.5))
NETWORK = nn.serial(nn.dense(4, nn.initializers.glorot()), nn.tanh(), nn.dense(2))
LOSS = nn.softmax_cross_entropy
MOMENTUM = functools.partial(optax.sgd, momentum=0.9)
SGD = MOMENTUM(0.1)
SEEDS, RATES = [3, 5], [0.05, 0.5]


def start(network: nn.Layer = NETWORK, seed: int = 0) -> Any:
    return network.init(jax.random.key(seed), (3,))[0]


def train(**settings: Any) -> tuple[Any, nn.History]:
    given: dict[str, Any] = {"data": DATA, "epochs": 3, "batch_size": 4}
    return nn.fit(NETWORK, LOSS, SGD, start(), **(given | settings))


def replicate(network: nn.Layer = NETWORK, **settings: Any) -> tuple[Any, nn.History]:
    given: dict[str, Any] = {
        "loss": LOSS,
        "optimizer": MOMENTUM,
        "data": DATA,
        "seeds": SEEDS,
        "arms": {"learning_rate": RATES},
        "epochs": 3,
        "batch_size": 4,
    }
    return nn.sweep(network, **(given | settings))
