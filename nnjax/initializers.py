"""Initial weights: functions `(key, shape) -> weights` with a given distribution.

For dense weights of shape (n_in, n_out), fan_in = n_in and fan_out = n_out; for kernels
(kh, kw, in_channels, out_channels) both are multiplied by the kernel's area.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.core import Shape

Initializer = Callable[[jax.Array, Shape], jax.Array]


@recorded
def normal(scale: float = 0.01) -> Initializer:
    """Independent normal weights with a fixed standard deviation.

        w ~ N(0, scale²)

    Args:
        scale: the standard deviation, at least 0.

    Returns:
        A function `(key, shape) -> weights` in the default float dtype.

    Raises:
        ValueError: if `scale` is negative or not finite.

    Example:
        >>> import jax, nnjax as nn
        >>> w = nn.initializers.normal(0.01)(jax.random.key(0), (617, 44))
        >>> print(f"{w.std():.3f}")
        0.010

    Source: Kinsley & Kukiela, Neural Networks from Scratch, 2020 (0.01 times a standard normal).
    """
    if not (math.isfinite(scale) and scale >= 0):
        raise ValueError(f"normal(scale): expected a finite number >= 0, got {scale}")
    return lambda key, shape: scale * jax.random.normal(key, shape)


@recorded
def glorot() -> Initializer:
    """Uniform weights that preserve the variance of signals in both passes.

        w ~ U(-a, a),  a = sqrt(6 / (fan_in + fan_out)),  so Var w = 2 / (fan_in + fan_out)

    Returns:
        A function `(key, shape) -> weights`; shape has at least two axes.

    Raises:
        ValueError: (the returned function) if the shape has fewer than two axes.

    Example:
        >>> import jax, nnjax as nn
        >>> w = nn.initializers.glorot()(jax.random.key(0), (300, 300))
        >>> print(f"{abs(w).max():.3f}")
        0.100

    Source: Glorot & Bengio, AISTATS 2010, eq. 16.
    """

    def init(key: jax.Array, shape: Shape) -> jax.Array:
        fan_in, fan_out = _fans(shape)
        bound = math.sqrt(6 / (fan_in + fan_out))
        return jax.random.uniform(key, shape, minval=-bound, maxval=bound)

    return init


@recorded
def he() -> Initializer:
    """Normal weights that preserve the variance through ReLU layers.

        w ~ N(0, 2 / fan_in)

    ReLU halves the second moment of a symmetric input, so the weights double it.

    Returns:
        A function `(key, shape) -> weights`; shape has at least two axes.

    Raises:
        ValueError: (the returned function) if the shape has fewer than two axes.

    Example:
        >>> import jax, nnjax as nn
        >>> w = nn.initializers.he()(jax.random.key(0), (200, 1000))
        >>> print(f"{w.std():.3f}")
        0.100

    Source: He, Zhang, Ren & Sun, ICCV 2015, eq. 10.
    """
    return lambda key, shape: math.sqrt(2 / _fans(shape)[0]) * jax.random.normal(key, shape)


@recorded
def lecun() -> Initializer:
    """Normal weights that preserve the variance through a linear layer.

        w ~ N(0, 1 / fan_in)

    Returns:
        A function `(key, shape) -> weights`; shape has at least two axes.

    Raises:
        ValueError: (the returned function) if the shape has fewer than two axes.

    Example:
        >>> import jax, nnjax as nn
        >>> w = nn.initializers.lecun()(jax.random.key(0), (100, 1000))
        >>> print(f"{w.std():.3f}")
        0.100

    Source: LeCun, Bottou, Orr & Mueller, Efficient BackProp, 1998, eq. 16.
    """
    return lambda key, shape: math.sqrt(1 / _fans(shape)[0]) * jax.random.normal(key, shape)


@recorded
def uniform_fan_in() -> Initializer:
    """Uniform weights bounded by the fan-in, the default of PyTorch's linear layers.

        w ~ U(-a, a),  a = 1 / sqrt(fan_in),  so Var w = 1 / (3 fan_in)

    Returns:
        A function `(key, shape) -> weights`; shape has at least two axes.

    Raises:
        ValueError: (the returned function) if the shape has fewer than two axes.

    Example:
        >>> import jax, nnjax as nn
        >>> w = nn.initializers.uniform_fan_in()(jax.random.key(0), (100, 1000))
        >>> print(f"{abs(w).max():.3f}")
        0.100

    Source: LeCun, Bottou, Orr & Mueller, Efficient BackProp, 1998, section 4.6, with the bound
    instead of the standard deviation; `torch.nn.Linear.reset_parameters`.
    """

    def init(key: jax.Array, shape: Shape) -> jax.Array:
        bound = 1 / math.sqrt(_fans(shape)[0])
        return jax.random.uniform(key, shape, minval=-bound, maxval=bound)

    return init


@recorded
def zeros() -> Initializer:
    """All zeros; used for biases.

        w = 0

    Returns:
        A function `(key, shape) -> weights`; the key is not used.

    Example:
        >>> import jax, nnjax as nn
        >>> print(nn.initializers.zeros()(jax.random.key(0), (3,)))
        [0. 0. 0.]

    Source: Goodfellow, Bengio & Courville, Deep Learning, 2016, section 8.4.
    """
    return lambda key, shape: jnp.zeros(shape)


def _fans(shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        raise ValueError(f"fan-in needs weights with at least two axes, got shape {shape}")
    area = math.prod(shape[:-2])
    return area * shape[-2], area * shape[-1]
