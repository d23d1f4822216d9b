"""Normalisation of each example: over its features, over groups of channels, by its mean square.

Batch normalisation, which couples the examples of a batch, is in `batch_norm`.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.checks import check_whole
from nnjax.core import Layer, Shape
from nnjax.layers.parts.moments import along_last, check_eps, check_input, features_of, moments
from nnjax.layers.parts.precision import wide


class LayerNorm(NamedTuple):
    """Parameters of a layer normalisation: scale (features,) and shift (features,).

    Example:
        >>> import jax, nnjax as nn
        >>> print(nn.layer_norm().init(jax.random.key(0), (2,))[0])
        LayerNorm(scale=Array([1., 1.], dtype=float32), shift=Array([0., 0.], dtype=float32))
    """

    scale: jax.Array
    shift: jax.Array


class _Residuals(NamedTuple):
    """The input and, for each set of normalised numbers, mean and r."""

    x: jax.Array
    mean: jax.Array
    rstd: jax.Array


@recorded
def layer_norm(eps: float = 1e-5) -> Layer:
    """Layer normalisation: give the features of each example mean 0 and variance 1.

        y_i = scale_i xhat_i + shift_i,    xhat_i = (x_i - mean) r,    r = 1 / √(var + eps)
        mean = 1/m Σ_k x_k,    var = 1/m Σ_k (x_k - mean)²             over the m features

    Derivation. Take one example with features i = 1 ... m.

    1. From the first equation, dscale_i = dy_i xhat_i and dshift_i = dy_i, summed over all
    examples, and the error signal of xhat_i is g_i = dy_i scale_i.

    2. Every xhat_i depends on x_k directly, through the mean and through r. Let c_i = x_i - mean.
    ∂mean/∂x_k = 1/m. ∂var/∂x_k = 1/m Σ_i 2 c_i ([i = k] - 1/m) = 2 c_k / m, because Σ_i c_i = 0.
    With ∂r/∂var = -1/2 r³, ∂r/∂x_k = -r³ c_k / m = -r² xhat_k / m.

    3. ∂xhat_i/∂x_k = r ([i = k] - 1/m) + c_i ∂r/∂x_k = r ([i = k] - 1/m - xhat_i xhat_k / m).

    4. Summed over all paths, dx_k = Σ_i g_i ∂xhat_i/∂x_k:

        dx_k = r (g_k - 1/m Σ_i g_i - xhat_k 1/m Σ_i g_i xhat_i)
             = r/m (m g_k - Σ_i g_i - xhat_k Σ_i g_i xhat_i)

    This removes the components of g along (1, ..., 1) and (except for eps) along xhat: J does not
    depend on the mean and the scale of x, which the layer removes. For m = 1, dx is 0; for equal
    features xhat is 0 and dx = (g - mean of g) / √eps.

    The variance is the biased one (divided by m), as in the article, PyTorch, TensorFlow and Flax.
    Mean and variance are computed in two passes and at least in float32, so the mean of x may be
    large compared with its deviation.

    Args:
        eps: added to the variance; avoids division by zero when all features are equal.

    Returns:
        A layer from (batch, ..., features) to the same shape with params `LayerNorm(scale, shift)`,
        initially ones and zeros. Axes between batch and features count as further examples. The
        residuals are x, and mean and r of each example.

    Raises:
        ValueError: if eps is not positive, or (forward) if the features of x and params differ; the
            message gives both shapes.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> layer = nn.layer_norm(eps=5.0)  # r = 1/4 for mean 2 and variance 11
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
        # In terms of x - mean = xhat / r, so that xhat need not be stored between the sums.
        along = rstd * (rstd * (g * centred).mean(-1, keepdims=True))
        dx = rstd * (g - g.mean(-1, keepdims=True) - centred * along)
        examples = tuple(range(x.ndim - 1))
        dscale, dshift = (dy * (centred * rstd)).sum(examples), dy.sum(examples)
        grads = LayerNorm(dscale.astype(params.scale.dtype), dshift.astype(params.shift.dtype))
        return grads, dx.astype(x.dtype)

    def init(key: jax.Array, in_shape: Shape) -> tuple[LayerNorm, Shape]:
        n = features_of(in_shape, "layer_norm")
        return LayerNorm(jnp.ones(n), jnp.zeros(n)), in_shape

    return Layer(init, forward, backward)


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


@recorded
def group_norm(groups: int, eps: float = 1e-5) -> Layer:
    """Group normalisation: give each group of channels of each example mean 0 and variance 1.

        y = scale_c xhat + shift_c,    xhat = (x - mean) r,    r = 1 / √(var + eps)

    The channels are divided into `groups` contiguous groups; mean and (biased) variance of a group
    are computed over its channels and all positions, that is all axes between batch and channels.
    One group normalises each example as a whole; with one group per channel this is instance
    normalisation.

    Derivation. One group of one example consists of m = positions * channels / groups numbers,
    which are normalised like the m features of `layer_norm`, so its steps 2-4 apply:

        g = dy scale_c                                         (the shape of x)
        dx = r/m (m g - Σ g - xhat Σ g xhat)                   sums over the group
        dscale_c = Σ dy xhat,    dshift_c = Σ dy               over examples and positions

    Unlike in layer_norm, scale and shift belong to a channel and are shared by all positions, so
    their gradients are summed over positions.

    Args:
        groups: number of groups; divides the number of channels.
        eps: added to the variance, as in `layer_norm`.

    Returns:
        A layer from (batch, ..., channels) to the same shape with params `GroupNorm(scale, shift)`,
        initially ones and zeros. The residuals are x, and mean and r of each group, repeated for
        each of its channels.

    Raises:
        ValueError: if groups is not a positive whole number or eps not positive, or (init, forward)
            if groups does not divide the channels or the channels of x and params differ.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> layer = nn.group_norm(2, eps=15.0)  # r = 1/4 for variance 1
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
        # Sums over positions; the sums over examples and groups are computed from these.
        sum_dy, sum_centred = dy.sum(1, keepdims=True), (dy * centred).sum(1, keepdims=True)
        positions = dy.shape[1]
        straight = of_group(scale * sum_dy / positions)
        along = rstd * (rstd * of_group(scale * sum_centred / positions))
        dx = rstd * (scale * dy - straight - centred * along)
        dscale, dshift = (sum_centred * rstd).sum((0, 1)), sum_dy.sum((0, 1))
        grads = GroupNorm(dscale.astype(params.scale.dtype), dshift.astype(params.shift.dtype))
        return grads, dx.reshape(x.shape).astype(x.dtype)

    def flat(a: jax.Array) -> jax.Array:
        """Reshape to (batch, positions, channels), at least in float32."""
        return wide(a).reshape(a.shape[0], math.prod(a.shape[1:-1]), a.shape[-1])

    def of_group(a: jax.Array) -> jax.Array:
        """Group means, repeated for each channel, from channel means (batch, 1, channels).

        Averaging over positions first reads memory row by row and leaves little for the groups.
        """
        parts = a.reshape(a.shape[0], 1, groups, a.shape[-1] // groups)
        mean = jnp.broadcast_to(parts.mean(-1, keepdims=True), parts.shape).reshape(a.shape)
        # Without the barrier XLA looks up the group again at each position, which is slow.
        return jax.lax.optimization_barrier(mean)

    def init(key: jax.Array, in_shape: Shape) -> tuple[GroupNorm, Shape]:
        n = features_of(in_shape, "group_norm")
        check_groups(n)
        return GroupNorm(jnp.ones(n), jnp.zeros(n)), in_shape

    def check_groups(channels: int) -> None:
        if channels % groups:
            raise ValueError(f"group_norm({groups}) cannot divide {channels} channels evenly")

    return Layer(init, forward, backward)


class RMSNorm(NamedTuple):
    """Parameters of a root mean square normalisation: scale (features,), and no shift.

    Example:
        >>> import jax, nnjax as nn
        >>> print(nn.rms_norm().init(jax.random.key(0), (2,))[0])
        RMSNorm(scale=Array([1., 1.], dtype=float32))
    """

    scale: jax.Array


class _RMSResiduals(NamedTuple):
    """The input and, for each example, the reciprocal of its root mean square."""

    x: jax.Array
    rrms: jax.Array


@recorded
def rms_norm(eps: float = 1e-6) -> Layer:
    """Root mean square normalisation: give the features of each example the mean square 1.

        y_i = scale_i xhat_i,    xhat_i = x_i r,    r = 1 / √(1/m Σ_k x_k² + eps)

    This is `layer_norm` without the mean and the shift.

    Derivation. For one example with features i = 1 ... m, the error signal of xhat_i is
    g_i = dy_i scale_i. xhat_k depends on x_k directly, and every xhat_i through r: with
    q = 1/m Σ_k x_k², ∂q/∂x_k = 2 x_k / m and ∂r/∂q = -1/2 r³, so
    ∂r/∂x_k = -r³ x_k / m = -r² xhat_k / m, and

        ∂xhat_i/∂x_k = r [i = k] + x_i ∂r/∂x_k = r ([i = k] - xhat_i xhat_k / m)
        dx_k         = r (g_k - xhat_k 1/m Σ_i g_i xhat_i),    g_i xhat_i = dy_i y_i
        dscale_i     = Σ dy_i xhat_i over the examples

    For x = 0, xhat is 0 and dx = g / √eps.

    Args:
        eps: added to the mean square; 1e-6 as in T5, LLaMA and Flax (others use 1e-5, 1e-8 or the
            machine epsilon).

    Returns:
        A layer from (batch, ..., features) to the same shape with params `RMSNorm(scale)`,
        initially ones. Axes between batch and features count as further examples. The residuals
        are x, and r of each example.

    Raises:
        ValueError: if eps is not positive, or (forward) if the features of x and params differ; the
            message gives both shapes.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> layer = nn.rms_norm(eps=6.0)  # r = 1/4 for mean square 10
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
        scale = along_last(wide(params.scale), x)
        # g xhat = dy y: compiled with forward, the sum reads y and needs no other array.
        along = rrms * (dy * (scale * (wide_x * rrms))).mean(-1, keepdims=True)
        dx = rrms * (dy * scale - wide_x * along)
        # Σ over examples of r (dy ⊙ x), as a product with a vector; TF32 would not do for a sum.
        dscale = jnp.tensordot(rrms[..., 0], dy * wide_x, x.ndim - 1, precision="highest")
        return RMSNorm(dscale.astype(params.scale.dtype)), dx.astype(x.dtype)

    def init(key: jax.Array, in_shape: Shape) -> tuple[RMSNorm, Shape]:
        return RMSNorm(jnp.ones(features_of(in_shape, "rms_norm"))), in_shape

    return Layer(init, forward, backward)
