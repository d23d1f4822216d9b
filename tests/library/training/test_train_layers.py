"""`fit` with layers that need more than gradients: ids, population statistics, penalties."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import nnjax as nn

WORDS = nn.serial(nn.embedding(5, 3), nn.flatten(), nn.dense(2))


def two_vocabularies() -> nn.Layer:
    """Column 0 has 100 ids, column 1 has 3."""

    def column(i: int) -> nn.Layer:
        return nn.Layer(
            lambda key, in_shape: ((), (1,)),
            lambda params, x, key=None: (x[:, i : i + 1], x),
            lambda params, x, dy: ((), jnp.zeros(x.shape, dy.dtype)),
        )

    branches = [
        nn.serial(column(i), nn.embedding(n, 2), nn.flatten()) for i, n in ((0, 100), (1, 3))
    ]
    return nn.serial(nn.parallel(*branches, join="concat"), nn.dense(2))


@pytest.mark.parametrize("wrong", [-1, 5, 2**32 + 1])
def test_id_out_of_range_is_refused_before_training(wrong: int) -> None:
    x = np.zeros((6, 4), np.int64)
    labels = np.zeros(6, np.int32)
    params, _ = WORDS.init(jax.random.key(0), (4,))
    settings: Any = {"epochs": 1, "batch_size": 2}
    nn.fit(WORDS, nn.softmax_cross_entropy, optax.sgd(0.1), params, (x, labels), **settings)
    x[3, 2] = wrong
    with pytest.raises(ValueError, match=r"data: .*at position \(3, 2\)"):
        nn.fit(WORDS, nn.softmax_cross_entropy, optax.sgd(0.1), params, (x, labels), **settings)
    with pytest.raises(ValueError, match=r"at position \(3, 2\)"):
        nn.predict(WORDS, params, x)
    with pytest.raises(ValueError, match=r"at position \(3, 2\)"):
        nn.sweep(
            WORDS,
            nn.softmax_cross_entropy,
            optax.sgd,
            (x, labels),
            seeds=[0],
            arms={"learning_rate": [0.1]},
            **settings,
        )


def test_every_column_of_ids_is_looked_at() -> None:
    network = two_vocabularies()
    params, _ = network.init(jax.random.key(0), (2,))
    x = np.stack([np.arange(20) * 5, np.zeros(20, int)], axis=1)
    nn.predict(network, params, x)
    x[7, 1] = 50
    with pytest.raises(ValueError, match=r"ids 0 \.\.\. 2, got 50 at position \(7, 0\)"):
        nn.predict(network, params, x)


def test_batch_norm_is_measured_after_each_epoch() -> None:
    """The statistics returned are those of all training inputs, whatever decays the parameters."""
    network = nn.serial(nn.dense(4), nn.batch_norm(), nn.relu(), nn.dropout(0.2), nn.dense(2))
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(30, 3)), rng.integers(2, size=30)
    params, _ = network.init(jax.random.key(0), (3,))
    params, history = nn.fit(
        network,
        nn.softmax_cross_entropy,
        optax.adamw(0.01, weight_decay=0.1),
        params,
        (x, labels),
        epochs=3,
        batch_size=10,
        key=jax.random.key(1),
        validation=(x, labels),
    )
    before = params[0].weights
    z = np.asarray(x @ before + params[0].bias[None])
    np.testing.assert_allclose(params[1].mean, z.mean(0), rtol=1e-10)
    np.testing.assert_allclose(params[1].variance, z.var(0), rtol=1e-10)
    scores = nn.predict(network, params, x)
    J, _ = nn.softmax_cross_entropy.forward(scores, jnp.asarray(labels))
    np.testing.assert_allclose(history.validation_loss[-1], J, rtol=1e-12)


def test_penalty_in_training() -> None:
    """One step of plain descent with l2 shrinks the weights by 1 - 2 * rate * strength."""
    network = nn.dense(2)
    params, _ = network.init(jax.random.key(0), (3,))
    x, y = np.zeros((4, 3)), np.zeros((4, 2))
    after, history = nn.fit(
        network,
        nn.mean_squared_error,
        optax.sgd(0.1),
        params,
        (x, y),
        epochs=1,
        batch_size=4,
        metric=None,
        penalty=nn.l2(0.5),
    )
    np.testing.assert_allclose(after.weights, 0.9 * params.weights, rtol=1e-12)
    np.testing.assert_allclose(history.train_loss, [0.5 * (params.weights**2).sum()], rtol=1e-12)


def test_penalty_leaves_population_statistics_alone() -> None:
    params, _ = nn.batch_norm().init(jax.random.key(0), (3,))
    P, residuals = nn.l2(0.1, biases=True).forward(params)
    grads = nn.l2(0.1, biases=True).backward(residuals)
    np.testing.assert_allclose(P, 0.3)
    np.testing.assert_allclose(grads.scale, 0.2)
    assert not grads.variance.any()


@pytest.mark.parametrize(("value", "rows"), [(300, 1), (1, 70_000)])
def test_l2_in_half_precision_may_sum_beyond_its_end(value: int, rows: int) -> None:
    """The sum of the squares is above 65504, but the penalty is not."""
    P, _ = nn.l2(0.01).forward(jnp.full((rows, 1), value, jnp.float16))
    np.testing.assert_allclose(float(P), 0.01 * value**2 * rows, rtol=1e-6)
