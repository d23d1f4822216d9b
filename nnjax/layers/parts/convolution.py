"""The options of a convolution, and the three sums that it consists of.

Each sum is linear in two of x, kernel and y. A transposed convolution consists of the same sums
with x and y exchanged. `wide` has the sizes of the input of the convolution, `narrow` those of its
output; o is a position of `narrow`, k an element of the kernel, and p = o stride + k dilation - low
the position of `wide` (on each axis).
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from nnjax.checks import check_whole
from nnjax.core import Shape
from nnjax.initializers import Initializer, he, zeros
from nnjax.layers.parts.precision import wide as wide_float
from nnjax.layers.parts.windows import Axis, Padding, Whole, Windows, windows

EXAMPLES = 64
"""On the processor a gradient of the kernel is the sum over parts of this many examples."""

PRODUCTS = 2**18
"""On the processor about this many products with elements of a kernel are held at once (1 MiB)."""


class Options(NamedTuple):
    """Checked options of a convolution or its transpose over `rank` axes."""

    layer: str
    rank: int
    filters: int
    groups: int
    windows: Windows

    def sizes(self, in_shape: Shape) -> Shape:
        """The sizes of the axes before the channels; ValueError for a wrong shape of an example."""
        if len(in_shape) != self.rank + 1 or in_shape[-1] % self.groups or in_shape[-1] == 0:
            sizes = "time" if self.rank == 1 else "height, width"
            divisible = f" with channels divisible by {self.groups}" if self.groups > 1 else ""
            raise ValueError(
                f"{self.layer} takes examples of shape ({sizes}, channels){divisible}, "
                f"got {tuple(in_shape)}"
            )
        return in_shape[:-1]

    def kernel_shape(self, axes: tuple[Axis, ...], channels: int) -> Shape:
        """The shape (..., channels / groups, filters) of the kernel."""
        return (*(axis.window for axis in axes), channels // self.groups, self.filters)

    def check_kernel(self, kernel: jax.Array, x: jax.Array, axes: tuple[Axis, ...]) -> None:
        """ValueError if the kernel does not match the options and x."""
        shape = self.kernel_shape(axes, x.shape[-1])
        if kernel.shape != shape:
            raise ValueError(
                f"{self.layer} on x of shape {x.shape} takes a kernel of shape {shape}, "
                f"got {kernel.shape}"
            )

    def draw(
        self,
        key: jax.Array,
        axes: tuple[Axis, ...],
        channels: int,
        init: Initializer | None,
        bias: Initializer | None,
    ) -> tuple[jax.Array, jax.Array]:
        """An initial kernel and bias."""
        kernel_key, bias_key = jax.random.split(key)
        init_kernel = he() if init is None else init
        init_bias = zeros() if bias is None else bias
        shape = self.kernel_shape(axes, channels)
        return init_kernel(kernel_key, shape), init_bias(bias_key, (self.filters,))


def checked_options(
    layer: str,
    rank: int,
    filters: int,
    kernel: Whole,
    stride: Whole,
    padding: Padding,
    dilation: Whole,
    groups: int,
) -> Options:
    """Check the options of a convolution or its transpose."""
    check_whole(filters, f"{layer}(filters)")
    check_whole(groups, f"{layer}(groups)")
    if filters % groups:
        raise ValueError(f"{layer}: {filters} filters do not divide into {groups} groups")
    geometry = windows(layer, kernel, stride, padding, dilation, rank, "kernel")
    return Options(layer, rank, filters, groups, geometry)


def gather(wide: jax.Array, kernel: jax.Array, axes: tuple[Axis, ...], groups: int) -> jax.Array:
    """narrow_o = Σ_k wide_p K_k, with the kernel (..., wide / groups, narrow)."""
    return lax.conv_general_dilated(
        wide,
        kernel,
        window_strides=[axis.stride for axis in axes],
        padding=[(axis.low, axis.high) for axis in axes],
        rhs_dilation=[axis.dilation for axis in axes],
        dimension_numbers=_channels_last(len(axes)),
        feature_group_count=groups,
    )


def scatter(narrow: jax.Array, kernel: jax.Array, axes: tuple[Axis, ...], groups: int) -> jax.Array:
    """wide_p = Σ_(o, k → p) narrow_o K_k, with the kernel (..., narrow / groups, wide)."""

    def convolve(narrow: jax.Array, kernel: jax.Array) -> jax.Array:
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

    def as_product(narrow: jax.Array, kernel: jax.Array) -> jax.Array:
        # XLA's convolution also multiplies the zeros around `narrow`: one product with all elements
        # of the kernel and shifted sums of its rows took a quarter of the time.
        def of_part(narrow: jax.Array) -> jax.Array:
            # With the examples last, the sums run along contiguous numbers.
            products = jnp.tensordot(
                wide_float(kernel), jnp.moveaxis(narrow, (-1, 0), (0, -1)), (rank, 0)
            )
            padded = [axis.low + axis.size + axis.high for axis in axes]
            total = jnp.zeros((kernel.shape[-1], *padded, narrow.shape[0]), products.dtype)
            for k in np.ndindex(*(axis.window for axis in axes)):
                start = (0, *(i * axis.dilation for i, axis in zip(k, axes, strict=True)), 0)
                before = lax.dynamic_slice(total, start, products[k].shape)
                total = lax.dynamic_update_slice(total, before + products[k], start)
            wide = total[:, *(slice(axis.low, axis.low + axis.size) for axis in axes)]
            return jnp.moveaxis(wide, (0, -1), (-1, 0))

        size = elements * kernel.shape[-1] * math.prod(axis.out for axis in axes)
        parts, rest = _parts(wide_float(narrow), max(1, PRODUCTS // size))
        wide = lax.map(of_part, parts)
        wide = jnp.concatenate([wide.reshape(-1, *wide.shape[2:]), of_part(rest)])
        return wide.astype(narrow.dtype)

    rank = len(axes)
    elements = math.prod(axis.window for axis in axes)
    # With many channels the convolution is as fast; the program of products grows with elements.
    many = kernel.shape[-1] > 8 or elements > 64
    if many or groups > 1 or any(axis.stride > 1 for axis in axes) or narrow.shape[0] == 0:
        return convolve(narrow, kernel)
    return lax.platform_dependent(narrow, kernel, cpu=as_product, default=convolve)


def kernel_gradient(
    wide: jax.Array, narrow: jax.Array, axes: tuple[Axis, ...], groups: int
) -> jax.Array:
    """K_k = Σ_b Σ_o wide_p narrow_o, (..., wide / groups, narrow)."""
    rank = len(axes)
    inner = tuple(range(1, rank + 1))
    shape = (*(axis.window for axis in axes), wide.shape[-1] // groups, narrow.shape[-1])
    shared: dict[str, Any] = {
        "window_strides": [axis.dilation for axis in axes],
        "padding": [(axis.low, axis.high - axis.rest) for axis in axes],
        "rhs_dilation": [axis.stride for axis in axes],
    }
    # The channels of `wide` act as examples, the examples as channels.
    exchanged = lax.ConvDimensionNumbers(
        (rank + 1, 0, *inner), (rank + 1, 0, *inner), (rank, rank + 1, *range(rank))
    )

    def correlate(wide: jax.Array, narrow: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(
            wide, narrow, dimension_numbers=exchanged, batch_group_count=groups, **shared
        )

    def on_processor(wide: jax.Array, narrow: jax.Array) -> jax.Array:
        # Axes are exchanged explicitly: within a loop, such as that over batches, XLA does not do
        # it for its fast convolution, and its slow one took 4 to 40 times as long.
        gradient = lax.conv_general_dilated(
            wide.transpose(rank + 1, *inner, 0),
            narrow.transpose(*inner, 0, rank + 1),
            dimension_numbers=_channels_last(rank),
            **shared,
        )
        return gradient.transpose(*inner, 0, rank + 1)

    def group_by_group(wide: jax.Array, narrow: jax.Array) -> jax.Array:
        wide, narrow = (a.reshape(*a.shape[:-1], groups, -1) for a in (wide, narrow))
        # (..., wide / groups, groups, narrow / groups): merging the last axes gives `narrow`.
        gradient = jax.vmap(on_processor, in_axes=rank + 1, out_axes=rank + 1)(wide, narrow)
        return gradient.reshape(*gradient.shape[:-2], -1)

    def part_by_part(wide: jax.Array, narrow: jax.Array) -> jax.Array:
        # As channels, 1024 examples took 130 times as long as 64.
        gradient = on_processor if groups == 1 else group_by_group
        if wide.shape[0] <= EXAMPLES:
            return gradient(wide, narrow)
        (wides, last_wide), (narrows, last_narrow) = (_parts(a, EXAMPLES) for a in (wide, narrow))

        def add(total: jax.Array, part: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
            return total + wide_float(gradient(*part)), None

        start = jnp.zeros(shape, wide_float(narrow).dtype)
        total, _ = lax.scan(add, start, (wides, narrows))
        if last_wide.shape[0]:
            total, _ = add(total, (last_wide, last_narrow))
        return total.astype(narrow.dtype)

    if wide.shape[0] == 0:  # XLA has no convolution over zero channels
        return jnp.zeros(shape, narrow.dtype)
    if 1 < groups == wide.shape[-1] == narrow.shape[-1]:
        return correlate(wide, narrow)
    # On other platforms the vendor's library supports batch groups. On the processor XLA computes
    # one convolution over all channels and masks the result, which took 15 to 130 times as long.
    return lax.platform_dependent(wide, narrow, cpu=part_by_part, default=correlate)


def _parts(a: jax.Array, examples: int) -> tuple[jax.Array, jax.Array]:
    """Parts of that many examples, (parts, examples, ...), and the rest of the batch."""
    whole = a.shape[0] - a.shape[0] % examples
    return a[:whole].reshape(whole // examples, examples, *a.shape[1:]), a[whole:]


def exchange(kernel: jax.Array, groups: int) -> jax.Array:
    """(..., in / groups, out) -> (..., out / groups, in): exchange the channels in each group."""
    if groups == 1:
        return kernel.swapaxes(-1, -2)
    *extent, group_in, n_out = kernel.shape
    cut = kernel.reshape(*extent, group_in, groups, n_out // groups)
    return cut.swapaxes(-1, -3).reshape(*extent, n_out // groups, groups * group_in)


def _channels_last(rank: int) -> lax.ConvDimensionNumbers:
    """x and y are (batch, ..., channels), the kernel is (..., in, out)."""
    x = (0, rank + 1, *range(1, rank + 1))
    return lax.ConvDimensionNumbers(x, (rank + 1, rank, *range(rank)), x)
