"""Poolings: ties, padding, NaN, divisors, dilation, messages, against loops in numpy."""

import itertools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from nnjax.core import Layer
from nnjax.layers.avg_pool import avg_pool, global_avg_pool
from nnjax.layers.max_pool import global_max_pool, max_pool

# window, stride, dilation, (before, after) on each axis, sizes
OPTIONS = {
    "tiles": ((2, 3), (2, 3), (1, 1), ((0, 0), (0, 0)), (4, 6)),
    "overlapping": ((3, 2), (1, 1), (1, 1), ((0, 0), (0, 0)), (5, 4)),
    "left over": ((2, 2), (2, 2), (1, 1), ((0, 0), (0, 0)), (5, 7)),
    "stride over window": ((2, 1), (3, 4), (1, 1), ((0, 0), (0, 0)), (6, 7)),
    "padded": ((3, 3), (2, 1), (1, 1), ((2, 1), (0, 2)), (4, 5)),
    "dilated": ((3, 2), (1, 1), (2, 3), ((0, 0), (0, 0)), (7, 6)),
    "dilated, padded, strided": ((3, 2), (2, 1), (2, 3), ((2, 3), (3, 1)), (6, 5)),
}
INPUTS = {
    "random": lambda rng, shape: rng.normal(size=shape),
    "negative": lambda rng, shape: -1 - rng.uniform(size=shape),
    "ties": lambda rng, shape: rng.integers(0, 2, size=shape).astype(float),
}


def by_hand(layer: Layer, x: Any, dy: Any) -> tuple[Any, Any]:
    def both(x: Any, dy: Any) -> Any:
        y, residuals = layer.forward((), x)
        return y, layer.backward((), residuals, dy)[1]

    y, dx = jax.jit(both)(x, dy)
    return np.asarray(y), np.asarray(dx)


def drawn(layer: Layer, draw: Any, in_shape: tuple[int, ...]) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    _, out_shape = layer.init(jax.random.key(0), in_shape)
    return draw(rng, (2, *in_shape)), rng.normal(size=(2, *out_shape))


def patches(options: Any, out: tuple[int, int]) -> Any:
    """For each window its place and, in row-major order, the places of its elements in x."""
    window, stride, dilation, pads, sizes = options
    for o, u in itertools.product(range(out[0]), range(out[1])):
        rows = [o * stride[0] + k * dilation[0] - pads[0][0] for k in range(window[0])]
        columns = [u * stride[1] + k * dilation[1] - pads[1][0] for k in range(window[1])]
        inside = [
            (p, q)
            for p, q in itertools.product(rows, columns)
            if 0 <= p < sizes[0] and 0 <= q < sizes[1]
        ]
        yield (o, u), inside


@pytest.mark.parametrize("draw", INPUTS)
@pytest.mark.parametrize("name", OPTIONS)
def test_max_pool_is_the_first_maximum_of_each_patch(name: str, draw: str) -> None:
    window, stride, dilation, pads, sizes = OPTIONS[name]
    layer = max_pool(window, stride, pads, dilation)
    x, dy = drawn(layer, INPUTS[draw], (*sizes, 3))
    y, dx = by_hand(layer, x, dy)
    expected_y, expected_dx = np.zeros_like(dy), np.zeros_like(x)
    for (o, u), inside in patches(OPTIONS[name], dy.shape[1:3]):
        elements = np.stack([x[:, p, q] for p, q in inside])
        expected_y[:, o, u] = elements.max(0)
        for (b, c), first in np.ndenumerate(elements.argmax(0)):
            expected_dx[b, *inside[first], c] += dy[b, o, u, c]
    np.testing.assert_array_equal(y, expected_y)
    np.testing.assert_allclose(dx, expected_dx, atol=1e-13)


@pytest.mark.parametrize("count_padding", [False, True])
@pytest.mark.parametrize("name", OPTIONS)
def test_avg_pool_is_the_mean_of_each_patch(name: str, count_padding: bool) -> None:
    window, stride, dilation, pads, sizes = OPTIONS[name]
    layer = avg_pool(window, stride, pads, dilation, count_padding)
    x, dy = drawn(layer, INPUTS["random"], (*sizes, 3))
    y, dx = by_hand(layer, x, dy)
    expected_y, expected_dx = np.zeros_like(dy), np.zeros_like(x)
    for (o, u), inside in patches(OPTIONS[name], dy.shape[1:3]):
        n = window[0] * window[1] if count_padding else len(inside)
        for p, q in inside:
            expected_y[:, o, u] += x[:, p, q] / n
            expected_dx[:, p, q] += dy[:, o, u] / n
    np.testing.assert_allclose(y, expected_y, atol=1e-13)
    np.testing.assert_allclose(dx, expected_dx, atol=1e-13)


# --- ties, infinities, NaN ------------------------------------------------------------------------


def image(*rows: list[float]) -> np.ndarray:
    return np.array(rows)[None, :, :, None]


@pytest.mark.parametrize("layer", [max_pool(2), global_max_pool()])
def test_a_tie_goes_to_the_first_in_row_major_order(layer: Layer) -> None:
    dy = np.ones((1, 1, 1, 1) if layer.init(jax.random.key(0), (2, 2, 1))[1] != (1,) else (1, 1))
    for x, expected in (
        (image([0, 0], [0, 0]), [1, 0, 0, 0]),
        (image([0, 7], [7, 0]), [0, 1, 0, 0]),
        (image([0, 0], [7, 7]), [0, 0, 1, 0]),
    ):
        assert by_hand(layer, x, dy)[1].ravel().tolist() == expected


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
def test_ties_as_xla(padding: str) -> None:
    """XLA's select-and-scatter, by way of the gradient of `reduce_window`, has the same rule."""
    layer = max_pool(3, 2, padding)
    x, dy = drawn(layer, INPUTS["ties"], (7, 6, 2))
    y, dx = by_hand(layer, x, dy)

    def pooled(x: jax.Array) -> jax.Array:
        return lax.reduce_window(x, -np.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), padding)

    expected_y, pull_back = jax.vjp(pooled, jnp.asarray(x))
    np.testing.assert_array_equal(y, expected_y)
    np.testing.assert_allclose(dx, pull_back(jnp.asarray(dy))[0], atol=1e-13)


@pytest.mark.parametrize("value", [0.0, -1e300, -np.inf])
def test_the_error_signal_is_all_there(value: float) -> None:
    """Padding never wins, not even over -inf: sum dx = sum dy."""
    layer = max_pool(3, 2, "SAME")
    x, dy = drawn(layer, lambda rng, shape: np.full(shape, value), (5, 4, 2))
    y, dx = by_hand(layer, x, dy)
    assert (y == value).all()
    np.testing.assert_allclose(dx.sum((1, 2)), dy.sum((1, 2)), rtol=1e-12)


def test_padding_does_not_win_over_negative_inputs() -> None:
    """numpy-ml and all who pad with zeros fail here. Windows (., -3, -1), (-1, -2, .)."""
    y, dx = by_hand(
        max_pool(3, 2, (1, 1)), np.array([[[-3.0], [-1.0], [-2.0]]]), np.ones((1, 2, 1))
    )
    assert y.ravel().tolist() == [-1, -1]
    assert dx.ravel().tolist() == [0, 2, 0]


@pytest.mark.parametrize("layer", [max_pool(2), max_pool(2, dilation=1, padding="SAME")])
def test_nan_comes_through(layer: Layer) -> None:
    for x in (image([5, np.nan], [7, 1]), image([np.nan, 5], [np.nan, 1])):
        y, dx = by_hand(layer, x, np.ones((1, 1, 1, 1)))
        assert np.isnan(y).all()
        assert dx.ravel().tolist() == np.where(x == image([5, 9], [7, 1]), 0, dx).ravel().tolist()
        assert dx.sum() == 1
        assert np.isnan(x[dx == 1]).all()


def test_nan_comes_through_the_global_maximum() -> None:
    y, dx = by_hand(global_max_pool(), image([5, np.nan], [7, np.nan]), np.ones((1, 1)))
    assert np.isnan(y).all()
    assert dx.ravel().tolist() == [0, 1, 0, 0]


# --- dtypes and sizes -----------------------------------------------------------------------------


def test_whole_numbers_have_a_maximum() -> None:
    x = np.array([[[-128], [-127], [3]]], np.int8)
    layer = max_pool(2, 1, (1, 0))
    y, residuals = layer.forward((), x)
    assert y.dtype == np.int8
    assert y.ravel().tolist() == [-128, -127, 3]
    _, dx = layer.backward((), residuals, jnp.ones((1, 3, 1), jnp.float32))
    assert dx.dtype == jnp.float32
    assert dx.ravel().tolist() == [1, 1, 1]


@pytest.mark.parametrize("layer", [avg_pool(200), global_avg_pool()])
def test_means_of_half_precision_do_not_overflow(layer: Layer) -> None:
    x = np.full((1, 200, 1), 1000, np.float16)
    y, residuals = layer.forward((), x)
    assert y.dtype == np.float16
    assert y.ravel().tolist() == [1000]
    assert layer.backward((), residuals, y)[1].dtype == np.float16


@pytest.mark.parametrize("layer", [avg_pool(2), global_avg_pool()])
def test_means_of_whole_numbers_are_fractions(layer: Layer) -> None:
    y, residuals = layer.forward((), np.array([[[1], [2]]], np.uint8))
    assert y.ravel().tolist() == [1.5]
    assert layer.backward((), residuals, y)[1].ravel().tolist() == [0.75, 0.75]


def test_places_in_long_windows_need_more_than_a_byte() -> None:
    for window, dtype in ((256, np.uint8), (257, np.int32)):
        layer = max_pool(window)
        _, residuals = jax.eval_shape(lambda x, f=layer.forward: f((), x), np.zeros((1, 300, 1)))
        assert residuals.winners[0].dtype == dtype


@pytest.mark.parametrize("layer", [max_pool(2), avg_pool(2), global_max_pool(), global_avg_pool()])
def test_residuals_are_smaller_than_x(layer: Layer) -> None:
    x = np.ones((2, 8, 8, 4))
    _, residuals = jax.eval_shape(lambda x: layer.forward((), x), x)
    assert (
        sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(residuals)) <= x.nbytes / 8
    )


def test_an_int_means_every_axis() -> None:
    for window in (2, (2, 2), (2, 2, 2)):
        rank = 3 if window == 2 else len(window)
        assert max_pool(window).init(jax.random.key(0), (4,) * rank + (3,))[1] == (2,) * rank + (3,)
    assert max_pool((2,)).init(jax.random.key(0), (5, 3))[1] == (2, 3)
    assert global_max_pool().init(jax.random.key(0), (2, 3, 4, 5))[1] == (5,)


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: max_pool(0), "max_pool(window): expected a positive whole number or a tuple"),
        (lambda: avg_pool((2, True)), "avg_pool(window)"),
        (lambda: max_pool(()), "max_pool(window)"),
        (lambda: avg_pool(2, 0), "avg_pool(stride)"),
        (lambda: max_pool(2, dilation=0), "max_pool(dilation)"),
        (lambda: max_pool(2, padding="FULL"), 'max_pool(padding): expected "VALID", "SAME" or'),
        (lambda: avg_pool(2, padding=()), "got ()"),
    ],
)
def test_wrong_options(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("layer", "in_shape", "message"),
    [
        (max_pool(2), (3,), "max_pool takes examples of shape (time, channels), (height, width"),
        (global_avg_pool(), (3,), "global_avg_pool takes examples of shape"),
        (global_max_pool(), (0, 3), "got (0, 3)"),
        (
            max_pool((2, 2)),
            (4, 3),
            "window (2, 2), stride (2, 2), dilation 1, padding VALID do not",
        ),
        (avg_pool(2, padding=((1, 1),)), (4, 4, 3), "padding ((1, 1),) do not match the 2 axes"),
        (avg_pool(3), (2, 5, 1), "avg_pool: the window spans (3, 3) positions, more than"),
        (
            max_pool(2, padding=(2, 0)),
            (4, 1),
            "some windows contain only padding",
        ),
        (avg_pool(2, padding="SAME", dilation=2), (1, 1), "some windows contain only padding"),
    ],
)
def test_wrong_shapes(layer: Layer, in_shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        layer.init(jax.random.key(0), in_shape)
    with pytest.raises(ValueError, match=re.escape(message)):
        layer.forward((), jnp.zeros((1, *in_shape)))


def test_windows_of_padding_may_be_counted() -> None:
    y, dx = by_hand(
        avg_pool(2, 2, (2, 0), count_padding=True), np.ones((1, 2, 1)), np.ones((1, 2, 1))
    )
    assert y.ravel().tolist() == [0, 1]
    assert dx.ravel().tolist() == [0.5, 0.5]


# --- PyTorch --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["max", "avg", "counted"])
def test_as_pytorch(kind: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the extra 'torch'")
    functions = torch.nn.functional
    pads = ((1, 1), (1, 1))
    layer, other = {
        "max": (
            max_pool((3, 2), 2, pads, 2),
            lambda x: functions.max_pool2d(x, (3, 2), 2, 1, 2),
        ),
        "avg": (
            avg_pool((3, 2), 2, pads),
            lambda x: functions.avg_pool2d(x, (3, 2), 2, 1, count_include_pad=False),
        ),
        "counted": (
            avg_pool((3, 2), 2, pads, count_padding=True),
            lambda x: functions.avg_pool2d(x, (3, 2), 2, 1),
        ),
    }[kind]
    x, dy = drawn(layer, INPUTS["negative"], (7, 6, 2))
    y, dx = by_hand(layer, x, dy)
    x_t = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    y_t = other(x_t)
    y_t.backward(torch.tensor(dy.transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(y, y_t.detach().numpy().transpose(0, 2, 3, 1), atol=1e-13)
    np.testing.assert_allclose(dx, x_t.grad.numpy().transpose(0, 2, 3, 1), atol=1e-13)
