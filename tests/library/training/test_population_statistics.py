"""Population statistics of batch normalisation: evaluation then equals training on all the data."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nnjax as nn
from nnjax.combine import parallel, residual
from nnjax.layers.batch_norm import BatchNorm, batch_norm, has_batch_norm, population_statistics
from nnjax.layers.norm import layer_norm

TRAINING = jax.random.key(0)


def fresh(layer: nn.Layer, *shape: int) -> Any:
    return layer.init(jax.random.key(0), shape)[0]


@functools.partial(jax.jit, static_argnums=0)
def output(network: nn.Layer, params: Any, x: Any, key: Any = None) -> jax.Array:
    return network.forward(params, x, key)[0]


@functools.cache
def some_network() -> nn.Layer:
    """Batch normalisations in series, in a branch and in parallel."""
    branch = nn.serial(nn.dense(4, nn.initializers.normal(1.0)), batch_norm(), nn.tanh())
    sides = parallel(batch_norm(), nn.serial(batch_norm(), branch), join="concat")
    return nn.serial(
        nn.dense(4, nn.initializers.normal(1.0)),
        batch_norm(),
        nn.relu(),
        residual(branch),
        sides,
        nn.dense(2, nn.initializers.normal(1.0)),
        batch_norm(),
    )


def with_wild_statistics(params: Any) -> Any:
    return jax.tree.map(
        lambda p: (
            p._replace(mean=p.mean - 7, variance=p.variance * 9, scale=p.scale * 2)
            if isinstance(p, BatchNorm)
            else p
        ),
        params,
        is_leaf=lambda p: isinstance(p, BatchNorm),
    )


X = np.random.default_rng(1).normal(3.0, 2.0, (20, 3))


@pytest.mark.parametrize("batch_size", [None, 5, 7, 1, 100])
def test_evaluation_is_training_on_everything(batch_size: int | None) -> None:
    """5 divides the 20 rows, 7 does not; with 1 all of the variance is between the pieces."""
    network, x = some_network(), jnp.asarray(X)
    params = with_wild_statistics(fresh(network, 3))
    found = population_statistics(network, params, x, batch_size=batch_size)
    trained = output(network, params, x, TRAINING)
    np.testing.assert_allclose(output(network, found, x), trained, rtol=1e-10, atol=1e-12)
    assert not np.allclose(output(network, params, x), trained, rtol=0.1)
    assert jax.tree.structure(found) == jax.tree.structure(params)
    np.testing.assert_array_equal(found[1].scale, params[1].scale)
    np.testing.assert_array_equal(found[0].weights, params[0].weights)


def test_statistics_of_images() -> None:
    x = np.random.default_rng(0).normal(2.0, 3.0, (5, 4, 3, 6))
    params = population_statistics(batch_norm(), fresh(batch_norm(), 4, 3, 6), x, batch_size=2)
    np.testing.assert_allclose(params.mean, x.mean((0, 1, 2)), rtol=1e-13)
    np.testing.assert_allclose(params.variance, x.var((0, 1, 2)), rtol=1e-13)


def test_statistics_far_from_zero() -> None:
    x = (1e4 + np.where(np.arange(64) % 2, -1.0, 1.0))[:, None].astype(np.float32)
    params = jax.tree.map(lambda p: p.astype(jnp.float32), fresh(batch_norm(), 1))
    for batch_size in (None, 8, 1):
        found = population_statistics(batch_norm(), params, x, batch_size=batch_size)
        np.testing.assert_allclose(found.variance, [1.0], rtol=1e-5)
        assert found.mean.dtype == jnp.float32


def test_statistics_under_vmap_and_jit() -> None:
    network = some_network()
    keys = jax.random.split(jax.random.key(3), 2)
    params = jax.vmap(lambda key: with_wild_statistics(network.init(key, (3,))[0]))(keys)
    measure = jax.jit(jax.vmap(lambda p: population_statistics(network, p, X)))
    found = measure(params)
    for i in range(2):
        alone = population_statistics(network, jax.tree.map(lambda p, i=i: p[i], params), X)
        jax.tree.map(
            lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-12, atol=1e-14),
            found,
            alone,
        )


def test_without_batch_norm_nothing_changes() -> None:
    network = nn.serial(nn.dense(2), layer_norm())
    params = fresh(network, 3)
    found = population_statistics(network, params, X)
    jax.tree.map(np.testing.assert_array_equal, found, params)
    assert not has_batch_norm(params)
    assert has_batch_norm(fresh(some_network(), 3))


def test_shared_batch_norm_is_refused() -> None:
    norm = batch_norm()

    def forward(params: Any, x: jax.Array, key: Any = None) -> Any:
        first, residuals = norm.forward(params, x, key)
        second, more = norm.forward(params, jnp.tanh(first), key)
        return second, (residuals, more)

    twice = nn.Layer(norm.init, forward, norm.backward)
    with pytest.raises(ValueError, match="contain 1 batch_norm, but the network uses batch_norm 2"):
        population_statistics(twice, fresh(twice, 3), X)


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, True])
def test_batch_size_must_be_a_positive_whole_number(batch_size: Any) -> None:
    with pytest.raises(ValueError, match=r"\(batch_size\): expected a positive whole number"):
        population_statistics(batch_norm(), fresh(batch_norm(), 3), X, batch_size=batch_size)


def test_empty_data_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected rows of data, got shape \(0, 3\)"):
        population_statistics(batch_norm(), fresh(batch_norm(), 3), np.zeros((0, 3)))


def test_statistics_have_zero_gradients_in_training() -> None:
    network = nn.serial(nn.dense(4), batch_norm(), nn.tanh(), nn.dense(2))
    params = fresh(network, 3)
    labels = jnp.arange(20) % 2
    gradient = nn.value_and_grad(network, nn.softmax_cross_entropy)
    _, grads = jax.jit(gradient)(params, jnp.asarray(X), labels, TRAINING)
    np.testing.assert_array_equal(grads[1].mean, np.zeros(4))
    np.testing.assert_array_equal(grads[1].variance, np.zeros(4))
    assert (grads[1].scale != 0).all()
    # Batch normalisation cancels the bias before it, up to rounding.
    np.testing.assert_allclose(grads[0].bias, 0, atol=1e-14)
