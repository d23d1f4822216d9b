"""Attention: loops in numpy, its masks, and a small transformer that learns."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import nnjax as nn
from nnjax.layers.attention import attention, multi_head_attention
from nnjax.layers.embedding import embedding, position_embedding
from nnjax.layers.norm import layer_norm
from nnjax.transformer import transformer_block


def run(layer: nn.Layer, x: Any, dy: Any, params: Any = ()) -> tuple[Any, Any, Any]:
    """Output, gradients of the parameters and of the input."""
    return _run(layer, jnp.asarray(x), jnp.asarray(dy), params)


@functools.partial(jax.jit, static_argnums=0)
def _run(layer: nn.Layer, x: Any, dy: Any, params: Any) -> tuple[Any, Any, Any]:
    y, residuals = layer.forward(params, x)
    return y, *layer.backward(params, residuals, dy)


def in_loops(x: np.ndarray, heads: int, causal: bool, real: np.ndarray) -> np.ndarray:
    """Attention one example, head and query at a time."""
    n, time, channels = x.shape
    d = channels // (3 * heads)
    y = np.zeros((n, time, channels // 3))
    for b in range(n):
        for h in range(heads):
            q, k, v = (
                x[b, :, i * channels // 3 + h * d : i * channels // 3 + (h + 1) * d]
                for i in range(3)
            )
            for t in range(time):
                seen = [s for s in range(time) if real[b, s] and (s <= t or not causal)]
                scores = [q[t] @ k[s] / math.sqrt(d) for s in seen]
                total = sum(math.exp(score) for score in scores)
                for s, score in zip(seen, scores, strict=True):
                    y[b, t, h * d : (h + 1) * d] += math.exp(score) / total * v[s]
    return y


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_against_loops(heads: int, causal: bool, masked: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 5, 24))
    real = np.ones((3, 5), bool)
    if masked:
        real = rng.random((3, 5)) > 0.4
        real[1] = False
    given = np.concatenate([x, real[..., None]], -1) if masked else x
    y = run(attention(heads, causal, masked), given, x[..., :8])[0]
    np.testing.assert_allclose(y, in_loops(x, heads, causal, real), rtol=1e-12, atol=1e-14)


def test_the_function_of_jax_agrees() -> None:
    rng = np.random.default_rng(0)
    x, dy = jnp.asarray(rng.normal(size=(2, 5, 24))), jnp.asarray(rng.normal(size=(2, 5, 8)))

    def theirs(x: jax.Array) -> jax.Array:
        q, k, v = (a.reshape(2, 5, 2, 4) for a in jnp.split(x, 3, -1))
        return jax.nn.dot_product_attention(q, k, v, is_causal=True).reshape(2, 5, 8)

    with jax.numpy_dtype_promotion("standard"):
        expected, back = jax.vjp(jax.jit(theirs), x)
        expected_dx = back(dy)[0]
    y, _, dx = run(attention(2, causal=True), x, dy)
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-7)  # its softmax is in float32
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-5, atol=1e-6)


def test_by_hand() -> None:
    """Two positions, d = 1: q = 0, 5; k = 0, ln(3)/5; v = 1, 3.

    Scores of the first query are 0, 0, weights 1/2, 1/2, output 2; of the second 0, ln 3, weights
    1/4, 3/4, output 2.5. With dy = (0, 1): dv = 1/4, 3/4; dA = 1, 3 in the second row, D = 2.5,
    dS = 1/4 * -1.5, 3/4 * 0.5 = -0.375, 0.375; dq_2 = 0.375 ln(3)/5; dk = -0.375 * 5, 0.375 * 5.
    """
    k = math.log(3) / 5
    x = np.array([[[0.0, 0.0, 1.0], [5.0, k, 3.0]]])
    y, _, dx = run(attention(), x, [[[0.0], [1.0]]])
    np.testing.assert_allclose(y[0, :, 0], [2.0, 2.5], rtol=1e-14)
    np.testing.assert_allclose(
        dx[0], [[0, -1.875, 0.25], [0.375 * k, 1.875, 0.75]], rtol=1e-13, atol=1e-15
    )


# --- masks ----------------------------------------------------------------------------------------


def test_a_query_that_sees_nothing() -> None:
    """Its output and everything's gradient by way of it are 0, not NaN; nothing else changes."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 7))
    x[0, :, -1], x[1, :, -1] = 0, 1
    y, _, dx = run(attention(masked=True), x, np.ones((2, 3, 2)))
    np.testing.assert_array_equal(y[0], np.zeros((3, 2)))
    np.testing.assert_array_equal(dx[0], np.zeros((3, 7)))
    alone = run(attention(), x[1:, :, :-1], np.ones((1, 3, 2)))
    np.testing.assert_allclose(y[1:], alone[0], rtol=1e-14)
    np.testing.assert_allclose(dx[1:, :, :-1], alone[2], rtol=1e-12, atol=1e-15)


def test_padding_is_as_if_it_were_not_there() -> None:
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(1, 5, 13)), rng.normal(size=(1, 5, 4))
    x[..., -1] = [[1, 1, 1, 0, 0]]
    dy[:, 3:] = 0
    y, _, dx = run(attention(2, masked=True), x, dy)
    short, _, short_dx = run(attention(2), x[:, :3, :-1], dy[:, :3])
    np.testing.assert_allclose(y[:, :3], short, rtol=1e-13)
    np.testing.assert_allclose(dx[:, :3, :-1], short_dx, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(dx[:, 3:], np.zeros((1, 2, 13)))
    np.testing.assert_array_equal(dx[..., -1], np.zeros((1, 5)))


@pytest.mark.parametrize(
    "layer",
    [
        multi_head_attention(4, 2, causal=True),
        nn.serial(transformer_block(4, 2), transformer_block(4, 1)),
    ],
    ids=["attention", "two blocks"],
)
def test_the_future_is_not_seen(layer: nn.Layer) -> None:
    """Other tokens from position 3 on leave outputs 0..2 exactly as they were, and an error signal
    at position 2 reaches no later input."""
    rng = np.random.default_rng(0)
    params = layer.init(jax.random.key(0), (6, 4))[0]
    x, dy = rng.normal(size=(2, 6, 4)), np.zeros((2, 6, 4))
    other = np.concatenate([x[:, :3], rng.normal(size=(2, 3, 4))], 1)
    dy[:, 2] = 1 + rng.normal(size=4)
    y, _, dx = run(layer, x, dy, params)
    changed = run(layer, other, dy, params)[0]
    np.testing.assert_array_equal(y[:, :3], changed[:, :3])
    assert not np.allclose(y[:, 3:], changed[:, 3:])
    np.testing.assert_array_equal(dx[:, 3:], np.zeros((2, 3, 4)))
    assert (np.abs(dx[:, :3]) > 0).all()


# --- far out --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e2, 1e4])
def test_large_scores(size: float) -> None:
    """One key wins outright: its value is the output, and all gradient goes to it."""
    x = np.array([[[size, -size, 1.0], [size, size, 5.0]]])
    y, _, dx = run(attention(), x, np.ones((1, 2, 1)))
    np.testing.assert_allclose(y[0, :, 0], [5.0, 5.0])
    np.testing.assert_allclose(dx[0], [[0, 0, 0], [0, 0, 2]], atol=1e-12)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_precision(dtype: Any) -> None:
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 13)), dtype)
    layer = attention(2, causal=True, masked=True)
    y, _, dx = run(layer, x, jnp.ones((2, 5, 4), dtype))
    expected = run(layer, x.astype(jnp.float64), jnp.ones((2, 5, 4)))[0]
    np.testing.assert_allclose(
        y.astype(jnp.float64), expected, atol=8 * float(jnp.finfo(dtype).eps)
    )
    assert y.dtype == dx.dtype == jnp.dtype(dtype)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
@pytest.mark.parametrize(("size", "d"), [(40.0, 64), (200.0, 4), (30.0, 128)])
def test_sums_over_channels_may_pass_the_end_of_half_precision(
    size: float, d: int, dtype: Any
) -> None:
    """Σ_i q_i k_i is above 65504, though the scores, the outputs and the gradients are not."""
    x = jnp.full((1, 3, 3 * d), size, dtype)
    y, _, dx = run(attention(), x, jnp.full((1, 3, d), size, dtype))
    np.testing.assert_array_equal(y.astype(jnp.float32), np.full((1, 3, d), size))
    expected = np.concatenate([np.zeros((1, 3, 2 * d)), np.full((1, 3, d), size)], axis=-1)
    np.testing.assert_allclose(dx.astype(jnp.float32), expected, rtol=5e-3)


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("heads", [0, -1, 1.5, True])
def test_heads_must_be_a_positive_whole_number(heads: Any) -> None:
    for make in (attention, lambda heads: multi_head_attention(4, heads)):
        with pytest.raises(ValueError, match=r"attention\(heads\): expected a positive whole"):
            make(heads)


def test_heads_must_divide_the_features() -> None:
    with pytest.raises(ValueError, match="got 6 features and 4 heads"):
        multi_head_attention(6, 4)
    with pytest.raises(ValueError, match=r"multiple of 2; got shape \(5, 9\)"):
        attention(2).init(jax.random.key(0), (5, 9))
    with pytest.raises(ValueError, match=r"and a mask channel.* got shape \(1, 5, 12\)"):
        attention(2, masked=True).forward((), jnp.zeros((1, 5, 12)))


def test_features_must_be_a_positive_whole_number() -> None:
    with pytest.raises(ValueError, match=r"\(features\): expected a positive whole number"):
        multi_head_attention(0, 1)


def test_sequences_have_a_time_axis() -> None:
    with pytest.raises(ValueError, match=r"\(time, channels\), got \(6,\)"):
        attention().init(jax.random.key(0), (6,))
    with pytest.raises(ValueError, match=r"\(batch, time, channels\), got \(4, 6\)"):
        attention().forward((), jnp.zeros((4, 6)))


# --- a transformer --------------------------------------------------------------------------------

TOKENS = 7


def test_a_small_gpt_learns() -> None:
    """Embedding, positions, two blocks and a dense layer learn what follows, without autodiff.

    Sequences count up in steps of 1, 2 or 3 modulo 7 from any token: the next token needs two
    tokens of the past, so the first prediction of a row can only be a guess among three, a loss of
    ln 3 / 8 = 0.137 in the mean over 8 positions, and the others can be sure.
    """
    gpt = nn.serial(
        embedding(TOKENS, 16),
        position_embedding(8),
        transformer_block(16, heads=2, hidden=32),
        transformer_block(16, heads=2, hidden=32),
        layer_norm(),
        nn.dense(TOKENS),
    )
    start, step = np.divmod(np.arange(3 * TOKENS), 3)
    rows = (start[:, None] + (step[:, None] + 1) * np.arange(9)) % TOKENS
    x, targets = jnp.asarray(rows[:, :-1]), jnp.asarray(rows[:, 1:])
    params, out_shape = gpt.init(jax.random.key(0), (8,))
    assert out_shape == (8, TOKENS)
    optimizer = optax.adam(1e-2)
    gradient = nn.value_and_grad(gpt, nn.softmax_cross_entropy)

    @jax.jit
    def train(params: Any) -> tuple[Any, jax.Array]:
        def one(state: Any, _: None) -> tuple[Any, jax.Array]:
            params, moments = state
            J, grads = gradient(params, x, targets)
            updates, moments = optimizer.update(grads, moments, params)
            return (optax.apply_updates(params, updates), moments), J

        (params, _), losses = jax.lax.scan(one, (params, optimizer.init(params)), length=150)
        return params, losses

    with jax.numpy_dtype_promotion("standard"):  # optax mixes Python's floats in
        params, losses = train(params)
    assert losses[0] > 1.8  # ln 7 = 1.95, knowing nothing
    assert losses[-1] < 0.16
    scores = nn.predict(gpt, params, x)
    np.testing.assert_array_equal(scores[:, 1:].argmax(-1), targets[:, 1:])


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the extra 'torch'")
    rng = np.random.default_rng(2)
    x, dy = rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 5, 4))
    theirs = torch.nn.MultiheadAttention(4, 2, batch_first=True, dtype=torch.float64)
    seen = torch.ones(5, 5, dtype=torch.bool).triu(1)
    given = torch.tensor(x, requires_grad=True)
    y = theirs(given, given, given, attn_mask=seen)[0]
    y.backward(torch.tensor(dy))

    def numbers(weight: Any, bias: Any) -> nn.Dense:
        return nn.Dense(jnp.asarray(weight.detach().numpy().T), jnp.asarray(bias.detach().numpy()))

    def gradients(weight: Any, bias: Any) -> list[np.ndarray]:
        return [weight.grad.numpy().T, bias.grad.numpy()]

    into = (theirs.in_proj_weight, theirs.in_proj_bias)
    out = (theirs.out_proj.weight, theirs.out_proj.bias)
    params = (numbers(*into), (), numbers(*out))
    found, grads, dx = run(multi_head_attention(4, 2, causal=True), x, dy, params)
    np.testing.assert_allclose(found, y.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(dx, given.grad.numpy(), rtol=1e-9, atol=1e-12)
    for ours, expected in zip(
        jax.tree.leaves(grads), [*gradients(*into), *gradients(*out)], strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-12)


def test_no_time_at_all() -> None:
    layer = nn.attention()
    y, residuals = layer.forward((), jnp.zeros((2, 0, 3)))
    assert y.shape == (2, 0, 1)
    assert layer.backward((), residuals, y)[1].shape == (2, 0, 3)
