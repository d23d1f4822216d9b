"""Convolutions over one or two axes, and their transposes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from nnjax.calls import recorded
from nnjax.checks import check_whole
from nnjax.core import Layer, Shape
from nnjax.initializers import Initializer, he, zeros
from nnjax.layers.windows import Axis, Padding, Whole, windows


class Convolution(NamedTuple):
    """Parameters of a convolution: kernel (..., in_channels / groups, out_channels) and bias.

    The kernel starts with its extent, (time,) or (height, width); the bias is (out_channels,).

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
    """Every output is a weighted sum of a window of a sequence, with the same weights everywhere.

        y_boj = bias_j + sum_k sum_i x_bpi K_kij,    p = o stride + k dilation - before

    for x (batch, time, in), K (n_k, in, out) and y (batch, n_out, out): example b, position o,
    channel j of the output. A window spans span = dilation (n_k - 1) + 1 positions; `before` and
    `after` are the padding, that is x is 0 at positions p outside the sequence. The kernel is not
    flipped (a cross-correlation, as in every deep learning library).

    Derivation. J depends on K_kij through every y_boj, and dy_boj/dK_kij = x_bpi at that p; on
    x_bpi through those pairs (o, k) whose window meets p, with dy_boj/dx_bpi = K_kij:

        dK_kij   = sum_b sum_o x_bpi dy_boj,              p = o stride + k dilation - before
        dx_bpi   = sum_j sum_k sum_o dy_boj K_kij [p = o stride + k dilation - before]
        dbias_j  = sum_b sum_o dy_boj

    Both are convolutions again. dK: in p, o and k have changed places, so x is correlated with dy
    as the kernel, dilation `stride` and stride `dilation`, examples in the role of channels; the
    end of x that no window reached (`rest` positions, where the stride does not divide) is cropped,
    or there could be more than n_k results. dx: let v be dy with stride - 1 zeros between its
    positions, v_s = dy_o where s = o stride, else 0. Then dx_p = sum_k v_(p + before - k dilation)
    K_k', and with k = n_k - 1 - m running backwards, p + before - k dilation = p + m dilation -
    (span - 1 - before): v correlated, stride 1, dilation `dilation`, with the kernel flipped and
    its channels transposed, padded by span - 1 - before in front and span - 1 - after + rest
    behind, where negative padding crops. The `rest` positions see nothing but zeros: gradient 0.

    Groups cut the channels of x and y into that many parts, each convolved on its own; the same
    equations hold within each. groups = in_channels is the depthwise convolution, with filters /
    in_channels filters to a channel.

    A causal convolution, y_o from x_0 .. x_o only, is padding=((kernel - 1) * dilation, 0).

    Args:
        filters: number of output channels.
        kernel: extent of the kernel.
        stride: positions from one window to the next.
        padding: "VALID" (none), "SAME" (out = ceil(in / stride), the odd zero behind) or
            (before, after).
        dilation: positions from one element of the window to the next.
        groups: number of groups; divides the channels of input and output.
        init: initialiser of the kernel; default He.
        bias: initialiser of the bias; default zeros.

    Returns:
        A layer from (batch, time, in_channels) to (batch, out, filters), out = floor((time +
        before + after - span) / stride) + 1 with span = dilation (kernel - 1) + 1, with params
        `Convolution(kernel, bias)`, the kernel (kernel, in_channels / groups, filters). The
        residual is x.

    Raises:
        ValueError: if an option is not a positive whole number or the padding none of the three,
            if groups does not divide filters, (init, forward) if it does not divide the channels,
            if no window fits into the padded input, or if x does not fit the kernel.

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
    return _layer("conv1d", 1, filters, kernel, stride, padding, dilation, groups, init, bias)


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
    """Every output is a weighted sum of a window of an image, with the same weights everywhere.

        y[b, o, u, j] = bias[j] + sum_k sum_l sum_i x[b, p, q, i] K[k, l, i, j]
                   p = o stride + k dilation - top,    q = u stride + l dilation - left

    for example b, row o, column u and channel j of the output; x is 0 outside the image, in the
    padding (top, bottom) and (left, right). The kernel is not flipped (a cross-correlation, as in
    every deep learning library).

    Derivation. dy[b, o, u, j]/dK[k, l, i, j] = x[b, p, q, i] and dy[b, o, u, j]/dx[b, p, q, i] =
    K[k, l, i, j] at the p, q above. Summing over the paths, with dy = dJ/dy:

        dK[k, l, i, j]  = sum_b sum_o sum_u x[b, p, q, i] dy[b, o, u, j]
        dx[b, p, q, i]  = sum_j sum_(o, k -> p) sum_(u, l -> q) dy[b, o, u, j] K[k, l, i, j]
        dbias[j]        = sum_b sum_o sum_u dy[b, o, u, j]

    where o, k -> p are the pairs with p = o stride + k dilation - top, u, l -> q likewise. The two
    axes do not know of each other, so on each of them the derivation of `conv1d` holds: dK is x
    correlated with dy as the kernel, stride and dilation exchanged, examples in the role of
    channels; dx is dy with stride - 1 zeros between its positions, correlated with the kernel
    flipped on both axes and its channels transposed. Rows and columns at the end that no window
    reaches (where the stride does not divide) get gradient 0.

    Groups cut the channels of x and y into that many parts, each convolved on its own; the same
    equations hold within each. groups = in_channels is the depthwise convolution, with filters /
    in_channels filters to a channel.

    Args:
        filters: number of output channels.
        kernel: extent of the kernel, an int or (height, width).
        stride: positions from one window to the next, an int or one for each axis.
        padding: "VALID" (none), "SAME" (out = ceil(in / stride), the odd zero below and to the
            right) or ((top, bottom), (left, right)).
        dilation: positions from one element of the window to the next, an int or one for each
            axis.
        groups: number of groups; divides the channels of input and output.
        init: initialiser of the kernel; default He.
        bias: initialiser of the bias; default zeros.

    Returns:
        A layer from (batch, height, width, in_channels) to (batch, out, out, filters), where out =
        floor((in + before + after - span) / stride) + 1 on each axis, span = dilation (kernel - 1)
        + 1, with params `Convolution(kernel, bias)`, the kernel (height, width, in_channels /
        groups, filters). The residual is x.

    Raises:
        ValueError: if an option is not a positive whole number or the padding none of the three,
            if groups does not divide filters, (init, forward) if it does not divide the channels,
            if no window fits into the padded input, or if x does not fit the kernel.

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
    return _layer("conv2d", 2, filters, kernel, stride, padding, dilation, groups, init, bias)


@recorded
def conv1d_transpose(
    filters: int,
    kernel: Whole,
    stride: Whole = 1,
    padding: Padding = "VALID",
    dilation: Whole = 1,
    groups: int = 1,
    init: Initializer | None = None,
    bias: Initializer | None = None,
) -> Layer:
    """Every input adds a copy of the kernel to a window of the output: `conv1d` run backwards.

        y_bpj = bias_j + sum_o sum_k sum_i x_boi K_kij [p = o stride + k dilation - before]

    It is the adjoint of the convolution with these options: what that one computes from dy as its
    dx, this one computes from x (with the kernel's channel axes exchanged). It enlarges by the
    stride; "deconvolution" and "fractionally strided convolution" are other names.

    Derivation. dy_bpj/dx_boi = K_kij and dy_bpj/dK_kij = x_boi, both at p = o stride + k dilation -
    before. Summing over the paths, with dy 0 at positions outside the output:

        dx_boi  = sum_k sum_j dy_bpj K_kij        the convolution of dy with these options
        dK_kij  = sum_b sum_o dy_bpj x_boi        that of `conv1d` with x and dy exchanged
        dbias_j = sum_b sum_p dy_bpj

    Args:
        filters: number of output channels.
        kernel: extent of the kernel.
        stride: positions from one copy of the kernel to the next.
        padding: what the convolution would have padded, cropped here: "VALID" (nothing), (before,
            after), or "SAME", the adjoint of the "SAME" convolution of time * stride positions.
        dilation: positions from one element of the kernel to the next.
        groups: number of groups; divides the channels of input and output.
        init: initialiser of the kernel; default He.
        bias: initialiser of the bias; default zeros.

    Returns:
        A layer from (batch, time, in_channels) to (batch, out, filters), out = (time - 1) stride +
        dilation (kernel - 1) + 1 - before - after as in PyTorch, or time * stride for "SAME", with
        params `Convolution(kernel, bias)`, the kernel (kernel, in_channels / groups, filters). The
        residual is x.

    Raises:
        ValueError: if an option is not a positive whole number or the padding none of the three,
            if groups does not divide filters, (init, forward) if it does not divide the channels,
            if nothing is left after cropping, or if x does not fit the kernel.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> layer = nn.conv1d_transpose(1, 3, stride=2)
        >>> params = nn.Convolution(jnp.array([[[1.0]], [[2.0]], [[3.0]]]), jnp.zeros(1))
        >>> y, residuals = layer.forward(params, jnp.array([[[1.0], [10.0]]]))
        >>> print(y.ravel())
        [ 1.  2. 13. 20. 30.]
        >>> grads, dx = layer.backward(params, residuals, jnp.ones((1, 5, 1)))
        >>> print(grads.kernel.ravel(), grads.bias, dx.ravel())
        [11. 11. 11.] [5.] [6. 6.]

    Source: Zeiler, Krishnan, Taylor & Fergus, Deconvolutional networks, CVPR 2010; Dumoulin &
    Visin, A guide to convolution arithmetic, arXiv:1603.07285, chapter 4.
    """
    return _layer(
        "conv1d_transpose",
        1,
        filters,
        kernel,
        stride,
        padding,
        dilation,
        groups,
        init,
        bias,
        transposed=True,
    )


@recorded
def conv2d_transpose(
    filters: int,
    kernel: Whole,
    stride: Whole = 1,
    padding: Padding = "VALID",
    dilation: Whole = 1,
    groups: int = 1,
    init: Initializer | None = None,
    bias: Initializer | None = None,
) -> Layer:
    """Every input adds a copy of the kernel to a window of the output: `conv2d` run backwards.

        y[b, p, q, j] = bias[j] + sum of x[b, o, u, i] K[k, l, i, j] over i and over (o, k), (u, l)
                        with p = o stride + k dilation - top, q = u stride + l dilation - left

    It is the adjoint of the convolution with these options: what that one computes from dy as its
    dx, this one computes from x (with the kernel's channel axes exchanged).

    Derivation. dy[b, p, q, j]/dx[b, o, u, i] = K[k, l, i, j] and dy[b, p, q, j]/dK[k, l, i, j] =
    x[b, o, u, i], both at the p, q above. Summing over the paths, with dy 0 outside the output:

        dx[b, o, u, i]  = sum_k sum_l sum_j dy[b, p, q, j] K[k, l, i, j]
        dK[k, l, i, j]  = sum_b sum_o sum_u dy[b, p, q, j] x[b, o, u, i]
        dbias[j]        = sum_b sum_p sum_q dy[b, p, q, j]

    dx is the convolution of dy with these options; dK is the kernel gradient of `conv2d` with x and
    dy exchanged.

    Args:
        filters: number of output channels.
        kernel: extent of the kernel, an int or (height, width).
        stride: positions from one copy of the kernel to the next, an int or one for each axis.
        padding: what the convolution would have padded, cropped here: "VALID" (nothing), ((top,
            bottom), (left, right)), or "SAME", the adjoint of the "SAME" convolution of an image
            of stride times the size.
        dilation: positions from one element of the kernel to the next, an int or one for each
            axis.
        groups: number of groups; divides the channels of input and output.
        init: initialiser of the kernel; default He.
        bias: initialiser of the bias; default zeros.

    Returns:
        A layer from (batch, height, width, in_channels) to (batch, out, out, filters), where out =
        (in - 1) stride + dilation (kernel - 1) + 1 - before - after on each axis as in PyTorch, or
        in * stride for "SAME", with params `Convolution(kernel, bias)`, the kernel (height, width,
        in_channels / groups, filters). The residual is x.

    Raises:
        ValueError: if an option is not a positive whole number or the padding none of the three,
            if groups does not divide filters, (init, forward) if it does not divide the channels,
            if nothing is left after cropping, or if x does not fit the kernel.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> layer = nn.conv2d_transpose(1, 2, stride=2)
        >>> params = nn.Convolution(jnp.array([[1.0, 2.0], [3.0, 4.0]])[:, :, None, None],
        ...                         jnp.zeros(1))
        >>> y, residuals = layer.forward(params, jnp.array([[[[1.0], [10.0]]]]))
        >>> print(y[0, :, :, 0])
        [[ 1.  2. 10. 20.]
         [ 3.  4. 30. 40.]]
        >>> print(layer.backward(params, residuals, jnp.ones((1, 2, 4, 1)))[1].ravel())
        [10. 10.]

    Source: Zeiler, Krishnan, Taylor & Fergus, Deconvolutional networks, CVPR 2010; Dumoulin &
    Visin, A guide to convolution arithmetic, arXiv:1603.07285, chapter 4.
    """
    return _layer(
        "conv2d_transpose",
        2,
        filters,
        kernel,
        stride,
        padding,
        dilation,
        groups,
        init,
        bias,
        transposed=True,
    )


# The three sums a convolution is made of, each linear in two of x, kernel and y. A transposed
# convolution is made of the same three, with x and y in each other's place. `wide` has the sizes of
# the convolution's input, `narrow` those of its output.


def _gather(wide: jax.Array, kernel: jax.Array, axes: tuple[Axis, ...], groups: int) -> jax.Array:
    """narrow_o = sum_k wide_p K_k, the kernel (..., wide / groups, narrow)."""
    return lax.conv_general_dilated(
        wide,
        kernel,
        window_strides=[axis.stride for axis in axes],
        padding=[(axis.low, axis.high) for axis in axes],
        rhs_dilation=[axis.dilation for axis in axes],
        dimension_numbers=_channels_last(len(axes)),
        feature_group_count=groups,
    )


def _scatter(
    narrow: jax.Array, kernel: jax.Array, axes: tuple[Axis, ...], groups: int
) -> jax.Array:
    """wide_p = sum over o, k that meet p of narrow_o K_k, kernel (..., narrow / groups, wide)."""
    return lax.conv_general_dilated(
        narrow,
        lax.rev(kernel, range(len(axes))),
        window_strides=(1,) * len(axes),
        padding=[(a.span - 1 - a.low, a.span - 1 - a.high + a.rest) for a in axes],
        lhs_dilation=[axis.stride for axis in axes],
        rhs_dilation=[axis.dilation for axis in axes],
        dimension_numbers=_channels_last(len(axes)),
        feature_group_count=groups,
    )


def _kernel_gradient(
    wide: jax.Array, narrow: jax.Array, axes: tuple[Axis, ...], groups: int
) -> jax.Array:
    """K_k = sum_b sum_o wide_p narrow_o, (..., wide / groups, narrow)."""
    rank = len(axes)
    inner = tuple(range(1, rank + 1))
    options: dict[str, Any] = {
        "window_strides": [axis.dilation for axis in axes],
        "padding": [(axis.low, axis.high - axis.rest) for axis in axes],
        "rhs_dilation": [axis.stride for axis in axes],
    }
    # The channels of `wide` take the place of examples, the examples that of channels.
    exchanged = lax.ConvDimensionNumbers(
        (rank + 1, 0, *inner), (rank + 1, 0, *inner), (rank, rank + 1, *range(rank))
    )

    def correlate(wide: jax.Array, narrow: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(
            wide, narrow, dimension_numbers=exchanged, batch_group_count=groups, **options
        )

    def on_processor(wide: jax.Array, narrow: jax.Array) -> jax.Array:
        # The axes exchanged by hand: inside a loop, such as that over the batches of an epoch, XLA
        # does not do it for its fast convolution, and its slow one took 4 to 40 times as long.
        gradient = lax.conv_general_dilated(
            wide.transpose(rank + 1, *inner, 0),
            narrow.transpose(*inner, 0, rank + 1),
            dimension_numbers=_channels_last(rank),
            **options,
        )
        return gradient.transpose(*inner, 0, rank + 1)

    def group_by_group(wide: jax.Array, narrow: jax.Array) -> jax.Array:
        wide, narrow = (a.reshape(*a.shape[:-1], groups, -1) for a in (wide, narrow))
        # (..., wide / groups, groups, narrow / groups): the groups in their place among `narrow`
        gradient = jax.vmap(on_processor, in_axes=rank + 1, out_axes=rank + 1)(wide, narrow)
        return gradient.reshape(*gradient.shape[:-2], -1)

    if wide.shape[0] == 0:  # XLA has no convolution over no channels
        extent = [axis.window for axis in axes]
        return jnp.zeros((*extent, wide.shape[-1] // groups, narrow.shape[-1]), narrow.dtype)
    if 1 < groups == wide.shape[-1] == narrow.shape[-1]:
        return correlate(wide, narrow)
    # Elsewhere the vendor's library knows batch groups; on the processor XLA makes of them one
    # convolution over all channels with a masked result, which took 15 to 130 times as long.
    return lax.platform_dependent(
        wide,
        narrow,
        cpu=on_processor if groups == 1 else group_by_group,
        default=correlate,
    )


def _channels_last(rank: int) -> lax.ConvDimensionNumbers:
    """x and y are (batch, ..., channels), the kernel is (..., in, out)."""
    x = (0, rank + 1, *range(1, rank + 1))
    return lax.ConvDimensionNumbers(x, (rank + 1, rank, *range(rank)), x)


def _exchange(kernel: jax.Array, groups: int) -> jax.Array:
    """(..., in / groups, out) -> (..., out / groups, in): the channels exchanged in each group."""
    if groups == 1:
        return kernel.swapaxes(-1, -2)
    *extent, group_in, n_out = kernel.shape
    cut = kernel.reshape(*extent, group_in, groups, n_out // groups)
    return cut.swapaxes(-1, -3).reshape(*extent, n_out // groups, groups * group_in)


def _layer(
    name: str,
    rank: int,
    filters: int,
    kernel: Whole,
    stride: Whole,
    padding: Padding,
    dilation: Whole,
    groups: int,
    init: Initializer | None,
    bias: Initializer | None,
    transposed: bool = False,
) -> Layer:
    """A convolution or its transpose over `rank` axes."""
    check_whole(filters, f"{name}(filters)")
    check_whole(groups, f"{name}(groups)")
    if filters % groups:
        raise ValueError(f"{name}: {filters} filters do not divide into {groups} groups")
    geometry = windows(name, kernel, stride, padding, dilation, rank, "kernel")
    init_kernel = he() if init is None else init
    init_bias = zeros() if bias is None else bias
    sizes = ("time",) if rank == 1 else ("height", "width")

    def axes_of(in_shape: Shape) -> tuple[Axis, ...]:
        """The axes of `wide` and `narrow`; ValueError if an example of this shape does not fit."""
        if len(in_shape) != rank + 1 or in_shape[-1] % groups or in_shape[-1] == 0:
            takes = ", ".join((*sizes, "channels"))
            divisible = f" with channels divisible by {groups}" if groups > 1 else ""
            raise ValueError(
                f"{name} takes examples of shape ({takes}){divisible}, got {tuple(in_shape)}"
            )
        return (geometry.adjoint_axes if transposed else geometry.axes)(in_shape[:-1])

    def init_params(key: jax.Array, in_shape: Shape) -> tuple[Convolution, Shape]:
        axes = axes_of(in_shape)
        kernel_key, bias_key = jax.random.split(key)
        shape = (*(axis.window for axis in axes), in_shape[-1] // groups, filters)
        params = Convolution(init_kernel(kernel_key, shape), init_bias(bias_key, (filters,)))
        return params, (*(axis.size if transposed else axis.out for axis in axes), filters)

    def forward(
        params: Convolution, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        kernel, bias = params
        axes = axes_of(x.shape[1:])
        shape = (*(axis.window for axis in axes), x.shape[-1] // groups, filters)
        if kernel.shape != shape:
            raise ValueError(
                f"{name} on x of shape {x.shape} takes a kernel of shape {shape}, "
                f"got {kernel.shape}"
            )
        dtype = jnp.result_type(x, kernel)
        apply = _scatter if transposed else _gather
        y = apply(x.astype(dtype), kernel.astype(dtype), axes, groups)
        return y + bias.reshape((1,) * (rank + 1) + bias.shape), x

    def backward(
        params: Convolution, residuals: jax.Array, dy: jax.Array
    ) -> tuple[Convolution, jax.Array]:
        x, kernel = residuals, params.kernel
        axes = axes_of(x.shape[1:])
        exchanged = _exchange(kernel.astype(dy.dtype), groups)
        if transposed:
            dkernel = _exchange(_kernel_gradient(dy, x.astype(dy.dtype), axes, groups), groups)
            dx = _gather(dy, exchanged, axes, groups)
        else:
            dkernel = _kernel_gradient(x.astype(dy.dtype), dy, axes, groups)
            dx = _scatter(dy, exchanged, axes, groups)
        dbias = jnp.sum(dy, axis=range(rank + 1))
        # Where dtypes were mixed going forward, each gradient goes back to its own.
        grads = Convolution(dkernel.astype(kernel.dtype), dbias.astype(params.bias.dtype))
        return grads, dx.astype(x.dtype) if jnp.issubdtype(x.dtype, jnp.floating) else dx

    return Layer(init_params, forward, backward)
