"""Recurrent layers against loops written with numpy, and what masks and conventions promise."""

import functools
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnjax.core import Layer
from nnjax.layers.gru import GRU, gru
from nnjax.layers.lstm import LSTM, lstm
from nnjax.layers.parts.scan import sigmoid_slope, tanh_slope
from nnjax.layers.rnn import RNN, rnn

CELLS: dict[str, Callable[..., Layer]] = {"rnn": rnn, "lstm": lstm, "gru": gru}

each_cell = pytest.mark.parametrize("name", list(CELLS))


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def drawn(name: str, features: int, units: int, seed: int = 0) -> Any:
    """Random parameters."""
    layer = CELLS[name](units)
    like = jax.eval_shape(lambda key: layer.init(key, (1, features))[0], jax.random.key(0))
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape)), like)


def loop(name: str, params: Any, x: np.ndarray) -> np.ndarray:
    """All states, one example, one step and one gate at a time, as the textbooks write it."""
    params = type(params)(*[np.asarray(leaf) for leaf in params])
    units = params.recurrent.shape[0]

    def block(matrix: np.ndarray, gate: int) -> np.ndarray:
        return matrix[..., gate * units : (gate + 1) * units]

    y = np.zeros((*x.shape[:2], units))
    for b in range(x.shape[0]):
        h, c = np.zeros(units), np.zeros(units)
        for t in range(x.shape[1]):

            def pre(gate: int, x: np.ndarray = x[b, t], h: np.ndarray = h) -> np.ndarray:
                return (
                    x @ block(params.input, gate)
                    + h @ block(params.recurrent, gate)
                    + block(params.bias, gate)
                )

            if name == "rnn":
                h = np.tanh(pre(0))
            elif name == "lstm":
                i, f, o = sigmoid(pre(0)), sigmoid(pre(1)), sigmoid(pre(3))
                c = f * c + i * np.tanh(pre(2))
                h = o * np.tanh(c)
            else:
                r, z = sigmoid(pre(0)), sigmoid(pre(1))
                state = h @ block(params.recurrent, 2) + params.recurrent_bias
                n = np.tanh(x[b, t] @ block(params.input, 2) + block(params.bias, 2) + r * state)
                h = (1 - z) * n + z * h
            y[b, t] = h
    return y


@functools.cache
def cell(name: str, last: bool = False, masked: bool = False) -> Layer:
    """A layer of 3 units; one object for all tests, so that it is compiled once for a shape."""
    return CELLS[name](3, last=last, masked=masked)


@functools.cache
def compiled(layer: Layer) -> Callable[..., tuple[Any, Any, Any]]:
    def run(params: Any, x: jax.Array, dy: jax.Array) -> tuple[Any, Any, Any]:
        y, residuals = layer.forward(params, x)
        return (y, *layer.backward(params, residuals, dy))

    return jax.jit(run)


def gradients(layer: Layer, params: Any, x: Any, dy: Any) -> tuple[Any, Any, Any]:
    return compiled(layer)(params, jnp.asarray(x), jnp.asarray(dy))


def outputs(layer: Layer, params: Any, x: Any) -> jax.Array:
    y, _ = jax.eval_shape(layer.forward, params, jnp.asarray(x))
    return gradients(layer, params, x, np.zeros(y.shape))[0]


def masked_input(lengths: list[int], time: int, features: int) -> np.ndarray:
    """Random numbers, those of the padded steps too, and the mask."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(len(lengths), time, features + 1))
    x[..., -1] = np.arange(time) < np.array(lengths)[:, None]
    return x


@each_cell
def test_forward_is_the_textbook_loop(name: str) -> None:
    params = drawn(name, 2, 3)
    x = np.random.default_rng(2).normal(size=(2, 4, 2))
    expected = loop(name, params, x)
    np.testing.assert_allclose(outputs(cell(name), params, x), expected, rtol=1e-12)
    y = outputs(cell(name, last=True), params, x)
    np.testing.assert_allclose(y, expected[:, -1], rtol=1e-12)


def test_two_steps_of_an_rnn_by_hand() -> None:
    # h1 = tanh(w x + b) = tanh(0.5), h2 = tanh(u h1 + b), x2 = 0; J = h2, b = 0, w = 0.5, u = 2.
    # dz2 = 1 - h2^2, du = h1 dz2, dz1 = u dz2 (1 - h1^2), dw = x1 dz1, db = dz1 + dz2.
    h1 = np.tanh(0.5)
    h2 = np.tanh(2 * h1)
    dz2 = 1 - h2**2
    dz1 = 2 * dz2 * (1 - h1**2)
    params = RNN(jnp.array([[0.5]]), jnp.array([[2.0]]), jnp.array([0.0]))
    y, grads, dx = gradients(rnn(1, last=True), params, [[[1.0], [0.0]]], [[1.0]])
    found = [y.item(), *[g.item() for g in grads], *dx.ravel().tolist()]
    np.testing.assert_allclose(found, [h2, dz1, h1 * dz2, dz1 + dz2, 0.5 * dz1, 0.5 * dz2])


def test_a_cell_that_is_only_kept_hands_the_error_signal_on_unchanged() -> None:
    """Forget gate and output gate open, input gate shut after the first step: the reason for it."""
    wide = 40.0
    bias = jnp.array([-wide, wide, 0.0, wide])
    params = LSTM(jnp.array([[2 * wide, 0.0, 0.5, 0.0]]), jnp.zeros((1, 4)), bias)
    x = np.zeros((1, 50, 1))
    x[0, 0, 0] = 1.0
    y, _, dx = gradients(lstm(1, last=True), params, x, [[1.0]])
    c = np.tanh(0.5)
    np.testing.assert_allclose(y.item(), np.tanh(c), rtol=1e-12)
    expected = (1 - np.tanh(c) ** 2) * (1 - c**2) * 0.5
    np.testing.assert_allclose(dx[0, 0, 0], expected, rtol=1e-12)


def test_gru_with_z_of_one_keeps_the_state_and_resets_inside_of_the_product() -> None:
    """z = 1 keeps h; z = 0 and r = 0 leaves n = tanh(x W + b), whatever U and c are."""
    keep = GRU(jnp.ones((1, 3)), jnp.ones((1, 3)), jnp.array([0.0, 800.0, 0.0]), jnp.ones(1))
    y = outputs(gru(1), keep, jnp.ones((1, 3, 1)))
    assert y.ravel().tolist() == [0.0, 0.0, 0.0]
    reset = keep._replace(bias=jnp.array([-800.0, -800.0, 0.0]))
    y = outputs(gru(1), reset, jnp.ones((1, 3, 1)))
    np.testing.assert_allclose(y.ravel(), np.tanh(1.0), rtol=1e-12)


@each_cell
def test_padded_steps_hold_the_state(name: str) -> None:
    params = drawn(name, 2, 3)
    x = masked_input([2, 4], 4, 2)
    y = outputs(cell(name, masked=True), params, x)
    plain = loop(name, params, x[..., :-1])
    np.testing.assert_allclose(y[1], plain[1], rtol=1e-12)
    np.testing.assert_allclose(y[0], plain[0][[0, 1, 1, 1]], rtol=1e-12)
    last = outputs(cell(name, last=True, masked=True), params, x)
    np.testing.assert_array_equal(last, y[:, -1])


@each_cell
def test_a_hole_is_as_if_the_step_were_not_there(name: str) -> None:
    """Also the LSTM's cell is held: with h alone the later steps would differ."""
    params = drawn(name, 2, 3)
    x = masked_input([4, 4], 4, 2)
    x[:, 1, -1] = 0
    y = outputs(cell(name, masked=True), params, x)
    without = loop(name, params, x[:, [0, 2, 3], :-1])
    np.testing.assert_allclose(y[:, [0, 2, 3]], without, rtol=1e-12)


@each_cell
def test_a_padded_batch_is_its_sequences_one_by_one(name: str) -> None:
    """Outputs, the sum of the parameters' gradients, and the gradient of every real step."""
    params, lengths = drawn(name, 2, 3), [2, 4]
    x = masked_input(lengths, 4, 2)
    dy = np.random.default_rng(4).normal(size=(2, 3))
    y, grads, dx = gradients(cell(name, last=True, masked=True), params, x, dy)
    total = jax.tree.map(jnp.zeros_like, grads)
    for b, length in enumerate(lengths):
        one = gradients(cell(name, last=True), params, x[b : b + 1, :length, :-1], dy[b : b + 1])
        np.testing.assert_allclose(y[b], one[0][0], rtol=1e-12)
        np.testing.assert_allclose(dx[b, :length, :-1], one[2][0], rtol=1e-10, atol=1e-15)
        total = jax.tree.map(jnp.add, total, one[1])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10), grads, total)


@each_cell
@pytest.mark.parametrize("last", [False, True])
def test_padded_steps_have_no_gradient_and_no_influence(name: str, last: bool) -> None:
    params = drawn(name, 2, 3)
    layer = cell(name, last=last, masked=True)
    x = masked_input([2, 4], 4, 2)
    other = x.copy()
    other[0, 2:, :-1] = 1e6
    dy = np.random.default_rng(5).normal(size=(2, 3) if last else (2, 4, 3))
    y, grads, dx = gradients(layer, params, x, dy)
    far_y, far_grads, far_dx = gradients(layer, params, other, dy)
    assert not dx[0, 2:, :-1].any()
    assert dx[0, :2, :-1].all()
    np.testing.assert_array_equal(y, far_y)
    np.testing.assert_array_equal(dx[1], far_dx[1])
    jax.tree.map(np.testing.assert_array_equal, grads, far_grads)


@each_cell
def test_the_mask_has_its_true_derivative(name: str) -> None:
    """At the last step, J = sum(dy * h) is linear in m: dm is h(m = 1) - h(m = 0)."""
    params = drawn(name, 2, 3)
    layer = cell(name, last=True, masked=True)
    x = masked_input([4, 4], 4, 2)
    whole, _, dx = gradients(layer, params, x, np.ones((2, 3)))
    x[:, -1, -1] = 0
    held, _, held_dx = gradients(layer, params, x, np.ones((2, 3)))
    gain = np.sum(whole - held, axis=-1)
    np.testing.assert_allclose(dx[:, -1, -1], gain, rtol=1e-12)
    np.testing.assert_allclose(held_dx[:, -1, -1], gain, rtol=1e-12)


@each_cell
def test_a_mask_of_ones_changes_nothing(name: str) -> None:
    params = drawn(name, 2, 3)
    x = masked_input([4, 4], 4, 2)
    dy = np.random.default_rng(5).normal(size=(2, 4, 3))
    y, grads, dx = gradients(cell(name, masked=True), params, x, dy)
    plain_y, plain_grads, plain_dx = gradients(cell(name), params, x[..., :-1], dy)
    np.testing.assert_allclose(y, plain_y, rtol=1e-14)
    np.testing.assert_allclose(dx[..., :-1], plain_dx, rtol=1e-12)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), grads, plain_grads)


@each_cell
def test_the_gradient_is_not_truncated(name: str) -> None:
    """An output of the last step has a derivative by the first of 60 inputs, and the right one."""
    params = drawn(name, 1, 3)
    params = params._replace(recurrent=0.4 * params.recurrent)
    layer = cell(name, last=True)
    x = jnp.asarray(np.random.default_rng(6).normal(size=(1, 60, 1)))
    dy = jnp.ones((1, 3))
    _, _, dx = gradients(layer, params, x, dy)
    expected = jax.jit(jax.grad(lambda x: jnp.sum(layer.forward(params, x)[0])))(x)
    assert dx[0, 0, 0] != 0
    np.testing.assert_allclose(dx, expected, rtol=1e-9)


def test_slopes_keep_their_digits_where_a_gate_is_saturated() -> None:
    z = jnp.array([0.0, 1.0, -1.0, 40.0, -40.0, 100.0, 800.0])
    s = 1 / (1 + np.exp(-np.abs(z)))
    expected = np.exp(-np.abs(z)) * s * s
    np.testing.assert_allclose(sigmoid_slope(z), expected, rtol=1e-14)
    np.testing.assert_allclose(tanh_slope(z[:3]), 1 - np.tanh(z[:3]) ** 2, rtol=1e-14)
    assert tanh_slope(jnp.float32(12.0)) > 0


def test_a_saturated_rnn_still_has_a_gradient_in_float32() -> None:
    params = RNN(jnp.float32([[1.0]]), jnp.float32([[0.0]]), jnp.float32([0.0]))
    x = jnp.float32([[[12.0]]])
    y, _, dx = gradients(rnn(1), params, x, jnp.float32([[[1.0]]]))
    np.testing.assert_allclose(y.item(), 1, rtol=1e-6)
    np.testing.assert_allclose(dx.item(), 1 / np.cosh(12.0) ** 2, rtol=1e-6)


def test_initial_weights_are_those_of_each_gate_and_biases_are_zero(key: jax.Array) -> None:
    """Glorot's bound for (features, units) and (units, units), not for the gates side by side."""
    for name, gates in (("rnn", 1), ("lstm", 4), ("gru", 3)):
        params, shape = CELLS[name](50).init(key, (7, 30))
        assert shape == (7, 50)
        assert CELLS[name](50, last=True, masked=True).init(key, (7, 31))[1] == (50,)
        for weights, fan_in in ((params.input, 30), (params.recurrent, 50)):
            assert weights.shape == (fan_in, gates * 50)
            bound = np.sqrt(6 / (fan_in + 50))
            blocks = np.split(np.abs(weights), gates, axis=-1)
            assert all(0.95 * bound < block.max() <= bound for block in blocks)
            assert len(np.unique(weights)) == weights.size
        assert not any(leaf.any() for leaf in params[2:])


@each_cell
def test_no_steps(name: str) -> None:
    params = drawn(name, 2, 3)
    x = np.ones((2, 0, 2))
    y, grads, dx = gradients(cell(name, last=True), params, x, np.ones((2, 3)))
    assert (y.shape, dx.shape) == ((2, 3), x.shape)
    assert not any(leaf.any() for leaf in jax.tree.leaves((y, grads)))


@each_cell
def test_mistakes_are_named(name: str) -> None:
    make = CELLS[name]
    for units in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match=re.escape(f"{name}(units): expected")):
            make(units)
    with pytest.raises(ValueError, match=re.escape("shape (time, features), got (3,)")):
        make(2).init(jax.random.key(0), (3,))
    with pytest.raises(ValueError, match=re.escape("features + 1 with the mask), got (5, 1)")):
        make(2, masked=True).init(jax.random.key(0), (5, 1))
    params = drawn(name, 3, 2)
    gates = params.input.shape
    for layer, x, wanted in (
        (make(2), (4, 3), "(batch, time, 3), got (4, 3)"),
        (make(2), (4, 5, 2), "(batch, time, 3), got (4, 5, 2)"),
        (make(2, masked=True), (4, 5, 3), "(batch, time, 4) with the mask, got (4, 5, 3)"),
    ):
        with pytest.raises(ValueError, match=re.escape(f"shape {gates} and takes x of shape")):
            layer.forward(params, jnp.ones(x))
        with pytest.raises(ValueError, match=re.escape(wanted)):
            layer.forward(params, jnp.ones(x))


@each_cell
def test_pytorch_agrees(name: str) -> None:
    """The same numbers and gradients as torch.nn.RNN, LSTM and GRU."""
    torch = pytest.importorskip("torch", reason="PyTorch is the extra 'torch'")
    params = drawn(name, 3, 4)
    x = np.random.default_rng(7).normal(size=(2, 5, 3))
    dy = np.random.default_rng(8).normal(size=(2, 5, 4))
    y, grads, dx = gradients(CELLS[name](4), params, x, dy)

    module = getattr(torch.nn, name.upper())(3, 4, batch_first=True).double()
    module.load_state_dict(
        {
            "weight_ih_l0": torch.tensor(np.array(params.input.T)),
            "weight_hh_l0": torch.tensor(np.array(params.recurrent.T)),
            "bias_ih_l0": torch.tensor(np.array(params.bias)),
            "bias_hh_l0": torch.tensor(
                np.concatenate([np.zeros(8), params.recurrent_bias])
                if name == "gru"
                else np.zeros(params.bias.shape)
            ),
        }
    )
    inputs = torch.tensor(x, requires_grad=True)
    output, _ = module(inputs)
    output.backward(torch.tensor(dy))
    np.testing.assert_allclose(y, output.detach().numpy(), rtol=1e-10)
    np.testing.assert_allclose(dx, inputs.grad.numpy(), rtol=1e-9, atol=1e-14)
    expected = [
        module.weight_ih_l0.grad.T,
        module.weight_hh_l0.grad.T,
        module.bias_ih_l0.grad,
        module.bias_hh_l0.grad[8:],
    ]
    for found, wanted in zip(grads, expected[: len(grads)], strict=True):
        np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-9, atol=1e-14)
