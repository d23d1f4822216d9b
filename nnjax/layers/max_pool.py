"""Max pooling: the largest element of each window or channel. No parameters."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from nnjax.calls import recorded
from nnjax.core import Layer, Params, Shape
from nnjax.layers.parts.precision import as_dtype_of
from nnjax.layers.parts.windows import Axis, Padding, Whole, not_empty, pooled_sizes, windows


class _MaxPool(NamedTuple):
    """Residuals: the index of the maximum in each window, axis by axis, the last axis first.

    `empty` is x without its examples: it has no elements but the shape and the dtype of x.
    """

    winners: tuple[jax.Array, ...]
    empty: jax.Array


@recorded
def max_pool(
    window: Whole, stride: Whole | None = None, padding: Padding = "VALID", dilation: Whole = 1
) -> Layer:
    """Max pooling: the largest element of each window.

        y_bouc = max over k, l of x_bpqc,    p = o stride + k dilation - top,
                                             q = u stride + l dilation - left

    for an image; for a sequence without u, l and q. Padding counts as -∞, so it is never the
    maximum.

    Derivation. If one element x_bpqc of the window is larger than all others, y_bouc equals it in a
    neighbourhood: ∂y_bouc/∂x_bpqc is 1 for this element and 0 for all others. With (p*, q*) the
    position of the largest element of window (o, u),

        dx_bpqc = Σ_(o, u) dy_bouc [(p*, q*) = (p, q)]

    a sum because windows overlap if the stride is smaller than the window. At a tie y has no
    derivative, and any distribution of dy_bouc over the largest elements is a subgradient; here the
    first of them in row-major order gets all of it, as in XLA's SelectAndScatter (hence
    `jax.lax.reduce_window`) and PyTorch. In any case Σ dx = Σ dy. NaN counts as larger than all
    numbers.

    Computation. The maximum of a rectangle is the maximum of the maxima of its rows, so the layer
    pools along the last axis, then along the axis before it: height + width comparisons instead of
    height * width. Each step saves the indices of its maxima, and the chain rule is applied to both
    steps. The first row with the maximum, and in it the first column, is the first position in
    row-major order.

    Args:
        window: size of the window, an int or one per axis.
        stride: distance of neighbouring windows; default: the window, so that windows tile x.
        padding: "VALID" (none), "SAME" (out = ⌈in / stride⌉) or (before, after) for each axis.
        dilation: distance of neighbouring elements of a window.

    Returns:
        A layer from (batch, ..., channels) to (batch, ..., channels) with params `()` and at least
        one axis between batch and channels: one for a sequence, two for an image. On each of them
        out = ⌊(in + before + after - span) / stride⌋ + 1 with span = dilation (window - 1) + 1.
        The residuals are the indices of the maxima along each axis, one byte each (four for windows
        longer than 256). The size of the program grows with the window; to pool over all positions
        use `global_max_pool`.

    Raises:
        ValueError: if an option is not a positive whole number or the padding is none of the above;
            (init, forward) if the options are for another number of axes than the input has, if no
            window fits into the padded input, or if a window contains only padding.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> layer = nn.max_pool(2, stride=1)
        >>> y, residuals = layer.forward((), jnp.array([[[1.0], [5.0], [5.0], [3.0]]]))
        >>> print(y.ravel(), layer.backward((), residuals, jnp.ones((1, 3, 1)))[1].ravel())
        [5. 5. 5.] [0. 2. 1. 0.]

    Source: Riesenhuber & Poggio, Hierarchical models of object recognition in cortex, 1999;
    Goodfellow, Bengio & Courville, Deep Learning, 2016, section 9.3.
    """
    geometry = windows("max_pool", window, window if stride is None else stride, padding, dilation)

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, _MaxPool]:
        y, winners = x, []
        for i, axis in reversed(list(enumerate(axes_of(x.shape[1:]), start=1))):
            y, winner = _max_along(y, i, axis)
            winners.append(winner)
        return y, _MaxPool(tuple(winners), x[:0])

    def backward(params: Params, residuals: _MaxPool, dy: jax.Array) -> tuple[Params, jax.Array]:
        winners, empty = residuals
        axes, dx = axes_of(empty.shape[1:]), dy
        for i, (axis, winner) in enumerate(zip(axes, reversed(winners), strict=True), start=1):
            dx = _to_winners(dx, winner, i, axis)
        return (), as_dtype_of(empty, dx)

    def axes_of(in_shape: Shape) -> tuple[Axis, ...]:
        return not_empty("max_pool", geometry.axes(pooled_sizes("max_pool", in_shape)))

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        return (), (*(axis.out for axis in axes_of(in_shape)), in_shape[-1])

    return Layer(init, forward, backward)


def _max_along(x: jax.Array, i: int, axis: Axis) -> tuple[jax.Array, jax.Array]:
    """The maximum of each window along axis i, and the index of its first occurrence."""
    real = jnp.issubdtype(x.dtype, jnp.inexact)
    lowest = -jnp.inf if real else jnp.iinfo(x.dtype).min
    pads = [(axis.low, axis.high, 0) if j == i else (0, 0, 0) for j in range(x.ndim)]
    padded = lax.pad(x, jnp.asarray(lowest, x.dtype), pads)
    reach = (axis.out - 1) * axis.stride + 1
    first_inside = axis.inside().argmax(axis=1)
    best, winner = padded, jnp.zeros((), jnp.uint8 if axis.window <= 256 else jnp.int32)
    for k in range(axis.window):
        start = k * axis.dilation
        element = lax.slice_in_dim(padded, start, start + reach, axis.stride, i)
        if k == 0:
            best, winner = element, jnp.zeros(element.shape, winner.dtype)
            continue
        better = element > best
        if real:
            better |= jnp.isnan(element) & ~jnp.isnan(best)
        if (first_inside == k).any():  # an input of -inf takes precedence over padding
            better |= jnp.asarray(first_inside == k).reshape(
                [-1 if j == i else 1 for j in range(x.ndim)]
            )
        best = jnp.where(better, element, best)
        winner = jnp.where(better, jnp.asarray(k, winner.dtype), winner)
    return best, winner


def _to_winners(dy: jax.Array, winner: jax.Array, i: int, axis: Axis) -> jax.Array:
    """dx_p = Σ_o dy_o over the windows along axis i whose maximum is at p."""
    zero = jnp.zeros((), dy.dtype)
    reach = (axis.out - 1) * axis.stride + 1
    shares = []
    for k in range(axis.window):
        # Element k of window o is at o stride + before; negative padding crops what is outside.
        before = k * axis.dilation - axis.low
        pads = (before, axis.size - before - reach, axis.stride - 1)
        share = jnp.where(winner == jnp.asarray(k, winner.dtype), dy, zero)
        shares.append(lax.pad(share, zero, [pads if j == i else (0, 0, 0) for j in range(dy.ndim)]))
    return sum(shares[1:], shares[0])


class _GlobalMaxPool(NamedTuple):
    """Residuals: the position of the maximum, (batch, 1, channels), and x without its examples."""

    winner: jax.Array
    empty: jax.Array


@recorded
def global_max_pool() -> Layer:
    """Global max pooling: the largest element of each channel over all positions.

        y_bc = max over p of x_bpc

    Derivation. If one element is larger than all others, y_bc equals it in a neighbourhood, so

        dx_bpc = dy_bc if p is the position of the largest element, else 0

    At a tie the first of the largest elements in row-major order gets all of dy_bc, as in
    `max_pool`. NaN counts as larger than all numbers.

    Returns:
        A layer from (batch, ..., channels) to (batch, channels) with params `()` and at least one
        axis between batch and channels. The residuals are the positions of the maxima.

    Raises:
        ValueError: (init, forward) if there is no axis between batch and channels, or an empty one.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, residuals = nn.global_max_pool().forward((), jnp.array([[[1.0], [7.0], [7.0]]]))
        >>> print(y, nn.global_max_pool().backward((), residuals, jnp.ones((1, 1)))[1].ravel())
        [[7.]] [0. 1. 0.]

    Source: Oquab, Bottou, Laptev & Sivic, Is object localization for free?, CVPR 2015.
    """

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, _GlobalMaxPool]:
        positions = math.prod(pooled_sizes("global_max_pool", x.shape[1:]))
        flat = x.reshape(x.shape[0], positions, x.shape[-1])
        largest = (flat == flat.max(axis=1, keepdims=True)) | jnp.isnan(flat)
        # Floats count exactly to 2^24, and XLA's fast reductions on the processor take no integers.
        place = lax.broadcasted_iota(
            jnp.float32 if positions <= 2**24 else jnp.int32, flat.shape, 1
        )
        winner = jnp.where(largest, place, positions).min(axis=1, keepdims=True)
        y = jnp.take_along_axis(flat, winner.astype(jnp.int32), 1)[:, 0]
        return y, _GlobalMaxPool(winner, x[:0])

    def backward(
        params: Params, residuals: _GlobalMaxPool, dy: jax.Array
    ) -> tuple[Params, jax.Array]:
        winner, empty = residuals
        shape = (dy.shape[0], math.prod(empty.shape[1:-1]), dy.shape[-1])
        won = lax.broadcasted_iota(winner.dtype, shape, 1) == winner
        dx = jnp.where(won, dy[:, None], jnp.zeros((), dy.dtype))
        return (), as_dtype_of(empty, dx.reshape(dy.shape[:1] + empty.shape[1:]))

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        pooled_sizes("global_max_pool", in_shape)
        return (), in_shape[-1:]

    return Layer(init, forward, backward)
