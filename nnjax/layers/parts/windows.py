"""The geometry of sliding windows, shared by convolution and pooling.

On each axis, window o of n_out covers the positions

    p = o stride + k dilation - low,        k = 0 ... window - 1

of an input of `size` positions; positions outside 0 ... size - 1 are padding, `low` of them before
the input and `high` after it. A window spans span = dilation (window - 1) + 1 positions, so

    n_out = ⌊(size + low + high - span) / stride⌋ + 1

and no window covers the last rest = (size + low + high - span) mod stride positions. "VALID" means
no padding. "SAME" gives n_out = ⌈size / stride⌉ with the least padding; an odd position is added
after the input, as in TensorFlow and JAX (and PyTorch, for stride 1 only).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nnjax.checks import is_whole
from nnjax.core import Shape

Whole = int | Sequence[int]
"""One whole number for all axes, or one per axis."""

Padding = str | Sequence[int] | Sequence[Sequence[int]]
"""`"VALID"`, `"SAME"`, or (before, after) for each axis; for one axis also the pair itself."""


class Axis(NamedTuple):
    """One axis of a sliding window: `size` positions in, `out` positions out."""

    size: int
    out: int
    window: int
    stride: int
    dilation: int
    low: int
    high: int

    @property
    def span(self) -> int:
        """The number of positions from the first to the last element of a window."""
        return self.dilation * (self.window - 1) + 1

    @property
    def rest(self) -> int:
        """The number of positions at the end of the padded input that no window covers."""
        return self.size + self.low + self.high - self.span - (self.out - 1) * self.stride

    def positions(self) -> np.ndarray:
        """The input position of element k of window o, (out, window)."""
        starts = np.arange(self.out) * self.stride - self.low
        return starts[:, None] + np.arange(self.window) * self.dilation

    def inside(self) -> np.ndarray:
        """Which of `positions` are not padding, (out, window)."""
        positions = self.positions()
        return (positions >= 0) & (positions < self.size)


class Windows(NamedTuple):
    """Checked options of a sliding window, for any input size.

    `layer` is the name of the layer for messages. Numbers are an int or a tuple over the axes;
    `padding` is a word or a pair for each axis.
    """

    layer: str
    window: int | tuple[int, ...]
    stride: int | tuple[int, ...]
    dilation: int | tuple[int, ...]
    padding: str | tuple[tuple[int, int], ...]

    def axes(self, sizes: Shape) -> tuple[Axis, ...]:
        """The axes for an input of these sizes; ValueError if no window fits."""
        axes = []
        for window, stride, dilation, pads, size in self._each(sizes):
            low, high = self._same(size, window, stride, dilation) if pads is None else pads
            span = dilation * (window - 1) + 1
            out = (size + low + high - span) // stride + 1
            axes.append(Axis(size, out, window, stride, dilation, low, high))
        if any(axis.out < 1 for axis in axes):
            raise ValueError(
                f"{self.layer}: the window spans {tuple(axis.span for axis in axes)} positions, "
                f"more than an input of {tuple(sizes)} with padding "
                f"{tuple((axis.low, axis.high) for axis in axes)} has"
            )
        return tuple(axes)

    def adjoint_axes(self, outs: Shape) -> tuple[Axis, ...]:
        """The axes of the smallest input with `outs` windows (for "SAME": of `outs` times the
        stride); ValueError if it has no positions.
        """
        axes = []
        for window, stride, dilation, pads, out in self._each(outs):
            if pads is None:
                size = out * stride
                low, high = self._same(size, window, stride, dilation)
            else:
                low, high = pads
                size = (out - 1) * stride + dilation * (window - 1) + 1 - low - high
            axes.append(Axis(size, out, window, stride, dilation, low, high))
        if any(axis.size < 1 for axis in axes):
            raise ValueError(
                f"{self.layer}: padding {tuple((axis.low, axis.high) for axis in axes)} crops the "
                f"output for an input of {tuple(outs)} to {tuple(axis.size for axis in axes)}"
            )
        return tuple(axes)

    def _each(self, sizes: Shape) -> list[tuple[int, int, int, tuple[int, int] | None, int]]:
        """(window, stride, dilation, pair or None for "SAME", size) of each axis."""
        rank = len(sizes)

        def spread(value: int | tuple[int, ...]) -> tuple[int, ...]:
            return value if isinstance(value, tuple) else (value,) * rank

        if isinstance(self.padding, str):
            pads = (None if self.padding == "SAME" else (0, 0),) * rank
        else:
            pads = self.padding
        options = (spread(self.window), spread(self.stride), spread(self.dilation), pads)
        if any(len(option) != rank for option in options):
            raise ValueError(
                f"{self.layer}: window {self.window}, stride {self.stride}, dilation "
                f"{self.dilation}, padding {self.padding} do not match the {rank} axes "
                f"{tuple(sizes)} between batch and channels"
            )
        return list(zip(*options, sizes, strict=True))

    @staticmethod
    def _same(size: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
        total = max((-(-size // stride) - 1) * stride + dilation * (window - 1) + 1 - size, 0)
        return total // 2, total - total // 2


def windows(
    layer: str,
    window: Whole,
    stride: Whole,
    padding: Padding,
    dilation: Whole,
    rank: int | None = None,
    window_name: str = "window",
) -> Windows:
    """Check the options of a sliding window over `rank` axes (None: any number)."""
    return Windows(
        layer,
        _whole(layer, window_name, window, rank),
        _whole(layer, "stride", stride, rank),
        _whole(layer, "dilation", dilation, rank),
        _padding(layer, padding, rank),
    )


def pooled_sizes(layer: str, in_shape: Shape) -> Shape:
    """The sizes of the axes between batch and channels; ValueError if there are none."""
    if len(in_shape) < 2 or 0 in in_shape[:-1]:
        raise ValueError(
            f"{layer} takes examples of shape (time, channels), (height, width, channels) or more, "
            f"got {tuple(in_shape)}"
        )
    return tuple(in_shape[:-1])


def not_empty(layer: str, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """The axes, unless a window contains only padding: then ValueError."""
    if not all(axis.inside().any(axis=1).all() for axis in axes):
        raise ValueError(
            f"{layer}: on an input of {tuple(axis.size for axis in axes)} with padding "
            f"{tuple((axis.low, axis.high) for axis in axes)} some windows contain only padding"
        )
    return axes


def _whole(layer: str, name: str, value: Whole, rank: int | None) -> int | tuple[int, ...]:
    """A positive whole number, repeated if the rank is known; or one per axis."""
    each = _whole_numbers(value, least=1)
    if each is not None and each and rank in (None, len(each)):
        return each
    one = _whole_numbers([value], least=1)
    if one is not None:
        return one[0] if rank is None else one * rank
    axes = "each axis" if rank is None else f"each of {rank} axes" if rank > 1 else "the axis"
    raise ValueError(
        f"{layer}({name}): expected a positive whole number or a tuple of one for {axes}, "
        f"got {value!r}"
    )


def _padding(layer: str, padding: Padding, rank: int | None) -> str | tuple[tuple[int, int], ...]:
    if isinstance(padding, str):
        if padding in ("VALID", "SAME"):
            return padding
    elif isinstance(padding, Sequence):
        bare = _whole_numbers(padding, least=0)
        pairs = [_whole_numbers(p, least=0) for p in ([padding] if bare else padding)]
        checked = tuple((p[0], p[1]) for p in pairs if p is not None and len(p) == 2)
        if len(checked) == len(pairs) > 0 and rank in (None, len(checked)):
            return checked
    axes = "each axis" if rank is None else f"each of {rank} axes" if rank > 1 else "the axis"
    raise ValueError(
        f'{layer}(padding): expected "VALID", "SAME" or whole numbers (before, after) >= 0 for '
        f"{axes}, got {padding!r}"
    )


def _whole_numbers(values: object, least: int) -> tuple[int, ...] | None:
    """The values as ints if they are a sequence of whole numbers of at least `least`, else None."""
    if not isinstance(values, Sequence):
        return None
    return tuple(map(int, values)) if all(is_whole(v, least) for v in values) else None
