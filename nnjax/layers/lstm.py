"""The long short-term memory."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.core import Layer
from nnjax.initializers import Initializer
from nnjax.layers.parts.scan import Arrays, Cell, sigmoid_slope, tanh_slope, unroll


class LSTM(NamedTuple):
    """Parameters: input (features, 4 units), recurrent (units, 4 units), bias (4 units,).

    The parts of the four gates are in the order i, f, g, o.

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


@recorded
def lstm(
    units: int, last: bool = False, masked: bool = False, init: Initializer | None = None
) -> Layer:
    """Long short-term memory: a recurrent layer with a cell c controlled by gates.

        [z_i, z_f, z_g, z_o] = x_t W + h_(t-1) U + b       h_0 = c_0 = 0
        i = s(z_i),  f = s(z_f),  g = tanh(z_g),  o = s(z_o)
        c_t = f ⊙ c_(t-1) + i ⊙ g
        y_t = h_t = o ⊙ tanh(c_t)

    with s the logistic sigmoid; without peepholes.

    Derivation. All arrays are (batch, units), and t runs from T down to 1. J depends on h_t through
    y_t and the pre-activations of the next step, and on c_t through h_t and c_(t+1). With
    dz_(T+1) = 0 and dc_(T+1) = 0:

        dh_t = dy_t + dz_(t+1) Uᵀ                          dz = [dz_i, dz_f, dz_g, dz_o]
        dc_t = dh_t ⊙ o ⊙ tanh′(c_t) + dc_(t+1) ⊙ f_(t+1)
        dz_o = dh_t ⊙ tanh(c_t) ⊙ s′(z_o)
        dz_i = dc_t ⊙ g         ⊙ s′(z_i)
        dz_f = dc_t ⊙ c_(t-1)   ⊙ s′(z_f)
        dz_g = dc_t ⊙ i         ⊙ tanh′(z_g)

    All steps and examples share the parameters, so their gradients are summed:

        dW = Σ_t x_tᵀ dz_t           (features, 4 units)
        dU = Σ_t h_(t-1)ᵀ dz_t       (units, 4 units)
        db = Σ_t 1ᵀ dz_t             (4 units,)
        dx_t = dz_t Wᵀ               (batch, features)

    From cell to cell the error signal is only multiplied by f, so it does not vanish if f is near
    1. s′ and tanh′ are computed from z, because s (1 - s) loses the digits of a saturated gate.

    With `last`, dy_t = 0 for t < T. With a mask m, padded steps keep both states, and their dx is 0
    except for the mask. For state = h and c, with new_t the state of the step above:

        state_t = m_t new_t + (1 - m_t) state_(t-1)
        dnew_t = m_t dstate_t                   replaces dstate_t in the step
        dm_t = Σ_units (new_t - state_(t-1)) ⊙ dstate_t, summed over h and c
        dstate_(t-1) += (1 - m_t) dstate_t

    Conventions: gates in the order i, f, g, o, as in PyTorch and Keras (TensorFlow's old cell has
    i, g, f, o); one bias, where PyTorch has two of which only the sum matters.

    Args:
        units: size of h and of c.
        last: return only the state h after the last step.
        masked: the last channel of x is a mask: 1 at real steps, 0 at padding. The other channels
            of padded steps are ignored but must be finite.
        init: initialiser of W and U, separately for each gate; default glorot. All biases start at
            0; for the usual 1 of the forget gate see the example of `LSTM`.

    Returns:
        A layer from (batch, time, features), with a mask (batch, time, features + 1), to
        (batch, time, units), with `last` to (batch, units), and params `LSTM(input, recurrent,
        bias)`. The residuals are x, and z, h and c of all steps.

    Raises:
        ValueError: if units is not a positive whole number, (init) if the shape is not (time,
            features), or (forward) if the features of x and W differ; the message gives both
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


def _step(z: Arrays, before: Arrays) -> Arrays:
    z_i, z_f, z_g, z_o = jnp.split(z[0], 4, axis=-1)
    i, f, o = jax.nn.sigmoid(z_i), jax.nn.sigmoid(z_f), jax.nn.sigmoid(z_o)
    g = jnp.tanh(z_g)
    c = f * before[1] + i * g
    return o * jnp.tanh(c), c


def _backward(z: Arrays, before: Arrays, dnew: Arrays) -> tuple[Arrays, Arrays]:
    z_i, z_f, z_g, z_o = jnp.split(z[0], 4, axis=-1)
    i, f, o = jax.nn.sigmoid(z_i), jax.nn.sigmoid(z_f), jax.nn.sigmoid(z_o)
    g = jnp.tanh(z_g)
    dh, dc = dnew
    c = f * before[1] + i * g
    dc = dc + dh * o * tanh_slope(c)
    dz_i = dc * g * sigmoid_slope(z_i)
    dz_f = dc * before[1] * sigmoid_slope(z_f)
    dz_g = dc * i * tanh_slope(z_g)
    dz_o = dh * jnp.tanh(c) * sigmoid_slope(z_o)
    dz = jnp.concatenate([dz_i, dz_f, dz_g, dz_o], axis=-1)
    return (dz,), (jnp.zeros_like(dh), dc * f)


CELL = Cell(
    name="lstm",
    gates=4,
    states=2,
    params=lambda w, u: LSTM(w, u, jnp.zeros(w.shape[-1:], w.dtype)),
    step=_step,
    backward=_backward,
    collect=lambda dw, du, da, dp: LSTM(dw, du, da.sum((0, 1))),
)
