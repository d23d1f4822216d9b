"""The formulas of the notes, each as written, against central differences.

Vectors are columns and derivatives in the denominator layout, as in the source: the derivative of
a vector by a vector x has a row for each element of x.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

Arrays = list[np.ndarray]
Case = tuple[Arrays, Arrays]
"""What a formula gives and what central differences give."""

STEP = 1e-5


def slopes(f: Callable[..., Any], *arrays: np.ndarray) -> Arrays:
    """Derivatives of a scalar or a vector by every element of every array, by differences.

    Of a scalar they have the shape of the array; of a vector a last axis more.
    """
    found = []
    for i, array in enumerate(arrays):
        rows = []
        for place in np.ndindex(array.shape):
            ends = []
            for step in (STEP, -STEP):
                moved = [a.copy() for a in arrays]
                moved[i][place] += step
                ends.append(np.asarray(f(*moved), float))
            rows.append((ends[0] - ends[1]) / (2 * STEP))
        found.append(np.array(rows).reshape(*array.shape, *rows[0].shape))
    return found


def error(case: Case) -> float:
    """Largest difference over the largest derivative; infinite where shapes differ."""
    found, expected = case
    if [a.shape for a in found] != [b.shape for b in expected]:
        return float("inf")
    gap = max(np.abs(a - b).max() for a, b in zip(found, expected, strict=True))
    return float(gap / max(np.abs(b).max() for b in expected))


def sigmoid(z: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return 1 / (1 + np.exp(-z))


G = {
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
}
"""Activations of the checks with their derivatives."""


def nll(y: Any, y_hat: Any) -> Any:
    """The negative log likelihood of one item with label y."""
    return -(y * np.log(y_hat) + (1 - y) * np.log(1 - y_hat))


# --- preliminaries --------------------------------------------------------------------------------


def scalar_by_vector(rng: np.random.Generator) -> Case:
    """f = xᵀ A x; ∂f/∂x = (A + Aᵀ) x."""
    A, x = rng.normal(size=(4, 4)), rng.normal(size=4)
    return [(A + A.T) @ x], slopes(lambda x: x @ A @ x, x)


def vector_by_vector(rng: np.random.Generator) -> Case:
    """f = A x; ∂f/∂x = Aᵀ, the transpose of the Jacobian."""
    A, x = rng.normal(size=(3, 4)), rng.normal(size=4)
    return [A.T], slopes(lambda x: A @ x, x)


def scalar_by_matrix(rng: np.random.Generator) -> Case:
    """f = aᵀ X b; ∂f/∂X = a bᵀ."""
    a, X, b = rng.normal(size=3), rng.normal(size=(3, 4)), rng.normal(size=4)
    return [np.outer(a, b)], slopes(lambda X: a @ X @ b, X)


def _chain(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, Arrays]:
    A, B, x = rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)
    u = np.tanh(A @ x)
    du_dx = A.T * (1 - u**2)[None, :]
    s = sigmoid(B @ u)
    dg_du = B.T * (s * (1 - s))[None, :]
    return du_dx, dg_du, slopes(lambda x: sigmoid(B @ np.tanh(A @ x)), x)


def vector_chain_rule(rng: np.random.Generator) -> Case:
    """dg/dx = du/dx dg/du."""
    du_dx, dg_du, expected = _chain(rng)
    return [du_dx @ dg_du], expected


def chain_rule_in_the_other_order(rng: np.random.Generator) -> Case:
    """A planted mistake: dg/du du/dx."""
    du_dx, dg_du, expected = _chain(rng)
    return [dg_du @ du_dx], expected


def _two_ways(rng: np.random.Generator) -> tuple[list[float], Arrays]:
    x = rng.normal(size=1)
    u1, u2 = np.sin(x), np.exp(x)
    ways = [np.cos(x) * u2, np.exp(x) * (u1 + 2 * u2)]
    expected = slopes(lambda x: (np.sin(x) * np.exp(x) + np.exp(x) ** 2).sum(), x)
    return [float(way[0]) for way in ways], expected


def chain_rule_of_two_variables(rng: np.random.Generator) -> Case:
    """g = u1 u2 + u2^2; dg/dx = du1/dx dg/du1 + du2/dx dg/du2."""
    ways, expected = _two_ways(rng)
    return [np.array([sum(ways)])], expected


def logistic_gradient(rng: np.random.Generator) -> Case:
    """dJ/dw = -sum_n (y_n - f(x_n)) x_n."""
    X, y = rng.normal(size=(20, 3)), rng.integers(2, size=20).astype(float)
    w = rng.normal(size=3)
    found = -((y - sigmoid(X @ w))[:, None] * X).sum(axis=0)
    return [found], slopes(lambda w: nll(y, sigmoid(X @ w)).sum(), w)


# --- blocks ---------------------------------------------------------------------------------------


def affine(rng: np.random.Generator) -> Case:
    """z = W x + b: δW = δz xᵀ, δb = δz, δx = Wᵀ δz."""
    W, b, x, delta = (rng.normal(size=shape) for shape in ((3, 4), 3, 4, 3))
    expected = slopes(lambda W, b, x: delta @ (W @ x + b), W, b, x)
    return [np.outer(delta, x), delta, W.T @ delta], expected


def matrix_product(rng: np.random.Generator) -> Case:
    """C = A Bᵀ: δA = δC B, δB = δCᵀ A."""
    A, B, delta = (rng.normal(size=shape) for shape in ((3, 4), (2, 4), (3, 2)))
    return [delta @ B, delta.T @ A], slopes(lambda A, B: (delta * (A @ B.T)).sum(), A, B)


def multiply_gate(rng: np.random.Generator) -> Case:
    """z = x y: delta_x = y delta_z, delta_y = x delta_z."""
    x, y, delta = (rng.normal(size=4) for _ in range(3))
    return [y * delta, x * delta], slopes(lambda x, y: delta @ (x * y), x, y)


def loss_node(rng: np.random.Generator) -> Case:
    """delta_y_hat = -y / y_hat + (1 - y) / (1 - y_hat), for both labels."""
    y_hat = rng.uniform(0.05, 0.95, size=2)
    y = np.array([0.0, 1.0])
    return [-y / y_hat + (1 - y) / (1 - y_hat)], slopes(lambda p: nll(y, p).sum(), y_hat)


# --- networks -------------------------------------------------------------------------------------


def _network(rng: np.random.Generator) -> tuple[Arrays, list[str], np.ndarray, float]:
    depth = int(rng.integers(2, 6))
    sizes = [*rng.integers(2, 5, size=depth), 1]
    arrays = [
        a
        for n_in, n_out in itertools.pairwise(sizes)
        for a in (rng.normal(size=(n_out, n_in)), rng.normal(size=n_out))
    ]
    g = [*rng.choice(list(G), size=depth - 1), "sigmoid"]
    return arrays, [str(name) for name in g], rng.normal(size=sizes[0]), float(rng.integers(2))


def _forward(arrays: Arrays, g: list[str], x: np.ndarray) -> tuple[Arrays, Arrays]:
    a, z = [x], []
    for W, b, name in zip(arrays[::2], arrays[1::2], g, strict=True):
        z.append(W @ a[-1] + b)
        a.append(G[name][0](z[-1]))
    return a, z


def _cost(g: list[str], x: np.ndarray, y: float) -> Callable[..., float]:
    return lambda *arrays: float(nll(y, _forward(list(arrays), g, x)[0][-1][0]))


def _recursion(arrays: Arrays, g: list[str], x: np.ndarray, y: float) -> Arrays:
    a, z = _forward(arrays, g, x)
    delta_a = -y / a[-1] + (1 - y) / (1 - a[-1])
    found: Arrays = []
    for layer in reversed(range(len(z))):
        delta_z = delta_a * G[g[layer]][1](z[layer])
        found = [np.outer(delta_z, a[layer]), delta_z, *found]
        delta_a = arrays[2 * layer].T @ delta_z
    return found


def multilayer_recursion(rng: np.random.Generator) -> Case:
    """δz = δa ⊙ g′(z), δW = δz aᵀ, δa of the layer before = Wᵀ δz."""
    arrays, g, x, y = _network(rng)
    return _recursion(arrays, g, x, y), slopes(_cost(g, x, y), *arrays)


def combined_recursion(rng: np.random.Generator) -> Case:
    """δz[l] = (W[l+1]ᵀ δz[l+1]) ⊙ g′(z[l])."""
    arrays, g, x, y = _network(rng)
    a, z = _forward(arrays, g, x)
    delta_z = a[-1] - y
    found = [np.outer(delta_z, a[-2]), delta_z]
    for layer in reversed(range(len(z) - 1)):
        delta_z = (arrays[2 * layer + 2].T @ delta_z) * G[g[layer]][1](z[layer])
        found = [np.outer(delta_z, a[layer]), delta_z, *found]
    return found, slopes(_cost(g, x, y), *arrays)


def _with_l2(rng: np.random.Generator) -> tuple[Arrays, Arrays, np.ndarray, float]:
    arrays, g, x, y = _network(rng)
    strength, cost = 0.3, _cost(g, x, y)
    expected = slopes(lambda *a: cost(*a) + strength * (a[-2] ** 2).sum(), *arrays)
    return _recursion(arrays, g, x, y), expected, arrays[-2], strength


def l2_fork(rng: np.random.Generator) -> Case:
    """J + λ wᵀw on the output weights: δw = δz aᵀ + 2 λ w."""
    found, expected, w, strength = _with_l2(rng)
    return [*found[:-2], found[-2] + 2 * strength * w, found[-1]], expected


def l2_left_out(rng: np.random.Generator) -> Case:
    """A planted mistake: the penalty's branch is left out."""
    found, expected, _, _ = _with_l2(rng)
    return found, expected


def _fork(rng: np.random.Generator) -> tuple[Arrays, Arrays]:
    u, delta_a, delta_z = (rng.normal(size=4) for _ in range(3))
    branches = [(1 - np.tanh(u) ** 2) * delta_a, np.cos(u) * delta_z]
    return branches, slopes(lambda u: delta_a @ np.tanh(u) + delta_z @ np.sin(u), u)


def fork(rng: np.random.Generator) -> Case:
    """δu = (∂a/∂u) δa + (∂z/∂u) δz."""
    branches, expected = _fork(rng)
    return [branches[0] + branches[1]], expected


def one_branch(rng: np.random.Generator) -> Case:
    """A planted mistake: the error signal of the last branch overwrites the other."""
    branches, expected = _fork(rng)
    return [branches[1]], expected


FORMULAS: dict[str, tuple[str, str, Callable[[np.random.Generator], Case]]] = {
    "scalar_by_vector": ("preliminaries", "scalar by vector", scalar_by_vector),
    "vector_by_vector": ("preliminaries", "vector by vector", vector_by_vector),
    "scalar_by_matrix": ("preliminaries", "scalar by matrix", scalar_by_matrix),
    "chain_rule": ("preliminaries", "vector chain rule", vector_chain_rule),
    "other_order": (
        "planted mistake",
        "vector chain rule in reverse",
        chain_rule_in_the_other_order,
    ),
    "two_variables": (
        "preliminaries",
        "chain rule of two variables",
        chain_rule_of_two_variables,
    ),
    "logistic_gradient": ("preliminaries", "logistic regression", logistic_gradient),
    "loss_node": ("blocks", "negative log likelihood", loss_node),
    "affine": ("blocks", "z = W x + b", affine),
    "matrix_product": ("blocks", "C = A Bᵀ", matrix_product),
    "multiply_gate": ("blocks", "multiply gate", multiply_gate),
    "recursion": ("networks", "multilayer recursion", multilayer_recursion),
    "combined": ("networks", "the same, combined", combined_recursion),
    "fork": ("forks", "fork: signals add up", fork),
    "one_branch": ("planted mistake", "fork with one branch only", one_branch),
    "l2": ("forks", "L2 as a fork", l2_fork),
    "l2_left_out": ("planted mistake", "L2 branch omitted", l2_left_out),
}
"""Key to group, name and the formula's random case."""


def formula_errors(cases: int) -> list[dict[str, Any]]:
    """Every formula on random cases.

    Returns:
        key, group, check (its name), case (number) and error.
    """
    return [
        {"key": key, "group": group, "check": name, "case": case, "error": found}
        for key, (group, name, formula) in FORMULAS.items()
        for case in range(cases)
        for found in [error(formula(np.random.default_rng(case)))]
    ]
