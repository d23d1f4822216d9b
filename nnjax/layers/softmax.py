"""Softmax and its logarithm: layers without parameters over the last axis."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.core import Layer, Params, Shape


@recorded
def softmax() -> Layer:
    """Probabilities from scores, over the last axis.

        y_i = exp(x_i) / Σ_k exp(x_k)        dx = y ⊙ (dy - Σ_k dy_k y_k)

    Derivation. ∂y_k/∂x_i = y_k ([i = k] - y_i): each output depends on every input through the
    common denominator. Hence dx_i = Σ_k dy_k y_k ([i = k] - y_i) = y_i (dy_i - Σ_k dy_k y_k). The
    largest score is subtracted before exp; this does not change y and avoids overflow.

    For training with cross-entropy use `softmax_cross_entropy` on the scores: if a probability is
    rounded to 0, a loss of probabilities cannot recover it.

    Returns:
        A layer that keeps the shape (batch, ..., classes), with params `()`. The residual is y.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, residuals = nn.softmax().forward((), jnp.array([[0.0, 0.0]]))
        >>> print(y, nn.softmax().backward((), residuals, jnp.array([[1.0, 0.0]]))[1])
        [[0.5 0.5]] [[ 0.25 -0.25]]

    Source: Bridle, Probabilistic interpretation of feedforward classification network outputs, in
    Neurocomputing, 1990; Bishop, Pattern Recognition and Machine Learning, 2006, eq. 4.106.
    """

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        y = jax.nn.softmax(x, axis=-1)
        return y, y

    def backward(params: Params, residuals: jax.Array, dy: jax.Array) -> tuple[Params, jax.Array]:
        y = residuals
        return (), y * (dy - jnp.sum(dy * y, axis=-1, keepdims=True))

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        return (), in_shape

    return Layer(init, forward, backward)


class _LogSoftmax(NamedTuple):
    """Residuals: the powers exp(x - max x), and their sums with the last axis of length 1."""

    powers: jax.Array
    total: jax.Array


@recorded
def log_softmax() -> Layer:
    """Logarithms of the softmax probabilities, over the last axis.

        y_i = x_i - log Σ_k exp(x_k)        dx = dy - p Σ_k dy_k,    p_i = exp(x_i) / Σ_k exp(x_k)

    Derivation. ∂y_k/∂x_i = [i = k] - p_i, where p = exp(y) is the softmax: the 1/p_k of the
    logarithm cancels the factor p_k in the derivative of the softmax. Hence
    dx_i = Σ_k dy_k ([i = k] - p_i) = dy_i - p_i Σ_k dy_k. The error signal need not sum to -1, as
    it does for a cross-entropy with one label.

    The largest score is subtracted before exp, as in `softmax`. log(softmax(x)) would be -inf, with
    a gradient of NaN, if a probability is rounded to 0; y is exact for any gap between the scores.
    A row of -inf has no softmax; its y is NaN.

    Returns:
        A layer that keeps the shape (batch, ..., classes), with params `()`. The residuals are the
        exp of the shifted scores, which are p times their sum, and that sum.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> layer = nn.log_softmax()
        >>> y, residuals = layer.forward((), jnp.array([[0.0, -1e4]]))
        >>> print(y, layer.backward((), residuals, jnp.array([[0.0, 1.0]]))[1])
        [[     0. -10000.]] [[-1.  1.]]

    Source: Bishop, Pattern Recognition and Machine Learning, 2006, eq. 4.106; the shift: Blanchard,
    Higham & Higham, Accurately computing the log-sum-exp and softmax functions, IMA Journal of
    Numerical Analysis 41, 2021.
    """

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, _LogSoftmax]:
        # y does not depend on the shift, so neither do its derivatives.
        shifted = x - jax.lax.stop_gradient(jnp.max(x, axis=-1, keepdims=True))
        powers = jnp.exp(shifted)
        total = jnp.sum(powers, axis=-1, keepdims=True)
        return shifted - jnp.log(total), _LogSoftmax(powers, total)

    def backward(params: Params, residuals: _LogSoftmax, dy: jax.Array) -> tuple[Params, jax.Array]:
        powers, total = residuals
        return (), dy - powers * (jnp.sum(dy, axis=-1, keepdims=True) / total)

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        return (), in_shape

    return Layer(init, forward, backward)
