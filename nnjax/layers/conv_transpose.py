"""Transposed convolutions over one or two axes."""

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.core import Layer, Shape
from nnjax.initializers import Initializer
from nnjax.layers.conv import Convolution
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
    """Transposed convolution over a sequence: each input adds a multiple of the kernel to y.

        y_bpj = bias_j + Σ_o Σ_k Σ_i x_boi K_kij [p = o stride + k dilation - before]

    This is the adjoint of the convolution with the same options: it computes y from x as `conv1d`
    computes dx from dy (with the channel axes of the kernel exchanged). It enlarges the input by
    the stride; it is also called "deconvolution" or "fractionally strided convolution".

    Derivation. ∂y_bpj/∂x_boi = K_kij and ∂y_bpj/∂K_kij = x_boi at p = o stride + k dilation -
    before. Summed over all paths, with dy = 0 at positions outside of the output:

        dx_boi  = Σ_k Σ_j dy_bpj K_kij        the convolution of dy with these options
        dK_kij  = Σ_b Σ_o dy_bpj x_boi        that of `conv1d` with x and dy exchanged
        dbias_j = Σ_b Σ_p dy_bpj

    Args:
        filters: number of output channels.
        kernel: size of the kernel.
        stride: distance of neighbouring copies of the kernel.
        padding: the padding of the convolution, which is cropped here: "VALID" (none), (before,
            after), or "SAME", the adjoint of the "SAME" convolution of time * stride positions.
        dilation: distance of neighbouring elements of the kernel.
        groups: number of groups; divides the channels of input and output.
        init: initialiser of the kernel; default He.
        bias: initialiser of the bias; default zeros.

    Returns:
        A layer from (batch, time, in_channels) to (batch, out, filters), where out = (time - 1)
        stride + dilation (kernel - 1) + 1 - before - after as in PyTorch, or time * stride for
        "SAME", with params `Convolution(kernel, bias)`, the kernel (kernel, in_channels / groups,
        filters). The residual is x.

    Raises:
        ValueError: if an option is not a positive whole number, if the padding is none of the above
            or if groups does not divide filters; (init, forward) if it does not divide the
            channels, if nothing is left after cropping, or if x does not match the kernel.

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
    options = checked_options(
        "conv1d_transpose", 1, filters, kernel, stride, padding, dilation, groups
    )
    return _transposed(options, init, bias)


def _transposed(options: Options, init: Initializer | None, bias: Initializer | None) -> Layer:
    """A transposed convolution over one or two axes."""
    groups, channels = options.groups, options.rank + 1

    def forward(
        params: Convolution, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        kernel, bias = params
        axes = options.windows.adjoint_axes(options.sizes(x.shape[1:]))
        options.check_kernel(kernel, x, axes)
        dtype = jnp.result_type(x, kernel)
        y = scatter(
            x.astype(dtype), kernel.astype(dtype), axes, groups
        )  # y_p = Σ_(o, k → p) x_o K_k
        return y + bias.reshape((1,) * channels + bias.shape), x

    def backward(
        params: Convolution, residuals: jax.Array, dy: jax.Array
    ) -> tuple[Convolution, jax.Array]:
        x, (kernel, bias) = residuals, params
        axes = options.windows.adjoint_axes(options.sizes(x.shape[1:]))
        transposed = exchange(kernel.astype(dy.dtype), groups)
        # dK_kᵀ = Σ_b Σ_o dy_p x_o
        dkernel = exchange(kernel_gradient(dy, x.astype(dy.dtype), axes, groups), groups)
        # dx_o = Σ_k dy_p K_kᵀ
        dx = gather(dy, transposed, axes, groups)
        dbias = jnp.sum(dy, axis=range(channels))
        # Each gradient gets the dtype of its value, even if forward mixed dtypes.
        grads = Convolution(dkernel.astype(kernel.dtype), dbias.astype(bias.dtype))
        return grads, as_dtype_of(x, dx)

    def init_params(key: jax.Array, in_shape: Shape) -> tuple[Convolution, Shape]:
        axes = options.windows.adjoint_axes(options.sizes(in_shape))
        params = Convolution(*options.draw(key, axes, in_shape[-1], init, bias))
        return params, (*(axis.size for axis in axes), options.filters)

    return Layer(init_params, forward, backward)


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
    """Transposed convolution over an image: each input adds a multiple of the kernel to y.

        y[b, p, q, j] = bias[j] + Σ_i Σ_(o, k → p) Σ_(u, l → q) x[b, o, u, i] K[k, l, i, j]
                        p = o stride + k dilation - top,    q = u stride + l dilation - left

    where o, k → p are all pairs with that p, and u, l → q all pairs with that q. This is the
    adjoint of the convolution with the same options: it computes y from x as `conv2d` computes dx
    from dy (with the channel axes of the kernel exchanged).

    Derivation. ∂y[b, p, q, j]/∂x[b, o, u, i] = K[k, l, i, j] and ∂y[b, p, q, j]/∂K[k, l, i, j] =
    x[b, o, u, i] at the above p and q. Summed over all paths, with dy = 0 outside of the output:

        dx[b, o, u, i]  = Σ_k Σ_l Σ_j dy[b, p, q, j] K[k, l, i, j]
        dK[k, l, i, j]  = Σ_b Σ_o Σ_u dy[b, p, q, j] x[b, o, u, i]
        dbias[j]        = Σ_b Σ_p Σ_q dy[b, p, q, j]

    dx is the convolution of dy with these options; dK is the kernel gradient of `conv2d` with x and
    dy exchanged.

    Args:
        filters: number of output channels.
        kernel: size of the kernel, an int or (height, width).
        stride: distance of neighbouring copies of the kernel, an int or one per axis.
        padding: the padding of the convolution, which is cropped here: "VALID" (none), ((top,
            bottom), (left, right)), or "SAME", the adjoint of the "SAME" convolution of an image
            of stride times the size.
        dilation: distance of neighbouring elements of the kernel, an int or one per axis.
        groups: number of groups; divides the channels of input and output.
        init: initialiser of the kernel; default He.
        bias: initialiser of the bias; default zeros.

    Returns:
        A layer from (batch, height, width, in_channels) to (batch, out, out, filters), where
        out = (in - 1) stride + dilation (kernel - 1) + 1 - before - after on each axis as in
        PyTorch, or in * stride for "SAME", with params `Convolution(kernel, bias)`, the kernel
        (height, width, in_channels / groups, filters). The residual is x.

    Raises:
        ValueError: if an option is not a positive whole number, if the padding is none of the above
            or if groups does not divide filters; (init, forward) if it does not divide the
            channels, if nothing is left after cropping, or if x does not match the kernel.

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
    options = checked_options(
        "conv2d_transpose", 2, filters, kernel, stride, padding, dilation, groups
    )
    return _transposed(options, init, bias)
