"""Convolutions over one or two axes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.core import Layer, Shape
from nnjax.initializers import Initializer
from nnjax.layers.parts.convolution import (
    Options,
    checked_options,
    exchange,
    gather,
    kernel_gradient,
    scatter,
)
from nnjax.layers.parts.precision import as_dtype_of
from nnjax.layers.parts.windows import Padding, Whole


class Convolution(NamedTuple):
    """Parameters of a convolution: kernel (..., in_channels / groups, out_channels) and bias.

    The first axes of the kernel are (time,) or (height, width); the bias is (out_channels,).

    Example:
        >>> import jax, nnjax as nn
        >>> kernel, bias = nn.conv2d(8, (3, 5)).init(jax.random.key(0), (28, 28, 4))[0]
        >>> kernel.shape, bias.shape
        ((3, 5, 4, 8), (8,))
    """

    kernel: jax.Array
    bias: jax.Array


@recorded
def conv1d(
    filters: int,
    kernel: Whole,
    stride: Whole = 1,
    padding: Padding = "VALID",
    dilation: Whole = 1,
    groups: int = 1,
    init: Initializer | None = None,
    bias: Initializer | None = None,
) -> Layer:
    """Convolution over a sequence: the same weighted sum of every window.

        y_boj = bias_j + Σ_k Σ_i x_bpi K_kij,    p = o stride + k dilation - before

    for x (batch, time, in), K (n_k, in, out) and y (batch, n_out, out), with example b, position o
    and channel j of the output. A window spans span = dilation (n_k - 1) + 1 positions; `before`
    and `after` are the padding: x is 0 at positions p outside the sequence. The kernel is not
    flipped (a cross-correlation, as in all deep learning libraries).

    Derivation. J depends on K_kij through every y_boj, with ∂y_boj/∂K_kij = x_bpi at that p, and on
    x_bpi through all pairs (o, k) with that p, with ∂y_boj/∂x_bpi = K_kij:

        dK_kij   = Σ_b Σ_o x_bpi dy_boj,              p = o stride + k dilation - before
        dx_bpi   = Σ_j Σ_k Σ_o dy_boj K_kij [p = o stride + k dilation - before]
        dbias_j  = Σ_b Σ_o dy_boj

    Both are convolutions again. dK: o and k have exchanged their roles in p, so x is correlated
    with dy as the kernel, with dilation `stride` and stride `dilation`, and examples act as
    channels. The last `rest` positions of x, which no window covers if the stride does not divide,
    are cropped, because otherwise there could be more than n_k results. dx: let v be dy with
    stride - 1 zeros between its positions, v_s = dy_o for s = o stride, else 0. Then
    dx_p = Σ_k v_(p + before - k dilation) K_kᵀ. With k = n_k - 1 - m, p + before - k dilation =
    p + m dilation - (span - 1 - before): v is correlated, with stride 1 and dilation `dilation`,
    with the flipped kernel with transposed channels, padded by span - 1 - before at the front and
    span - 1 - after + rest at the end (negative padding crops). The gradient of the `rest`
    positions is 0.

    With groups, the channels of x and y are divided into that many parts, each convolved
    separately by the same equations. groups = in_channels is the depthwise convolution, with
    filters / in_channels filters per channel.

    For a causal convolution, in which y_o depends on x_0 ... x_o only, use
    padding=((kernel - 1) * dilation, 0).

    Args:
        filters: number of output channels.
        kernel: size of the kernel.
        stride: distance of neighbouring windows.
        padding: "VALID" (none), "SAME" (out = ⌈in / stride⌉, an odd zero at the end) or
            (before, after).
        dilation: distance of neighbouring elements of a window.
        groups: number of groups; divides the channels of input and output.
        init: initialiser of the kernel; default He.
        bias: initialiser of the bias; default zeros.

    Returns:
        A layer from (batch, time, in_channels) to (batch, out, filters), where
        out = ⌊(time + before + after - span) / stride⌋ + 1, with params
        `Convolution(kernel, bias)`, the kernel (kernel, in_channels / groups, filters). The
        residual is x.

    Raises:
        ValueError: if an option is not a positive whole number, if the padding is none of the above
            or if groups does not divide filters; (init, forward) if it does not divide the
            channels, if no window fits into the padded input, or if x does not match the kernel.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> layer = nn.conv1d(1, 2, padding=(1, 0))
        >>> params = nn.Convolution(jnp.array([[[10.0]], [[1.0]]]), jnp.zeros(1))
        >>> y, residuals = layer.forward(params, jnp.array([[[1.0], [2.0], [3.0]]]))
        >>> print(y.ravel())
        [ 1. 12. 23.]
        >>> grads, dx = layer.backward(params, residuals, jnp.array([[[0.0], [1.0], [0.0]]]))
        >>> print(grads.kernel.ravel(), grads.bias, dx.ravel())
        [1. 2.] [1.] [10.  1.  0.]

    Source: LeCun et al., Gradient-based learning applied to document recognition, 1998; Dumoulin &
    Visin, A guide to convolution arithmetic, arXiv:1603.07285; dilation: van den Oord et al.,
    WaveNet, arXiv:1609.03499; depthwise: Howard et al., MobileNets, arXiv:1704.04861.
    """
    options = checked_options("conv1d", 1, filters, kernel, stride, padding, dilation, groups)
    return _convolution(options, init, bias)


def _convolution(options: Options, init: Initializer | None, bias: Initializer | None) -> Layer:
    """A convolution over one or two axes."""
    groups, channels = options.groups, options.rank + 1

    def forward(
        params: Convolution, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        kernel, bias = params
        axes = options.windows.axes(options.sizes(x.shape[1:]))
        options.check_kernel(kernel, x, axes)
        dtype = jnp.result_type(x, kernel)
        # y_o = Σ_k x_p K_k
        y = gather(x.astype(dtype), kernel.astype(dtype), axes, groups)
        return y + bias.reshape((1,) * channels + bias.shape), x

    def backward(
        params: Convolution, residuals: jax.Array, dy: jax.Array
    ) -> tuple[Convolution, jax.Array]:
        x, (kernel, bias) = residuals, params
        axes = options.windows.axes(options.sizes(x.shape[1:]))
        transposed = exchange(kernel.astype(dy.dtype), groups)
        # dK_k = Σ_b Σ_o x_p dy_o
        dkernel = kernel_gradient(x.astype(dy.dtype), dy, axes, groups)
        # dx_p = Σ_(o, k → p) dy_o K_kᵀ
        dx = scatter(dy, transposed, axes, groups)
        dbias = jnp.sum(dy, axis=range(channels))
        # Each gradient gets the dtype of its value, even if forward mixed dtypes.
        grads = Convolution(dkernel.astype(kernel.dtype), dbias.astype(bias.dtype))
        return grads, as_dtype_of(x, dx)

    def init_params(key: jax.Array, in_shape: Shape) -> tuple[Convolution, Shape]:
        axes = options.windows.axes(options.sizes(in_shape))
        params = Convolution(*options.draw(key, axes, in_shape[-1], init, bias))
        return params, (*(axis.out for axis in axes), options.filters)

    return Layer(init_params, forward, backward)


@recorded
def conv2d(
    filters: int,
    kernel: Whole,
    stride: Whole = 1,
    padding: Padding = "VALID",
    dilation: Whole = 1,
    groups: int = 1,
    init: Initializer | None = None,
    bias: Initializer | None = None,
) -> Layer:
    """Convolution over an image: the same weighted sum of every window.

        y[b, o, u, j] = bias[j] + Σ_k Σ_l Σ_i x[b, p, q, i] K[k, l, i, j]
                        p = o stride + k dilation - top,    q = u stride + l dilation - left

    for example b, row o, column u and channel j of the output; x is 0 outside of the image, in the
    padding (top, bottom) and (left, right). The kernel is not flipped (a cross-correlation, as in
    all deep learning libraries).

    Derivation. ∂y[b, o, u, j]/∂K[k, l, i, j] = x[b, p, q, i] and ∂y[b, o, u, j]/∂x[b, p, q, i] =
    K[k, l, i, j] at the above p and q. Summed over all paths:

        dK[k, l, i, j]  = Σ_b Σ_o Σ_u x[b, p, q, i] dy[b, o, u, j]
        dx[b, p, q, i]  = Σ_j Σ_(o, k → p) Σ_(u, l → q) dy[b, o, u, j] K[k, l, i, j]
        dbias[j]        = Σ_b Σ_o Σ_u dy[b, o, u, j]

    where o, k → p are the pairs with p = o stride + k dilation - top, and u, l → q similarly. The
    two axes are independent, so the derivation of `conv1d` applies to each: dK is x correlated with
    dy as the kernel, with stride and dilation exchanged and examples acting as channels; dx is dy
    with stride - 1 zeros between its positions, correlated with the kernel flipped on both axes and
    with transposed channels. Rows and columns at the end that no window covers (if the stride does
    not divide) get the gradient 0.

    With groups, the channels of x and y are divided into that many parts, each convolved
    separately by the same equations. groups = in_channels is the depthwise convolution, with
    filters / in_channels filters per channel.

    Args:
        filters: number of output channels.
        kernel: size of the kernel, an int or (height, width).
        stride: distance of neighbouring windows, an int or one per axis.
        padding: "VALID" (none), "SAME" (out = ⌈in / stride⌉, an odd zero at the bottom and right)
            or ((top, bottom), (left, right)).
        dilation: distance of neighbouring elements of a window, an int or one per axis.
        groups: number of groups; divides the channels of input and output.
        init: initialiser of the kernel; default He.
        bias: initialiser of the bias; default zeros.

    Returns:
        A layer from (batch, height, width, in_channels) to (batch, out, out, filters), where
        out = ⌊(in + before + after - span) / stride⌋ + 1 with span = dilation (kernel - 1) + 1 on
        each axis, with params `Convolution(kernel, bias)`, the kernel (height, width,
        in_channels / groups, filters). The residual is x.

    Raises:
        ValueError: if an option is not a positive whole number, if the padding is none of the above
            or if groups does not divide filters; (init, forward) if it does not divide the
            channels, if no window fits into the padded input, or if x does not match the kernel.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> layer = nn.conv2d(1, 2, stride=2)
        >>> params = nn.Convolution(jnp.array([[1.0, 2.0], [3.0, 4.0]])[:, :, None, None],
        ...                         jnp.zeros(1))
        >>> y, residuals = layer.forward(params, jnp.ones((1, 3, 3, 1)))
        >>> grads, dx = layer.backward(params, residuals, y)
        >>> print(y.ravel(), grads.kernel.ravel())
        [10.] [10. 10. 10. 10.]
        >>> print(dx[0, :, :, 0])
        [[10. 20.  0.]
         [30. 40.  0.]
         [ 0.  0.  0.]]

    Source: LeCun et al., Gradient-based learning applied to document recognition, 1998; Dumoulin &
    Visin, A guide to convolution arithmetic, arXiv:1603.07285; Goodfellow, Bengio & Courville, Deep
    Learning, 2016, section 9.5; depthwise: Howard et al., MobileNets, arXiv:1704.04861.
    """
    options = checked_options("conv2d", 2, filters, kernel, stride, padding, dilation, groups)
    return _convolution(options, init, bias)
