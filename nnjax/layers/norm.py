"""Normalisation of each example by itself: over its features, over groups of channels, by its size.

Batch normalisation, which ties the examples of a batch together, is in `batch_norm`.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.checks import check_whole
from nnjax.core import Layer, Shape


class LayerNorm(NamedTuple):
    """Parameters of a layer normalisation: scale (features,) and shift (features,).

    Example:
        >>> import jax, nnjax as nn
        >>> print(nn.layer_norm().init(jax.random.key(0), (2,))[0])
        LayerNorm(scale=Array([1., 1.], dtype=float32), shift=Array([0., 0.], dtype=float32))
    """

    scale: jax.Array
    shift: jax.Array


class GroupNorm(NamedTuple):
    """Parameters of a group normalisation: scale (channels,) and shift (channels,).

    Example:
        >>> import jax, nnjax as nn
        >>> scale, shift = nn.group_norm(2).init(jax.random.key(0), (8, 8, 6))[0]
        >>> scale.shape, shift.shape
        ((6,), (6,))
    """

    scale: jax.Array
    shift: jax.Array


class RMSNorm(NamedTuple):
    """Parameters of a root mean square normalisation: scale (features,), and no shift.

    Example:
        >>> import jax, nnjax as nn
        >>> print(nn.rms_norm().init(jax.random.key(0), (2,))[0])
        RMSNorm(scale=Array([1., 1.], dtype=float32))
    """

    scale: jax.Array


class _Residuals(NamedTuple):
    """The input and, for each set of numbers that is normalised, its mean and 1/deviation."""

    x: jax.Array
    mean: jax.Array
    rstd: jax.Array


class _RMSResiduals(NamedTuple):
    """The input and, for each example, the reciprocal of its root mean square."""

    x: jax.Array
    rrms: jax.Array


def wide(a: jax.Array) -> jax.Array:
    """The array in float32 if its dtype is narrower, else as it is.

    Squares overflow float16 from 256 on, and bfloat16 has no digits left for a variance.
    """
    return a.astype(jnp.float32) if jnp.finfo(a.dtype).bits < 32 else a


def moments(x: jax.Array, axes: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
    """Mean and biased variance over some axes, which stay with length 1.

    In two passes, the mean first: the one-pass form E[x^2] - E[x]^2 subtracts two nearly equal
    numbers and has no digits left once mean^2 / variance nears 1 / (machine epsilon), 1e7 in
    float32.
    """
    mean = x.mean(axes, keepdims=True)
    return mean, jnp.square(x - mean).mean(axes, keepdims=True)


def check_eps(eps: float, layer: str) -> None:
    """Refuse an eps that cannot keep a zero variance from being divided by."""
    if not (math.isfinite(eps) and eps > 0):
        raise ValueError(f"{layer}(eps): expected a positive finite number, got {eps}")


def check_input(x: jax.Array, features: int, layer: str) -> None:
    """Refuse an input that does not have the features of the parameters, or is no float."""
    if x.ndim < 2 or x.shape[-1] != features:
        raise ValueError(
            f"{layer} has a scale of shape ({features},) and takes inputs of shape "
            f"(batch, ..., {features}), got {x.shape}"
        )
    if not jnp.issubdtype(x.dtype, jnp.inexact):
        raise ValueError(f"{layer} takes floats, got {x.dtype}; cast them first")


def features_of(in_shape: Shape, layer: str) -> int:
    """The length of the last axis of one example."""
    if not in_shape:
        raise ValueError(f"{layer} needs an input with a feature axis, got shape ()")
    return in_shape[-1]


def along_last(v: jax.Array, like: jax.Array) -> jax.Array:
    """A vector as an array of the rank of `like` whose last axis is the vector's."""
    return v.reshape((1,) * (like.ndim - 1) + v.shape)


@recorded
def layer_norm(eps: float = 1e-5) -> Layer:
    """Layer normalisation: the features of each example get mean 0 and variance 1.

        y_i = scale_i xhat_i + shift_i,    xhat_i = (x_i - mean) r,    r = 1 / sqrt(var + eps)
        mean = 1/m sum_k x_k,    var = 1/m sum_k (x_k - mean)^2        over the m features

    Derivation, for one example with features i = 1..m; dy_i = dJ/dy_i.

    1. Through the last line alone: dJ/dscale_i = dy_i xhat_i and dJ/dshift_i = dy_i, summed over
       all examples; and each xhat_i receives g_i = dy_i scale_i.
    2. x_k moves every xhat_i: directly, through the mean and through r. With c_i = x_i - mean,
       dmean/dx_k = 1/m. In dvar/dx_k = 1/m sum_i 2 c_i ([i = k] - 1/m) = 2 c_k / m the mean's
       share has vanished, because sum_i c_i = 0. Then dr/dvar = -1/2 r^3, so
       dr/dx_k = -r^3 c_k / m = -r^2 xhat_k / m.
    3. dxhat_i/dx_k = r ([i = k] - 1/m) + c_i dr/dx_k = r ([i = k] - 1/m - xhat_i xhat_k / m).
    4. Summing the paths, sum_i g_i dxhat_i/dx_k:

        dx_k = r (g_k - 1/m sum_i g_i - xhat_k 1/m sum_i g_i xhat_i)
             = r/m (m g_k - sum_i g_i - xhat_k sum_i g_i xhat_i)

    From g the part along (1, ..., 1) and (but for eps) the part along xhat are taken out: J cannot
    depend on what the layer throws away. With m = 1 dx is 0; with equal features xhat is 0 and
    dx = (g - mean of g) / sqrt(eps).

    The variance is the biased one (division by m), as in the article and in PyTorch, TensorFlow
    and Flax. eps stands inside the root. Mean and variance are taken in two passes, in float32 at
    least; x may have a mean that is large against its deviation.

    Args:
        eps: what is added to the variance, so that equal features can be divided by something.

    Returns:
        A layer from (batch, ..., features) to the same shape with params `LayerNorm(scale, shift)`,
        at first ones and zeros. Axes between batch and features count as more examples. The
        residuals are x, and mean and r of each example.

    Raises:
        ValueError: if eps is not positive, or (forward) if x has other features than the params;
            the message names both shapes.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> layer = nn.layer_norm(eps=5.0)  # so that the root is 4: mean 2, variance 11
        >>> params, _ = layer.init(jax.random.key(0), (4,))
        >>> y, residuals = layer.forward(params, jnp.array([[-3.0, 1.0, 5.0, 5.0]]))
        >>> print(y)
        [[-1.25 -0.25  0.75  0.75]]
        >>> grads, dx = layer.backward(params, residuals, jnp.array([[4.0, 0.0, 0.0, 0.0]]))
        >>> print(dx, grads.shift)
        [[ 0.359375 -0.328125 -0.015625 -0.015625]] [4. 0. 0. 0.]

    Source: Ba, Kiros & Hinton, Layer normalization, arXiv 1607.06450, 2016.
    """
    check_eps(eps, "layer_norm")

    def init(key: jax.Array, in_shape: Shape) -> tuple[LayerNorm, Shape]:
        n = features_of(in_shape, "layer_norm")
        return LayerNorm(jnp.ones(n), jnp.zeros(n)), in_shape

    def forward(
        params: LayerNorm, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, _Residuals]:
        check_input(x, len(params.scale), "layer_norm")
        scale, shift = (along_last(wide(p), x) for p in params)
        mean, variance = moments(wide(x), (-1,))
        rstd = jax.lax.rsqrt(variance + eps)
        y = scale * ((wide(x) - mean) * rstd) + shift
        return y.astype(x.dtype), _Residuals(x, mean, rstd)

    def backward(
        params: LayerNorm, residuals: _Residuals, dy: jax.Array
    ) -> tuple[LayerNorm, jax.Array]:
        x, mean, rstd = residuals
        dy, centred = wide(dy), wide(x) - mean
        g = dy * along_last(wide(params.scale), x)
        # In terms of x - mean = xhat / r, since xhat would be stored between the sums.
        along = rstd * (rstd * (g * centred).mean(-1, keepdims=True))
        dx = rstd * (g - g.mean(-1, keepdims=True) - centred * along)
        examples = tuple(range(x.ndim - 1))
        dscale, dshift = (dy * (centred * rstd)).sum(examples), dy.sum(examples)
        grads = LayerNorm(dscale.astype(params.scale.dtype), dshift.astype(params.shift.dtype))
        return grads, dx.astype(x.dtype)

    return Layer(init, forward, backward)


@recorded
def group_norm(groups: int, eps: float = 1e-5) -> Layer:
    """Group normalisation: in each example, each group of channels gets mean 0 and variance 1.

        y = scale_c xhat + shift_c,    xhat = (x - mean) r,    r = 1 / sqrt(var + eps)

    Channels are divided into `groups` groups of neighbours; mean and (biased) variance of a group
    are taken over its channels and all places, that is all axes between batch and channels. One
    group normalises an example as a whole; as many groups as channels is instance normalisation.

    Derivation. One group of one example is m = places * channels / groups numbers that are
    normalised like the m features of `layer_norm`, whose steps 2-4 hold for them word for word:

        g = dy scale_c                                         the same shape as x
        dx = r/m (m g - sum g - xhat sum g xhat)               sums over the group
        dscale_c = sum dy xhat,    dshift_c = sum dy           over examples and places

    The difference to layer_norm is that scale and shift belong to a channel, hence to all its
    places, and so add up over them.

    Args:
        groups: how many groups; divides the number of channels.
        eps: what is added to the variance, as in `layer_norm`.

    Returns:
        A layer from (batch, ..., channels) to the same shape with params `GroupNorm(scale, shift)`,
        at first ones and zeros. The residuals are x, and mean and r of each group, repeated for
        each of its channels.

    Raises:
        ValueError: if groups is not a positive whole number or eps not positive, or (init, forward)
            if the groups do not divide the channels or x has other channels than the params.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> layer = nn.group_norm(2, eps=15.0)  # so that the root of 1 + 15 is 4
        >>> params, _ = layer.init(jax.random.key(0), (4,))
        >>> y, residuals = layer.forward(params, jnp.array([[1.0, 3.0, 20.0, 22.0]]))
        >>> print(y)
        [[-0.25  0.25 -0.25  0.25]]
        >>> grads, dx = layer.backward(params, residuals, jnp.array([[4.0, 0.0, 0.0, 4.0]]))
        >>> print(dx, grads.shift)
        [[ 0.46875 -0.46875 -0.46875  0.46875]] [4. 0. 0. 4.]

    Source: Wu & He, Group normalization, ECCV 2018; instance normalisation: Ulyanov, Vedaldi &
    Lempitsky, arXiv 1607.08022, 2016.
    """
    check_whole(groups, "group_norm(groups)")
    check_eps(eps, "group_norm")

    def check_groups(channels: int) -> None:
        if channels % groups:
            raise ValueError(f"group_norm({groups}) cannot divide {channels} channels evenly")

    def init(key: jax.Array, in_shape: Shape) -> tuple[GroupNorm, Shape]:
        n = features_of(in_shape, "group_norm")
        check_groups(n)
        return GroupNorm(jnp.ones(n), jnp.zeros(n)), in_shape

    def flat(a: jax.Array) -> jax.Array:
        """As (batch, places, channels)."""
        return wide(a).reshape(a.shape[0], math.prod(a.shape[1:-1]), a.shape[-1])

    def of_group(a: jax.Array) -> jax.Array:
        """The mean over the group for each of its channels, of the channels' means (batch, 1, ch.).

        Places are averaged before, along whole rows of memory; what is left for groups is small.
        """
        parts = a.reshape(a.shape[0], 1, groups, a.shape[-1] // groups)
        mean = jnp.broadcast_to(parts.mean(-1, keepdims=True), parts.shape).reshape(a.shape)
        # Else XLA looks up the group of a channel once more at each place, which is slow.
        return jax.lax.optimization_barrier(mean)

    def forward(
        params: GroupNorm, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, _Residuals]:
        check_input(x, len(params.scale), "group_norm")
        check_groups(x.shape[-1])
        scale, shift = (wide(p)[None, None] for p in params)
        mean = of_group(flat(x).mean(1, keepdims=True))
        centred = flat(x) - mean
        rstd = jax.lax.rsqrt(of_group(jnp.square(centred).mean(1, keepdims=True)) + eps)
        y = scale * (centred * rstd) + shift
        return y.reshape(x.shape).astype(x.dtype), _Residuals(x, mean, rstd)

    def backward(
        params: GroupNorm, residuals: _Residuals, dy: jax.Array
    ) -> tuple[GroupNorm, jax.Array]:
        x, mean, rstd = residuals
        centred, dy, scale = flat(x) - mean, flat(dy), wide(params.scale)[None, None]
        # Sums over the places of each channel; the sums over examples and groups are sums of these.
        sum_dy, sum_centred = dy.sum(1, keepdims=True), (dy * centred).sum(1, keepdims=True)
        places = dy.shape[1]
        straight = of_group(scale * sum_dy / places)
        along = rstd * (rstd * of_group(scale * sum_centred / places))
        dx = rstd * (scale * dy - straight - centred * along)
        dscale, dshift = (sum_centred * rstd).sum((0, 1)), sum_dy.sum((0, 1))
        grads = GroupNorm(dscale.astype(params.scale.dtype), dshift.astype(params.shift.dtype))
        return grads, dx.reshape(x.shape).astype(x.dtype)

    return Layer(init, forward, backward)


@recorded
def rms_norm(eps: float = 1e-6) -> Layer:
    """Root mean square normalisation: the features of each example get the size 1.

        y_i = scale_i xhat_i,    xhat_i = x_i r,    r = 1 / sqrt(1/m sum_k x_k^2 + eps)

    It is `layer_norm` without the mean and without a shift.

    Derivation, for one example with features i = 1..m. Each xhat_i receives g_i = dy_i scale_i.
    x_k moves xhat_k directly and every xhat_i through r: with s = 1/m sum_k x_k^2, ds/dx_k =
    2 x_k / m and dr/ds = -1/2 r^3, so dr/dx_k = -r^3 x_k / m = -r^2 xhat_k / m, and

        dxhat_i/dx_k = r [i = k] + x_i dr/dx_k = r ([i = k] - xhat_i xhat_k / m)
        dx_k         = r (g_k - xhat_k 1/m sum_i g_i xhat_i)
        dscale_i     = sum over the examples of dy_i xhat_i

    At x = 0, xhat is 0 and dx = g / sqrt(eps).

    Args:
        eps: what is added to the mean square; 1e-6 as in T5, LLaMA and Flax (others take 1e-5,
            1e-8, or the machine's epsilon).

    Returns:
        A layer from (batch, ..., features) to the same shape with params `RMSNorm(scale)`, at first
        ones. Axes between batch and features count as more examples. The residuals are x, and r of
        each example.

    Raises:
        ValueError: if eps is not positive, or (forward) if x has other features than the params;
            the message names both shapes.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> layer = nn.rms_norm(eps=6.0)  # so that the root of 10 + 6 is 4
        >>> params, _ = layer.init(jax.random.key(0), (2,))
        >>> y, residuals = layer.forward(params, jnp.array([[2.0, 4.0]]))
        >>> print(y)
        [[0.5 1. ]]
        >>> grads, dx = layer.backward(params, residuals, jnp.array([[1.0, 0.0]]))
        >>> print(dx, grads.scale)
        [[ 0.21875 -0.0625 ]] [0.5 0. ]

    Source: Zhang & Sennrich, Root mean square layer normalization, NeurIPS 2019.
    """
    check_eps(eps, "rms_norm")

    def init(key: jax.Array, in_shape: Shape) -> tuple[RMSNorm, Shape]:
        return RMSNorm(jnp.ones(features_of(in_shape, "rms_norm"))), in_shape

    def forward(
        params: RMSNorm, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, _RMSResiduals]:
        check_input(x, len(params.scale), "rms_norm")
        rrms = jax.lax.rsqrt(jnp.square(wide(x)).mean(-1, keepdims=True) + eps)
        y = along_last(wide(params.scale), x) * (wide(x) * rrms)
        return y.astype(x.dtype), _RMSResiduals(x, rrms)

    def backward(
        params: RMSNorm, residuals: _RMSResiduals, dy: jax.Array
    ) -> tuple[RMSNorm, jax.Array]:
        x, rrms = residuals
        dy, wide_x = wide(dy), wide(x)
        g = dy * along_last(wide(params.scale), x)
        # In terms of x = xhat / r, since xhat would be stored between the sums.
        along = rrms * (rrms * (g * wide_x).mean(-1, keepdims=True))
        dx = rrms * (g - wide_x * along)
        dscale = (dy * (wide_x * rrms)).sum(tuple(range(x.ndim - 1)))
        return RMSNorm(dscale.astype(params.scale.dtype)), dx.astype(x.dtype)

    return Layer(init, forward, backward)
