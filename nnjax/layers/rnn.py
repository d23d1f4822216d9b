"""The simple recurrent layer."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.core import Layer
from nnjax.initializers import Initializer
from nnjax.layers.scan import Arrays, Cell, tanh_slope, unroll


class RNN(NamedTuple):
    """Parameters: input (features, units), recurrent (units, units), bias (units,).

    Example:
        >>> import jax, nnjax as nn
        >>> params, _ = nn.rnn(5).init(jax.random.key(0), (7, 3))
        >>> params.input.shape, params.recurrent.shape, params.bias.shape
        ((3, 5), (5, 5), (5,))
    """

    input: jax.Array
    recurrent: jax.Array
    bias: jax.Array


def _step(z: Arrays, before: Arrays) -> Arrays:
    return (jnp.tanh(z[0]),)


def _backward(z: Arrays, before: Arrays, dnew: Arrays) -> tuple[Arrays, Arrays]:
    return (dnew[0] * tanh_slope(z[0]),), (jnp.zeros_like(dnew[0]),)


CELL = Cell(
    name="rnn",
    gates=1,
    states=1,
    params=lambda w, u: RNN(w, u, jnp.zeros(w.shape[-1:], w.dtype)),
    step=_step,
    backward=_backward,
    collect=lambda dw, du, da, dp: RNN(dw, du, da.sum((0, 1))),
)


@recorded
def rnn(
    units: int, last: bool = False, masked: bool = False, init: Initializer | None = None
) -> Layer:
    """Simple recurrent layer: the state is a dense layer of the input and of the state before.

        h_t = tanh(z_t),    z_t = x_t W + h_(t-1) U + b,    h_0 = 0

    Derivation. J depends on h_t by way of the output y_t and of the next step z_(t+1). With
    dz_(T+1) = 0 and everything (batch, units), from t = T down to 1:

        dh_t = dy_t + dz_(t+1) U'
        dz_t = dh_t * tanh'(z_t)

    and since every step and example uses the same parameters, their gradients add up:

        dW = sum_t x_t' dz_t         (features, units)
        dU = sum_t h_(t-1)' dz_t     (units, units)
        db = sum_t 1' dz_t           (units,)
        dx_t = dz_t W'               (batch, features)

    tanh'(z) is computed from z, not as 1 - h^2, which is 0 once h has rounded to 1. The gradient is
    the whole one, over all steps, not truncated.

    With `last`, dy_t = 0 for t < T. With a mask a padded step holds the state, and dx is 0 there
    but for the mask's own derivative:

        h_t = m_t new_t + (1 - m_t) h_(t-1),    new_t = tanh(z_t)
        dnew_t = m_t dh_t                       takes the place of dh_t in dz_t
        dm_t = sum_units (new_t - h_(t-1)) dh_t
        and dh_(t-1) gets (1 - m_t) dh_t on top

    Args:
        units: size of the state.
        last: give the state after the last step alone, not all of them.
        masked: whether the last channel of x is a mask, 1 for a real step and 0 for padding. What
            stands in the other channels of padded steps has no influence but must be finite.
        init: initialiser of W and U; default glorot. The bias starts at 0.

    Returns:
        A layer from (batch, time, features), with a mask (batch, time, features + 1), to
        (batch, time, units), with `last` to (batch, units), and params `RNN(input, recurrent,
        bias)`. The residuals are x, and z and h of all steps.

    Raises:
        ValueError: if units is not a positive whole number, (init) if the shape is not (time,
            features), or (forward) if x does not have the features of W; the message names both
            shapes.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> params = nn.RNN(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.zeros(1))
        >>> x = jnp.array([[[1.0], [0.0]]])
        >>> y, residuals = nn.rnn(1).forward(params, x)
        >>> print([f"{v:.4f}" for v in y[0, :, 0]])
        ['0.7616', '0.6420']
        >>> grads, dx = nn.rnn(1).backward(params, residuals, jnp.array([[[0.0], [1.0]]]))
        >>> print(f"{grads.recurrent[0, 0]:.4f}", [f"{v:.4f}" for v in dx[0, :, 0]])
        0.4477 ['0.2469', '0.5878']

    Source: Elman, Finding structure in time, Cognitive Science 14, 1990; the gradient: Werbos,
    Backpropagation through time: what it does and how to do it, Proc. IEEE 78, 1990.
    """
    return unroll(CELL, units, last, masked, init)
