"""Cases of the convolutions and their transposes."""

from nnjax.initializers import glorot, normal
from nnjax.layers.conv import conv1d, conv2d
from nnjax.layers.conv_transpose import conv1d_transpose, conv2d_transpose
from nnjax.verify.case import LayerCase

_SEQUENCES = [
    LayerCase("conv1d", "valid", conv1d(3, 2), (4, 2), batch=3),
    LayerCase("conv1d", "causal, dilation 2", conv1d(2, 3, padding=(4, 0), dilation=2), (5, 2)),
    LayerCase("conv1d", "stride 2 same, even kernel", conv1d(3, 4, 2, "SAME"), (7, 2), batch=2),
    LayerCase("conv1d", "stride 3, two positions unused", conv1d(2, 3, 3), (8, 1), batch=2),
    LayerCase("conv1d", "stride over kernel", conv1d(3, 2, 5), (13, 1), batch=2),
    LayerCase("conv1d", "padding over span", conv1d(2, 2, 2, (5, 3), 2), (3, 2), batch=2),
    LayerCase("conv1d", "groups", conv1d(4, 2, groups=2), (3, 6), batch=2),
    LayerCase("conv1d", "depthwise causal", conv1d(3, 2, padding=(1, 0), groups=3), (4, 3)),
    LayerCase("conv1d", "one step same", conv1d(2, 3, padding="SAME"), (1, 2), batch=1),
]

_IMAGES = [
    LayerCase("conv2d", "valid", conv2d(3, (3, 2)), (4, 3, 2), batch=2),
    LayerCase("conv2d", "same", conv2d(2, (3, 2), padding="SAME"), (4, 3, 2), batch=2),
    LayerCase("conv2d", "stride 2 same", conv2d(2, 3, 2, "SAME"), (5, 4, 1), batch=2),
    LayerCase("conv2d", "stride 3, rows unused", conv2d(2, 3, 3), (5, 7, 1), batch=2),
    LayerCase("conv2d", "stride over kernel", conv2d(3, 2, (3, 4)), (6, 7, 1), batch=2),
    LayerCase("conv2d", "strides differ", conv2d(3, (2, 3), (1, 2)), (3, 6, 2), batch=2),
    LayerCase(
        "conv2d", "asymmetric padding", conv2d(2, (2, 3), padding=((2, 0), (1, 3))), (3, 2, 2)
    ),
    LayerCase("conv2d", "padding over kernel", conv2d(2, 2, 2, ((3, 4), (2, 5))), (2, 3, 2)),
    LayerCase("conv2d", "dilation 2", conv2d(2, (3, 2), dilation=2), (6, 5, 1), batch=2),
    LayerCase(
        "conv2d", "dilation 2, stride 2 same", conv2d(3, 3, 2, "SAME", (2, 1)), (6, 5, 1), batch=2
    ),
    LayerCase("conv2d", "1x1", conv2d(3, 1), (3, 2, 2), batch=3),
    LayerCase("conv2d", "1x1, stride 2", conv2d(3, 1, 2), (4, 3, 2), batch=2),
    LayerCase("conv2d", "kernel as large as x", conv2d(3, (3, 2)), (3, 2, 2), batch=3),
    LayerCase("conv2d", "groups", conv2d(4, (2, 1), groups=2), (3, 2, 6), batch=2),
    LayerCase(
        "conv2d",
        "groups with everything",
        conv2d(2, 2, (2, 1), ((1, 0), (0, 2)), 2, groups=2),
        (4, 3, 4),
        batch=2,
    ),
    LayerCase(
        "conv2d", "depthwise", conv2d(3, (2, 3), padding="SAME", groups=3), (3, 4, 3), batch=2
    ),
    LayerCase(
        "conv2d", "depthwise, two each", conv2d(4, 2, 2, "SAME", groups=2), (3, 5, 2), batch=2
    ),
    LayerCase("conv2d", "one row", conv2d(2, (1, 3), padding="SAME"), (1, 4, 2), batch=1),
    LayerCase("conv2d", "one pixel same", conv2d(2, 3, padding="SAME"), (1, 1, 2), batch=1),
    LayerCase(
        "conv2d",
        "given init",
        conv2d(2, 2, init=glorot(), bias=normal(1.0)),
        (3, 2, 2),
        at_init=True,
    ),
]

_TRANSPOSED = [
    LayerCase("conv1d_transpose", "stride 1", conv1d_transpose(3, 2), (3, 2)),
    LayerCase("conv1d_transpose", "stride 2", conv1d_transpose(2, 3, 2), (3, 2), batch=3),
    LayerCase("conv1d_transpose", "stride 2 same", conv1d_transpose(3, 3, 2, "SAME"), (3, 2)),
    LayerCase("conv1d_transpose", "gaps, same", conv1d_transpose(3, 2, 4, "SAME"), (3, 2)),
    LayerCase(
        "conv1d_transpose", "cropped, dilation 2", conv1d_transpose(3, 3, 3, (2, 1), 2), (3, 2)
    ),
    LayerCase("conv1d_transpose", "groups", conv1d_transpose(2, 3, 2, groups=2), (2, 4), batch=2),
    LayerCase("conv1d_transpose", "one step", conv1d_transpose(3, 2, 2), (1, 2), batch=1),
    LayerCase("conv2d_transpose", "strides differ", conv2d_transpose(3, 2, (2, 1)), (3, 2, 2)),
    LayerCase("conv2d_transpose", "same", conv2d_transpose(2, (3, 4), 2, "SAME"), (2, 3, 2)),
    LayerCase(
        "conv2d_transpose",
        "cropped",
        conv2d_transpose(3, (3, 2), (2, 3), ((2, 1), (0, 1))),
        (3, 2, 2),
        batch=2,
    ),
    LayerCase(
        "conv2d_transpose",
        "dilation 2, groups",
        conv2d_transpose(4, 2, 2, dilation=(2, 1), groups=2),
        (2, 3, 2),
    ),
    LayerCase("conv2d_transpose", "depthwise", conv2d_transpose(3, 2, 2, groups=3), (2, 3, 3)),
    LayerCase("conv2d_transpose", "1x1, stride 2", conv2d_transpose(3, 1, 2), (2, 3, 2)),
    LayerCase("conv2d_transpose", "one pixel", conv2d_transpose(2, (2, 3), 2), (1, 1, 3), batch=1),
]

# A convolution is analytic, but JAX computes a complex one by three real ones, one of which adds
# real and imaginary parts: this loses the step of 1e-30.
LOST_STEP = {"complex step": "JAX adds real and imaginary parts in complex convolutions"}

LAYERS = [case._replace(unsuited=LOST_STEP) for case in (*_SEQUENCES, *_IMAGES, *_TRANSPOSED)]
