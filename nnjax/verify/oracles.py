"""Four independent ways to compute a gradient, none of which uses the rule.

    jax.grad              reverse-mode differentiation of the forward pass
    central differences   (J(z + h) - J(z - h)) / 2h in every coordinate, without autodiff
    complex step          Im J(z + ih) / h in every coordinate: without subtraction, so exact up to
                          rounding if the forward pass is analytic
    dot test              <r, J v> = <Jᵀ r, v> for a random direction v, with J v by forward mode

Sources: Griewank & Walther, Evaluating Derivatives, 2008; Squire & Trapp, SIAM Review 40, 1998
(complex step); Claerbout, Earth Soundings Analysis, 1992 (dot test).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from nnjax.verify.problem import Problem, cast

STEP = 1e-5
RATIO = 1.7
STEPS = STEP * np.array([sign * RATIO**k for k in range(3) for sign in (1, -1)])
"""Three steps in both directions. The ratio is no whole number: a function that oscillates once
within a step would look slow at all multiples of it."""

COMPLEX_STEP = 1e-100
"""Its square is far below any rounding error, also of subnormal numbers of float32, so there is no
truncation error."""

COORDINATES, EVALUATED = 2000, 4_000_000
"""Differences and complex steps are taken in every coordinate. Of a large problem they are taken
where the rule and automatic differentiation differ, and in random ones: at most `COORDINATES`, and
fewer (but a hundred) if that many steps would evaluate more numbers than `EVALUATED`."""


def by_jax(problem: Problem, inputs: Any) -> Any:
    """The gradient by reverse-mode differentiation of the forward pass."""
    return jax.grad(lambda inputs: jnp.sum(problem.terms(inputs)))(inputs)


def by_differences(
    problem: Problem, inputs: Any, chosen: jax.Array, middle: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """J(z + s) - J(z) for every chosen coordinate and step s, the steps, and the size of the terms
    that they change; see `differences.py`. `middle` are the terms at the inputs."""
    flat, tree = ravel_pytree(inputs)
    ahead = jnp.repeat(chosen, STEPS.size), jnp.tile(STEPS, chosen.size)

    def moved(ahead: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        k, step = ahead
        # Subtracted term by term, because rounding errors are relative to the terms.
        gaps = problem.terms(tree(flat.at[k].add(step))) - middle
        changed = jnp.sum(jnp.where(gaps == 0, 0, jnp.abs(middle)))
        # What is added to a number is the step rounded to that number's last place.
        return jnp.sum(gaps), (flat[k] + step) - flat[k], changed

    gaps, steps, changed = (x.reshape(-1, STEPS.size) for x in jax.lax.map(moved, ahead))
    return gaps, steps, changed


def by_differences_along(problem: Problem, inputs: Any, v: Any) -> jax.Array:
    """J(z + s v) - J(z) for every step s along one direction."""
    middle = problem.terms(inputs)

    def moved(step: jax.Array) -> jax.Array:
        ahead = jax.tree.map(lambda leaf, along: leaf + step * along, inputs, v)
        return jnp.sum(problem.terms(ahead) - middle)

    return jax.lax.map(moved, jnp.asarray(STEPS))


def by_complex_step(problem: Problem, inputs: Any, chosen: jax.Array) -> Any:
    """The gradient by a complex step in every chosen coordinate, if forward accepts complex
    numbers; NaN in the others."""
    flat, tree = ravel_pytree(cast(inputs, jnp.complex128))

    def slope(k: jax.Array) -> jax.Array:
        step = jnp.asarray(1j * COMPLEX_STEP, flat.dtype)
        return jnp.sum(problem.terms(tree(flat.at[k].add(step)))).imag / COMPLEX_STEP

    real, back = ravel_pytree(inputs)
    slopes = jax.lax.map(slope, chosen)
    return back(jnp.full(real.shape, jnp.nan).at[chosen].set(slopes))


def along(problem: Problem, inputs: Any, left_out: Any) -> tuple[jax.Array, Any]:
    """The derivative along a random direction v by forward mode, and v itself.

    `left_out`: entries in which v is 0, like the inputs.
    """
    rng = np.random.default_rng(6)
    v = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype), inputs)
    v = jax.tree.map(lambda leaf, out: jnp.where(out, 0, leaf), v, left_out)
    return jax.jvp(lambda inputs: jnp.sum(problem.terms(inputs)), (inputs,), (v,))[1], v


def coordinates(inputs: Any, terms: int, disputed: Any = None) -> np.ndarray:
    """All coordinates, or random ones of many: those that are disputed come first."""
    size = sum(np.size(leaf) for leaf in jax.tree.leaves(inputs))
    limit = min(COORDINATES, max(100, EVALUATED // max(size, terms, 1)))
    if size <= limit:
        return np.arange(size)
    chosen = np.random.default_rng(8).permutation(size)
    if disputed is not None:
        first = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(disputed)])
        chosen = chosen[np.argsort(~first[chosen], kind="stable")]
    return chosen[:limit]
