"""Data of any kind as arrays of JAX: converted without loss, or refused in one sentence."""

from numbers import Number
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def as_array(value: Any, what: str) -> jax.Array:
    """Data as an array of JAX with the same numbers.

    `jnp.asarray` turns 2**32 into 0 without a word, unless 64 bits are enabled, and its errors name
    neither the data nor a remedy. Floats are rounded to the precision of JAX, as everywhere.

    Args:
        value: an array of JAX (returned as it is, traced or not) or of NumPy, of any byte order; or
            what NumPy can convert: nested lists, a data frame.
        what: what the value is, for messages: `data: inputs`.

    Returns:
        The array.

    Raises:
        ValueError: if the value is no array of numbers, or its whole numbers do not fit JAX's
            dtypes.

    Example:
        >>> import numpy as np
        >>> as_array(np.array([1, 2], ">i8"), "data: targets").dtype.name
        'int32'
        >>> as_array(["a", "b"], "data: targets")
        Traceback (most recent call last):
        ValueError: data: targets: expected numbers, got text such as 'a' (dtype <U1); number the \
texts first, for instance by np.unique(texts, return_inverse=True)[1]
    """
    if isinstance(value, jax.Array):
        return value
    if any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(value)):
        return jnp.asarray(value)  # a list of arrays, maybe traced
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{what}: expected an array of numbers, got {error}") from None
    dtype = array.dtype
    if dtype.kind in "OSU":
        raise ValueError(f"{what}: {_not_numbers(array)}")
    if dtype.kind == "c":
        raise ValueError(f"{what}: expected real numbers, got complex ones (dtype {dtype})")
    native = array.astype(dtype.newbyteorder("="), copy=False)
    try:
        kept = jnp.asarray(native)
    except TypeError:
        raise ValueError(
            f"{what}: expected numbers of a dtype that JAX has, got dtype {dtype}; convert them, "
            "for instance by .astype(np.float32)"
        ) from None
    if dtype.kind in "iu" and kept.dtype.itemsize < dtype.itemsize and array.size:
        limits, least, most = jnp.iinfo(kept.dtype), int(array.min()), int(array.max())
        if least < limits.min or most > limits.max:
            raise ValueError(
                f"{what}: expected whole numbers from {limits.min} to {limits.max}, which JAX "
                f"keeps in {kept.dtype}, got {least} to {most} (dtype {dtype}); convert features "
                "and amounts to floats, for instance by .astype(np.float32)"
            )
    return kept


def _not_numbers(array: np.ndarray) -> str:
    """What an array of texts or objects holds, and what to do."""
    items = array.ravel().tolist()
    odd = next((item for item in items if not isinstance(item, Number)), None)
    if isinstance(odd, str | bytes):
        return (
            f"expected numbers, got text such as {odd!r} (dtype {array.dtype}); number the texts "
            "first, for instance by np.unique(texts, return_inverse=True)[1]"
        )
    found = f"{type(odd).__name__} among " if odd is not None or None in items else ""
    return (
        f"expected numbers, got {found}Python objects (dtype {array.dtype}); replace what is "
        "missing or no number, then convert by .astype(np.float32)"
    )
