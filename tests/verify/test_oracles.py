"""An oracle's own error never counts against a rule: right derivatives where an oracle fails."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nnjax as nn

A = np.copysign(1.0, np.random.default_rng(0).normal(size=(3, 3)))
X, Y = np.array([0.3, 1.5]), np.array([2.0, 1.1])


def ruled(f: Any, derivative: Any) -> Any:
    """A custom_vjp function of one argument with the rule dx = dy f′(x)."""

    def backward(x: Any, dy: Any) -> Any:
        return (dy * derivative(x).astype(dy.dtype),)

    function = jax.custom_vjp(f)
    function.defvjp(lambda x: (f(x), x), backward)
    return function


CASES: dict[str, tuple[Any, ...]] = {
    # The second derivative jumps: differences have an error of first order.
    "elu at 0": (jax.nn.elu, np.zeros(3)),
    # Functions that vary at the scale of their inputs, which may be subnormal.
    "mod": (jnp.mod, X, Y),
    "divide": (jnp.divide, X, Y),
    "1 / x": (lambda x: 1 / x, X),
    # A jump, where the complex step is always on the side of larger numbers.
    "where": (lambda x, y: jnp.where(x > 0, x, y), X - 1, Y),
    "arctan2": (jnp.arctan2, X, Y - 3),
    # All slopes are rounding beside the size of the function.
    "saturated softmax": (jax.nn.softmax, np.array([100.0, 0.0, 0.0])),
    # No derivative, though the slopes of the coordinates agree on both sides.
    "median of ties": (jnp.median, np.zeros(5)),
    "smallest column": (lambda x: jnp.linalg.norm(x, ord=-1), np.zeros((2, 2))),
    # Several outputs with a kink at one place, each with a side of its own.
    "two sides": (lambda x: (jax.nn.relu(x), jax.nn.relu(-x)), np.zeros(2)),
    "sort of ties": (jnp.sort, np.zeros(3)),
    "eigenvalues that coincide": (lambda x: jnp.linalg.eigvalsh(x + x.T), np.eye(3)),
    # Rounding is amplified inside the function.
    "cholesky": (lambda a: jnp.linalg.cholesky(a @ a.T + jnp.eye(3, dtype=a.dtype)), A),
    "solve": (
        lambda a, b: jax.scipy.linalg.solve(a @ a.T + jnp.eye(3, dtype=a.dtype), b, assume_a="pos"),
        *(A, np.ones(3)),
    ),
    # The forward pass takes another branch in float32 alone.
    "fmod": (jnp.fmod, X[:1], Y[:1]),
    "heaviside": (jnp.heaviside, X[:1], Y[:1]),
    # A tie at which the plain function's own derivative is wrong, and JAX's rule right.
    "logaddexp": (jnp.logaddexp, np.zeros(2), np.zeros(2)),
    "logaddexp inside": (lambda x: jnp.logaddexp(x[0], x[1]), np.zeros(2)),
    # Sizes that only the function knows.
    "constant": (ruled(lambda x: x * A.astype(x.dtype), lambda x: A), A),
    # More kinks than steps are taken at, at which the rule chooses another side than JAX.
    "many kinks": (ruled(lambda x: jnp.maximum(x, 0), lambda x: x >= 0), np.zeros((50, 50))),
    # Saturated: complex tanh rounds more than the gradient is large.
    "tanh inside": (
        lambda x, w: jnp.cos(jnp.tanh(jnp.cumsum(x, -1) @ w)),
        *(np.copysign(40.0, np.arange(5.0)[:, None] - 2), np.full((1, 1), 40.0)),
    ),
    # The phase of the sine has lost its last digits, which no sum of terms shows.
    "large phase": (
        lambda x, w: jnp.sin(30 * (jnp.log1p(x * x) @ w)),
        *(np.full((4, 2), 1e4), np.array([[1e4, -1e4], [1e4, 1e4]])),
    ),
    # None in a tree, as of a layer without a bias.
    "None": (lambda tree: 2 * tree["a"], {"a": X, "b": None}),
}


@pytest.mark.parametrize("name", CASES)
def test_right_rule_is_not_called_wrong(name: str) -> None:
    nn.verify_function(*CASES[name], show=False).check()


def test_smooth_function_at_a_tie_is_not_excused() -> None:
    """The slopes of max(z, 0) - log σ(|z|) add up, so it is smooth at 0, and autodiff wrong."""
    report = nn.verify_function(
        lambda z: jnp.maximum(z, 0) + jnp.log1p(jnp.exp(-jnp.abs(z))), np.zeros(3), show=False
    )
    assert {row.oracle for row in report.wrong if not row.options} >= {"central differences"}


def test_straight_through_is_no_convention() -> None:
    """A function that rounds is flat where it does not jump; its slope there is no choice."""
    x = np.array([0.3, 1.7])  # not where it jumps
    report = nn.verify_function(
        lambda x: x + jax.lax.stop_gradient(jnp.round(x) - x), x, delicate=False, show=False
    )
    assert "central differences" in {row.oracle for row in report.wrong}
    assert "convention" not in {row.verdict for row in report.rows}


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_slopes_at_a_tie_must_belong_together(shape: tuple[int, ...]) -> None:
    """One entry may get the slope of a maximum, or all share it, but not each get all of it."""

    def largest(x: Any) -> Any:
        return x.max(axis=-1)

    def rule(share: Callable[[Any], Any]) -> Any:
        def backward(x: Any, dy: Any) -> Any:
            hits = (x == x.max(axis=-1, keepdims=True)).astype(x.dtype)
            return (dy[..., None] * share(hits),)

        return lambda x: (largest(x), x), backward

    def first(hits: Any) -> Any:
        return hits * (jnp.cumsum(hits, axis=-1) == 1).astype(hits.dtype)

    x = np.ones(shape)
    for share in (first, lambda hits: hits / hits.sum(axis=-1, keepdims=True)):
        nn.verify_function(largest, x, rule=rule(share), show=False).check()
    wrong = nn.verify_function(largest, x, rule=rule(lambda hits: hits), show=False).wrong
    assert "do not belong together: along (1, ..., 1) rule" in wrong[0].detail


def test_function_that_no_oracle_can_judge_is_wrong() -> None:
    """A verdict needs an oracle: differences say nothing of a callback that oscillates wildly."""

    def f(x: Any) -> Any:
        like = jax.ShapeDtypeStruct(x.shape, x.dtype)
        wild = lambda a: np.sin(1e9 * np.asarray(a)).astype(x.dtype)  # noqa: E731
        return jax.pure_callback(wild, like, x, vmap_method="sequential")

    rule = (lambda x: (f(x), x), lambda x, dy: (dy,))
    unsuited = {"complex step": "it is not asked"}  # NumPy's sine would accept it
    report = nn.verify_function(f, X, rule=rule, delicate=False, unsuited=unsuited, show=False)
    (row, *_) = report.wrong
    assert row.oracle == "form"
    assert "central differences: no digits" in row.detail


def in_jit(f: Any, factor: float) -> Any:
    """A forward function that gives another value than the function, behind jit."""
    function = jax.custom_vjp(f)
    function.defvjp(lambda x: (factor * f(x), x), lambda x, dy: (dy * jnp.cos(x),))
    return jax.jit(function)


def one_of_many(factor: float) -> Any:
    """sin with a mistake in the last entry alone."""

    def derivative(x: Any) -> Any:
        return jnp.cos(x).at[-1].multiply(jnp.asarray(factor, x.dtype))

    return ruled(jnp.sin, derivative)


MISTAKES: dict[str, tuple[Any, ...]] = {
    "beyond the sides of a kink": (
        lambda factor: ruled(
            lambda x: jnp.maximum(x, 0),
            lambda x: jnp.where(x == 0, 1 + factor, (x > 0).astype(x.dtype)),
        ),
        np.zeros(4),
    ),
    "where the second derivative jumps": (
        lambda factor: ruled(
            lambda x: jnp.maximum(x, 0) ** 2,
            lambda x: jnp.where(x == 0, factor, 2 * jnp.maximum(x, 0)),
        ),
        np.zeros(4),
    ),
    "far steeper than a step is long": (
        lambda factor: ruled(
            lambda x: jnp.tanh(1e6 * x), lambda x: (1 + factor) * 1e6 / jnp.cosh(1e6 * x) ** 2
        ),
        1e-6 * X,
    ),
    "small inputs": (
        lambda factor: ruled(lambda x: 1 / x, lambda x: -(1 + factor) / x**2),
        1e-8 * X,
    ),
    "value behind jit": (lambda factor: in_jit(jnp.sin, 1 + factor), X),
    "last of many": (lambda factor: one_of_many(1 + factor), np.linspace(-1, 1, 3000)),
}


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("factor", [0.0, 0.01])
def test_a_hundredth_is_found(name: str, factor: float) -> None:
    """A mistake of a hundredth where an oracle fails, and the same rule without it."""
    make, x = MISTAKES[name]
    report = nn.verify_function(make(factor), x, delicate=False, show=False)
    assert report.passed == (factor == 0), report
