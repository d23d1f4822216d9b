"""How far gradients are from those of `jax.grad` in float64 on the CPU."""

import math
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import nnjax as nn
from nnjax.benchmark import ours
from nnjax.benchmark.clock import MEASURED, NO_TIME, Budget, failure
from nnjax.benchmark.ours import Rules

DTYPES = ("float32", "float64", "bfloat16")

Arrays = list[np.ndarray]


class References:
    """Networks with their parameters and data, and the gradients that others are compared with."""

    def __init__(self, networks: dict[str, tuple[nn.Layer, ours.Data]], cpu: Any) -> None:
        """Nothing is computed yet.

        Args:
            networks: networks, and inputs and labels of a batch, by name.
            cpu: JAX's device that computes the references.
        """
        self.networks = networks
        self._cpu = cpu
        self._found: dict[str, tuple[Any, Arrays]] = {}

    def of(self, name: str) -> tuple[Any, Arrays]:
        """Parameters, and the arrays of the gradient, of a network.

        Parameters are rounded to bfloat16, so every precision starts from the same numbers.
        """
        if name not in self._found:
            network, data = self.networks[name]
            with jax.enable_x64(True), jax.default_device(self._cpu):
                params, _ = network.init(jax.random.key(0), data[0].shape[1:])
                rounded = jax.tree.map(lambda p: np.asarray(p.astype("bfloat16")), params)
                self._found[name] = rounded, self.computed(name, ours.autodiff, rounded, "float64")
        return self._found[name]

    def computed(
        self, name: str, rules: Callable[[nn.Layer], Rules], params: Any, dtype: str
    ) -> Arrays:
        """The gradient of the mean cross-entropy, its arrays as float64.

        Args:
            name: of the network.
            rules: maps the network to the one with the backward passes to compare.
            params: its parameters.
            dtype: in which it is computed.
        """
        network, (x, labels) = self.networks[name]
        inputs = np.asarray(jnp.asarray(x).astype("bfloat16")) if x.dtype.kind == "f" else x
        with jax.enable_x64(dtype == "float64"):
            cast = jax.tree.map(lambda p: jnp.asarray(p).astype(dtype), params)
            gradient = jax.jit(nn.value_and_grad(*rules(network)))
            grads = gradient(cast, *ours.put((inputs, labels), dtype))[1]
            return [np.asarray(leaf).astype("float64") for leaf in jax.tree.leaves(grads)]


def compared(
    references: References,
    platform: str,
    rules: dict[str, Callable[[nn.Layer], Rules]],
    budget: Budget,
) -> list[dict[str, Any]]:
    """The differences on JAX's default device, in every precision.

    Args:
        references: the networks.
        platform: name of the default device.
        rules: backward passes by the name of the implementation.
        budget: of the whole benchmark.

    Returns:
        network, platform, dtype, implementation, difference (relative; None if not measured) and
        state.
    """
    end, rows = budget.part(), list[dict[str, Any]]()
    for name, by in rules.items():
        for dtype in DTYPES:
            for network in references.networks:
                row = {"network": network, "platform": platform, "dtype": dtype}
                row |= {"implementation": name, "difference": None, "state": NO_TIME}
                rows.append(row)
                if time.perf_counter() >= end:
                    continue
                try:
                    params, exact = references.of(network)
                    found = references.computed(network, by, params, dtype)
                except Exception as error:  # whatever a device raises; the others still count
                    row["state"] = failure(error)
                else:
                    difference = relative_difference(found, exact)
                    if math.isfinite(difference):
                        row |= {"difference": difference, "state": MEASURED}
                    else:
                        row["state"] = "failed: the gradient is not finite"
    return rows


def relative_difference(found: Arrays, reference: Arrays) -> float:
    """The largest max |found - reference| / max |reference| of all arrays; NaN if one has NaN.

    Example:
        >>> relative_difference([np.array([1.0, 4.5])], [np.array([1.0, 4.0])])
        0.125
    """
    pairs = zip(found, reference, strict=True)
    return float(np.max([np.abs(a - b).max() / np.abs(b).max() for a, b in pairs]))


def summary(rows: list[dict[str, Any]]) -> str:
    """The largest difference of each implementation and precision, in one line."""
    cells: dict[str, list[float]] = {}
    for row in rows:
        if row["difference"] is not None:
            cell = cells.setdefault(f"{row['implementation']} {row['dtype']}", [])
            cell.append(row["difference"])
    return ", ".join(f"{cell} {np.max(values):.1e}" for cell, values in cells.items())
