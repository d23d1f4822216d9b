"""Embeddings of ids and positions: duplicates, ids that do not exist, shapes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnjax.layers.dense import Dense, dense
from nnjax.layers.embedding import Embedding, PositionEmbedding, embedding, position_embedding

TABLE = Embedding(jnp.arange(6.0).reshape(3, 2))
LAYER = embedding(3, 2)


def table_gradient(x: Any, dy: Any, params: Embedding = TABLE) -> np.ndarray:
    vocabulary, features = params.table.shape
    layer = embedding(vocabulary, features)
    _, residuals = layer.forward(params, x)
    return np.asarray(layer.backward(params, residuals, jnp.asarray(dy))[0].table)


# --- embedding ------------------------------------------------------------------------------------


def test_duplicates_add() -> None:
    """Id 2 is at positions 0, 2 and 3, id 1 nowhere."""
    dy = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [5.0, 50.0]])
    grads = table_gradient(jnp.array([2, 0, 2, 2]), dy)
    np.testing.assert_array_equal(grads, [[2.0, 20.0], [0.0, 0.0], [9.0, 90.0]])


def test_is_a_dense_layer_on_one_hot_inputs() -> None:
    rng = np.random.default_rng(0)
    x, table, dy = rng.integers(5, size=(4, 6)), rng.normal(size=(5, 3)), rng.normal(size=(4, 6, 3))
    layer, params = embedding(5, 3), Embedding(jnp.asarray(table))
    y, residuals = layer.forward(params, jnp.asarray(x))
    grads, _ = layer.backward(params, residuals, jnp.asarray(dy))
    whole = Dense(params.table, jnp.zeros(3))
    dense_y, hot = dense(3).forward(whole, jnp.eye(5)[x])
    dense_grads, _ = dense(3).backward(whole, hot, jnp.asarray(dy))
    np.testing.assert_array_equal(y, dense_y)
    np.testing.assert_allclose(grads.table, dense_grads.weights, rtol=1e-13)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_many_duplicates_do_not_stall_in_half_precision(dtype: Any) -> None:
    """1 + 1 + ... in bfloat16 stops at 256, in float16 at 2048: the next number is 2 away."""
    params = Embedding(jnp.zeros((2, 1), dtype))
    grads = table_gradient(jnp.ones(4096, jnp.int32), jnp.ones((4096, 1), dtype), params)
    assert grads.dtype == dtype
    np.testing.assert_array_equal(grads.astype(np.float64), [[0.0], [4096.0]])


def test_ids_have_a_derivative_of_zeros() -> None:
    x = jnp.array([[0, 1, 2]])
    _, residuals = LAYER.forward(TABLE, x)
    for dtype in (jnp.float32, jnp.float64):
        _, dx = LAYER.backward(TABLE, residuals, jnp.ones((1, 3, 2), dtype))
        assert (dx.shape, dx.dtype) == ((1, 3), dtype)
        assert (dx == 0).all()


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.array([0, 3]), r"ids 0 \.\.\. 2, got 3 at position \(1,\)"),
        (np.array([[0, 1], [-1, 7]]), r"ids 0 \.\.\. 2, got -1 at position \(1, 0\)"),
        (np.array([2**32 + 1]), r"got 4294967297 at position \(0,\)"),
        (np.array([200], np.uint8), r"got 200 at position \(0,\)"),
    ],
)
@pytest.mark.parametrize("x64", [True, False])
def test_an_id_out_of_range_is_named_with_its_place(x: np.ndarray, said: str, x64: bool) -> None:
    """JAX would pick the last row for 3 and -1, and 2^32 + 1 is 1 in 32 bits."""
    with jax.enable_x64(x64), pytest.raises(ValueError, match=rf"embedding\(3, 2\).*{said}"):
        LAYER.forward(TABLE, x)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("unknown", "dtype"),
    [
        (3, jnp.int32),
        (-1, jnp.int32),
        (-3, jnp.int8),
        (200, jnp.uint8),
        (2**31 + 1, jnp.uint32),
        (2**32 + 1, jnp.int64),
        (2**63 + 1, jnp.uint64),
    ],
)
def test_an_id_out_of_range_is_nan_while_tracing(unknown: int, dtype: Any) -> None:
    """And its error signal reaches no row, not even that of the last id or of 2^32 + 1 - 2^32."""

    @jax.jit
    def both(x: jax.Array, dy: jax.Array) -> tuple[jax.Array, jax.Array]:
        y, residuals = LAYER.forward(TABLE, x)
        return y, LAYER.backward(TABLE, residuals, dy)[0].table

    y, dtable = both(
        jnp.array([1, unknown, 1], dtype), jnp.array([[1.0, 2.0], [64.0, 64.0]] * 2)[:3]
    )
    np.testing.assert_array_equal(y, [[2.0, 3.0], [np.nan, np.nan], [2.0, 3.0]])
    np.testing.assert_array_equal(dtable, [[0.0, 0.0], [2.0, 4.0], [0.0, 0.0]])


def test_a_label_dtype_that_cannot_count_to_the_vocabulary() -> None:
    params = Embedding(jnp.arange(300.0)[:, None])
    y = jax.jit(lambda x: embedding(300, 1).forward(params, x)[0])(jnp.array([255, 7], jnp.uint8))
    np.testing.assert_array_equal(y, [[255.0], [7.0]])


def test_ids_under_vmap_and_scan() -> None:
    x = jnp.array([[0, 1], [2, 2], [1, 0]])
    y, _ = LAYER.forward(TABLE, x)
    np.testing.assert_array_equal(jax.vmap(lambda x: LAYER.forward(TABLE, x)[0])(x), y)
    _, scanned = jax.lax.scan(lambda c, x: (c, LAYER.forward(TABLE, x)[0]), 0, x)
    np.testing.assert_array_equal(scanned, y)


@pytest.mark.parametrize("x", [np.zeros((2, 3)), np.zeros((2, 3), bool), np.array(1)])
def test_ids_are_whole_numbers_with_a_batch_axis(x: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"embedding\(3, 2\) takes whole-number ids") as error:
        LAYER.forward(TABLE, jnp.asarray(x))
    assert str(x.dtype) in str(error.value)
    assert str(x.shape) in str(error.value)


def test_table_of_another_vocabulary_is_named() -> None:
    with pytest.raises(ValueError, match=r"embedding\(4, 2\).*\(4, 2\), got \(3, 2\)"):
        embedding(4, 2).forward(TABLE, jnp.array([0]))


@pytest.mark.parametrize("sizes", [(0, 2), (3, 0), (3, 2.0), (True, 2), (None, 2)])
def test_sizes_are_positive_whole_numbers(sizes: Any) -> None:
    with pytest.raises(ValueError, match="expected a positive whole number"):
        embedding(*sizes)


def test_default_table_is_normal_with_deviation_002(key: jax.Array) -> None:
    """5000 numbers: the sample's deviation is within 4 standard errors, 4 / sqrt(2 * 5000)."""
    for layer, in_shape in ((embedding(100, 50), (7,)), (position_embedding(100), (9, 50))):
        params, _ = layer.init(key, in_shape)
        np.testing.assert_allclose(float(params.table.std()), 0.02, rtol=0.04)


# --- position_embedding ---------------------------------------------------------------------------


def test_positions_are_added_and_summed_over_the_batch() -> None:
    params = PositionEmbedding(jnp.array([[1.0], [2.0], [3.0], [4.0]]))
    layer, x = position_embedding(4), jnp.array([[[10.0], [20.0]], [[30.0], [40.0]]])
    y, residuals = layer.forward(params, x)
    np.testing.assert_array_equal(y[..., 0], [[11.0, 22.0], [31.0, 42.0]])
    grads, dx = layer.backward(params, residuals, x)
    np.testing.assert_array_equal(grads.table[:, 0], [40.0, 60.0, 0.0, 0.0])
    np.testing.assert_array_equal(dx, x)


def test_a_sequence_longer_than_the_table_is_refused(key: jax.Array) -> None:
    layer = position_embedding(3)
    with pytest.raises(ValueError, match=r"position_embedding\(3\).*time <= 3, got \(4, 2\)"):
        layer.init(key, (4, 2))
    params, _ = layer.init(key, (3, 2))
    with pytest.raises(ValueError, match=r"\(3, 2\).*time <= 3, 2\), got \(1, 4, 2\)"):
        layer.forward(params, jnp.zeros((1, 4, 2)))


@pytest.mark.parametrize("shape", [(1, 3, 1), (1, 3), (1, 3, 2, 1), (3, 2)])
def test_position_embedding_names_both_shapes(shape: tuple[int, ...], key: jax.Array) -> None:
    """(1, 3, 1) would broadcast against the table, silently."""
    params, _ = position_embedding(3).init(key, (3, 2))
    with pytest.raises(ValueError, match=r"table of shape \(3, 2\)") as error:
        position_embedding(3).forward(params, jnp.zeros(shape))
    assert f"got {shape}" in str(error.value)


@pytest.mark.parametrize("in_shape", [(), (3,), (3, 2, 1)])
def test_position_embedding_needs_time_and_features(in_shape: Any, key: jax.Array) -> None:
    with pytest.raises(ValueError, match=r"takes examples of shape \(time, features\)"):
        position_embedding(3).init(key, in_shape)


@pytest.mark.parametrize("length", [0, -1, 2.0, True])
def test_length_is_a_positive_whole_number(length: Any) -> None:
    with pytest.raises(ValueError, match="length: expected a positive whole number"):
        position_embedding(length)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_each_gradient_goes_back_to_its_own_dtype(dtype: Any) -> None:
    """JAX promotes by default; a half-precision x gets a half-precision dx."""
    with jax.numpy_dtype_promotion("standard"):
        params = PositionEmbedding(jnp.ones((3, 2), jnp.float32))
        y, residuals = position_embedding(3).forward(params, jnp.ones((4, 2, 2), dtype))
        grads, dx = position_embedding(3).backward(params, residuals, y)
    assert (y.dtype, grads.table.dtype, dx.dtype) == (jnp.float32, jnp.float32, dtype)


def test_same_as_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the extra 'torch'")
    rng = np.random.default_rng(0)
    x, table, dy = rng.integers(7, size=(5, 4)), rng.normal(size=(7, 3)), rng.normal(size=(5, 4, 3))
    theirs = torch.nn.Embedding.from_pretrained(torch.tensor(table), freeze=False)
    y = theirs(torch.tensor(x))
    y.backward(torch.tensor(dy))
    params = Embedding(jnp.asarray(table))
    np.testing.assert_array_equal(embedding(7, 3).forward(params, x)[0], y.detach().numpy())
    found = table_gradient(x, dy, params)
    np.testing.assert_allclose(found, theirs.weight.grad.numpy(), rtol=1e-13)
