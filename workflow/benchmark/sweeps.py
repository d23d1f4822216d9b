"""Many networks at once: `nn.sweep` against scikit-learn's grid search, and loops and ensembles in
PyTorch, on all cores.

    python sweeps.py THREADS

Learning rates times seeds of 617-units-26 with Adam, batches of 128, one epoch, in float32.
"""

import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import clock
import numpy as np
import optax
from data import CLASSES, FEATURES, examples
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neural_network import MLPClassifier
from trainings import batches

import nnjax as nn

CASES = {44: (6, 5), 512: (3, 2)}
"""Units: numbers of rates and of seeds."""
BATCH = 128


def ours(units: int, rates: list[float], seeds: int, data: Any) -> Callable[[], Any]:
    """`nn.sweep`."""
    network = nn.serial(nn.dense(units), nn.relu(), nn.dense(CLASSES))
    return lambda: nn.sweep(
        network, nn.softmax_cross_entropy, optax.adam, data, seeds=list(range(seeds)),
        arms={"learning_rate": rates}, epochs=1, batch_size=BATCH, drop_last=True, metric=None,
        progress=False,
    )  # fmt: skip


def grid_search(
    units: int, rates: list[float], seeds: int, data: Any, threads: int
) -> Callable[[], Any]:
    """`GridSearchCV` over rates and seeds, one process for each core.

    All rows are trained on, and one row is held out, because a search without a score is none.
    """
    x, labels = data
    held_out = np.full(len(x), -1)
    held_out[0] = 0
    search = GridSearchCV(
        MLPClassifier((units,), batch_size=BATCH, max_iter=1, alpha=0.0),  # pyright: ignore[reportArgumentType]
        {"learning_rate_init": rates, "random_state": list(range(seeds))},
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


def loop(units: int, rates: list[float], seeds: int, data: Any) -> Callable[[], Any]:
    """One network after the other, eagerly."""
    torch = import_module("torch")
    x, labels = torch.from_numpy(data[0]), torch.from_numpy(data[1].astype("int64"))
    loss = torch.nn.CrossEntropyLoss()

    def run() -> None:
        for seed in range(seeds):
            for rate in rates:
                network = torch.nn.Sequential(
                    torch.nn.Linear(FEATURES, units),
                    torch.nn.ReLU(),
                    torch.nn.Linear(units, CLASSES),
                )
                optimizer = torch.optim.Adam(network.parameters(), lr=rate)
                for chosen in batches(np.random.default_rng(seed), len(x), BATCH):
                    index = torch.from_numpy(chosen)
                    optimizer.zero_grad()
                    loss(network(x[index]), labels[index]).backward()
                    optimizer.step()

    return run


def ensemble(units: int, rates: list[float], seeds: int, data: Any) -> Callable[[], Any]:
    """`torch.func.vmap` over stacked parameters, the rates of a seed side by side."""
    torch = import_module("torch")
    x, labels = torch.from_numpy(data[0]), torch.from_numpy(data[1].astype("int64"))
    steps = torch.tensor(rates)

    def loss(params: Any, x: Any, labels: Any) -> Any:
        w1, b1, w2, b2 = params
        scores = torch.relu(x @ w1 + b1) @ w2 + b2
        return torch.nn.functional.cross_entropy(scores, labels)

    gradient = torch.func.vmap(torch.func.grad(loss), in_dims=(0, None, None))
    shapes = [(FEATURES, units), (units,), (units, CLASSES), (CLASSES,)]

    def run() -> None:
        for seed in range(seeds):
            params = [0.05 * torch.randn(len(rates), *shape) for shape in shapes]
            first, second = ([torch.zeros_like(p) for p in params] for _ in range(2))
            chosen = batches(np.random.default_rng(seed), len(x), BATCH)
            for t, rows in enumerate(chosen, start=1):
                index = torch.from_numpy(rows)
                grads = gradient(params, x[index], labels[index])
                for p, g, m, v in zip(params, grads, first, second, strict=True):
                    rate = steps.reshape(-1, *(1 for _ in p.shape[1:]))
                    m.mul_(0.9).add_(g, alpha=0.1)
                    v.mul_(0.999).addcmul_(g, g, value=0.001)
                    p.sub_(rate / (1 - 0.9**t) * m / ((v / (1 - 0.999**t)).sqrt() + 1e-8))

    return run


def measure(threads: int) -> list[clock.Row]:
    """Rows `sweep.NETWORK.batch128.over_PEER`."""
    found, data = [], examples()
    if has_torch := find_spec("torch") is not None:
        import_module("torch").set_num_threads(threads)
    for units, (n_rates, seeds) in CASES.items():
        case = (units, np.geomspace(1e-4, 1e-2, n_rates).tolist(), seeds, data)
        runs = {"ours": ours(*case), "grid_search": grid_search(*case, threads)}
        if has_torch:
            runs |= {"torch_eager": loop(*case), "torch_vmap": ensemble(*case)}
        times = clock.in_turn(runs)
        # A loop pays its overhead once a network, which matters most for small networks.
        limits = {"torch_eager": 10.0 if units == 44 else 2.0}
        found += [
            clock.row(
                f"sweep.617-{units}-26.batch{BATCH}.over_{peer}",
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
