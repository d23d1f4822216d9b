"""The geometry of sliding windows, shared by convolution and pooling.

On each axis, window o of n_out looks at the positions

    p = o stride + k dilation - low,        k = 0 .. window - 1

of an input of `size` positions; positions outside 0..size-1 are padding, `low` of them before the
input and `high` after it. A window covers span = dilation (window - 1) + 1 positions, so

    n_out = floor((size + low + high - span) / stride) + 1

and rest = (size + low + high - span) mod stride positions at the end are covered by no window.
"VALID" pads nothing. "SAME" gives n_out = ceil(size / stride) with the least padding that does, the
odd one after the input, as in TensorFlow and JAX (and in PyTorch, which offers stride 1 only).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nnjax.checks import is_whole
from nnjax.core import Shape

Whole = int | Sequence[int]
"""A whole number for all axes, or one for each."""

Padding = str | Sequence[int] | Sequence[Sequence[int]]
"""`"VALID"`, `"SAME"`, or (before, after) for each axis; on one axis also the bare pair."""


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
        """How many positions a window covers, from its first to its last."""
        return self.dilation * (self.window - 1) + 1

    @property
    def rest(self) -> int:
        """How many positions at the end of the padded input no window reaches."""
        return self.size + self.low + self.high - self.span - (self.out - 1) * self.stride

    def positions(self) -> np.ndarray:
        """Position of the input that window o looks at with its k-th element, (out, window)."""
        starts = np.arange(self.out) * self.stride - self.low
        return starts[:, None] + np.arange(self.window) * self.dilation

    def inside(self) -> np.ndarray:
        """Which of `positions` are input, not padding, (out, window)."""
        positions = self.positions()
        return (positions >= 0) & (positions < self.size)


class Windows(NamedTuple):
    """Checked options of a sliding window, before the input's size is known.

    `layer` is how messages name the layer. The others are an int or a tuple over the axes;
    `padding` is a word or a pair for each axis.
    """

    layer: str
    window: int | tuple[int, ...]
    stride: int | tuple[int, ...]
    dilation: int | tuple[int, ...]
    padding: str | tuple[tuple[int, int], ...]

    def axes(self, sizes: Shape) -> tuple[Axis, ...]:
        """The axes of an input of these sizes; ValueError if no window fits."""
        axes = []
        for window, stride, dilation, pads, size in self._each(sizes):
            low, high = self._same(size, window, stride, dilation) if pads is None else pads
            span = dilation * (window - 1) + 1
            out = (size + low + high - span) // stride + 1
            axes.append(Axis(size, out, window, stride, dilation, low, high))
        if any(axis.out < 1 for axis in axes):
            raise ValueError(
                f"{self.layer}: the window covers {tuple(axis.span for axis in axes)} positions, "
                f"more than an input of {tuple(sizes)} with padding "
                f"{tuple((axis.low, axis.high) for axis in axes)} has"
            )
        return tuple(axes)

    def adjoint_axes(self, outs: Shape) -> tuple[Axis, ...]:
        """The axes of the smallest input, for "SAME" of `outs` times the stride, that windows
        turn into `outs` positions; ValueError if it has no positions.
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
                f"{self.layer}: padding {tuple((axis.low, axis.high) for axis in axes)} crops an "
                f"input of {tuple(outs)} to an output of {tuple(axis.size for axis in axes)}"
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
                f"{self.dilation}, padding {self.padding} do not fit an input of {rank} axes "
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


def _whole(layer: str, name: str, value: Whole, rank: int | None) -> int | tuple[int, ...]:
    """A positive whole number as it is, or repeated for a known rank; or one for each axis."""
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
    """The values as ints, if they are a sequence of whole numbers not below `least`."""
    if not isinstance(values, Sequence):
        return None
    return tuple(map(int, values)) if all(is_whole(v, least) for v in values) else None
