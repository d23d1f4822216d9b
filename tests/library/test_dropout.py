"""Dropout: the mask, its probability, and the two modes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnjax.layers.dropout import dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_so_many_are_dropped_and_the_mean_stays(rate: float, key: jax.Array) -> None:
    """40000 elements: both means are within 4 standard errors. `rate` is what is dropped."""
    y, _ = dropout(rate).forward((), jnp.ones((100, 400)), key)
    error = 4 * np.sqrt(rate * (1 - rate) / 40000)
    np.testing.assert_allclose(float((y == 0).mean()), rate, atol=error)
    np.testing.assert_allclose(float(y.mean()), 1, atol=error / (1 - rate))
    np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - rate)], rtol=1e-14)


def test_backward_takes_the_mask_of_forward(key: jax.Array) -> None:
    x, dy = np.random.default_rng(0).normal(size=(2, 5, 7))
    y, residuals = dropout(0.3).forward((), jnp.asarray(x), key)
    _, dx = dropout(0.3).backward((), residuals, jnp.asarray(dy))
    np.testing.assert_allclose(dx, dy * np.asarray(y) / x, rtol=1e-14)
    (mask,) = residuals
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, np.asarray(y) != 0)


def test_evaluation_is_the_identity_and_saves_nothing() -> None:
    x = jnp.array([[1.0, -2.0, jnp.inf]])
    y, residuals = dropout(0.9).forward((), x)
    np.testing.assert_array_equal(y, x)
    assert jax.tree.leaves(residuals) == []
    np.testing.assert_array_equal(dropout(0.9).backward((), residuals, x)[1], x)


def test_rate_0_drops_nothing_in_training(key: jax.Array) -> None:
    x = jnp.ones((3, 4))
    y, residuals = dropout(0).forward((), x, key)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(dropout(0).backward((), residuals, x)[1], x)


def test_what_is_dropped_is_0_even_if_it_was_infinite(key: jax.Array) -> None:
    x = jnp.full((1, 100), jnp.nan)
    y, (mask,) = dropout(0.5).forward((), x, key)
    np.testing.assert_array_equal(np.isnan(y), mask)
    _, dx = dropout(0.5).backward((), (mask,), x)
    np.testing.assert_array_equal(np.isnan(dx), mask)


def test_the_mask_depends_on_the_key_alone(key: jax.Array) -> None:
    """Not on the precision of x or on whether JAX runs with 64 bits; other keys, other masks."""
    layer = dropout(0.5)

    def mask(dtype: Any, key: jax.Array) -> np.ndarray:
        y, (mask,) = layer.forward((), jnp.ones((4, 50), dtype), key)
        assert y.dtype == dtype
        return np.asarray(mask)

    first = mask(jnp.float64, key)
    for dtype in (jnp.float32, jnp.float16, jnp.bfloat16):
        np.testing.assert_array_equal(mask(dtype, key), first)
    with jax.enable_x64(False):
        np.testing.assert_array_equal(mask(jnp.float32, key), first)
    assert (mask(jnp.float64, jax.random.fold_in(key, 1)) != first).any()


def test_compiled_and_mapped_over_keys(key: jax.Array) -> None:
    layer, x = dropout(0.5), jnp.ones((2, 30))
    keys = jax.random.split(key, 3)

    def both(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        y, residuals = layer.forward((), x, key)
        return y, layer.backward((), residuals, x)[1]

    y, dx = jax.jit(jax.vmap(both))(keys)
    np.testing.assert_array_equal(y, dx)
    np.testing.assert_array_equal(y, np.stack([both(k)[0] for k in keys]))


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1, 1.5, float("nan"), "0.5", None, True])
def test_rate_is_in_0_1(rate: Any) -> None:
    """A rate of 1 would divide by 0."""
    with pytest.raises(ValueError, match=r"dropout\(rate\): expected a number in \[0, 1\)"):
        dropout(rate)


@pytest.mark.parametrize("rate", [np.float32(0.25), np.float64(0.25)])
def test_rate_may_be_a_number_of_numpy(rate: Any, key: jax.Array) -> None:
    assert dropout(rate).forward((), jnp.ones((2, 3), jnp.float32), key)[0].dtype == jnp.float32
