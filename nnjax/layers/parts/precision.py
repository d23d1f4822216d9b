"""Dtypes: compute in float32 at least, and return gradients in the dtype of their values."""

import jax
import jax.numpy as jnp


def wide(a: jax.Array) -> jax.Array:
    """Convert floats narrower than 32 bits to float32.

    Squares of numbers above 255 overflow float16, and bfloat16 has too few digits for a variance.
    """
    return a.astype(jnp.float32) if jnp.finfo(a.dtype).bits < 32 else a


def as_dtype_of(x: jax.Array, array: jax.Array) -> jax.Array:
    """Convert an array to the dtype of x, unless x holds whole numbers."""
    return array.astype(x.dtype) if jnp.issubdtype(x.dtype, jnp.inexact) else array
