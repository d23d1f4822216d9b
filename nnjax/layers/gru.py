"""The gated recurrent unit."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.core import Layer
from nnjax.initializers import Initializer
from nnjax.layers.scan import Arrays, Cell, sigmoid_slope, tanh_slope, unroll


class GRU(NamedTuple):
    """Parameters of a GRU.

    input (features, 3 units), recurrent (units, 3 units), bias (3 units,), and recurrent_bias
    (units,), which n alone has.

    The gates and the proposal stand side by side in the order r, z, n.

    Example:
        >>> import jax, nnjax as nn
        >>> params, _ = nn.gru(5).init(jax.random.key(0), (7, 3))
        >>> [p.shape for p in params]
        [(3, 15), (5, 15), (15,), (5,)]
    """

    input: jax.Array
    recurrent: jax.Array
    bias: jax.Array
    recurrent_bias: jax.Array


class _Pre(NamedTuple):
    """Pre-activations: of r and z, sums of both products; of n, the two parts apart."""

    r: jax.Array
    z: jax.Array
    n: jax.Array
    q: jax.Array


def _pre(z: Arrays) -> _Pre:
    return _Pre(*jnp.split(z[0], 2, axis=-1), *z[1:])


def _join(params: Any, a: jax.Array, p: jax.Array) -> Arrays:
    cut = 2 * params.recurrent.shape[0]
    c = params.recurrent_bias.reshape(1, -1)
    return a[..., :cut] + p[..., :cut], a[..., cut:], p[..., cut:] + c


def _fork(dz: Arrays) -> tuple[jax.Array, jax.Array]:
    drz, dn, dq = dz
    return jnp.concatenate([drz, dn], axis=-1), jnp.concatenate([drz, dq], axis=-1)


def _step(z: Arrays, before: Arrays) -> Arrays:
    pre = _pre(z)
    n = jnp.tanh(pre.n + jax.nn.sigmoid(pre.r) * pre.q)
    return (jax.nn.sigmoid(-pre.z) * n + jax.nn.sigmoid(pre.z) * before[0],)


def _backward(z: Arrays, before: Arrays, dnew: Arrays) -> tuple[Arrays, Arrays]:
    pre, dh = _pre(z), dnew[0]
    r = jax.nn.sigmoid(pre.r)
    z_n = pre.n + r * pre.q
    dn = dh * jax.nn.sigmoid(-pre.z) * tanh_slope(z_n)
    dz = dh * (before[0] - jnp.tanh(z_n)) * sigmoid_slope(pre.z)
    dr = dn * pre.q * sigmoid_slope(pre.r)
    return (jnp.concatenate([dr, dz], axis=-1), dn, dn * r), (dh * jax.nn.sigmoid(pre.z),)


CELL = Cell(
    name="gru",
    gates=3,
    states=1,
    params=lambda w, u: GRU(
        w, u, jnp.zeros(w.shape[-1:], w.dtype), jnp.zeros(u.shape[:1], u.dtype)
    ),
    step=_step,
    backward=_backward,
    collect=lambda dw, du, da, dp: GRU(
        dw, du, da.sum((0, 1)), dp[..., 2 * du.shape[0] :].sum((0, 1))
    ),
    join=_join,
    fork=_fork,
)


@recorded
def gru(
    units: int, last: bool = False, masked: bool = False, init: Initializer | None = None
) -> Layer:
    """Gated recurrent unit: the new state is a mean of the old one and a proposal n.

        r = s(x_t W_r + h_(t-1) U_r + b_r)              reset gate
        z = s(x_t W_z + h_(t-1) U_z + b_z)              update gate
        q = h_(t-1) U_n + c
        n = tanh(x_t W_n + b_n + r * q)                 proposal
        h_t = (1 - z) * n + z * h_(t-1),    h_0 = 0

    with s the logistic sigmoid, c the recurrent bias of n, and side by side W = [W_r, W_z, W_n]
    (features, 3 units), U (units, 3 units) and b (3 units,). Derivation, all (batch, units), from
    t = T down to 1. Write z_r, z_z and z_n for the pre-activations. J depends on h_t by way of y_t
    and of the next step, there through three products and directly through z * h_t. Inside a step
    h_t depends on n with derivative 1 - z, on z with h_(t-1) - n; n depends on z_n with tanh'(z_n),
    z_n on q with r and on r with q; a gate on its pre-activation with s'. With dh_(T+1) = 0:

        dh_t = dy_t + (dh * z)_(t+1) + dp_(t+1) U'      dp = [dz_r, dz_z, dq]
        dz_n = dh_t * (1 - z) * tanh'(z_n)
        dz_z = dh_t * (h_(t-1) - n) * s'(z_z)
        dz_r = dz_n * q * s'(z_r)
        dq   = dz_n * r

    The input reaches n outside of r, the state inside of it, so the two products get different
    signals, da = [dz_r, dz_z, dz_n] and dp. Summed over the steps and examples that share them:

        dW = sum_t x_t' da_t         (features, 3 units)      dx_t = da_t W'
        dU = sum_t h_(t-1)' dp_t     (units, 3 units)
        db = sum_t 1' da_t           (3 units,)
        dc = sum_t 1' dq_t           (units,)

    s', tanh' and 1 - z = s(-z_z) are computed from the pre-activations, so that a saturated gate
    keeps its digits.

    With `last`, dy_t = 0 for t < T. With a mask a padded step holds the state, and dx is 0 there
    but for the mask's own derivative. With new_t = (1 - z) * n + z * h_(t-1):

        h_t = m_t new_t + (1 - m_t) h_(t-1)
        dnew_t = m_t dh_t                       takes the place of dh_t in the step
        dm_t = sum_units (new_t - h_(t-1)) dh_t
        and dh_(t-1) gets (1 - m_t) dh_t on top

    Conventions: the form of the article's first version (arXiv:1406.1078v1, as Keras's manual has
    it), cuDNN, PyTorch and Keras (`reset_after`; Keras puts z before r). In the final version r
    multiplies h_(t-1) before the product, n = tanh(x W_n + (r * h_(t-1)) U_n + b_n), which is
    another function. z is the share of the old state as there; Chung 2014 has z and 1 - z
    the other way round. One bias for r and for z, where PyTorch has two that only appear as their
    sum.

    Args:
        units: size of the state.
        last: give the state after the last step alone, not all of them.
        masked: whether the last channel of x is a mask, 1 for a real step and 0 for padding. What
            stands in the other channels of padded steps has no influence but must be finite.
        init: initialiser of W and U, gate by gate; default glorot. The biases start at 0.

    Returns:
        A layer from (batch, time, features), with a mask (batch, time, features + 1), to
        (batch, time, units), with `last` to (batch, units), and params `GRU(input, recurrent,
        bias, recurrent_bias)`. The residuals are x, and the pre-activations and h of all steps.

    Raises:
        ValueError: if units is not a positive whole number, (init) if the shape is not (time,
            features), or (forward) if x does not have the features of W; the message names both
            shapes.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> params = nn.GRU(jnp.ones((1, 3)), jnp.zeros((1, 3)), jnp.zeros(3), jnp.zeros(1))
        >>> x = jnp.array([[[1.0], [0.0]]])
        >>> y, residuals = nn.gru(1).forward(params, x)
        >>> print([f"{v:.4f}" for v in y[0, :, 0]])
        ['0.2048', '0.1024']
        >>> grads, dx = nn.gru(1).backward(params, residuals, jnp.array([[[0.0], [1.0]]]))
        >>> print([f"{v:.4f}" for v in grads.bias], [f"{v:.4f}" for v in dx[0, :, 0]])
        ['0.0000', '-0.0237', '0.5565'] ['-0.0184', '0.5512']

    Source: Cho et al., Learning phrase representations using RNN encoder-decoder, EMNLP 2014; r
    after the product: its first version, arXiv:1406.1078v1, and NVIDIA's cuDNN.
    """
    return unroll(CELL, units, last, masked, init)
