"""An oracle's own error never counts against a rule: right derivatives where an oracle fails."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nnjax as nn

A = np.copysign(1.0, np.random.default_rng(0).normal(size=(3, 3)))
X, Y = np.array([0.3, 1.5]), np.array([2.0, 1.1])

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


def test_function_that_no_oracle_can_judge_is_wrong() -> None:
    """A verdict needs an oracle: differences say nothing of a callback that oscillates wildly."""

    def f(x: Any) -> Any:
        like = jax.ShapeDtypeStruct(x.shape, x.dtype)
        wild = lambda a: np.sin(1e9 * np.asarray(a)).astype(x.dtype)  # noqa: E731
        return jax.pure_callback(wild, like, x, vmap_method="sequential")

    rule = (lambda x: (f(x), x), lambda x, dy: (dy,))
    (row, *_) = nn.verify_function(f, X, rule=rule, delicate=False, show=False).wrong
    assert row.oracle == "form"
    assert "central differences: no digits" in row.detail
