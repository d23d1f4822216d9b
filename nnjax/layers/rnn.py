"""The simple recurrent layer."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.core import Layer
from nnjax.initializers import Initializer
from nnjax.layers.parts.scan import Arrays, Cell, tanh_slope, unroll


class RNN(NamedTuple):
    """Parameters of an RNN: input (features, units), recurrent (units, units), bias (units,).

    Example:
        >>> import jax, nnjax as nn
        >>> params, _ = nn.rnn(5).init(jax.random.key(0), (7, 3))
        >>> params.input.shape, params.recurrent.shape, params.bias.shape
        ((3, 5), (5, 5), (5,))
    """

    input: jax.Array
    recurrent: jax.Array
    bias: jax.Array


@recorded
def rnn(
    units: int, last: bool = False, masked: bool = False, init: Initializer | None = None
) -> Layer:
    """Simple recurrent layer: the new state is a dense layer of the input and the old state.

        y_t = h_t = tanh(z_t),    z_t = x_t W + h_(t-1) U + b,    h_0 = 0

    Derivation. J depends on h_t through the output y_t and the next step z_(t+1). With
    dz_(T+1) = 0 and all arrays (batch, units), from t = T down to 1:

        dh_t = dy_t + dz_(t+1) Uᵀ
        dz_t = dh_t ⊙ tanh′(z_t)

    All steps and examples share the parameters, so their gradients are summed:

        dW = Σ_t x_tᵀ dz_t           (features, units)
        dU = Σ_t h_(t-1)ᵀ dz_t       (units, units)
        db = Σ_t 1ᵀ dz_t             (units,)
        dx_t = dz_t Wᵀ               (batch, features)

    tanh′(z) is computed from z, because 1 - h² is 0 if h is rounded to 1. The gradient is exact,
    not truncated in time.

    With `last`, dy_t = 0 for t < T. With a mask m, padded steps keep the state, and their dx is 0
    except for the mask:

        h_t = m_t new_t + (1 - m_t) h_(t-1),    new_t = tanh(z_t)
        dnew_t = m_t dh_t                       replaces dh_t in dz_t
        dm_t = Σ_units (new_t - h_(t-1)) ⊙ dh_t
        dh_(t-1) += (1 - m_t) dh_t

    Args:
        units: size of the state.
        last: return only the state after the last step.
        masked: the last channel of x is a mask: 1 at real steps, 0 at padding. The other channels
            of padded steps are ignored but must be finite.
        init: initialiser of W and U; default glorot. The bias starts at 0.

    Returns:
        A layer from (batch, time, features), with a mask (batch, time, features + 1), to
        (batch, time, units), with `last` to (batch, units), and params `RNN(input, recurrent,
        bias)`. The residuals are x, and z and h of all steps.

    Raises:
        ValueError: if units is not a positive whole number, (init) if the shape is not (time,
            features), or (forward) if the features of x and W differ; the message gives both
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
