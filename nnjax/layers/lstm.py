"""The long short-term memory."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.core import Layer
from nnjax.initializers import Initializer
from nnjax.layers.scan import Arrays, Cell, sigmoid_slope, tanh_slope, unroll


class LSTM(NamedTuple):
    """Parameters: input (features, 4 units), recurrent (units, 4 units), bias (4 units,).

    The four gates stand side by side in the order i, f, g, o.

    Example:
        >>> import jax, nnjax as nn
        >>> params, _ = nn.lstm(5).init(jax.random.key(0), (7, 3))
        >>> params.input.shape, params.recurrent.shape, params.bias.shape
        ((3, 20), (5, 20), (20,))
        >>> params = params._replace(bias=params.bias.at[5:10].set(1.0))  # the forget gate's
    """

    input: jax.Array
    recurrent: jax.Array
    bias: jax.Array


class _Gates(NamedTuple):
    i: jax.Array
    f: jax.Array
    g: jax.Array
    o: jax.Array


def _gates(z: Arrays) -> tuple[_Gates, _Gates]:
    """The pre-activations gate by gate, and the gates."""
    pre = _Gates(*jnp.split(z[0], 4, axis=-1))
    i, f, o = jax.nn.sigmoid(pre.i), jax.nn.sigmoid(pre.f), jax.nn.sigmoid(pre.o)
    return pre, _Gates(i, f, jnp.tanh(pre.g), o)


def _step(z: Arrays, before: Arrays) -> Arrays:
    _, (i, f, g, o) = _gates(z)
    c = f * before[1] + i * g
    return o * jnp.tanh(c), c


def _backward(z: Arrays, before: Arrays, dnew: Arrays) -> tuple[Arrays, Arrays]:
    pre, (i, f, g, o) = _gates(z)
    dh, dc = dnew
    c = f * before[1] + i * g
    dc = dc + dh * o * tanh_slope(c)
    dz = [
        dc * g * sigmoid_slope(pre.i),
        dc * before[1] * sigmoid_slope(pre.f),
        dc * i * tanh_slope(pre.g),
        dh * jnp.tanh(c) * sigmoid_slope(pre.o),
    ]
    return (jnp.concatenate(dz, axis=-1),), (jnp.zeros_like(dh), dc * f)


CELL = Cell(
    name="lstm",
    gates=4,
    states=2,
    params=lambda w, u: LSTM(w, u, jnp.zeros(w.shape[-1:], w.dtype)),
    step=_step,
    backward=_backward,
    collect=lambda dw, du, da, dp: LSTM(dw, du, da.sum((0, 1))),
)


@recorded
def lstm(
    units: int, last: bool = False, masked: bool = False, init: Initializer | None = None
) -> Layer:
    """Long short-term memory: a recurrent layer whose cell c is kept, filled and read by gates.

        [z_i, z_f, z_g, z_o] = x_t W + h_(t-1) U + b       h_0 = c_0 = 0
        i = s(z_i),  f = s(z_f),  g = tanh(z_g),  o = s(z_o)
        c_t = f * c_(t-1) + i * g
        h_t = o * tanh(c_t)

    with s the logistic sigmoid; without peepholes. Derivation, all (batch, units), from t = T down
    to 1. J depends on h_t by way of y_t and of the next step's pre-activations; on c_t by way of
    h_t and of c_(t+1). With dz_(T+1) = 0 and dc_(T+1) = 0:

        dh_t = dy_t + dz_(t+1) U'                          dz = [dz_i, dz_f, dz_g, dz_o]
        dc_t = dh_t * o * tanh'(c_t) + dc_(t+1) * f_(t+1)
        dz_o = dh_t * tanh(c_t) * s'(z_o)
        dz_i = dc_t * g         * s'(z_i)
        dz_f = dc_t * c_(t-1)   * s'(z_f)
        dz_g = dc_t * i         * tanh'(z_g)

    and since every step and example uses the same parameters, their gradients add up:

        dW = sum_t x_t' dz_t         (features, 4 units)
        dU = sum_t h_(t-1)' dz_t     (units, 4 units)
        db = sum_t 1' dz_t           (4 units,)
        dx_t = dz_t W'               (batch, features)

    From cell to cell the error signal is only multiplied by f: this is the path that need not fade,
    as it is kept where f is near 1. s' and tanh' are computed from z, where s (1 - s) would lose
    the digits of a saturated gate.

    With `last`, dy_t = 0 for t < T. With a mask a padded step holds both states, and dx is 0 there
    but for the mask's own derivative. For state = h and c, with new_t what the step above gives:

        state_t = m_t new_t + (1 - m_t) state_(t-1)
        dnew_t = m_t dstate_t                   takes the place of dstate_t in the step
        dm_t = sum_units (new_t - state_(t-1)) dstate_t, for h and c together
        and dstate_(t-1) gets (1 - m_t) dstate_t on top

    Conventions: gates in the order i, f, g, o as in PyTorch (Keras too; TensorFlow's old cell had
    i, g, f, o); one bias, where PyTorch has two that only appear as their sum.

    Args:
        units: size of h and of c.
        last: give the state h after the last step alone, not all of them.
        masked: whether the last channel of x is a mask, 1 for a real step and 0 for padding. What
            stands in the other channels of padded steps has no influence but must be finite.
        init: initialiser of W and U, gate by gate; default glorot. The biases start at 0, the
            forget gate's too; for the usual 1 see the example of `LSTM`.

    Returns:
        A layer from (batch, time, features), with a mask (batch, time, features + 1), to
        (batch, time, units), with `last` to (batch, units), and params `LSTM(input, recurrent,
        bias)`. The residuals are x, and z, h and c of all steps.

    Raises:
        ValueError: if units is not a positive whole number, (init) if the shape is not (time,
            features), or (forward) if x does not have the features of W; the message names both
            shapes.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> params = nn.LSTM(jnp.ones((1, 4)), jnp.zeros((1, 4)), jnp.zeros(4))
        >>> x = jnp.array([[[1.0], [0.0]]])
        >>> y, residuals = nn.lstm(1).forward(params, x)
        >>> print([f"{v:.4f}" for v in y[0, :, 0]])
        ['0.3696', '0.1357']
        >>> grads, dx = nn.lstm(1).backward(params, residuals, jnp.array([[[0.0], [1.0]]]))
        >>> print([f"{v:.4f}" for v in grads.bias], [f"{v:.4f}" for v in dx[0, :, 0]])
        ['0.0347', '0.0645', '0.3027', '0.0679'] ['0.1058', '0.3639']

    Source: Hochreiter & Schmidhuber, Long short-term memory, Neural Computation 9, 1997; the forget
    gate: Gers, Schmidhuber & Cummins, Learning to forget: continual prediction with LSTM, 2000; the
    gradient: Greff et al., LSTM: a search space odyssey, 2017, section II.B.
    """
    return unroll(CELL, units, last, masked, init)
