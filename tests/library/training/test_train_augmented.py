"""`fit` with augmentation: which rows, which keys, and what is refused."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from training_problem import DATA, HELD_OUT, LABELS, LOSS, NETWORK, SGD, X, start, train
from trees import assert_close

import nnjax as nn
from nnjax.epoch import row_order


def noise_key(key: jax.Array, epoch: int, step: int) -> jax.Array:
    """Written out: the stream's name, then the epoch, then the step."""
    for number in (int.from_bytes(b"augm", "big"), epoch, step):
        key = jax.random.fold_in(key, number)
    return key


def jitter(key: jax.Array, x: jax.Array, targets: Any) -> tuple[jax.Array, Any]:
    return x + jax.random.normal(key, x.shape, x.dtype), targets


def test_augmented_training_step_by_step() -> None:
    """Every batch of every epoch has its own noise; order and dropout are what they were."""
    key = jax.random.key(1)
    params, _ = train(key=key, augment=jitter, epochs=2)
    expected, opt_state = start(), SGD.init(start())
    for epoch in range(2):
        order_key, layer_key = jax.random.split(key)
        order = row_order(10, order_key, epoch)
        for number, rows in enumerate((order[:4], order[4:8], order[8:])):
            x = jnp.asarray(X)[rows]
            x = x + jax.random.normal(noise_key(key, epoch, number), x.shape)
            step = jax.random.fold_in(jax.random.fold_in(layer_key, epoch), number)
            _, grads = nn.value_and_grad(NETWORK, LOSS)(expected, x, LABELS[rows], step)
            updates, opt_state = SGD.update(grads, opt_state, expected)
            expected = optax.apply_updates(expected, updates)
    assert_close(params, expected, 1e-12, 1e-14)


def test_augmentation_that_changes_nothing_changes_nothing() -> None:
    """Bit for bit: shuffling and the layers keep their random numbers."""
    key = jax.random.key(1)
    same, _ = train(key=key, augment=lambda key, x, targets: (x, targets), validation=HELD_OUT)
    plain, _ = train(key=key, validation=HELD_OUT)
    assert_close(same, plain, 0, 0)


def test_augmentation_stops_at_the_training_batches() -> None:
    """Validation data and population statistics are measured on the rows as they are."""
    network = nn.serial(nn.batch_norm(), nn.dense(2))
    params, history = nn.fit(
        network,
        LOSS,
        optax.sgd(0.0),
        start(network),
        DATA,
        epochs=1,
        batch_size=5,
        key=jax.random.key(0),
        validation=DATA,
        augment=lambda key, x, targets: (0 * x, targets),
    )
    np.testing.assert_allclose(params[0].mean, X.mean(axis=0), rtol=1e-12)
    expected = LOSS.forward(nn.predict(network, params, X), LABELS)[0]
    np.testing.assert_allclose(history.validation_loss[0], expected, rtol=1e-12)
    np.testing.assert_allclose(history.train_loss[0], np.log(2), rtol=1e-12)


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (lambda key, x, targets: x, r"augment: expected \(x, targets\)"),
        (lambda key, x, targets: (x[:, :2], targets), r"augment: .*\(4, 3\).*got \(4, 2\)"),
        (lambda key, x, targets: (x.astype("float16"), targets), r"augment: .*float16"),
        (lambda key, x, targets: (x, targets[1:]), r"augment: softmax_cross_entropy"),
    ],
    ids=["no pair", "columns", "dtype", "rows"],
)
def test_augmentation_that_does_not_fit_is_refused(augment: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(key=jax.random.key(0), augment=augment)


def test_augmentation_needs_a_key() -> None:
    with pytest.raises(ValueError, match=r"augment=.* needs a key"):
        train(augment=jitter)


def test_a_seed_is_no_key() -> None:
    params, _ = nn.dense(2).init(jax.random.key(0), (3,))
    with pytest.raises(ValueError, match=r"expected a key such as jax\.random\.key\(0\), got 0"):
        nn.fit(
            nn.dense(2),
            nn.softmax_cross_entropy,
            optax.sgd(0.1),
            params,
            (np.zeros((4, 3)), np.zeros(4, int)),
            epochs=1,
            batch_size=2,
            key=0,  # pyright: ignore[reportArgumentType]
        )
