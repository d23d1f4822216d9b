"""The notes' formulas, each as it is written, against central differences; and NLL = cross-entropy.

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
    """f = x' A x; df/dx = (A + A') x."""
    A, x = rng.normal(size=(4, 4)), rng.normal(size=4)
    return [(A + A.T) @ x], slopes(lambda x: x @ A @ x, x)


def vector_by_vector(rng: np.random.Generator) -> Case:
    """f = A x; df/dx = A', the transpose of the Jacobian."""
    A, x = rng.normal(size=(3, 4)), rng.normal(size=4)
    return [A.T], slopes(lambda x: A @ x, x)


def scalar_by_matrix(rng: np.random.Generator) -> Case:
    """f = a' X b; df/dX = a b'."""
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
    """Spoilt: dg/du du/dx."""
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
    """z = W x + b: delta_W = delta_z x', delta_b = delta_z, delta_x = W' delta_z."""
    W, b, x, delta = (rng.normal(size=shape) for shape in ((3, 4), 3, 4, 3))
    expected = slopes(lambda W, b, x: delta @ (W @ x + b), W, b, x)
    return [np.outer(delta, x), delta, W.T @ delta], expected


def matrix_product(rng: np.random.Generator) -> Case:
    """C = A B': delta_A = delta_C B, delta_B = delta_C' A."""
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
    """Delta_z = delta_a * g'(z), delta_W = delta_z a', delta_a of the layer before = W' delta_z."""
    arrays, g, x, y = _network(rng)
    return _recursion(arrays, g, x, y), slopes(_cost(g, x, y), *arrays)


def combined_recursion(rng: np.random.Generator) -> Case:
    """Delta_z[l] = (W[l+1]' delta_z[l+1]) * g'(z[l])."""
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
    """J + lambda w'w on the output weights: delta_w = delta_z a' + 2 lambda w."""
    found, expected, w, strength = _with_l2(rng)
    return [*found[:-2], found[-2] + 2 * strength * w, found[-1]], expected


def l2_left_out(rng: np.random.Generator) -> Case:
    """Spoilt: the penalty's branch is left out."""
    found, expected, _, _ = _with_l2(rng)
    return found, expected


def _fork(rng: np.random.Generator) -> tuple[Arrays, Arrays]:
    u, delta_a, delta_z = (rng.normal(size=4) for _ in range(3))
    branches = [(1 - np.tanh(u) ** 2) * delta_a, np.cos(u) * delta_z]
    return branches, slopes(lambda u: delta_a @ np.tanh(u) + delta_z @ np.sin(u), u)


def fork(rng: np.random.Generator) -> Case:
    """Delta_u = da/du delta_a + dz/du delta_z."""
    branches, expected = _fork(rng)
    return [branches[0] + branches[1]], expected


def one_branch(rng: np.random.Generator) -> Case:
    """Spoilt: the error signal of the last branch overwrites the other."""
    branches, expected = _fork(rng)
    return [branches[1]], expected


FORMULAS: dict[str, tuple[str, str, Callable[[np.random.Generator], Case]]] = {
    "scalar_by_vector": ("preliminaries", "scalar by vector", scalar_by_vector),
    "vector_by_vector": ("preliminaries", "vector by vector", vector_by_vector),
    "scalar_by_matrix": ("preliminaries", "scalar by matrix", scalar_by_matrix),
    "chain_rule": ("preliminaries", "chain rule of vectors", vector_chain_rule),
    "other_order": ("spoilt", "chain rule in the other order", chain_rule_in_the_other_order),
    "two_variables": (
        "preliminaries",
        "chain rule of two variables",
        chain_rule_of_two_variables,
    ),
    "logistic_gradient": ("preliminaries", "logistic regression", logistic_gradient),
    "loss_node": ("blocks", "negative log likelihood", loss_node),
    "affine": ("blocks", "z = W x + b", affine),
    "matrix_product": ("blocks", "C = A B'", matrix_product),
    "multiply_gate": ("blocks", "multiply gate", multiply_gate),
    "recursion": ("networks", "multilayer recursion", multilayer_recursion),
    "combined": ("networks", "the same, combined", combined_recursion),
    "fork": ("forks", "fork: signals add up", fork),
    "one_branch": ("spoilt", "fork: one branch alone", one_branch),
    "l2": ("forks", "L2 as a fork", l2_fork),
    "l2_left_out": ("spoilt", "L2 left out", l2_left_out),
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


def fork_reports(names: list[str]) -> list[dict[str, Any]]:
    """Networks with forks before nnjax's verifier, each with the binary loss on top.

    Args:
        names: which networks. "residual, one branch alone" is spoilt: its block passes on the error
            signal of the branch and not that of the straight path.

    Returns:
        network, then the verifier's rows: options, oracle, error64, error32 and verdict.
    """
    import nnjax as nn

    def hidden(n: int = 3) -> tuple[nn.Layer, nn.Layer]:
        return nn.dense(n), nn.tanh()

    block = nn.serial(*hidden())
    block_alone = nn.residual(block)._replace(backward=block.backward)
    twice = nn.serial(*hidden(), nn.dense(3), nn.sigmoid(), nn.dense(3), nn.tanh(), nn.dense(1))
    networks: dict[str, tuple[nn.Layer, nn.Penalty | None]] = {
        "no fork": (nn.serial(*hidden(), *hidden(), nn.dense(1)), None),
        "residual": (nn.serial(*hidden(), nn.residual(block), nn.dense(1)), None),
        **{
            f"parallel, {join}": (
                nn.serial(nn.parallel(block, nn.serial(nn.dense(3)), join=join), nn.dense(1)),
                None,
            )
            for join in ("sum", "concat", "multiply")
        },
        "shared weights": (nn.shared(twice, [2, 4]), None),
        "L2": (nn.serial(nn.dense(3), nn.sigmoid(), nn.dense(1)), nn.l2(0.3)),
        "residual, one branch alone": (nn.serial(*hidden(), block_alone, nn.dense(1)), None),
    }
    rows = []
    for name in names:
        network, penalty = networks[name]
        report = nn.verify(
            network, (2,), nn.sigmoid_cross_entropy, penalty=penalty, inputs=_normal, show=False
        )
        for row in report.rows:
            rows.append({"network": name, **row._asdict()})
    return rows


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(size=shape)


def nll_errors(cases: int, items: int, classes: list[int]) -> list[dict[str, Any]]:
    """Negative log likelihood and cross-entropy of random scores, by all ways to write them.

    Args:
        cases: random cases for each number of classes, and for the binary form.
        items: training items whose costs are summed, as in the source (nnjax takes the mean).
        classes: numbers of classes.

    Returns:
        way, classes, case, error64 (relative to minus the logarithm of the likelihood; of the
        gradient the largest difference) and ulps32 (units in the last place; none for what is
        float64 only).
    """
    rows: list[dict[str, Any]] = []
    for k in [2, *classes]:
        rng = np.random.default_rng(k)
        scores = rng.normal(scale=2, size=(cases, items, k)).astype(np.float32)
        labels = rng.integers(k, size=(cases, items)).astype(np.int32)
        z = scores.astype(float)
        p = np.exp(z - z.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        of_label = np.take_along_axis(p, labels[..., None], axis=-1)[..., 0]
        likelihood = -np.log(of_label.prod(axis=-1))
        one_hot = np.eye(k)[labels]
        written = {
            "sum of -log P": -np.log(of_label).sum(axis=-1),
            "cross-entropy of one-hot targets": -(one_hot * np.log(p)).sum(axis=(-1, -2)),
        }
        found64, found32 = (_by_nnjax(scores, labels, wide) for wide in (True, False))
        slope = found64.pop("gradient")
        errors = {
            way: np.abs(values / likelihood - 1) for way, values in (written | found64).items()
        }
        errors["gradient p - y"] = np.abs(slope - (p - one_hot)).max(axis=(-1, -2))
        last_place = np.spacing(likelihood.astype(np.float32)).astype(float)
        for way, error64 in errors.items():
            ulps = np.abs(found32[way] - likelihood) / last_place if way in found32 else None
            for case in range(cases):
                row = {"way": way, "classes": k, "case": case, "error64": float(error64[case])}
                rows.append(row | {"ulps32": None if ulps is None else float(ulps[case])})
    return rows


def _by_nnjax(scores: np.ndarray, labels: np.ndarray, wide: bool) -> dict[str, np.ndarray]:
    """Sums over the items by nnjax's losses, (cases,), and the gradient of the sum."""
    import jax
    import jax.numpy as jnp

    import nnjax as nn

    with jax.enable_x64(wide):
        z = jnp.asarray(scores, jnp.float64 if wide else jnp.float32)
        y = jnp.asarray(labels)
        k, items = z.shape[-1], z.shape[-2]
        one_hot = jax.nn.one_hot(y, k, dtype=z.dtype)

        def one(z: jax.Array, y: jax.Array, t: jax.Array) -> dict[str, jax.Array]:
            fused, residuals = nn.softmax_cross_entropy.forward(z, t)
            p, _ = nn.softmax().forward((), z)
            found = {
                "nnjax, fused, labels": nn.softmax_cross_entropy.forward(z, y)[0],
                "nnjax, fused, one-hot": fused,
                "nnjax, softmax then loss": nn.categorical_cross_entropy.forward(p, t)[0],
                "gradient": nn.softmax_cross_entropy.backward(residuals),
            }
            if k == 2:
                margin = z[:, 1:] - z[:, :1]
                s, _ = nn.sigmoid().forward((), margin)
                found |= {
                    "nnjax, binary, fused": nn.sigmoid_cross_entropy.forward(margin, t[:, 1:])[0],
                    "nnjax, sigmoid then loss": nn.binary_cross_entropy.forward(s, t[:, 1:])[0],
                }
            return found

        found = jax.jit(jax.vmap(one))(z, y, one_hot)
        return {way: items * np.asarray(value, float) for way, value in found.items()}
