"""Initial weights: the variance each one is named for, and what they refuse."""

import inspect
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nnjax as nn
from nnjax.initializers import Initializer, glorot, he, lecun, normal, uniform_fan_in, zeros

INITIALIZERS: dict[str, Initializer] = {
    "glorot": glorot(),
    "he": he(),
    "lecun": lecun(),
    "normal": normal(0.3),
    "uniform_fan_in": uniform_fan_in(),
    "zeros": zeros(),
}


def test_every_initializer_is_in_this_table() -> None:
    functions = inspect.getmembers(nn.initializers, inspect.isfunction)
    here = {name for name, f in functions if f.__module__ == nn.initializers.__name__}
    assert {name for name in here if not name.startswith("_")} == set(INITIALIZERS)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot", 2 / 500),
        ("he", 2 / 200),
        ("lecun", 1 / 200),
        ("normal", 0.3**2),
        ("uniform_fan_in", 1 / 600),
        ("zeros", 0.0),
    ],
)
def test_initializer_has_the_variance_it_is_named_for(name: str, variance: float) -> None:
    """60000 numbers: the sample's variance is within 4 standard errors, 4 sqrt(2/60000) = 2.3 %."""
    w = INITIALIZERS[name](jax.random.key(0), (200, 300))
    assert w.dtype == jnp.float64
    np.testing.assert_allclose(float(w.var()), variance, rtol=0.023)
    np.testing.assert_allclose(float(w.mean()), 0, atol=4 * np.sqrt(variance / 60000))


@pytest.mark.parametrize(
    ("name", "variance"),
    [("glorot", 2 / 540), ("he", 2 / 240), ("lecun", 1 / 240), ("uniform_fan_in", 1 / 720)],
)
def test_initializer_counts_the_area_of_a_kernel(name: str, variance: float) -> None:
    """A kernel of 2 x 3 with 40 channels in and 50 out has fans of 240 and 300."""
    w = INITIALIZERS[name](jax.random.key(0), (2, 3, 40, 50))
    np.testing.assert_allclose(float(w.var()), variance, rtol=4 * np.sqrt(2 / 12000))


@pytest.mark.parametrize("name", ["glorot", "he", "lecun", "uniform_fan_in"])
def test_initializer_needs_two_axes(name: str) -> None:
    with pytest.raises(ValueError, match=r"at least two axes, got shape \(3,\)"):
        INITIALIZERS[name](jax.random.key(0), (3,))


@pytest.mark.parametrize("scale", [-0.1, float("nan"), float("inf")])
def test_normal_refuses_a_scale_that_is_none(scale: float) -> None:
    with pytest.raises(ValueError, match="finite number >= 0"):
        nn.initializers.normal(scale)


@pytest.mark.parametrize("init", INITIALIZERS.values(), ids=INITIALIZERS)
def test_initializer_gives_the_same_for_the_same_key(init: Initializer) -> None:
    a, b = (init(jax.random.key(3), (4, 5)) for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_layers_of_a_serial_start_from_different_weights(key: jax.Array) -> None:
    params, _ = nn.serial(nn.dense(3), nn.dense(3), nn.dense(3)).init(key, (3,))
    weights = [np.asarray(p.weights) for p in params]
    assert not any(np.allclose(a, b) for a, b in itertools.pairwise(weights))
