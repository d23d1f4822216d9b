"""A network with one hidden ReLU layer written by hand in NumPy, a peer that anybody can read."""

from collections.abc import Callable

import numpy as np

Epoch = Callable[[], None]
"""Trains for one more epoch and returns when it is done."""


def numpy_epoch(
    leaves: list[np.ndarray], x: np.ndarray, labels: np.ndarray, batch_size: int, rate: float
) -> Epoch:
    """An epoch of cross-entropy and Adam, a plain loop over the whole batches of a random order.

    Args:
        leaves: weights and bias of each layer in turn, trained in place.
        x: inputs (rows, features).
        labels: (rows,).
        batch_size: rows of a batch.
        rate: learning rate of Adam.
    """
    w1, b1, w2, b2 = params = leaves
    first, second = ([np.zeros_like(p) for p in params] for _ in range(2))
    rng, t = np.random.default_rng(0), 0

    def run() -> None:
        nonlocal t
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch_size + 1, batch_size):
            rows = order[start : start + batch_size]
            batch = x[rows]
            hidden = np.maximum(batch @ w1 + b1, 0)
            scores = hidden @ w2 + b2
            exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
            dscores = exponentials / exponentials.sum(axis=1, keepdims=True)
            dscores[np.arange(batch_size), labels[rows]] -= 1
            dscores /= batch_size
            dhidden = (dscores @ w2.T) * (hidden > 0)
            grads = (batch.T @ dhidden, dhidden.sum(0), hidden.T @ dscores, dscores.sum(0))
            t += 1
            for p, g, m, v in zip(params, grads, first, second, strict=True):
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                p -= rate / (1 - 0.9**t) * m / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)

    return run
