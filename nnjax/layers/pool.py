"""Pooling: the largest or the mean element of each window, channel by channel. No parameters."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from nnjax.calls import recorded
from nnjax.core import Layer, Params, Shape
from nnjax.layers.windows import Axis, Padding, Whole, windows


class _MaxPool(NamedTuple):
    """What the backward pass of `max_pool` needs.

    `winners` has for each axis, the last first, which element of the window won; `empty` is x
    without its examples, which has no elements but remembers shape and dtype.
    """

    winners: tuple[jax.Array, ...]
    empty: jax.Array


class _GlobalMaxPool(NamedTuple):
    """Which position won, (batch, 1, channels), and x without its examples."""

    winner: jax.Array
    empty: jax.Array


@recorded
def max_pool(
    window: Whole, stride: Whole | None = None, padding: Padding = "VALID", dilation: Whole = 1
) -> Layer:
    """The largest element of each window.

        y_bouc = max over k, l of x_bpqc,    p = o stride + k dilation - top,
                                             q = u stride + l dilation - left

    on an image; on a sequence without u, l and q. Padding counts as -infinity, so it never wins.

    Derivation. Where one element x_bpqc of the window is larger than all others, y_bouc equals it
    in a neighbourhood: dy_bouc/dx_bpqc is 1 there and 0 at all others. With (p*, q*) the place of
    the largest element of window (o, u),

        dx_bpqc = sum over the windows (o, u) whose (p*, q*) is (p, q) of dy_bouc

    a sum because windows overlap when the stride is smaller than the window. At a tie y has no
    derivative, and any way of sharing dy_bouc among the largest elements is a subgradient; here
    all of it goes to the first of them in row-major order, as in XLA's SelectAndScatter (hence
    `jax.lax.reduce_window`) and PyTorch. Whatever the ties, sum dx = sum dy. NaN is larger than
    everything.

    How it is computed. The maximum of a rectangle is the maximum over its rows of the maximum of
    each row, so the layer is one pooling along the last axis followed by one along the axis before,
    height + width comparisons instead of height * width; each remembers its own winners and the
    chain rule runs through both. The first row that has the maximum, and in it the first column,
    is the first place in row-major order.

    Args:
        window: extent of the window, an int or one for each axis.
        stride: positions from one window to the next; default the window, which tiles the input.
        padding: "VALID" (none), "SAME" (out = ceil(in / stride)) or (before, after) for each axis.
        dilation: positions from one element of the window to the next.

    Returns:
        A layer from (batch, ..., channels) to (batch, ..., channels) with params `()`. There may be
        any number of axes to pool between batch and channels, one (a sequence), two (an image) or
        more; out = floor((in + before + after - span) / stride) + 1 on each, span = dilation
        (window - 1) + 1. The residuals are the winners, a byte (four for windows longer than 256)
        for each element of what each of the poolings along one axis gives. The program grows with
        the window's extent; for very long windows of everything take `global_max_pool`.

    Raises:
        ValueError: if an option is not a positive whole number or the padding none of the three,
            (init, forward) if the options are for another number of axes than the input has, if no
            window fits into the padded input, or if a window sees only padding.

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

    def axes_of(in_shape: Shape) -> tuple[Axis, ...]:
        return _seen("max_pool", geometry.axes(_pooled("max_pool", in_shape)))

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        return (), (*(axis.out for axis in axes_of(in_shape)), in_shape[-1])

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
        return (), _as_dtype_of(empty, dx)

    return Layer(init, forward, backward)


@recorded
def avg_pool(
    window: Whole,
    stride: Whole | None = None,
    padding: Padding = "VALID",
    dilation: Whole = 1,
    count_padding: bool = False,
) -> Layer:
    """The mean of each window.

        y_bouc = 1/n_ou sum_k sum_l x_bpqc,    p = o stride + k dilation - top,
                                               q = u stride + l dilation - left

    on an image; on a sequence without u, l and q. Padding counts as 0. n_ou is the number of
    elements of window (o, u) that are not padding, or with `count_padding` that of all its
    elements, so that at the edge means are drawn towards 0. Libraries differ: TensorFlow does not
    count padding, PyTorch and Flax do unless told otherwise.

    Derivation. dy_bouc/dx_bpqc = 1/n_ou if (p, q) is in window (o, u), else 0, so

        dx_bpqc = sum over the windows (o, u) that (p, q) is in of dy_bouc / n_ou

    which is the sum over a sliding window again: of dy / n with stride - 1 zeros between its
    positions, padded by span - 1 - before in front and span - 1 - after + rest behind (as in
    `conv1d`, with a kernel of ones). The `rest` positions at the end that no window reaches get 0.

    Args:
        window: extent of the window, an int or one for each axis.
        stride: positions from one window to the next; default the window, which tiles the input.
        padding: "VALID" (none), "SAME" (out = ceil(in / stride)) or (before, after) for each axis.
        dilation: positions from one element of the window to the next.
        count_padding: whether padding counts as elements (zeros) of the mean.

    Returns:
        A layer from (batch, ..., channels) to (batch, ..., channels) with params `()`. There may be
        any number of axes to pool between batch and channels, one (a sequence), two (an image) or
        more; out = floor((in + before + after - span) / stride) + 1 on each, span = dilation
        (window - 1) + 1. The residual is an empty array of the examples' shape.

    Raises:
        ValueError: if an option is not a positive whole number or the padding none of the three,
            (init, forward) if the options are for another number of axes than the input has, if no
            window fits into the padded input, or if a window sees only padding and that is not
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

    def axes_of(in_shape: Shape) -> tuple[Axis, ...]:
        axes = geometry.axes(_pooled("avg_pool", in_shape))
        return axes if count_padding else _seen("avg_pool", axes)

    def divided(sums: jax.Array, axes: tuple[Axis, ...]) -> jax.Array:
        """The sums over the windows, each divided by the number of elements in its window."""
        n = np.ones((1,) * (len(axes) + 2))
        for i, axis in enumerate(axes, start=1):
            each = np.full(axis.out, axis.window) if count_padding else axis.inside().sum(1)
            n = n * each.reshape(*(-1 if j == i else 1 for j in range(n.ndim)))
        return sums / jnp.asarray(n, sums.dtype)

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        return (), (*(axis.out for axis in axes_of(in_shape)), in_shape[-1])

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        axes = axes_of(x.shape[1:])
        pads = [(axis.low, axis.high, 0) for axis in axes]
        sums = _window_sums(_wide(x), pads, axes, [axis.stride for axis in axes])
        return _as_dtype_of(x, divided(sums, axes)), x[:0]

    def backward(params: Params, residuals: jax.Array, dy: jax.Array) -> tuple[Params, jax.Array]:
        empty = residuals
        axes = axes_of(empty.shape[1:])
        pads = [(a.span - 1 - a.low, a.span - 1 - a.high + a.rest, a.stride - 1) for a in axes]
        dx = _window_sums(divided(_wide(dy), axes), pads, axes, [1] * len(axes))
        return (), _as_dtype_of(empty, dx)

    return Layer(init, forward, backward)


@recorded
def global_max_pool() -> Layer:
    """The largest element of each channel, over all positions.

        y_bc = max over p of x_bpc

    Derivation. Where one element is larger than all others, y_bc equals it in a neighbourhood, so

        dx_bpc = dy_bc if p is the place of the largest element, else 0

    At a tie all of dy_bc goes to the first of the largest in row-major order, as in `max_pool`.
    NaN is larger than everything.

    Returns:
        A layer from (batch, ..., channels) to (batch, channels) with params `()`; one axis or more
        between them. The residuals are the places, one whole number for each output.

    Raises:
        ValueError: (init, forward) if there is no axis between batch and channels or an empty one.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, residuals = nn.global_max_pool().forward((), jnp.array([[[1.0], [7.0], [7.0]]]))
        >>> print(y, nn.global_max_pool().backward((), residuals, jnp.ones((1, 1)))[1].ravel())
        [[7.]] [0. 1. 0.]

    Source: Oquab, Bottou, Laptev & Sivic, Is object localization for free?, CVPR 2015.
    """

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        _pooled("global_max_pool", in_shape)
        return (), in_shape[-1:]

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, _GlobalMaxPool]:
        positions = math.prod(_pooled("global_max_pool", x.shape[1:]))
        flat = x.reshape(x.shape[0], positions, x.shape[-1])
        largest = (flat == flat.max(axis=1, keepdims=True)) | jnp.isnan(flat)
        place = lax.broadcasted_iota(jnp.int32, flat.shape, 1)
        winner = jnp.where(largest, place, positions).min(axis=1, keepdims=True)
        return jnp.take_along_axis(flat, winner, 1)[:, 0], _GlobalMaxPool(winner, x[:0])

    def backward(
        params: Params, residuals: _GlobalMaxPool, dy: jax.Array
    ) -> tuple[Params, jax.Array]:
        winner, empty = residuals
        shape = (dy.shape[0], math.prod(empty.shape[1:-1]), dy.shape[-1])
        won = lax.broadcasted_iota(jnp.int32, shape, 1) == winner
        dx = jnp.where(won, dy[:, None], jnp.zeros((), dy.dtype))
        return (), _as_dtype_of(empty, dx.reshape(dy.shape[:1] + empty.shape[1:]))

    return Layer(init, forward, backward)


@recorded
def global_avg_pool() -> Layer:
    """The mean of each channel, over all positions.

        y_bc = 1/n sum_p x_bpc        dx_bpc = dy_bc / n

    Derivation. dy_bc/dx_bpc = 1/n for every one of the n positions.

    Returns:
        A layer from (batch, ..., channels) to (batch, channels) with params `()`; one axis or more
        between them. The residual is an empty array of the examples' shape.

    Raises:
        ValueError: (init, forward) if there is no axis between batch and channels or an empty one.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, residuals = nn.global_avg_pool().forward((), jnp.array([[[1.0], [2.0]]]))
        >>> print(y, nn.global_avg_pool().backward((), residuals, jnp.ones((1, 1)))[1].ravel())
        [[1.5]] [0.5 0.5]

    Source: Lin, Chen & Yan, Network in network, ICLR 2014, arXiv:1312.4400, section 3.2.
    """

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        _pooled("global_avg_pool", in_shape)
        return (), in_shape[-1:]

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        positions = _pooled("global_avg_pool", x.shape[1:])
        y = jnp.sum(_wide(x), axis=range(1, x.ndim - 1)) / math.prod(positions)
        return _as_dtype_of(x, y), x[:0]

    def backward(params: Params, residuals: jax.Array, dy: jax.Array) -> tuple[Params, jax.Array]:
        empty = residuals
        each = _as_dtype_of(empty, _wide(dy) / math.prod(empty.shape[1:-1]))
        spread = each.reshape(dy.shape[0], *(1,) * (empty.ndim - 2), dy.shape[-1])
        return (), jnp.broadcast_to(spread, dy.shape[:1] + empty.shape[1:])

    return Layer(init, forward, backward)


def _pooled(layer: str, in_shape: Shape) -> Shape:
    """The sizes of the axes to pool; ValueError if an example of this shape has none."""
    if len(in_shape) < 2 or 0 in in_shape[:-1]:
        raise ValueError(
            f"{layer} takes examples of shape (time, channels), (height, width, channels) or more, "
            f"got {tuple(in_shape)}"
        )
    return tuple(in_shape[:-1])


def _seen(layer: str, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """The axes, if every window sees some of the input; ValueError otherwise."""
    if not all(axis.inside().any(axis=1).all() for axis in axes):
        raise ValueError(
            f"{layer}: on an input of {tuple(axis.size for axis in axes)} with padding "
            f"{tuple((axis.low, axis.high) for axis in axes)} some windows see only padding"
        )
    return axes


def _max_along(x: jax.Array, i: int, axis: Axis) -> tuple[jax.Array, jax.Array]:
    """The maximum over windows along axis i, and which element of the window is the first such."""
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
        if (first_inside == k).any():  # input beats padding, even where it is -inf itself
            better |= jnp.asarray(first_inside == k).reshape(
                [-1 if j == i else 1 for j in range(x.ndim)]
            )
        best = jnp.where(better, element, best)
        winner = jnp.where(better, jnp.asarray(k, winner.dtype), winner)
    return best, winner


def _to_winners(dy: jax.Array, winner: jax.Array, i: int, axis: Axis) -> jax.Array:
    """dx_p = sum of dy_o over the windows along axis i whose winner is p."""
    zero = jnp.zeros((), dy.dtype)
    reach = (axis.out - 1) * axis.stride + 1
    shares = []
    for k in range(axis.window):
        # Window o has its k-th element at o stride + before; what falls outside is cropped.
        before = k * axis.dilation - axis.low
        pads = (before, axis.size - before - reach, axis.stride - 1)
        share = jnp.where(winner == jnp.asarray(k, winner.dtype), dy, zero)
        shares.append(lax.pad(share, zero, [pads if j == i else (0, 0, 0) for j in range(dy.ndim)]))
    return sum(shares[1:], shares[0])


def _window_sums(
    x: jax.Array, pads: list[tuple[int, int, int]], axes: tuple[Axis, ...], strides: list[int]
) -> jax.Array:
    """Sums over windows of x padded with zeros: before, after and between its positions."""
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
    """At least float32: sums of half-precision numbers overflow, means of whole ones are none."""
    wide = jnp.issubdtype(x.dtype, jnp.inexact) and jnp.finfo(x.dtype).bits >= 32
    return x if wide else x.astype(jnp.float32)


def _as_dtype_of(x: jax.Array, array: jax.Array) -> jax.Array:
    """`array` in the dtype of x, or in its own where x has whole numbers."""
    return array.astype(x.dtype) if jnp.issubdtype(x.dtype, jnp.inexact) else array
