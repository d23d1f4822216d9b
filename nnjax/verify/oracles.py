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
"""Step of the central differences. It balances the truncation error h² J‴ / 6, about 1e-10, and the
rounding error eps |J| / h, about 1e-11."""

COMPLEX_STEP = 1e-30
"""Its square is far below any rounding error, so there is no truncation error."""


def by_jax(problem: Problem, inputs: Any) -> Any:
    """The gradient by reverse-mode differentiation of the forward pass."""
    return jax.grad(lambda inputs: jnp.sum(problem.terms(inputs)))(inputs)


def by_differences(problem: Problem, inputs: Any) -> Any:
    """The gradient by central differences in every coordinate."""
    flat, tree = ravel_pytree(inputs)
    steps = jnp.repeat(jnp.arange(flat.size), 2), jnp.tile(jnp.array([STEP, -STEP]), flat.size)
    moved = jax.lax.map(lambda step: problem.terms(tree(flat.at[step[0]].add(step[1]))), steps)
    above, below = moved[0::2], moved[1::2]
    # Subtracted term by term, because rounding errors are relative to the terms.
    return tree((above - below).reshape(flat.size, -1).sum(axis=1) / (2 * STEP))


def by_complex_step(problem: Problem, inputs: Any) -> Any:
    """The gradient by a complex step in every coordinate, if forward accepts complex numbers."""
    flat, tree = ravel_pytree(cast(inputs, jnp.complex128))

    def slope(k: jax.Array) -> jax.Array:
        step = jnp.asarray(1j * COMPLEX_STEP, flat.dtype)
        return jnp.sum(problem.terms(tree(flat.at[k].add(step)))).imag / COMPLEX_STEP

    real = ravel_pytree(inputs)[1]
    return real(jax.lax.map(slope, jnp.arange(flat.size)))


def along(problem: Problem, inputs: Any) -> tuple[jax.Array, Any]:
    """The derivative along a random direction v by forward mode, and v itself."""
    rng = np.random.default_rng(6)
    v = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype), inputs)
    return jax.jvp(lambda inputs: jnp.sum(problem.terms(inputs)), (inputs,), (v,))[1], v
