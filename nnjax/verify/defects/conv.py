"""Mistakes in convolutions."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from nnjax.core import Layer, Shape
from nnjax.layers.conv import conv1d, conv2d
from nnjax.layers.conv_transpose import conv1d_transpose, conv2d_transpose
from nnjax.verify.case import Defect, LayerCase
from nnjax.verify.cases.conv import LOST_STEP

Mistake = Callable[[Any, Any, Any, Any], Any]
"""`(params, x, dy, correct (dparams, dx)) -> (dparams, dx)`"""


def _with(of: str, label: str, layer: Layer, in_shape: Shape, mistake: Mistake) -> LayerCase:
    """The layer with a mistake in its backward pass."""

    def backward(params: Any, x: Any, dy: Any) -> Any:
        return mistake(params, x, dy, layer.backward(params, x, dy))

    wrong = layer._replace(backward=backward)
    return LayerCase(of, label, wrong, in_shape, batch=2, unsuited=LOST_STEP)


def _other_kernel(layer: Layer, change: Callable[[Any], Any]) -> Mistake:
    """dx computed with another kernel."""

    def mistake(params: Any, x: Any, dy: Any, right: Any) -> Any:
        changed = params._replace(kernel=change(params.kernel))
        return right[0], layer.backward(changed, x, dy)[1]

    return mistake


def _other_layer(layer: Layer) -> Mistake:
    """The backward pass of a layer with other options."""
    return lambda params, x, dy, right: layer.backward(params, x, dy)


def _stride_forgotten(params: Any, x: Any, dy: Any, right: Any) -> Any:
    reached = dy.shape[1] + params.kernel.shape[0] - 1
    grads, dx = conv1d(2, 2).backward(params, x[:, :reached], dy)
    return grads, jnp.pad(dx, ((0, 0), (0, x.shape[1] - reached), (0, 0)))


def _stride_and_dilation_exchanged(params: Any, x: Any, dy: Any, right: Any) -> Any:
    reached = x.shape[1] + 2 * (params.kernel.shape[0] - 1)
    grads, _ = conv1d_transpose(2, 2, 1, dilation=2).backward(params, x, dy[:, :reached])
    return right[0]._replace(kernel=grads.kernel), right[1]


def _groups_mixed(params: Any, x: Any, dy: Any, right: Any) -> Any:
    dkernel = right[0].kernel
    cut = dkernel.reshape(*dkernel.shape[:-1], 2, -1).swapaxes(-1, -2)
    return right[0]._replace(kernel=cut.reshape(dkernel.shape)), right[1]


def _neighbours_read(params: Any, x: Any, dy: Any, right: Any) -> Any:
    """Neighbouring elements of dy in place of those that a stride separates."""
    near = dy[:, : x.shape[1], : x.shape[2]]
    return right[0], conv2d_transpose(2, 1).backward(params, x, near)[1]


_IMAGE = conv2d(2, (2, 3))
_TILED = conv2d(2, 2, 2)
_STRIDE_2 = conv1d(2, 2, 2)
_GROUPS = conv2d(4, 2, groups=2)
_SAME = conv2d(2, 2, padding="SAME")
_DILATED = conv1d(2, 3, padding=(2, 2), dilation=2)
_ENLARGING = conv1d_transpose(2, 2, 2)
_SPREAD = conv2d_transpose(2, 1, 2)

DEFECTS = [
    Defect(
        "dx: the kernel is not flipped",
        "DiffEqOperators.jl pull request 134; CACU issue 4 and DeepLearnToolbox issue 169 ask why",
        _with("conv2d", "not flipped", _IMAGE, (3, 4, 2), _other_kernel(_IMAGE, jnp.flip)),
    ),
    Defect(
        "dx: the channels of the kernel are not exchanged",
        "undetected while a layer has as many inputs as outputs",
        _with(
            "conv2d",
            "not exchanged",
            _IMAGE,
            (3, 4, 2),
            _other_kernel(_IMAGE, lambda kernel: kernel.swapaxes(-1, -2)),
        ),
    ),
    Defect(
        "dx is written at the position of the window, not of the element",
        "neon issue 111: the index of the output in place of that of the input",
        _with(
            "conv2d",
            "wrong index",
            _IMAGE,
            (3, 4, 2),
            _other_kernel(_IMAGE, lambda k: jnp.zeros_like(k).at[0].set(k.sum(0))),
        ),
    ),
    Defect(
        "windows are not multiplied by the stride",
        "Deep-Learning-Coursera issue 7: windows at h and w, not h * stride and w * stride",
        _with("conv1d", "stride forgotten", _STRIDE_2, (6, 2), _stride_forgotten),
    ),
    Defect(
        "rows that no window covers are assumed at the front",
        "BackPACK issue 30, FlagGems pull request 1576, mlpack issue 2986",
        _with(
            "conv2d",
            "rest in front",
            _TILED,
            (5, 4, 2),
            lambda params, x, dy, right: (right[0], jnp.roll(right[1], 1, axis=1)),
        ),
    ),
    Defect(
        "a last row that no window covers gets an error signal",
        "PyTorch issue 50042: strided depthwise kernel gradient wrong in its last row and column",
        _with(
            "conv2d",
            "rest not cropped",
            _TILED,
            (5, 4, 2),
            lambda params, x, dy, right: (right[0], right[1].at[:, -1].set(right[1][:, -2])),
        ),
    ),
    Defect(
        "the kernel gradient mixes the groups",
        "PyTorch issue 51430, silently wrong for years; burn pull request 1891",
        _with("conv2d", "groups mixed", _GROUPS, (3, 3, 4), _groups_mixed),
    ),
    Defect(
        "the odd zero of SAME padding is put in front",
        "MIPVerify.jl pull request 23: more padding in front than in TensorFlow",
        _with(
            "conv2d",
            "odd zero",
            _SAME,
            (3, 4, 2),
            _other_layer(conv2d(2, 2, padding=((1, 0), (1, 0)))),
        ),
    ),
    Defect(
        "the backward pass ignores the dilation",
        "PyTorch issue 13008: torch.nn.grad computed sizes without it",
        _with(
            "conv1d",
            "dilation forgotten",
            _DILATED,
            (5, 2),
            _other_layer(conv1d(2, 3, padding=(1, 1))),
        ),
    ),
    Defect(
        "the kernel gradient is averaged over batch and positions",
        "cTensor issue 3: a factor 1 / (B H W)",
        _with(
            "conv2d",
            "mean",
            _IMAGE,
            (3, 4, 2),
            lambda params, x, dy, right: (
                right[0]._replace(kernel=right[0].kernel * dy.shape[-1] / dy.size),
                right[1],
            ),
        ),
    ),
    Defect(
        "stride and dilation are exchanged in the kernel gradient of a transposed convolution",
        "candle pull request 2337",
        _with("conv1d_transpose", "exchanged", _ENLARGING, (3, 2), _stride_and_dilation_exchanged),
    ),
    Defect(
        "dx of a transposed convolution is read at neighbouring positions, not one stride apart",
        "PyTorch issue 63314: kernel 1 and stride 2 on the processor; correct on the GPU",
        _with("conv2d_transpose", "neighbours", _SPREAD, (2, 3, 2), _neighbours_read),
    ),
]
