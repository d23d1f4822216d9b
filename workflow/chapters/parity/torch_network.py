"""The network in PyTorch: its layers, its autograd, its optimizers, trained eagerly.

PyTorch is optional (the extra `torch`), so it is imported where it is used.
"""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


def build(leaves: list[np.ndarray], activation: str) -> Any:
    """Linear layers with an activation between them, starting from our parameters.

    Args:
        leaves: weights (n_in, n_out) and bias (n_out,) of each layer in turn; PyTorch keeps the
            weights transposed. Their dtype is the network's.
        activation: relu, sigmoid or tanh.

    Returns:
        A `torch.nn.Sequential`.
    """
    torch = _torch()
    activations = {"relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh}
    layers: list[Any] = []
    for weights, bias in zip(leaves[::2], leaves[1::2], strict=True):
        linear = torch.nn.Linear(*weights.shape, dtype=_tensor(weights).dtype)
        with torch.no_grad():
            linear.weight.copy_(_tensor(weights).T)
            linear.bias.copy_(_tensor(bias))
        layers += [linear, activations[activation]()]
    return torch.nn.Sequential(*layers[:-1])


def leaves(network: Any) -> list[np.ndarray]:
    """A copy of the network's parameters as our arrays: weights (n_in, n_out), bias, and so on."""
    return [p.detach().numpy().T.copy() for p in network.parameters()]


def optimizer(name: str, network: Any, hyperparams: dict[str, float]) -> Any:
    """PyTorch's optimizer that is the same algorithm as the one of optax with this name.

    All of PyTorch's defaults stay: `dampening` 0 and no Nesterov make its momentum the plain sum
    b <- 0.9 b + g of optax; Adam's betas 0.9 and 0.999, its bias correction and its eps of 1e-8
    outside the root are those of optax.

    Args:
        name: sgd or adam.
        network: whose parameters it updates.
        hyperparams: learning_rate and, for sgd, momentum.

    Returns:
        A `torch.optim.Optimizer`.
    """
    torch = _torch()
    names = {"learning_rate": "lr"}
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    return kinds[name](network.parameters(), **{names.get(k, k): v for k, v in hyperparams.items()})


def training(
    network: Any, optimizer: Any, x: np.ndarray, labels: np.ndarray
) -> Callable[[np.ndarray], Iterator[None]]:
    """Training on the given batches.

    Args:
        network: as `build` returns it; changed in place.
        optimizer: as `optimizer` returns it.
        x: inputs (rows, features).
        labels: (rows,).

    Returns:
        A function of row numbers (steps, batch) that yields after every step.
    """
    torch = _torch()
    inputs, targets = _tensor(x), _tensor(labels.astype(np.int64))
    loss = torch.nn.CrossEntropyLoss()

    def steps(batches: np.ndarray) -> Iterator[None]:
        for rows in _tensor(batches.astype(np.int64)):
            optimizer.zero_grad()
            loss(network(inputs[rows]), targets[rows]).backward()
            optimizer.step()
            yield

    return steps


def predict(network: Any, x: np.ndarray) -> np.ndarray:
    """Scores (rows, classes)."""
    with _torch().no_grad():
        return network(_tensor(x)).numpy()


def use_threads(threads: int) -> None:
    """Bind PyTorch to a number of threads."""
    _torch().set_num_threads(threads)


def _torch() -> Any:
    return importlib.import_module("torch")


def _tensor(array: np.ndarray) -> Any:
    # A copy: PyTorch may write into what it is given, and JAX's arrays are read-only.
    return _torch().from_numpy(np.array(array))
