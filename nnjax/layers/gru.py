"""The gated recurrent unit."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.core import Layer
from nnjax.initializers import Initializer
from nnjax.layers.parts.scan import Arrays, Cell, sigmoid_slope, tanh_slope, unroll


class GRU(NamedTuple):
    """Parameters of a GRU.

    input (features, 3 units), recurrent (units, 3 units), bias (3 units,), with the parts in the
    order r, z, n, and recurrent_bias (units,) for n only.

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


@recorded
def gru(
    units: int, last: bool = False, masked: bool = False, init: Initializer | None = None
) -> Layer:
    """Gated recurrent unit: the new state is a weighted mean of the old one and a proposal n.

        r = s(x_t W_r + h_(t-1) U_r + b_r)              reset gate
        z = s(x_t W_z + h_(t-1) U_z + b_z)              update gate
        q = h_(t-1) U_n + c
        n = tanh(x_t W_n + b_n + r ⊙ q)                 proposal
        y_t = h_t = (1 - z) ⊙ n + z ⊙ h_(t-1),    h_0 = 0

    with s the logistic sigmoid, c the recurrent bias of n, W = [W_r, W_z, W_n] (features, 3 units),
    and similarly U (units, 3 units) and b (3 units,).

    Derivation. All arrays are (batch, units), and t runs from T down to 1. Let z_r, z_z and z_n be
    the pre-activations. J depends on h_t through y_t and through the next step, there by three
    products and directly by z ⊙ h_t. Within a step, h_t depends on n with derivative 1 - z and on z
    with h_(t-1) - n; n depends on z_n with tanh′(z_n), z_n on q with r and on r with q; a gate
    depends on its pre-activation with s′. With dh_(T+1) = 0:

        dh_t = dy_t + (dh ⊙ z)_(t+1) + dp_(t+1) Uᵀ      dp = [dz_r, dz_z, dq]
        dz_n = dh_t ⊙ (1 - z) ⊙ tanh′(z_n)
        dz_z = dh_t ⊙ (h_(t-1) - n) ⊙ s′(z_z)
        dz_r = dz_n ⊙ q ⊙ s′(z_r)
        dq   = dz_n ⊙ r

    r multiplies the product with the state but not the one with the input, so the two products get
    different error signals, dp and da = [dz_r, dz_z, dz_n]. All steps and examples share the
    parameters, so their gradients are summed:

        dW = Σ_t x_tᵀ da_t           (features, 3 units)      dx_t = da_t Wᵀ
        dU = Σ_t h_(t-1)ᵀ dp_t       (units, 3 units)
        db = Σ_t 1ᵀ da_t             (3 units,)
        dc = Σ_t 1ᵀ dq_t             (units,)

    s′, tanh′ and 1 - z = s(-z_z) are computed from the pre-activations, so saturated gates keep
    their digits.

    With `last`, dy_t = 0 for t < T. With a mask m, padded steps keep the state, and their dx is 0
    except for the mask. With new_t = (1 - z) ⊙ n + z ⊙ h_(t-1):

        h_t = m_t new_t + (1 - m_t) h_(t-1)
        dnew_t = m_t dh_t                       replaces dh_t in the step
        dm_t = Σ_units (new_t - h_(t-1)) ⊙ dh_t
        dh_(t-1) += (1 - m_t) dh_t

    Conventions: the form of the article's first version (arXiv:1406.1078v1, according to the
    documentation of Keras), cuDNN, PyTorch and Keras (`reset_after`; Keras puts z before r). In the
    final version r multiplies h_(t-1) before the product, n = tanh(x W_n + (r ⊙ h_(t-1)) U_n +
    b_n), which is another function. z weights the old state, as in the article; Chung et al. 2014
    exchange z and 1 - z. r and z have one bias each, where PyTorch has two of which only the sum
    matters.

    Args:
        units: size of the state.
        last: return only the state after the last step.
        masked: the last channel of x is a mask: 1 at real steps, 0 at padding. The other channels
            of padded steps are ignored but must be finite.
        init: initialiser of W and U, separately for each gate; default glorot. Biases start at 0.

    Returns:
        A layer from (batch, time, features), with a mask (batch, time, features + 1), to
        (batch, time, units), with `last` to (batch, units), and params `GRU(input, recurrent,
        bias, recurrent_bias)`. The residuals are x, and the pre-activations and h of all steps.

    Raises:
        ValueError: if units is not a positive whole number, (init) if the shape is not (time,
            features), or (forward) if the features of x and W differ; the message gives both
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


def _step(z: Arrays, before: Arrays) -> Arrays:
    (z_rz, a_n, q), (h,) = z, before
    z_r, z_z = jnp.split(z_rz, 2, axis=-1)
    n = jnp.tanh(a_n + jax.nn.sigmoid(z_r) * q)
    return (jax.nn.sigmoid(-z_z) * n + jax.nn.sigmoid(z_z) * h,)


def _backward(z: Arrays, before: Arrays, dnew: Arrays) -> tuple[Arrays, Arrays]:
    (z_rz, a_n, q), (h,), (dh,) = z, before, dnew
    z_r, z_z = jnp.split(z_rz, 2, axis=-1)
    r = jax.nn.sigmoid(z_r)
    z_n = a_n + r * q
    dz_n = dh * jax.nn.sigmoid(-z_z) * tanh_slope(z_n)
    dz_z = dh * (h - jnp.tanh(z_n)) * sigmoid_slope(z_z)
    dz_r = dz_n * q * sigmoid_slope(z_r)
    return (jnp.concatenate([dz_r, dz_z], axis=-1), dz_n, dz_n * r), (dh * jax.nn.sigmoid(z_z),)


def _join(params: Any, a: jax.Array, p: jax.Array) -> Arrays:
    """z = (z_r and z_z, a_n, q) from a = x W + b and p = h U."""
    cut = 2 * params.recurrent.shape[0]
    c = params.recurrent_bias.reshape(1, -1)
    return a[..., :cut] + p[..., :cut], a[..., cut:], p[..., cut:] + c


def _fork(dz: Arrays) -> tuple[jax.Array, jax.Array]:
    """(da, dp) from dz = (dz_r and dz_z, dz_n, dq)."""
    dz_rz, dz_n, dq = dz
    return jnp.concatenate([dz_rz, dz_n], axis=-1), jnp.concatenate([dz_rz, dq], axis=-1)


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
