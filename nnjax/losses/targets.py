"""Targets, checked and converted to arrays in shape and dtype of the scores."""

import jax
import jax.numpy as jnp


def distribution(scores: jax.Array, targets: jax.Array, loss: str) -> jax.Array:
    """Labels or distributions, as distributions over the classes."""
    if targets.shape == scores.shape:
        return targets.astype(scores.dtype)
    if are_labels(scores, targets):
        return hot(scores, targets)
    raise ValueError(
        f"{loss}: scores of shape {scores.shape} need whole-number labels of shape "
        f"{scores.shape[:-1]} or a distribution of shape {scores.shape}, got targets of shape "
        f"{targets.shape} and dtype {targets.dtype}"
    )


def labels_only(scores: jax.Array, targets: jax.Array, loss: str) -> jax.Array:
    """Labels, as one-hot rows."""
    if are_labels(scores, targets):
        return hot(scores, targets)
    raise ValueError(
        f"{loss}: scores of shape {scores.shape} need whole-number labels of shape "
        f"{scores.shape[:-1]}, got targets of shape {targets.shape} and dtype {targets.dtype}"
    )


def same_shape(scores: jax.Array, targets: jax.Array, loss: str) -> jax.Array:
    """Numbers, one for each score; a silent broadcast is the classic mistake here."""
    if targets.shape != scores.shape:
        raise ValueError(
            f"{loss}: scores of shape {scores.shape} need targets of the same shape, "
            f"got {targets.shape}"
        )
    return targets.astype(scores.dtype)


def probabilities(scores: jax.Array, targets: jax.Array, loss: str) -> jax.Array:
    """Numbers in [0, 1], one for each score; `checks.py` refuses others where values are known."""
    return same_shape(scores, targets, loss)


def signs(scores: jax.Array, targets: jax.Array, loss: str) -> jax.Array:
    """Targets -1 and +1, one for each score; anything else becomes NaN, as unknown labels do.

    Targets 0 and 1 would otherwise go unnoticed: a 0 always costs 1 and has no slope.
    """
    t = same_shape(scores, targets, loss)
    return jnp.where(jnp.abs(t) == 1, t, jnp.full_like(t, jnp.nan))


def are_labels(scores: jax.Array, targets: jax.Array) -> bool:
    """Whether the targets are whole numbers, one for each row of scores."""
    return jnp.issubdtype(targets.dtype, jnp.integer) and targets.shape == scores.shape[:-1]


def known(labels: jax.Array, classes: int) -> tuple[jax.Array, jax.Array]:
    """The labels in 32 bits, and which of them are classes.

    Labels of 64 bits are compared before the conversion, which turns 2^32 into 0; narrow ones after
    it, because their dtype may not reach `classes`.
    """
    comparable = labels if labels.dtype.itemsize >= 4 else labels.astype(jnp.int32)
    return labels.astype(jnp.int32), (comparable >= 0) & (comparable < classes)


def hot(scores: jax.Array, targets: jax.Array) -> jax.Array:
    """One-hot rows.

    A label outside 0..classes-1 becomes a row of NaN: values cannot be checked under `jit`, and
    training would silently continue with a row of zeros.
    """
    classes = scores.shape[-1]
    labels, named = known(targets, classes)
    numbers = jnp.arange(classes, dtype=jnp.int32).reshape((1,) * labels.ndim + (classes,))
    rows = (labels[..., None] == numbers).astype(scores.dtype)
    return jnp.where(named[..., None], rows, jnp.nan)
