"""Average pooling: the mean of each window or channel. No parameters."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from nnjax.calls import recorded
from nnjax.core import Layer, Params, Shape
from nnjax.layers.parts.precision import as_dtype_of
from nnjax.layers.parts.windows import Axis, Padding, Whole, not_empty, pooled_sizes, windows


@recorded
def avg_pool(
    window: Whole,
    stride: Whole | None = None,
    padding: Padding = "VALID",
    dilation: Whole = 1,
    count_padding: bool = False,
) -> Layer:
    """Average pooling: the mean of each window.

        y_bouc = 1/n_ou Σ_k Σ_l x_bpqc,    p = o stride + k dilation - top,
                                           q = u stride + l dilation - left

    for an image; for a sequence without u, l and q. Padding counts as 0. n_ou is the number of
    elements of window (o, u) that are not padding, or with `count_padding` the number of all
    elements, which draws means at the edge towards 0. Libraries differ: TensorFlow does not count
    padding, PyTorch and Flax do by default.

    Derivation. ∂y_bouc/∂x_bpqc = 1/n_ou if window (o, u) contains (p, q), else 0, so

        dx_bpqc = Σ_(o, u) dy_bouc / n_ou        over the windows that contain (p, q)

    This is again a sum over a sliding window: of dy / n with stride - 1 zeros between its
    positions, padded by span - 1 - before at the front and span - 1 - after + rest at the end (as
    in `conv1d`, with a kernel of ones). The last `rest` positions, which no window covers, get 0.

    Args:
        window: size of the window, an int or one per axis.
        stride: distance of neighbouring windows; default: the window, so that windows tile x.
        padding: "VALID" (none), "SAME" (out = ⌈in / stride⌉) or (before, after) for each axis.
        dilation: distance of neighbouring elements of a window.
        count_padding: whether padding counts as elements (zeros) of the mean.

    Returns:
        A layer from (batch, ..., channels) to (batch, ..., channels) with params `()` and at least
        one axis between batch and channels: one for a sequence, two for an image. On each of them
        out = ⌊(in + before + after - span) / stride⌋ + 1 with span = dilation (window - 1) + 1.
        The residual is an empty array with the shape of an example.

    Raises:
        ValueError: if an option is not a positive whole number or the padding is none of the above;
            (init, forward) if the options are for another number of axes than the input has, if no
            window fits into the padded input, or if a window contains only padding that is not
            counted.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> x = jnp.array([[[2.0], [4.0], [6.0]]])
        >>> for layer in nn.avg_pool(2, 2, (1, 0)), nn.avg_pool(2, 2, (1, 0), count_padding=True):
        ...     y, residuals = layer.forward((), x)
        ...     print(y.ravel(), layer.backward((), residuals, jnp.ones((1, 2, 1)))[1].ravel())
        [2. 5.] [1.  0.5 0.5]
        [1. 5.] [0.5 0.5 0.5]

    Source: LeCun et al., Gradient-based learning applied to document recognition, 1998 (there with
    a trained factor); Goodfellow, Bengio & Courville, Deep Learning, 2016, section 9.3.
    """
    geometry = windows("avg_pool", window, window if stride is None else stride, padding, dilation)

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        axes = axes_of(x.shape[1:])
        pads = [(axis.low, axis.high, 0) for axis in axes]
        sums = _window_sums(_wide(x), pads, axes, [axis.stride for axis in axes])
        return as_dtype_of(x, divided(sums, axes)), x[:0]

    def backward(params: Params, residuals: jax.Array, dy: jax.Array) -> tuple[Params, jax.Array]:
        empty = residuals
        axes = axes_of(empty.shape[1:])
        pads = [(a.span - 1 - a.low, a.span - 1 - a.high + a.rest, a.stride - 1) for a in axes]
        dx = _window_sums(divided(_wide(dy), axes), pads, axes, [1] * len(axes))
        return (), as_dtype_of(empty, dx)

    def axes_of(in_shape: Shape) -> tuple[Axis, ...]:
        axes = geometry.axes(pooled_sizes("avg_pool", in_shape))
        return axes if count_padding else not_empty("avg_pool", axes)

    def divided(sums: jax.Array, axes: tuple[Axis, ...]) -> jax.Array:
        """Divide the sum of each window by the number of its elements."""
        n = np.ones((1,) * (len(axes) + 2))
        for i, axis in enumerate(axes, start=1):
            each = np.full(axis.out, axis.window) if count_padding else axis.inside().sum(1)
            n = n * each.reshape(*(-1 if j == i else 1 for j in range(n.ndim)))
        return sums / jnp.asarray(n, sums.dtype)

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        return (), (*(axis.out for axis in axes_of(in_shape)), in_shape[-1])

    return Layer(init, forward, backward)


@recorded
def global_avg_pool() -> Layer:
    """Global average pooling: the mean of each channel over all positions.

        y_bc = 1/n Σ_p x_bpc        dx_bpc = dy_bc / n

    Derivation. ∂y_bc/∂x_bpc = 1/n for each of the n positions.

    Returns:
        A layer from (batch, ..., channels) to (batch, channels) with params `()` and at least one
        axis between batch and channels. The residual is an empty array with the shape of an
        example.

    Raises:
        ValueError: (init, forward) if there is no axis between batch and channels, or an empty one.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, residuals = nn.global_avg_pool().forward((), jnp.array([[[1.0], [2.0]]]))
        >>> print(y, nn.global_avg_pool().backward((), residuals, jnp.ones((1, 1)))[1].ravel())
        [[1.5]] [0.5 0.5]

    Source: Lin, Chen & Yan, Network in network, ICLR 2014, arXiv:1312.4400, section 3.2.
    """

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        positions = pooled_sizes("global_avg_pool", x.shape[1:])
        y = jnp.sum(_wide(x), axis=range(1, x.ndim - 1)) / math.prod(positions)
        return as_dtype_of(x, y), x[:0]

    def backward(params: Params, residuals: jax.Array, dy: jax.Array) -> tuple[Params, jax.Array]:
        empty = residuals
        each = as_dtype_of(empty, _wide(dy) / math.prod(empty.shape[1:-1]))
        spread = each.reshape(dy.shape[0], *(1,) * (empty.ndim - 2), dy.shape[-1])
        return (), jnp.broadcast_to(spread, dy.shape[:1] + empty.shape[1:])

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        pooled_sizes("global_avg_pool", in_shape)
        return (), in_shape[-1:]

    return Layer(init, forward, backward)


def _window_sums(
    x: jax.Array, pads: list[tuple[int, int, int]], axes: tuple[Axis, ...], strides: list[int]
) -> jax.Array:
    """Window sums of x, padded with zeros before, after and between its positions."""
    zero = np.zeros((), x.dtype)
    return lax.reduce_window(
        lax.pad(x, zero, [(0, 0, 0), *pads, (0, 0, 0)]),
        zero,
        lax.add,
        (1, *(axis.window for axis in axes), 1),
        (1, *strides, 1),
        "VALID",
        window_dilation=(1, *(axis.dilation for axis in axes), 1),
    )


def _wide(x: jax.Array) -> jax.Array:
    """At least float32: half-precision sums overflow, and means of whole numbers are fractions."""
    wide = jnp.issubdtype(x.dtype, jnp.inexact) and jnp.finfo(x.dtype).bits >= 32
    return x if wide else x.astype(jnp.float32)
