"""The dense layer: wrong input, and dtypes through a network of such layers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.datasets import load_digits

import nnjax as nn


@pytest.mark.parametrize("shape", [(4, 2), (4,), (3,), (4, 3, 5), (0, 2)])
def test_dense_names_both_shapes(shape: tuple[int, ...]) -> None:
    params, _ = nn.dense(5).init(jax.random.key(0), (3,))
    with pytest.raises(ValueError, match=r"dense\(5\).*\(3, 5\).*\(batch, \.\.\., 3\)") as error:
        nn.dense(5).forward(params, jnp.zeros(shape))
    assert str(shape) in str(error.value)


@pytest.mark.parametrize("n_out", [0, -1, 2.0, "2", True, None])
def test_dense_needs_a_positive_whole_number(n_out: int) -> None:
    with pytest.raises(ValueError, match="positive whole number"):
        nn.dense(n_out)


def test_dense_takes_a_whole_number_of_numpy() -> None:
    assert nn.dense(np.int64(3)).init(jax.random.key(0), (2,))[1] == (3,)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_precision_stays_half(dtype: jnp.dtype) -> None:
    network = nn.serial(nn.dense(4), nn.tanh(), nn.leaky_relu(), nn.dense(3))
    params, _ = network.init(jax.random.key(0), (2,))
    params = jax.tree.map(lambda a: a.astype(dtype), params)
    J, grads = jax.eval_shape(
        nn.value_and_grad(network, nn.softmax_cross_entropy),
        *(params, jnp.ones((5, 2), dtype), jnp.zeros(5, jnp.int32)),
    )
    assert {leaf.dtype for leaf in jax.tree.leaves((J, grads))} == {jnp.dtype(dtype)}


@pytest.mark.parametrize("x_dtype", [jnp.float32, jnp.int32, jnp.uint8])
@pytest.mark.parametrize("params_dtype", [jnp.bfloat16, jnp.float32])
def test_gradients_have_the_dtype_of_params_whatever_x_is(
    params_dtype: jnp.dtype, x_dtype: jnp.dtype
) -> None:
    """Pixels may be whole numbers, weights half precision; JAX promotes both by default."""
    params, _ = nn.dense(3).init(jax.random.key(0), (2,))
    params = jax.tree.map(lambda a: a.astype(params_dtype), params)
    with jax.numpy_dtype_promotion("standard"):
        _, grads = jax.eval_shape(
            nn.value_and_grad(nn.dense(3), nn.softmax_cross_entropy),
            *(params, jnp.ones((5, 2), x_dtype), jnp.zeros(5, jnp.int32)),
        )
    assert {leaf.dtype for leaf in jax.tree.leaves(grads)} == {jnp.dtype(params_dtype)}


def test_default_start_survives_three_hidden_layers() -> None:
    """scikit-learn's digits, ReLU: from normal(0.01) the accuracy stays at that of chance."""
    digits: Any = load_digits()
    images, labels = digits.data, digits.target
    x = (images / 16).astype(np.float32)

    def accuracy(*init: nn.initializers.Initializer) -> float:
        hidden = [layer for _ in range(3) for layer in (nn.dense(64, *init), nn.relu())]
        network = nn.serial(*hidden, nn.dense(10, *init))
        params = jax.tree.map(
            lambda leaf: leaf.astype(jnp.float32), network.init(jax.random.key(0), (64,))[0]
        )
        _, history = nn.fit(
            network, nn.softmax_cross_entropy, optax.sgd(0.1), params, (x[:1437], labels[:1437]),
            epochs=20, batch_size=32, key=jax.random.key(1),
            validation=(x[1437:], labels[1437:]),
        )  # fmt: skip
        return float(history.validation_accuracy[-1])

    assert accuracy() > 0.85
    assert accuracy(nn.initializers.normal(0.01)) < 0.2
