"""The source's equations, as printed and as meant, against complex-step derivatives.

The oracle uses no derivative rule: f′(x) = Im f(x + ih) / h + O(h²), which subtracts nothing, so
that h can be 1e-30 and the result is exact to rounding. All of this is float64.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import polars as pl
from scipy.special import softmax

import nnjax as nn

STEP = 1e-30
AGREES = 1e-9
"""Two derivatives agree if they differ by less than this share of the larger one."""

Array = np.ndarray


def sigmoid(x: Array) -> Array:
    """Equation 2.2, for complex numbers too."""
    return 1 / (1 + np.exp(-x))


def slopes(x: Array) -> pl.DataFrame:
    """Equations 3.13 and 3.14, and two derivatives that use neither.

    Args:
        x: points, (n,).

    Returns:
        x, printed (s / (1 - s)), corrected (s (1 - s)), complex_step, differences (central).
    """
    s, h = sigmoid(x), 1e-5
    return pl.DataFrame(
        {
            "x": x,
            "printed": s / (1 - s),
            "corrected": s * (1 - s),
            "complex_step": np.imag(sigmoid(x + 1j * STEP)) / STEP,
            "differences": (sigmoid(x + h) - sigmoid(x - h)) / (2 * h),
        }
    )


class Network(NamedTuple):
    """The network of figure 3.1, 2-3-1, with rows to classify."""

    x: Array
    y: Array
    W0: Array
    b0: Array
    W1: Array
    b1: Array


def network(rng: np.random.Generator, rows: int = 5) -> Network:
    """A random network and random rows of two features, as in figure 3.1."""
    shapes = {"W0": (2, 3), "b0": (3,), "W1": (3, 1), "b1": (1,)}
    drawn = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    return Network(rng.standard_normal((rows, 2)), rng.integers(0, 2, (rows, 1)) * 1.0, **drawn)


def loss(net: Network, **added: Array) -> Any:
    """H(x) of equation 3.1, forward alone.

    Args:
        net: the network.
        added: a1, z1, a2, z2: added to the neurons' values before or after activation, so that the
            derivative by one of them can be taken.
    """
    a1 = net.x @ net.W0 + net.b0 + added.get("a1", 0)
    z1 = np.where(np.real(a1) > 0, a1, 0) + added.get("z1", 0)
    a2 = z1 @ net.W1 + net.b1 + added.get("a2", 0)
    z2 = sigmoid(a2) + added.get("z2", 0)
    return -np.mean(net.y * np.log(z2) + (1 - net.y) * np.log(1 - z2))


def complex_step(function: Callable[[Array], Any], at: Array) -> Array:
    """The derivative of a scalar function, by each element of its argument."""
    derivative = np.zeros(at.shape)
    for place in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[place] += 1j * STEP
        derivative[place] = np.imag(function(moved)) / STEP
    return derivative


def by_complex_step(net: Network) -> dict[str, Array]:
    """The derivatives of the loss by every parameter, neuron and input."""
    rows = len(net.x)
    inner = {"a1": (rows, 3), "z1": (rows, 3), "a2": (rows, 1), "z2": (rows, 1)}
    neurons = {
        name: complex_step(lambda v, name=name: loss(net, **{name: v}), np.zeros(shape))
        for name, shape in inner.items()
    }
    parameters = {
        name: complex_step(lambda v, name=name: loss(net._replace(**{name: v})), getattr(net, name))
        for name in ("x", "W0", "b0", "W1", "b1")
    }
    return neurons | parameters


def by_equations(net: Network) -> dict[str, tuple[str, Array]]:
    """The source's chain, 3.11 to 3.29, as printed and as meant.

    Returns:
        Name of the equation to the variable of the derivative and its value. A name that ends in
        "printed" means the equation exactly as printed.
    """
    x, y, W0, b0, W1, b1 = net
    rows = len(x)
    a1 = x @ W0 + b0
    z1 = np.maximum(0, a1)
    z2 = sigmoid(z1 @ W1 + b1)
    by_z2 = -(y / z2 - (1 - y) / (1 - z2)) / rows
    summed = np.full_like(by_z2, by_z2.sum())
    slope = z2 * (1 - z2)
    grad_output = by_z2 * slope
    gradient_n = grad_output @ W1.T * (a1 > 0)
    return {
        "3.11 printed": ("z2", summed),
        "3.11": ("z2", by_z2),
        "3.16 printed": ("a2", summed * slope),
        "3.16": ("a2", grad_output),
        "3.18": ("W1", z1.T @ grad_output),
        "3.22": ("a1", gradient_n),
        "3.25": ("W0", x.T @ gradient_n),
        "3.29": ("x", gradient_n @ W0.T),
        "output bias": ("b1", grad_output.sum(axis=0)),
        "hidden bias": ("b0", gradient_n.sum(axis=0)),
    }


def agree(a: Array, b: Array) -> bool:
    """Whether two derivatives are the same but for rounding."""
    scale = max(np.abs(a).max(), np.abs(b).max())
    return bool(np.abs(a - b).max() <= AGREES * scale)


def checked(networks: list[Network]) -> pl.DataFrame:
    """For each equation, the number of networks in which it agrees with the complex step."""
    counts: dict[str, int] = {}
    for net in networks:
        oracle = by_complex_step(net)
        for name, (by, value) in by_equations(net).items():
            counts[name] = counts.get(name, 0) + agree(value, oracle[by])
    return pl.DataFrame({"check": list(counts), "agree": list(counts.values()), "n": len(networks)})


def identities(rng: np.random.Generator, draws: int) -> pl.DataFrame:
    """The source's sentences about softmax and the two losses, on random scores.

    Args:
        rng: the generator to draw from.
        draws: score vectors.

    Returns:
        check, agree (draws in which it holds), n: softmax keeps the proportions of its inputs, and
        their order, and sums to 1; equation 2.4 is 2.3 with two classes; the sigmoid is the softmax
        of (a, 0); the loss of a class whose probability is uniform in (0, 1) lies in [0, 1].
    """
    scores = rng.uniform(0.5, 5, (draws, 3))
    p = softmax(scores, axis=1)
    a, y = rng.normal(0, 3, draws), rng.integers(0, 2, draws)
    two = softmax(np.stack([a, np.zeros(draws)], axis=1), axis=1)
    binary = -(y * np.log(sigmoid(a)) + (1 - y) * np.log(1 - sigmoid(a)))
    categorical = -np.log(two[np.arange(draws), 1 - y])
    # In (0, 1]: numpy draws from [0, 1).
    probability = 1 - rng.uniform(size=draws)
    held = {
        "proportions": np.isclose(p / scores, (p / scores)[:, :1], rtol=AGREES).all(axis=1),
        "order": (np.argsort(p, axis=1) == np.argsort(scores, axis=1)).all(axis=1),
        "sum": np.isclose(p.sum(axis=1), 1, rtol=AGREES),
        "two classes": np.isclose(binary, categorical, rtol=AGREES),
        "sigmoid of two": np.isclose(sigmoid(a), two[:, 0], rtol=AGREES),
        "uniform in [0, 1]": -np.log(probability) <= 1,
    }
    return pl.DataFrame(
        {"check": list(held), "agree": [int(v.sum()) for v in held.values()], "n": draws}
    )


def library(networks: list[Network], rate: float) -> pl.DataFrame:
    """nnjax on the same networks: its gradients, and one step of equations 2.5 and 2.6.

    Args:
        networks: of one shape.
        rate: learning rate of the step.

    Returns:
        As `checked`, one row for the gradients of all parameters and one for the step.
    """
    layers = nn.serial(nn.dense(3), nn.relu(), nn.dense(1))
    gradient = jax.jit(jax.vmap(nn.value_and_grad(layers, nn.sigmoid_cross_entropy)))
    optimizer = optax.sgd(rate)
    with jax.enable_x64(True):
        stacked = Network(*(np.stack(values) for values in zip(*networks, strict=True)))
        x, y, W0, b0, W1, b1 = (jnp.asarray(value) for value in stacked)
        params = (nn.Dense(W0, b0), (), nn.Dense(W1, b1))
        _, grads = gradient(params, x, y)
        updates, _ = optimizer.update(grads, optimizer.init(params), params)
        stepped = optax.apply_updates(params, updates)
        grads, stepped = jax.device_get(grads), jax.device_get(stepped)
    agreeing = {"nnjax": 0, "2.5, 2.6": 0}
    for i, net in enumerate(networks):
        oracle = by_complex_step(net)
        names = ("W0", "b0", "W1", "b1")
        ours, moved = (
            [leaf[i] for part in (tree[0], tree[2]) for leaf in part] for tree in (grads, stepped)
        )
        agreeing["nnjax"] += all(
            agree(g, oracle[name]) for g, name in zip(ours, names, strict=True)
        )
        agreeing["2.5, 2.6"] += all(
            agree(w, getattr(net, name) - rate * oracle[name])
            for w, name in zip(moved, names, strict=True)
        )
    return pl.DataFrame(
        {"check": list(agreeing), "agree": list(agreeing.values()), "n": len(networks)}
    )


def unfused_failure(limit: float = 120.0, points: int = 1201) -> float:
    """The smallest score at which equation 3.16, multiplied out in float32, is not a number.

    For y = 0 the factor 1 / (1 - s(a)) is infinite and s′(a) is 0 as soon as s(a) rounds to 1.

    Args:
        limit: the largest score.
        points: number of scores, evenly spaced from 0.

    Returns:
        The score.

    Raises:
        ValueError: if nnjax's fused rule is not finite at one of the scores.
    """
    a = np.linspace(0, limit, points).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        s = 1 / (1 + np.exp(-a))
        composed = np.float32(1) / (1 - s) * (s * (1 - s))
    _, residuals = nn.sigmoid_cross_entropy.forward(
        jnp.asarray(a[:, None]), jnp.zeros((points, 1), jnp.float32)
    )
    if not np.isfinite(np.asarray(nn.sigmoid_cross_entropy.backward(residuals))).all():
        raise ValueError("the fused rule gave a gradient that is not finite")
    return float(a[~np.isfinite(composed)][0])
