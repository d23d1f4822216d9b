"""Mean, variance and checks, shared by the normalisations."""

import math

import jax
import jax.numpy as jnp

from nnjax.core import Shape


def moments(x: jax.Array, axes: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
    """Mean and biased variance over some axes, which are kept with length 1.

    In two passes: the one-pass form E[x²] - E[x]² subtracts two nearly equal numbers and loses all
    digits if mean² / variance is near 1 / (machine epsilon), 1e7 in float32.
    """
    mean = x.mean(axes, keepdims=True)
    return mean, jnp.square(x - mean).mean(axes, keepdims=True)


def check_eps(eps: float, layer: str) -> None:
    """Refuse an eps that does not prevent division by zero."""
    if not (math.isfinite(eps) and eps > 0):
        raise ValueError(f"{layer}(eps): expected a positive finite number, got {eps}")


def check_input(x: jax.Array, features: int, layer: str) -> None:
    """Refuse an input whose features differ from those of the parameters, or whole numbers."""
    if x.ndim < 2 or x.shape[-1] != features:
        raise ValueError(
            f"{layer} has a scale of shape ({features},) and takes inputs of shape "
            f"(batch, ..., {features}), got {x.shape}"
        )
    if not jnp.issubdtype(x.dtype, jnp.inexact):
        raise ValueError(f"{layer} takes floats, got {x.dtype}; convert x first")


def features_of(in_shape: Shape, layer: str) -> int:
    """The length of the last axis of one example."""
    if not in_shape:
        raise ValueError(f"{layer} needs an input with a feature axis, got shape ()")
    return in_shape[-1]


def along_last(v: jax.Array, like: jax.Array) -> jax.Array:
    """Reshape a vector to the rank of `like`, along the last axis."""
    return v.reshape((1,) * (like.ndim - 1) + v.shape)
