"""Many networks at once: `nn.sweep` against scikit-learn's grid search, and loops and ensembles in
PyTorch, on all cores.

    python sweeps.py THREADS

Learning rates times seeds of 617-units-26 with Adam, batches of 128, one epoch, in float32.
"""

import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import clock
import numpy as np
from data import examples
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neural_network import MLPClassifier

from nnjax.benchmark import cases, ours, peers
from nnjax.benchmark.cases import SWEEPS
from nnjax.benchmark.peers import Many


def grid_search(many: Many, data: Any, threads: int) -> Callable[[], Any]:
    """`GridSearchCV` over rates and seeds, one process for each core.

    All rows are trained on, and one row is held out, because a search without a score is none.
    """
    x, labels = data
    held_out = np.full(len(x), -1)
    held_out[0] = 0
    search = GridSearchCV(
        MLPClassifier((many.units,), batch_size=many.batch_size, max_iter=1, alpha=0.0),  # pyright: ignore[reportArgumentType]
        {"learning_rate_init": many.rates, "random_state": list(range(many.seeds))},
        cv=PredefinedSplit(held_out),
        n_jobs=threads,
        refit=False,
    )

    def run() -> None:
        with warnings.catch_warnings():
            # One epoch is not meant to converge.
            warnings.simplefilter("ignore", ConvergenceWarning)
            search.fit(x, labels)

    return run


def measure(threads: int) -> list[clock.Row]:
    """Rows `sweep.NETWORK.batch128.over_PEER`."""
    found, data = [], examples()
    if has_torch := find_spec("torch") is not None:
        import_module("torch").set_num_threads(threads)
    for many in SWEEPS:
        by_hand = ours.by_hand(cases.dense(many))
        runs: dict[str, Callable[[], Any]] = {
            "ours": partial(ours.sweep(by_hand, many, data), 1),
            "grid_search": grid_search(many, data, threads),
        }
        if has_torch:
            runs["torch_eager"] = partial(peers.loop(many, data), 1)
            runs["torch_vmap"] = partial(peers.ensemble(many, data), 1)
        times = clock.in_turn(runs)
        # A loop pays its overhead once a network, which matters most for small networks.
        limits = {"torch_eager": 10.0 if many.units == 44 else 2.0}
        found += [
            clock.row(
                f"sweep.{cases.name(many)}.batch{many.batch_size}.over_{peer}",
                times["ours"],
                times[peer],
                "ms",
                limits.get(peer, 1.0),
            )
            for peer in list(runs)[1:]
        ]
    return found


if __name__ == "__main__":
    clock.report(measure)
