"""Attention: the output at each position is a weighted mean over positions."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.calls import recorded
from nnjax.checks import check_whole
from nnjax.combine import serial
from nnjax.core import Layer, Params, Residuals, Shape
from nnjax.initializers import Initializer, glorot
from nnjax.layers.dense import dense
from nnjax.layers.parts.precision import wide


class _Residuals(NamedTuple):
    """The input, the weights (batch, heads, queries, keys) and the output."""

    x: jax.Array
    weights: jax.Array
    y: jax.Array


@recorded
def attention(heads: int = 1, causal: bool = False, masked: bool = False) -> Layer:
    """Scaled dot-product attention, without parameters.

        Y = A V,    A = softmax(S) over the keys,    S = Q Kᵀ / √d

    separately for each example and head, with queries Q, keys K and values V of shape (time, d) and
    S and A of shape (time, time): y_q is the mean of the values v_k with weights A_qk, which are
    large if the scalar product of query q and key k is large. The channels of the input are the
    queries, the keys and the values, in this order, each split into `heads` contiguous parts of
    d = features / heads channels.

    Derivation. The three equations are differentiated from left to right. With G = dY, (time, d):

    1. Y = A V is a matrix product, as in `dense`:

        dV = Aᵀ G                   dA = G Vᵀ

    2. Each row of A is the softmax of a row of S, whose rule is (see `softmax`)

        dS_qk = A_qk (dA_qk - D_q),    D_q = Σ_k dA_qk A_qk

    where D_q = Σ_k A_qk Σ_i G_qi V_ki = Σ_i G_qi Y_qi follows from the output, without another
    pass over (time, time).

    3. S = Q Kᵀ / √d is a matrix product again, S_qk = Σ_i Q_qi K_ki / √d:

        dQ = dS K / √d              dK = dSᵀ Q / √d

    If a key is not allowed, its S is replaced by -inf, so A = 0; then dS = 0 too by its rule, and
    backward needs no mask. A query without any allowed key has no softmax: its weights, output and
    gradients are defined as 0. The largest score of each row is subtracted before exp; this does
    not change A and avoids overflow. Both passes compute at least in float32, because sums over d
    overflow half precision.

    Args:
        heads: number of parts of the features, each with separate weights.
        causal: position q attends to the keys k ≤ q only.
        masked: x has one more channel, the last: 1 at real positions, 0 at padding (compared with
            0.5). Values at padded positions must be finite. Padded positions are ignored as keys;
            as queries they get an output, which the loss should mask. The gradient of the channel
            is 0.

    Returns:
        A layer from (batch, time, 3 features) to (batch, time, features), with params `()`. With
        `masked` it takes (batch, time, 3 features + 1). The residuals are x, the weights A and y.

    Raises:
        ValueError: if heads is not a positive whole number, or (init, forward) if the channels are
            not three times a multiple of heads.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> q, k, v = jnp.array([0.0, 1.0]), jnp.log(jnp.array([1.0, 3.0])), jnp.array([1.0, 3.0])
        >>> layer, x = nn.attention(), jnp.stack([q, k, v], axis=-1)[None]
        >>> y, residuals = layer.forward((), x)
        >>> [f"{output:.2f}" for output in y[0, :, 0]]
        ['2.00', '2.50']
        >>> dx = layer.backward((), residuals, jnp.array([[[1.0], [0.0]]]))[1]
        >>> print(dx[0, :, 2])
        [0.5 0.5]

    Source: Vaswani et al., Attention is all you need, NeurIPS 2017, eq. 1; D_q from the output:
    Dao, Fu, Ermon, Rudra & Re, FlashAttention, NeurIPS 2022.
    """
    check_whole(heads, "attention(heads)")
    name = f"attention(heads={heads}{', masked=True' if masked else ''})"

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, _Residuals]:
        if x.ndim != 3:
            raise ValueError(f"{name} takes inputs of shape (batch, time, channels), got {x.shape}")
        n, time, channels = x.shape
        features = features_of(channels, x.shape)
        q, k, v = split(x)
        # The sum of a score may overflow half precision before it is divided by √d.
        scores = jnp.einsum("nqhd,nkhd->nhqk", wide(q), wide(k)) / math.sqrt(features // heads)
        allowed = np.tri(time, dtype=bool)[None, None] if causal else None
        if masked:
            real = (x[..., -1] > 0.5)[:, None, None, :]
            allowed = real if allowed is None else real & allowed
        weights = _softmax(scores, allowed)
        y = jnp.einsum("nhqk,nkhd->nqhd", weights, wide(v)).reshape(n, time, features)
        return y.astype(x.dtype), _Residuals(*(a.astype(x.dtype) for a in (x, weights, y)))

    def backward(params: Params, residuals: _Residuals, dy: jax.Array) -> tuple[Params, jax.Array]:
        x = residuals.x
        weights, y, g = (wide(a) for a in (residuals.weights, residuals.y, dy))
        q, k, v = (wide(a) for a in split(x))
        g = g.reshape(q.shape)
        dv = jnp.einsum("nhqk,nqhd->nkhd", weights, g)
        dweights = jnp.einsum("nqhd,nkhd->nhqk", g, v)
        D = jnp.einsum("nqhd,nqhd->nhq", g, y.reshape(q.shape))[..., None]
        dscores = weights * (dweights - D) / math.sqrt(q.shape[-1])
        dq = jnp.einsum("nhqk,nkhd->nqhd", dscores, k)
        dk = jnp.einsum("nhqk,nqhd->nkhd", dscores, q)
        parts = [d.reshape(dy.shape) for d in (dq, dk, dv)]
        if masked:
            parts.append(jnp.zeros((*dy.shape[:2], 1), g.dtype))
        return (), jnp.concatenate(parts, axis=-1).astype(x.dtype)

    def split(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Queries, keys and values, each (batch, time, heads, d)."""
        n, time, channels = x.shape
        d = (channels - masked) // (3 * heads)
        parts = x[..., : channels - masked].reshape(n, time, 3, heads, d)
        return parts[:, :, 0], parts[:, :, 1], parts[:, :, 2]

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        if len(in_shape) != 2:
            raise ValueError(f"{name} takes examples of shape (time, channels), got {in_shape}")
        return (), (in_shape[0], features_of(in_shape[1], in_shape))

    def features_of(channels: int, shape: Shape) -> int:
        rest = channels - masked
        if rest < 1 or rest % (3 * heads):
            extra = " and a mask channel" if masked else ""
            raise ValueError(
                f"{name} takes queries, keys and values: 3 * features channels{extra}, with "
                f"features a multiple of {heads}; got shape {shape}"
            )
        return rest // 3

    return Layer(init, forward, backward)


@recorded
def multi_head_attention(
    features: int,
    heads: int,
    causal: bool = False,
    masked: bool = False,
    init: Initializer | None = None,
) -> Layer:
    """Multi-head self-attention: attention between two dense layers.

        y = attention(x W_in + b_in) W_out + b_out

    The first dense layer computes the queries, keys and values of each position, the second
    combines the heads. The layer is `serial(dense(3 features), attention(heads), dense(features))`,
    so the error signal passes through the three backward passes in turn.

    Args:
        features: channels of the output, and of the queries, the keys and the values each.
        heads: number of heads; divides `features`.
        causal: position q attends to the positions k ≤ q only.
        masked: x has one more channel, the last: 1 at real positions, 0 at padding. It bypasses the
            first dense layer and gets the gradient 0.
        init: initialiser of the weights of both dense layers; default `glorot()`, where the fused
            matrix for queries, keys and values counts as one. Biases start at zero.

    Returns:
        A layer from (batch, time, n_in) to (batch, time, features) with params
        `(Dense, (), Dense)`, and the residuals of the three layers. With `masked` it takes
        (batch, time, n_in + 1).

    Raises:
        ValueError: if features or heads is not a positive whole number or heads does not divide
            features, or (init, forward) if x has the wrong shape.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> layer = nn.multi_head_attention(6, heads=2, causal=True)
        >>> params, out_shape = layer.init(jax.random.key(0), (5, 4))
        >>> out_shape, params[0].weights.shape, params[2].weights.shape
        ((5, 6), (4, 18), (6, 6))
        >>> layer.forward(params, jnp.ones((3, 5, 4)))[0].shape
        (3, 5, 6)

    Source: Vaswani et al., Attention is all you need, NeurIPS 2017, section 3.2.2.
    """
    check_whole(heads, "multi_head_attention(heads)")
    check_whole(features, "multi_head_attention(features)")
    if features % heads:
        raise ValueError(
            "multi_head_attention: expected features to be a multiple of heads, "
            f"got {features} features and {heads} heads"
        )
    init = glorot() if init is None else init
    project = dense(3 * features, init)
    return serial(
        _except_last_channel(project) if masked else project,
        attention(heads, causal, masked),
        dense(features, init),
    )


def _softmax(scores: jax.Array, allowed: jax.Array | np.ndarray | None) -> jax.Array:
    """Softmax over the allowed entries of the last axis; 0 if none is allowed."""
    if allowed is not None:
        scores = jnp.where(allowed, scores, jnp.asarray(-jnp.inf, scores.dtype))
    top = jax.lax.stop_gradient(scores.max(axis=-1, keepdims=True, initial=-jnp.inf))
    top = jnp.where(top == -jnp.inf, jnp.zeros_like(top), top)
    e = jnp.exp(scores - top)
    total = e.sum(axis=-1, keepdims=True)
    return e / jnp.where(total == 0, jnp.ones_like(total), total)


def _except_last_channel(layer: Layer) -> Layer:
    """Apply the layer to all channels but the last, which is passed on unchanged."""

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, Residuals]:
        y, residuals = layer.forward(params, x[..., :-1], key)
        return jnp.concatenate([y, x[..., -1:]], axis=-1), residuals

    def backward(params: Params, residuals: Residuals, dy: jax.Array) -> tuple[Params, jax.Array]:
        grads, dx = layer.backward(params, residuals, dy[..., :-1])
        return grads, jnp.concatenate([dx, dy[..., -1:]], axis=-1)

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        params, out_shape = layer.init(key, (*in_shape[:-1], in_shape[-1] - 1))
        return params, (*out_shape[:-1], out_shape[-1] + 1)

    return Layer(init, forward, backward)
