"""Activation functions: elementwise layers without parameters.

For an elementwise function y = f(x), J depends on x_i only through y_i, so dx = dy ⊙ f′(x). Each
function therefore derives f′, and explains how to compute it where the textbook form loses digits.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.core import Layer, Params, Residuals, Shape
from nnjax.layers.parts.precision import wide


def _elementwise(
    f: Callable[[jax.Array], jax.Array],
    derivative: Callable[[jax.Array], jax.Array],
    save: Callable[[jax.Array], jax.Array] = lambda x: x,
) -> Layer:
    """y = f(x), dx = dy ⊙ derivative(save(x)): a layer without parameters that keeps the shape."""

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, Residuals]:
        return f(x), save(x)

    def backward(params: Params, residuals: Residuals, dy: jax.Array) -> tuple[Params, jax.Array]:
        return (), dy * derivative(residuals).astype(dy.dtype)

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        return (), in_shape

    return Layer(init, forward, backward)


@recorded
def relu() -> Layer:
    """Rectified linear unit.

        y = max(x, 0)        f′(x) = 1 for x > 0, else 0

    The function has no derivative at x = 0, where any value in [0, 1] is a subgradient; f′(0) = 0
    here, as in JAX, PyTorch and TensorFlow. NaN stays NaN.

    Returns:
        A layer that keeps the shape, with params `()`. The residual is the mask x > 0.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, mask = nn.relu().forward((), jnp.array([[-1.0, 0.0, 2.0]]))
        >>> print(y, nn.relu().backward((), mask, jnp.ones((1, 3)))[1])
        [[0. 0. 2.]] [[0. 0. 1.]]

    Source: Nair & Hinton, Rectified linear units improve restricted Boltzmann machines, ICML 2010;
    the value at 0: Bertoin, Bolte, Gerchinovitz & Pauwels, Numerical influence of ReLU′(0) on
    backpropagation, NeurIPS 2021.
    """
    return _elementwise(
        f=lambda x: jnp.where(x <= 0, jnp.zeros_like(x), x),
        derivative=lambda positive: positive,
        save=lambda x: x > 0,
    )


@recorded
def leaky_relu(slope: float = 0.01) -> Layer:
    """Rectified linear unit with a small slope for negative inputs.

        y = x for x > 0, else slope x        f′(x) = 1 for x > 0, else slope

    f′(0) = slope, so slope = 0 gives `relu` with f′(0) = 0; PyTorch does the same,
    `jax.nn.leaky_relu` uses 1.

    Args:
        slope: the derivative for negative inputs (0.1 in some texts, 0.01 in others).

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

    Source: Maas, Hannun & Ng, Rectifier nonlinearities improve neural network acoustic models, ICML
    2013.
    """
    if not math.isfinite(slope):
        raise ValueError(f"leaky_relu(slope): expected a finite number, got {slope}")
    slope = float(slope)  # a NumPy scalar would change the dtype of the output
    return _elementwise(
        f=lambda x: jnp.where(x > 0, x, slope * x),
        derivative=lambda positive: jnp.where(positive, 1.0, slope),
        save=lambda x: x > 0,
    )


@recorded
def sigmoid() -> Layer:
    """Logistic sigmoid.

        y = s(x) = 1 / (1 + t),    t = exp(-x)        f′(x) = s (1 - s) = s² t

    Derivation. dt/dx = -t, so f′(x) = t / (1 + t)² = s² t, and s t = t / (1 + t) = 1 - s. The
    textbook form s (1 - s) is used for x < 0 and s² t for x ≥ 0: if s is rounded to 1 (x > 17 in
    float32, x > 37 in float64), 1 - s is 0 but t keeps all its digits. t is saved, because y and
    f′ follow from it without a second exp.

    Returns:
        A layer that keeps the shape, with params `()`. The residual is t, at least in float32.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, t = nn.sigmoid().forward((), jnp.array([[40.0]]))
        >>> dx = nn.sigmoid().backward((), t, jnp.ones((1, 1)))[1]
        >>> print(y[0, 0], f"{dx[0, 0]:.3e}")
        1.0 4.248e-18

    Source: Bishop, Pattern Recognition and Machine Learning, 2006, eq. 4.88.
    """

    def f(x: jax.Array) -> jax.Array:
        return (1 / (1 + falling(x))).astype(x.dtype)

    def derivative(t: jax.Array) -> jax.Array:
        s = 1 / (1 + t)
        return s * jnp.where(t > 1, 1 - s, s * t)

    def falling(x: jax.Array) -> jax.Array:
        # An overflow of t, even in the unused branch, makes second derivatives NaN.
        lowest = 1 - math.log(jnp.finfo(wide(x).dtype).max)
        return jnp.exp(-jnp.maximum(wide(x), lowest))

    return _elementwise(f, derivative, save=falling)


@recorded
def tanh() -> Layer:
    """Hyperbolic tangent.

        y = tanh(x)        f′(x) = 1 - y² = (1 + |y|)² exp(-2 |x|)

    Derivation. With u = |x|, tanh(u) = (1 - exp(-2u)) / (1 + exp(-2u)), so
    1 - tanh(u) = 2 exp(-2u) / (1 + exp(-2u)) = exp(-2u) (1 + tanh(u)). Hence
    1 - y² = (1 - |y|) (1 + |y|) = exp(-2 |x|) (1 + |y|)². The last form is used, because 1 - y² is
    0 if y is rounded to 1 (x > 9 in float32).

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

    def derivative(x: jax.Array) -> jax.Array:
        return (1 + jnp.abs(jnp.tanh(x))) ** 2 * jnp.exp(-2 * jnp.abs(x))

    return _elementwise(jnp.tanh, derivative)


@recorded
def elu(alpha: float = 1.0) -> Layer:
    """Exponential linear unit.

        y = x for x > 0, else α (exp(x) - 1)        f′(x) = 1 for x > 0, else α exp(x)

    Derivation. Each branch is differentiated separately. For α = 1 both have slope 1 at x = 0; for
    other α the function has a kink there, and f′(0) = α, the slope on the negative side, as in
    `leaky_relu`, `jax.nn.elu` and PyTorch.

    exp(x) - 1 is computed by expm1, which keeps its digits near 0, and f′ as α exp(x). The textbook
    form y + α is mathematically equal, but 0 if y is rounded to -α (x < -17 in float32, x < -37 in
    float64).

    Args:
        alpha: α; y tends to -α for large negative x.

    Returns:
        A layer that keeps the shape, with params `()`. The residual is x.

    Raises:
        ValueError: if alpha is not finite.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, x = nn.elu(2.0).forward((), jnp.array([[-1.0, 0.0, 3.0]]))
        >>> dx = nn.elu(2.0).backward((), x, jnp.ones((1, 3)))[1]
        >>> print([f"{v:.4f}" for v in y[0]], [f"{v:.4f}" for v in dx[0]])
        ['-1.2642', '0.0000', '3.0000'] ['0.7358', '2.0000', '1.0000']

    Source: Clevert, Unterthiner & Hochreiter, Fast and accurate deep network learning by
    exponential linear units (ELUs), ICLR 2016.
    """
    if not math.isfinite(alpha):
        raise ValueError(f"elu(alpha): expected a finite number, got {alpha}")
    alpha = float(alpha)  # a NumPy scalar would change the dtype of the output

    def negative_part(x: jax.Array) -> jax.Array:
        return jnp.where(x > 0, jnp.zeros_like(x), x)  # exp(x) overflows for large x

    return _elementwise(
        f=lambda x: jnp.where(x > 0, x, alpha * jnp.expm1(negative_part(x))),
        derivative=lambda x: jnp.where(x > 0, 1.0, alpha * jnp.exp(negative_part(x))),
    )


@recorded
def softplus() -> Layer:
    """Smooth rectifier.

        y = log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))        f′(x) = s(x)

    Derivation. f′(x) = exp(x) / (1 + exp(x)) = 1 / (1 + exp(-x)), the logistic sigmoid. The second
    form of y is used: exp(-|x|) cannot overflow, and log1p keeps the digits of exp(-|x|) if it is
    far below 1. At x = 200, y is 200 and f′ is 1; at x = -200 both are exp(-200) = 1.4e-87 (0 in
    float32). The first form overflows for x > 89 in float32; switching to y = x above a threshold,
    as PyTorch does, causes a small step there.

    Returns:
        A layer that keeps the shape, with params `()`. The residual is x.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, x = nn.softplus().forward((), jnp.array([[-20.0, 0.0, 200.0]]))
        >>> dx = nn.softplus().backward((), x, jnp.ones((1, 3)))[1]
        >>> print([f"{v:.4g}" for v in y[0]], [f"{v:.4g}" for v in dx[0]])
        ['2.061e-09', '0.6931', '200'] ['2.061e-09', '0.5', '1']

    Source: Dugas, Bengio, Belisle, Nadeau & Garcia, Incorporating second-order functional knowledge
    for better option pricing, NIPS 2000; Glorot, Bordes & Bengio, Deep sparse rectifier neural
    networks, AISTATS 2011.
    """

    def falling(x: jax.Array) -> jax.Array:
        # |x| written as a choice, so that its derivative at 0 is that of one branch, not 0.
        return jnp.exp(jnp.where(x > 0, -x, x))

    return _elementwise(
        f=lambda x: jnp.where(x > 0, x, jnp.zeros_like(x)) + jnp.log1p(falling(x)),
        # s(x) in terms of the same exp(-|x|), so that the compiler computes it only once.
        derivative=lambda x: jnp.where(x > 0, 1.0, falling(x)) / (1 + falling(x)),
    )


@recorded
def gelu(approximate: bool = False) -> Layer:
    """Gaussian error linear unit, exact or by the tanh approximation.

    With Φ and φ the distribution function and density of the standard normal distribution:

        exact:  y = x Φ(x),                    Φ(x) = (1 + erf(x / √2)) / 2 = erfc(-x / √2) / 2
                f′(x) = Φ(x) + x φ(x),         φ(x) = exp(-x² / 2) / √(2π)

        tanh:   y = x (1 + tanh(u)) / 2 = x s(2u),       u = c (x + 0.044715 x³), c = √(2 / π)
                f′(x) = s(2u) + 2 x u′ s(2u) s(-2u),     u′ = c (1 + 3 · 0.044715 x²)

    Derivation. Both are products of x and a function that rises from 0 to 1. Exact: Φ′ = φ by
    definition of the density. Tanh: (1 + tanh(u)) / 2 is the logistic sigmoid s(2u), whose
    derivative is s(2u) s(-2u), multiplied by 2 u′, the derivative of its argument.

    The forms with erfc and s are used, because 1 + erf and 1 + tanh are 0 if erf and tanh are
    rounded to -1. s(-2u) may be computed as 1 - s(2u): digits lost if s is rounded to 1 do not
    matter, because the term is added to 1. For large |x| the powers would overflow and 0 * inf
    would be NaN, so x is clipped in those terms at a point where they have reached their limits.

    The default is the exact form, as in the paper and PyTorch; `jax.nn.gelu` uses the approximation
    by default. They differ by up to 5e-4: at x = 1 the exact form gives 0.841345, the approximation
    0.841192.

    Args:
        approximate: False for the exact form, True for the tanh form.

    Returns:
        A layer that keeps the shape, with params `()`. The residual is x.

    Raises:
        ValueError: if `approximate` is neither True nor False.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> for approximate in (False, True):
        ...     y, x = nn.gelu(approximate).forward((), jnp.array([[1.0]]))
        ...     dx = nn.gelu(approximate).backward((), x, jnp.ones((1, 1)))[1]
        ...     print(f"{y[0, 0]:.6f} {dx[0, 0]:.6f}")
        0.841345 1.083315
        0.841192 1.082964

    Source: Hendrycks & Gimpel, Gaussian error linear units (GELUs), arXiv 1606.08415, section 2.
    """
    if not isinstance(approximate, bool):
        raise ValueError(f"gelu(approximate): expected True or False, got {approximate!r}")
    return _gelu_tanh() if approximate else _gelu_exact()


def _gelu_exact() -> Layer:
    def f(x: jax.Array) -> jax.Array:
        return jnp.maximum(x, -40.0) * (0.5 * jax.lax.erfc(z(x)))  # -inf * 0 is NaN

    def derivative(x: jax.Array) -> jax.Array:
        near = jnp.clip(x, -40.0, 40.0)  # φ(40) is 0 even in float64
        phi = jnp.exp(-jnp.square(z(x))) / math.sqrt(2 * math.pi)
        return 0.5 * jax.lax.erfc(z(x)) + near * phi

    def z(x: jax.Array) -> jax.Array:
        return -math.sqrt(0.5) * x

    return _elementwise(f, derivative)


def _gelu_tanh() -> Layer:
    c, cubic = math.sqrt(2 / math.pi), 0.044715

    def f(x: jax.Array) -> jax.Array:
        return cut(x) * jax.nn.sigmoid(twice_u(cut(x)))

    def derivative(x: jax.Array) -> jax.Array:
        near = jnp.clip(x, -32.0, 32.0)
        s, slope = jax.nn.sigmoid(twice_u(cut(x))), 2 * c * (1 + 3 * cubic * near * near)
        return s + near * slope * s * (1 - s)

    def twice_u(x: jax.Array) -> jax.Array:
        return 2 * c * (x + cubic * x * x * x)

    def cut(x: jax.Array) -> jax.Array:
        return jnp.maximum(x, -32.0)  # s(2u) is 0 there, and (-32)³ is finite even in float16

    return _elementwise(f, derivative)


@recorded
def silu() -> Layer:
    """Sigmoid linear unit, also called swish.

        y = x s(x)        f′(x) = s(x) + x s(x) s(-x) = s(x) (1 + x s(-x))

    with s the logistic sigmoid.

    Derivation. The product rule with s′(x) = s(x) s(-x), see
    `sigmoid`. s(-x) may be computed as 1 - s(x): digits lost if s is rounded to 1 do not matter,
    because the term is added to 1. x is clipped where it multiplies an s that is 0, because
    0 * inf is NaN.

    Returns:
        A layer that keeps the shape, with params `()`. The residual is x.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, x = nn.silu().forward((), jnp.array([[1.0]]))
        >>> dx = nn.silu().backward((), x, jnp.ones((1, 1)))[1]
        >>> print(f"{y[0, 0]:.4f} {dx[0, 0]:.4f}")
        0.7311 0.9277

    Source: Elfwing, Uchibe & Doya, Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning, Neural Networks 107, 2018; Ramachandran, Zoph & Le,
    Searching for activation functions, arXiv 1710.05941.
    """

    def f(x: jax.Array) -> jax.Array:
        return jnp.maximum(x, -1000.0) * jax.nn.sigmoid(x)  # s(-1000) is 0 even in float64

    def derivative(x: jax.Array) -> jax.Array:
        s, near = jax.nn.sigmoid(x), jnp.clip(x, -1000.0, 1000.0)
        return s * (1 + near * (1 - s))

    return _elementwise(f, derivative)
