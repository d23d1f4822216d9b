"""Checks on request: problems made from a problem, and judged like any other."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from nnjax.verify import oracles
from nnjax.verify.plain import plain
from nnjax.verify.problem import Problem, cast


def second_order(problem: Problem) -> Problem:
    """J = Σ w ⊙ g with the gradient g and a random w; the rule's gradient is that of the rule.

    The oracles differentiate the gradient by `jax.grad` of the plain forward pass once more.
    """
    first = problem._replace(terms=plain(problem.terms))
    rng = np.random.default_rng(11)
    w = jax.tree.map(lambda leaf: rng.normal(size=np.shape(leaf)), problem.inputs)

    def weighted(gradient: Any) -> jax.Array:
        flat = ravel_pytree(gradient)[0]
        weights = ravel_pytree(cast(jax.tree.map(np.asarray, w), np.float64))[0]
        return flat * jnp.asarray(weights, jnp.finfo(flat.dtype).dtype)

    def gradient(inputs: Any, scale: Any = 1.0) -> Any:
        return jax.grad(lambda inputs: weighted(problem.gradient(inputs, scale)).sum())(inputs)

    return Problem(lambda inputs: weighted(oracles.by_jax(first, inputs)), gradient, problem.inputs)


def vmapped(problem: Problem) -> Problem:
    """The rule under `vmap` over two points, against the plain function at each of them."""
    inputs = jax.tree.map(lambda leaf: np.stack([leaf, leaf / 2]), problem.inputs)

    def terms(inputs: Any) -> jax.Array:
        def at(i: int) -> jax.Array:
            return jnp.ravel(problem.terms(jax.tree.map(lambda leaf: leaf[i], inputs)))

        return jnp.concatenate([at(0), at(1)])

    def gradient(inputs: Any, scale: Any = 1.0) -> Any:
        return jax.vmap(lambda inputs: problem.gradient(inputs, scale))(inputs)

    return Problem(terms, gradient, inputs)


TRANSFORMED: dict[str, Callable[[Problem], Problem]] = {
    "second order": second_order,
    "vmap": vmapped,
}

LOW = {"bfloat16": jnp.bfloat16, "float16": jnp.float16}
