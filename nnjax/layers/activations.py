"""Activation functions: layers without parameters. All but softmax act on each element alone.

For an elementwise function y = f(x), J depends on x_i only through y_i, so dx = dy * f'(x). What is
left to derive is f', and to say how it is computed where the textbook form loses its digits.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from nnjax.core import Layer, Params, Residuals, Shape


def _elementwise(
    f: Callable[[jax.Array], jax.Array],
    save: Callable[[jax.Array], jax.Array],
    derivative: Callable[[jax.Array], jax.Array],
) -> Layer:
    """y = f(x), dx = dy * derivative(save(x)): a layer without parameters that keeps the shape."""

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        return (), in_shape

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, Residuals]:
        return f(x), save(x)

    def backward(params: Params, residuals: Residuals, dy: jax.Array) -> tuple[Params, jax.Array]:
        return (), dy * derivative(residuals).astype(dy.dtype)

    return Layer(init, forward, backward)


def relu() -> Layer:
    """Rectified linear unit.

        y = max(x, 0)        f'(x) = 1 for x > 0, else 0

    At x = 0 the function has no derivative; f'(0) = 0 is taken (any value in [0, 1] is a
    subgradient), as in JAX, PyTorch and TensorFlow. NaN stays NaN.

    Returns:
        A layer that keeps the shape, with params `()`. The residual is the mask x > 0.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, mask = nn.relu().forward((), jnp.array([[-1.0, 0.0, 2.0]]))
        >>> print(y, nn.relu().backward((), mask, jnp.ones((1, 3)))[1])
        [[0. 0. 2.]] [[0. 0. 1.]]

    Source: Nair & Hinton, ICML 2010; the value at 0: Bertoin, Bolte, Gerchinovitz & Pauwels,
    NeurIPS 2021.
    """
    return _elementwise(
        f=lambda x: jnp.where(x <= 0, jnp.zeros_like(x), x),
        save=lambda x: x > 0,
        derivative=lambda positive: positive,
    )


def leaky_relu(slope: float = 0.01) -> Layer:
    """Rectified linear unit that lets a fraction of negative inputs through.

        y = x for x > 0, else slope x        f'(x) = 1 for x > 0, else slope

    At x = 0 the derivative is taken as `slope`, so that slope = 0 gives `relu` and its f'(0) = 0;
    PyTorch does the same, `jax.nn.leaky_relu` takes 1.

    Args:
        slope: the derivative on the negative side (0.1 in some texts, 0.01 in others).

    Returns:
        A layer that keeps the shape, with params `()`. The residual is the mask x > 0.

    Raises:
        ValueError: if the slope is not finite.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> layer = nn.leaky_relu(0.1)
        >>> y, mask = layer.forward((), jnp.array([[-1.0, 0.0, 2.0]]))
        >>> print(y, layer.backward((), mask, jnp.ones((1, 3)))[1])
        [[-0.1  0.   2. ]] [[0.1 0.1 1. ]]

    Source: Maas, Hannun & Ng, ICML 2013.
    """
    if not math.isfinite(slope):
        raise ValueError(f"leaky_relu(slope): expected a finite number, got {slope}")
    return _elementwise(
        f=lambda x: jnp.where(x > 0, x, slope * x),
        save=lambda x: x > 0,
        derivative=lambda positive: jnp.where(positive, 1.0, slope),
    )


def sigmoid() -> Layer:
    """Logistic sigmoid.

        y = s(x) = 1 / (1 + exp(-x))        f'(x) = s(x) (1 - s(x)) = s(x) s(-x)

    Derivation. f'(x) = exp(-x) / (1 + exp(-x))^2 = s(x) * exp(-x) / (1 + exp(-x)), and the last
    factor is 1 - s(x) = s(-x). The form s(x) s(-x) is the one computed: once s(x) has rounded to
    1 (x > 17 in float32, x > 37 in float64), 1 - s(x) is 0 while s(-x) keeps all its digits.

    Returns:
        A layer that keeps the shape, with params `()`. The residual is x.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, x = nn.sigmoid().forward((), jnp.array([[40.0]]))
        >>> dx = nn.sigmoid().backward((), x, jnp.ones((1, 1)))[1]
        >>> print(y[0, 0], f"{dx[0, 0]:.3e}")
        1.0 4.248e-18

    Source: Bishop, Pattern Recognition and Machine Learning, 2006, eq. 4.88.
    """
    return _elementwise(
        f=jax.nn.sigmoid,
        save=lambda x: x,
        derivative=lambda x: jax.nn.sigmoid(x) * jax.nn.sigmoid(-x),
    )


def tanh() -> Layer:
    """Hyperbolic tangent.

        y = tanh(x)        f'(x) = 1 - tanh(x)^2 = 4 s(2x) s(-2x)

    Derivation. tanh(x) = 2 s(2x) - 1 with the logistic sigmoid s, so f'(x) = 4 s'(2x), and
    s'(u) = s(u) s(-u). That form is the one computed, because 1 - tanh(x)^2 is 0 once tanh(x) has
    rounded to 1 (x > 9 in float32).

    Returns:
        A layer that keeps the shape, with params `()`. The residual is x.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, x = nn.tanh().forward((), jnp.array([[1.0]]))
        >>> dx = nn.tanh().backward((), x, jnp.ones((1, 1)))[1]
        >>> print(f"{y[0, 0]:.4f} {dx[0, 0]:.4f}")
        0.7616 0.4200

    Source: LeCun, Bottou, Orr & Mueller, Efficient BackProp, 1998, section 4.4.
    """
    return _elementwise(
        f=jnp.tanh,
        save=lambda x: x,
        derivative=lambda x: 4 * jax.nn.sigmoid(2 * x) * jax.nn.sigmoid(-2 * x),
    )


def softmax() -> Layer:
    """Probabilities from scores, over the last axis.

        y_i = exp(x_i) / sum_k exp(x_k)        dx = y * (dy - sum_k dy_k y_k)

    Derivation. dy_k/dx_i = y_k ([i = k] - y_i): each output depends on every input through the
    common denominator. Hence dx_i = sum_k dy_k y_k ([i = k] - y_i) = y_i (dy_i - sum_k dy_k y_k).
    The largest score is subtracted before exp, which changes nothing and cannot overflow.

    For training with cross-entropy use `softmax_cross_entropy` on the scores: a probability that
    has rounded to 0 cannot be mended by a loss that sees it afterwards.

    Returns:
        A layer that keeps the shape (batch, ..., classes), with params `()`. The residual is y.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, residuals = nn.softmax().forward((), jnp.array([[0.0, 0.0]]))
        >>> print(y, nn.softmax().backward((), residuals, jnp.array([[1.0, 0.0]]))[1])
        [[0.5 0.5]] [[ 0.25 -0.25]]

    Source: Bridle 1990; Bishop 2006, eq. 4.106.
    """

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        return (), in_shape

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        y = jax.nn.softmax(x, axis=-1)
        return y, y

    def backward(params: Params, residuals: jax.Array, dy: jax.Array) -> tuple[Params, jax.Array]:
        y = residuals
        return (), y * (dy - jnp.sum(dy * y, axis=-1, keepdims=True))

    return Layer(init, forward, backward)
