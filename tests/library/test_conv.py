"""Convolutions: worked numbers, the definition in loops, conventions, messages.

That the gradients are those of the forward pass is in the table of cases; here the forward pass
itself is judged, by the index equation summed in numpy.
"""

import itertools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from nnjax.core import Layer
from nnjax.layers.conv import Convolution, conv1d, conv2d
from nnjax.layers.conv_transpose import conv1d_transpose, conv2d_transpose
from nnjax.layers.parts import convolution

ROOMY = ((2, 1), (0, 3))

# kernel, stride, dilation, (before, after) on each axis, groups, sizes of the larger side
OPTIONS = {
    "plain": ((3, 2), (1, 1), (1, 1), ((0, 0), (0, 0)), 1, (4, 5)),
    "stride divides": ((2, 3), (2, 3), (1, 1), ((0, 0), (0, 0)), 1, (6, 6)),
    "stride leaves over": ((3, 3), (3, 2), (1, 1), ((0, 0), (0, 0)), 1, (7, 8)),
    "stride over kernel": ((2, 1), (3, 4), (1, 1), ((0, 0), (0, 0)), 1, (6, 7)),
    "asymmetric padding": ((2, 3), (1, 2), (1, 1), ROOMY, 1, (3, 4)),
    "padding over kernel": ((2, 2), (2, 1), (1, 1), ((4, 3), (3, 5)), 1, (2, 3)),
    "dilation": ((3, 2), (1, 2), (2, 3), ((1, 0), (0, 2)), 1, (6, 5)),
    "groups": ((2, 2), (1, 1), (1, 1), ((0, 0), (0, 0)), 2, (3, 4)),
    "everything": ((2, 3), (2, 3), (3, 2), ROOMY, 2, (5, 6)),
}


def by_loops(options: Any, wide: Any, kernel: Any, narrow: Any) -> tuple[Any, Any, Any]:
    """The trilinear form sum wide_p K_k narrow_o by each of its three: K, wide and narrow.

    Position by position: p = o stride + k dilation - before on each axis. The kernel is
    (kh, kw, groups, wide, narrow) here.
    """
    extent, stride, dilation, pads, groups, _ = options
    w, n = (a.reshape(*a.shape[:-1], groups, -1) for a in (wide, narrow))
    dwide, dkernel, dnarrow = (np.zeros_like(a) for a in (w, kernel, n))
    places = [range(n.shape[1]), range(n.shape[2]), range(extent[0]), range(extent[1])]
    for o, u, k, l in itertools.product(*places):  # noqa: E741
        p = o * stride[0] + k * dilation[0] - pads[0][0]
        q = u * stride[1] + l * dilation[1] - pads[1][0]
        if 0 <= p < w.shape[1] and 0 <= q < w.shape[2]:
            dnarrow[:, o, u] += np.einsum("bgi,gij->bgj", w[:, p, q], kernel[k, l])
            dwide[:, p, q] += np.einsum("bgj,gij->bgi", n[:, o, u], kernel[k, l])
            dkernel[k, l] += np.einsum("bgi,bgj->gij", w[:, p, q], n[:, o, u])
    return dkernel, dwide.reshape(wide.shape), dnarrow.reshape(narrow.shape)


def drawn(layer: Layer, in_shape: tuple[int, ...]) -> tuple[Convolution, Any, Any]:
    """Random parameters, x and dy."""
    rng = np.random.default_rng(0)
    params, out_shape = layer.init(jax.random.key(0), in_shape)
    params = Convolution(*(rng.normal(size=leaf.shape) for leaf in params))
    return params, rng.normal(size=(2, *in_shape)), rng.normal(size=(2, *out_shape))


def by_hand(layer: Layer, params: Any, x: Any, dy: Any) -> Any:
    def both(params: Any, x: Any, dy: Any) -> Any:
        y, residuals = layer.forward(params, x)
        return y, layer.backward(params, residuals, dy)

    return jax.jit(both)(params, x, dy)


@pytest.mark.parametrize("name", OPTIONS)
def test_conv2d_is_its_index_equation(name: str) -> None:
    extent, stride, dilation, pads, groups, sizes = OPTIONS[name]
    n_in, n_out = 2 * groups, 3 * groups
    layer = conv2d(n_out, extent, stride, pads, dilation, groups)
    params, x, dy = drawn(layer, (*sizes, n_in))
    y, (grads, dx) = by_hand(layer, params, x, dy)
    # (kh, kw, in / groups, out) holds the groups one after another on its last axis.
    kernel = np.asarray(params.kernel).reshape(*extent, 2, groups, 3).swapaxes(2, 3)
    dkernel, dwide, _ = by_loops(OPTIONS[name], x, kernel, dy)
    _, _, dnarrow = by_loops(OPTIONS[name], x, kernel, np.zeros_like(dy))
    np.testing.assert_allclose(y, dnarrow + params.bias, atol=1e-13)
    np.testing.assert_allclose(
        grads.kernel, dkernel.swapaxes(2, 3).reshape(params.kernel.shape), atol=1e-12
    )
    np.testing.assert_allclose(grads.bias, dy.sum((0, 1, 2)), atol=1e-12)
    np.testing.assert_allclose(dx, dwide, atol=1e-12)


@pytest.mark.parametrize("name", OPTIONS)
def test_conv2d_transpose_is_its_index_equation(name: str) -> None:
    extent, stride, dilation, pads, groups, _ = OPTIONS[name]
    n_in, n_out = 2 * groups, 3 * groups
    layer = conv2d_transpose(n_out, extent, stride, pads, dilation, groups)
    params, x, dy = drawn(layer, (6, 9, n_in))
    y, (grads, dx) = by_hand(layer, params, x, dy)
    expected = tuple(
        (n - 1) * s + d * (k - 1) + 1 - before - after
        for n, s, d, k, (before, after) in zip((6, 9), stride, dilation, extent, pads, strict=True)
    )
    assert y.shape[1:3] == expected
    # Here x is the narrow side, and the kernel's two channel axes have changed places.
    kernel = np.asarray(params.kernel).reshape(*extent, 2, groups, 3).transpose(0, 1, 3, 4, 2)
    dkernel, _, dnarrow = by_loops(OPTIONS[name], dy, kernel, x)
    _, dwide, _ = by_loops(OPTIONS[name], np.zeros_like(dy), kernel, x)
    np.testing.assert_allclose(y, dwide + params.bias, atol=1e-13)
    np.testing.assert_allclose(
        grads.kernel, dkernel.transpose(0, 1, 4, 2, 3).reshape(params.kernel.shape), atol=1e-12
    )
    np.testing.assert_allclose(dx, dnarrow, atol=1e-12)


@pytest.mark.parametrize(
    ("sequence", "image"),
    [(conv1d, conv2d), (conv1d_transpose, conv2d_transpose)],
    ids=["conv", "transpose"],
)
@pytest.mark.parametrize("padding", ["VALID", "SAME", (2, 1)])
def test_a_sequence_is_an_image_of_width_one(sequence: Any, image: Any, padding: Any) -> None:
    pads = padding if isinstance(padding, str) else (padding, (0, 0))
    one = sequence(4, 3, 2, padding, 2, 2)
    two = image(4, (3, 1), (2, 1), pads, (2, 1), 2)
    params, x, dy = drawn(one, (7, 2))
    y, (grads, dx) = by_hand(one, params, x, dy)
    wide = params._replace(kernel=params.kernel[:, None])
    y2, (grads2, dx2) = by_hand(two, wide, x[:, :, None], dy[:, :, None])
    for a, b in ((y, y2[:, :, 0]), (dx, dx2[:, :, 0]), (grads.kernel, grads2.kernel[:, 0])):
        np.testing.assert_allclose(a, b, atol=1e-13)


def test_worked_example() -> None:
    """x = 1 2 3 4 5, kernel 1 10 100, stride 2: y = 321 and 543; dy = 1 and 1000."""
    params = Convolution(jnp.array([1.0, 10.0, 100.0]).reshape(3, 1, 1), jnp.zeros(1))
    x, dy = np.arange(1.0, 6.0).reshape(1, 5, 1), np.array([1.0, 1000.0]).reshape(1, 2, 1)
    y, (grads, dx) = by_hand(conv1d(1, 3, 2), params, x, dy)
    assert y.ravel().tolist() == [321, 543]
    # K_k meets x_k in the first window and x_(k + 2) in the second.
    assert grads.kernel.ravel().tolist() == [1 + 3000, 2 + 4000, 3 + 5000]
    assert grads.bias.tolist() == [1001]
    # x_2 is in both windows: as the last element of the first, as the first of the second.
    assert dx.ravel().tolist() == [1, 10, 100 + 1000, 10_000, 100_000]


# --- conventions ----------------------------------------------------------------------------------


def ones(*shape: int) -> Convolution:
    return Convolution(jnp.ones(shape), jnp.zeros(shape[-1]))


def test_rows_left_over_by_the_stride_get_no_gradient() -> None:
    layer = conv2d(2, 3, 3)
    params, x, dy = drawn(layer, (7, 8, 1))
    _, (_, dx) = by_hand(layer, params, x, dy)
    assert (np.asarray(dx[:, 6:]) == 0).all()
    assert (np.asarray(dx[:, :, 6:]) == 0).all()
    assert (np.asarray(dx[:, :6, :6]) != 0).all()


def test_same_puts_the_odd_zero_behind() -> None:
    params = Convolution(jnp.array([1.0, 10.0]).reshape(2, 1, 1), jnp.zeros(1))
    y, _ = conv1d(1, 2, padding="SAME").forward(params, jnp.array([[[1.0], [2.0], [3.0]]]))
    assert y.ravel().tolist() == [21, 32, 3]


@pytest.mark.parametrize(("size", "stride"), [*itertools.product((1, 4, 5, 6), (1, 2, 3, 7))])
def test_sizes_of_same(size: int, stride: int) -> None:
    key = jax.random.key(0)
    for kernel, dilation in ((1, 1), (2, 1), (3, 1), (2, 3)):
        options = (1, kernel, stride, "SAME", dilation)
        assert conv1d(*options).init(key, (size, 1))[1] == (-(-size // stride), 1)
        assert conv1d_transpose(*options).init(key, (size, 1))[1] == (size * stride, 1)


@pytest.mark.parametrize("padding", ["VALID", "SAME", ((1, 0), (2, 1))])
def test_transpose_is_the_adjoint(padding: Any) -> None:
    """<conv(x), y> = <x, transpose(y)> with the same kernel, its channels exchanged."""
    down = conv2d(3, (2, 3), 2, padding)
    up = conv2d_transpose(2, (2, 3), 2, padding)
    rng = np.random.default_rng(1)
    kernel, y = rng.normal(size=(2, 3, 2, 3)), rng.normal(size=(2, 3, 4, 3))
    turned = Convolution(jnp.asarray(kernel).swapaxes(-1, -2), jnp.zeros(2))
    raised, _ = up.forward(turned, y)
    x = rng.normal(size=raised.shape)
    lowered, _ = down.forward(Convolution(jnp.asarray(kernel), jnp.zeros(3)), x)
    np.testing.assert_allclose(jnp.sum(lowered * y), jnp.sum(x * raised), rtol=1e-12)


def test_causal_convolution_does_not_see_the_future() -> None:
    layer = conv1d(2, 3, padding=(4, 0), dilation=2)
    params, x, _ = drawn(layer, (6, 2))
    later = x.copy()
    later[:, 3] += 1
    moved = np.asarray(layer.forward(params, later)[0] - layer.forward(params, x)[0])
    assert (moved[:, :3] == 0).all()
    assert (moved[:, 3] != 0).all()
    assert moved.shape == (2, 6, 2)


def test_depthwise_is_each_channel_alone() -> None:
    layer = conv2d(6, 2, groups=3)
    params, x, dy = drawn(layer, (3, 4, 3))
    y, (grads, dx) = by_hand(layer, params, x, dy)
    for c in range(3):
        mine = slice(2 * c, 2 * c + 2)
        alone = Convolution(params.kernel[..., mine], params.bias[mine])
        y1, (grads1, dx1) = by_hand(conv2d(2, 2), alone, x[..., c : c + 1], dy[..., mine])
        np.testing.assert_allclose(y[..., mine], y1, atol=1e-13)
        np.testing.assert_allclose(grads.kernel[..., mine], grads1.kernel, atol=1e-13)
        np.testing.assert_allclose(dx[..., c : c + 1], dx1, atol=1e-13)


@pytest.mark.parametrize("layer", [conv2d(6, 2, 2, groups=2), conv2d_transpose(6, 2, 2, groups=2)])
def test_kernel_gradient_of_groups_is_the_same_on_every_platform(
    layer: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    params, x, dy = drawn(layer, (4, 5, 4))
    on_cpu = by_hand(layer, params, x, dy)[1][0]
    monkeypatch.setattr(lax, "platform_dependent", lambda *args, cpu, default: default(*args))
    elsewhere = by_hand(layer, params, x, dy)[1][0]
    np.testing.assert_allclose(on_cpu.kernel, elsewhere.kernel, rtol=1e-12)


def test_whole_number_images() -> None:
    """Bytes, as images come, where promotion is allowed; dx is then the gradient in floats."""
    layer = conv2d(2, 2)
    x = np.arange(18, dtype=np.uint8).reshape(1, 3, 3, 2)
    params = jax.tree.map(
        lambda leaf: leaf.astype(jnp.float32), layer.init(jax.random.key(0), (3, 3, 2))[0]
    )
    with jax.numpy_dtype_promotion("standard"):
        y, residuals = layer.forward(params, x)
        grads, dx = layer.backward(params, residuals, y)
    expected, _ = layer.forward(params, x.astype(np.float32))
    np.testing.assert_array_equal(y, expected)
    assert residuals.dtype == np.uint8
    assert y.dtype == dx.dtype == grads.kernel.dtype == jnp.float32


def test_initial_kernel_counts_the_inputs_of_a_group() -> None:
    params, _ = conv2d(64, 3, groups=4).init(jax.random.key(0), (9, 9, 64))
    assert params.kernel.shape == (3, 3, 16, 64)
    np.testing.assert_allclose(params.kernel.std(), np.sqrt(2 / (9 * 16)), rtol=0.03)
    assert (np.asarray(params.bias) == 0).all()


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: conv2d(0, 3), "conv2d(filters): expected a positive whole number, got 0"),
        (lambda: conv1d(2, 3, groups=True), "conv1d(groups): expected a positive whole number"),
        (lambda: conv2d(3, 3, groups=2), "conv2d: 3 filters do not divide into 2 groups"),
        (lambda: conv2d(2, (3, 0)), "conv2d(kernel): expected a positive whole number or a tuple"),
        (lambda: conv2d(2, (3,)), "conv2d(kernel): expected a positive whole number or a tuple"),
        (lambda: conv2d(2, 2.0), "got 2.0"),  # pyright: ignore[reportArgumentType]
        (lambda: conv1d(2, 3, stride=0), "conv1d(stride)"),
        (lambda: conv1d(2, 3, dilation=-1), "conv1d(dilation)"),
        (lambda: conv1d(2, 3, padding="same"), 'conv1d(padding): expected "VALID", "SAME"'),
        (lambda: conv2d(2, 3, padding=(1, 1)), "(before, after) >= 0 for each of 2 axes"),
        (lambda: conv2d(2, 3, padding=((1, 1), (1, -1))), "got ((1, 1), (1, -1))"),
        (lambda: conv1d_transpose(2, 3, padding=1), "got 1"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_wrong_options(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("layer", "in_shape", "message"),
    [
        (conv2d(2, 3), (5, 5), "conv2d takes examples of shape (height, width, channels), got"),
        (
            conv1d(2, 3, groups=2),
            (5, 3),
            "(time, channels) with channels divisible by 2, got (5, 3)",
        ),
        (conv2d(2, 3), (2, 5, 1), "spans (3, 3) positions, more than an input of (2, 5)"),
        (conv1d(2, 3, dilation=3), (6, 1), "conv1d: the window spans (7,) positions"),
        (
            conv1d_transpose(2, 2, padding=(2, 1)),
            (2, 1),
            "crops the output for an input of (2,)",
        ),
    ],
)
def test_wrong_shapes(layer: Layer, in_shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        layer.init(jax.random.key(0), in_shape)
    with pytest.raises(ValueError, match=re.escape(message)):
        layer.forward(ones(3, 1, 2), jnp.zeros((1, *in_shape)))


def test_kernel_of_another_layer() -> None:
    message = "x of shape (1, 4, 4, 2) takes a kernel of shape (3, 3, 2, 5), got (3, 3, 2, 4)"
    with pytest.raises(ValueError, match=re.escape(message)):
        conv2d(5, 3).forward(ones(3, 3, 2, 4), jnp.zeros((1, 4, 4, 2)))


# --- PyTorch --------------------------------------------------------------------------------------


def test_as_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the extra 'torch'")
    layer = conv2d(4, (3, 2), (2, 1), ((1, 1), (2, 2)), (1, 2), groups=2)
    params, x, dy = drawn(layer, (6, 5, 2))
    y, (grads, dx) = by_hand(layer, params, x, dy)
    x_t = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    kernel_t = torch.tensor(params.kernel.transpose(3, 2, 0, 1), requires_grad=True)
    bias_t = torch.tensor(params.bias)
    y_t = torch.nn.functional.conv2d(x_t, kernel_t, bias_t, (2, 1), (1, 2), (1, 2), 2)
    y_t.backward(torch.tensor(dy.transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(y, y_t.detach().numpy().transpose(0, 2, 3, 1), atol=1e-12)
    np.testing.assert_allclose(dx, x_t.grad.numpy().transpose(0, 2, 3, 1), atol=1e-12)
    np.testing.assert_allclose(
        grads.kernel, kernel_t.grad.numpy().transpose(2, 3, 1, 0), atol=1e-12
    )


def test_a_loop_over_batches_keeps_the_fast_convolution() -> None:
    """XLA's processor library takes examples first and channels last; else a slow nest runs."""
    layer = conv2d(4, 3)
    params, x, _ = drawn(layer, (6, 6, 2))

    def step(params: Convolution, _: None) -> tuple[Convolution, None]:
        y, residuals = layer.forward(params, x)
        grads, _dx = layer.backward(params, residuals, y)
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, grads), None

    def train(params: Convolution) -> Convolution:
        return jax.lax.scan(step, params, None, length=2)[0]

    text = jax.jit(train).lower(params).compile().as_text()
    assert text is not None
    layouts = set(re.findall(r"dim_labels=(\S+?),", text))
    assert layouts == {"b01f_01io->b01f"}


@pytest.mark.parametrize(("examples", "products"), [(64, 2**20), (128, 1000), (130, 1000)])
@pytest.mark.parametrize("groups", [1, 2])
def test_batches_of_several_parts(
    examples: int, products: int, groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradients are computed in parts of the batch, of 64 or 10 examples and a last shorter one."""
    monkeypatch.setattr(convolution, "PRODUCTS", products)
    layer = conv2d(2, 2, padding=((1, 0), (0, 1)), dilation=(1, 2), groups=groups)
    params, x, dy = drawn(layer, (3, 4, 2))
    scale = np.random.default_rng(1).normal(size=(examples, 1, 1, 1))
    x, dy = (scale * np.resize(a, (examples, *a.shape[1:])) for a in (x, dy))
    expected = jax.vjp(lambda p, x: layer.forward(p, x)[0], params, x)[1](dy)
    found = jax.jit(layer.backward)(params, x, dy)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-12, 1e-12), found, expected)
