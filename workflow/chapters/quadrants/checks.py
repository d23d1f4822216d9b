"""The article's backpropagation as printed, in numpy, against differences; and shapes refused."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from settings import GradientCheck

import nnjax as nn

Layers = list[tuple[np.ndarray, np.ndarray]]
"""Weights (outs, ins) and biases (outs, 1) of each layer: the article's vectors are columns."""

STEP = 1e-6
"""Of the central differences; LeakyReLU and squares have no third derivative."""


def leaky(y: np.ndarray, slope: float) -> np.ndarray:
    """LeakyReLU."""
    return np.where(y > 0, y, slope * y)


def leaky_derivative(y: np.ndarray, slope: float) -> np.ndarray:
    """Its derivative; `slope` at 0, as in the article and in nnjax."""
    return np.where(y > 0, 1.0, slope)


def loss_of(layers: Layers, x: np.ndarray, t: np.ndarray, slope: float) -> float:
    """Mean squared error of the network's output for one sample."""
    for weights, bias in layers:
        x = leaky(weights @ x + bias, slope)
    return float(np.mean((x - t) ** 2))


def printed(form: str, layers: Layers, x: np.ndarray, t: np.ndarray, slope: float) -> Layers:
    """The gradient as one of the article's forms gives it.

    Args:
        form: "final code" (with the derivative f′, as in the first two steps and the final code);
            "loop" (f in place of f′ in every layer, as the generic loop is printed); "general step"
            (right in the last two layers, then f in place of f′, and the slope of the loss at the
            layer's output in place of the error signal, as in the general step and the line for the
            first layer).
        layers: the network.
        x: sample (ins, 1).
        t: target (outs, 1).
        slope: of LeakyReLU.

    Returns:
        dW and db of each layer.

    Raises:
        ValueError: numpy's own, where a form multiplies shapes that do not fit.
    """
    xs, ys = [x], []
    for weights, bias in layers:
        ys.append(weights @ xs[-1] + bias)
        xs.append(leaky(ys[-1], slope))

    def loss_slope(output: np.ndarray) -> np.ndarray:
        return 2 * (output - t) / t.size

    dx, gradient = loss_slope(xs[-1]), []
    for i in reversed(range(len(layers))):
        general = form == "general step" and i < len(layers) - 2
        factor = leaky if form == "loop" or general else leaky_derivative
        db = factor(ys[i], slope) * (loss_slope(xs[i + 1]) if general else dx)
        gradient.append((db @ xs[i].T, db))
        dx = layers[i][0].T @ db
    return gradient[::-1]


def differences(layers: Layers, x: np.ndarray, t: np.ndarray, slope: float) -> Layers:
    """The gradient by central differences over every weight and bias."""
    gradient = []
    for i, layer in enumerate(layers):
        parts = []
        for j, leaf in enumerate(layer):
            part = np.empty_like(leaf)
            for place in np.ndindex(leaf.shape):
                ends = []
                for step in (STEP, -STEP):
                    moved = [[array.copy() for array in pair] for pair in layers]
                    moved[i][j][place] += step
                    ends.append(loss_of([(w, b) for w, b in moved], x, t, slope))
                part[place] = (ends[0] - ends[1]) / (2 * STEP)
            parts.append(part)
        gradient.append((parts[0], parts[1]))
    return gradient


def by_nnjax(layers: Layers, x: np.ndarray, t: np.ndarray, slope: float) -> Layers:
    """The gradient by nnjax's rules, in float64; its vectors are rows."""
    blocks = [layer for w, _ in layers for layer in (nn.dense(len(w)), nn.leaky_relu(slope))]
    with jax.enable_x64(True):
        array = jax.numpy.asarray
        params = [p for w, b in layers for p in (nn.Dense(array(w.T), array(b[:, 0])), ())]
        gradient = nn.value_and_grad(nn.serial(*blocks), nn.mean_squared_error)
        grads = gradient(tuple(params), array(x.T), array(t.T))[1]
        return [(np.asarray(g.weights).T, np.asarray(g.bias)[:, None]) for g in grads[::2]]


def error(found: Layers, expected: Layers) -> float:
    """Largest difference of two gradients over the largest entry of the expected one."""
    pairs = [
        (a, b) for f, e in zip(found, expected, strict=True) for a, b in zip(f, e, strict=True)
    ]
    return max(np.abs(a - b).max() for a, b in pairs) / max(np.abs(b).max() for _, b in pairs)


FORMS: dict[str, tuple[str, Callable[[Layers, np.ndarray, np.ndarray, float], Layers]]] = {
    "loop_as_printed": ("widths", lambda *problem: printed("loop", *problem)),
    "general_step_as_printed": ("equal_widths", lambda *problem: printed("general step", *problem)),
    "final_code": ("widths", lambda *problem: printed("final code", *problem)),
    "nnjax": ("widths", by_nnjax),
}
"""Each form: which of the settings' widths it is evaluated on, and its gradient."""


def random_problem(
    rng: np.random.Generator, widths: list[int]
) -> tuple[Layers, np.ndarray, np.ndarray]:
    """A network with normal parameters, a sample and a target."""
    pairs = itertools.pairwise(widths)
    layers = [(rng.normal(size=(outs, ins)), rng.normal(size=(outs, 1))) for ins, outs in pairs]
    return layers, rng.normal(size=(widths[0], 1)), rng.normal(size=(widths[-1], 1))


def gradient_errors(check: GradientCheck, slope: float) -> list[dict[str, Any]]:
    """Every form on every random network.

    Args:
        check: the chapter's `gradient_check` section.
        slope: of LeakyReLU.

    Returns:
        form, widths, network (number) and error.
    """
    rows = []
    for key, widths in {"widths": check.widths, "equal_widths": check.equal_widths}.items():
        for network in range(check.networks):
            problem = random_problem(np.random.default_rng(network), widths)
            expected = differences(*problem, slope)
            for form, (evaluated_on, gradient) in FORMS.items():
                if evaluated_on == key:
                    found = error(gradient(*problem, slope), expected)
                    row = {"form": form, "widths": _hyphened(widths), "network": network}
                    rows.append(row | {"error": found})
    return rows


def _hyphened(widths: list[int]) -> str:
    return "-".join(map(str, widths))


def refusals(check: GradientCheck, slope: float) -> list[dict[str, str]]:
    """The messages for shapes that do not fit: nnjax's, and numpy's for two of the article's forms.

    Args:
        check: the chapter's `gradient_check` section.
        slope: of LeakyReLU.

    Returns:
        attempt (what was done), raised (when) and message.

    Raises:
        RuntimeError: if an attempt succeeds.
    """
    network = nn.serial(nn.dense(4), nn.leaky_relu(slope), nn.dense(2), nn.leaky_relu(slope))
    fitting, _ = network.init(jax.random.key(0), (2,))
    wider, _ = nn.dense(2).init(jax.random.key(0), (5,))
    mixed = (*fitting[:2], wider, ())
    layers, x, t = random_problem(np.random.default_rng(0), check.widths)

    def train(params: Any, targets: Any) -> None:
        data = jnp.ones((3, 2)), targets
        settings: dict[str, Any] = {"epochs": 1, "batch_size": 1, "metric": None}
        nn.fit(network, nn.mean_squared_error, optax.sgd(0.1), params, data, **settings)

    attempts: list[tuple[str, str, Callable[[], object]]] = [
        (
            "a layer 2-4, then a layer 5-2",
            "by nn.fit, before a step is made",
            lambda: train(mixed, jnp.ones((3, 2))),
        ),
        (
            "targets with three numbers for a network with two outputs",
            "by nn.fit, before a step is made",
            lambda: train(fitting, jnp.ones((3, 3))),
        ),
        (
            "a residual branch that makes three numbers of two",
            "when the network is initialised",
            lambda: nn.residual(nn.dense(3)).init(jax.random.key(0), (2,)),
        ),
        (
            f"the general step as printed, on {_hyphened(check.widths)}",
            "by numpy",
            lambda: printed("general step", layers, x, t, slope),
        ),
        (
            "the formulas' x W + b, with x and b the columns of the article's code",
            "by numpy",
            lambda: x @ layers[0][0] + layers[0][1],
        ),
    ]
    rows = []
    for what, raised, attempt in attempts:
        try:
            attempt()
        except ValueError as refusal:
            rows.append({"attempt": what, "raised": raised, "message": str(refusal).strip()})
        else:
            raise RuntimeError(f"{what}: was not refused")
    return rows
