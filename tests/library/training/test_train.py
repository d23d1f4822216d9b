"""`fit` against steps taken one by one, in plain numpy and by JAX."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from training_problem import (
    DATA,
    HELD_OUT,
    LABELS,
    LINEAR,
    LOSS,
    NETWORK,
    SGD,
    X,
    replicate,
    start,
    train,
)
from trees import assert_close

import nnjax as nn
from nnjax.epoch import batch_rows


def softmax_step(
    W: np.ndarray, b: np.ndarray, x: np.ndarray, labels: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Loss and gradients of a linear softmax classifier."""
    z = x @ W + b
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    J = -np.log(p[np.arange(len(x)), labels]).mean()
    dz = (p - np.eye(2)[labels]) / len(x)
    return J, x.T @ dz, dz.sum(0)


# --- fit: what it computes ------------------------------------------------------------------------


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("batch_size", [4, 3, 10, 99])
def test_fit_is_momentum_descent_in_numpy(batch_size: int, drop_last: bool) -> None:
    """Rows 8 and 9 (batches of 4) or row 9 (of 3) are left over; more than 10 is one batch of 10.

    v <- 0.9 v + dJ/dw,  w <- w - 0.1 v, and the history by hand as well.
    """
    params = start(LINEAR)
    trained, history = nn.fit(
        LINEAR, LOSS, SGD, params, DATA, epochs=3, batch_size=batch_size, drop_last=drop_last,
        validation=HELD_OUT,
    )  # fmt: skip
    W, b = (np.array(a) for a in params)
    v, u = np.zeros_like(W), np.zeros_like(b)
    size = min(batch_size, 10)
    for epoch in range(3):
        losses = []
        for first in range(0, 10 - size + 1 if drop_last else 10, size):
            rows = slice(first, first + size)
            J, dW, db = softmax_step(W, b, X[rows], LABELS[rows])
            losses += [J] * len(X[rows])
            v, u = 0.9 * v + dW, 0.9 * u + db
            W, b = W - 0.1 * v, b - 0.1 * u
        held_out_loss, _, _ = softmax_step(W, b, *HELD_OUT)
        hits = ((HELD_OUT[0] @ W + b).argmax(1) == HELD_OUT[1]).mean()
        np.testing.assert_allclose(history.train_loss[epoch], np.mean(losses), rtol=1e-12)
        np.testing.assert_allclose(history.validation_loss[epoch], held_out_loss, rtol=1e-12)
        np.testing.assert_allclose(history.validation_accuracy[epoch], hits, rtol=1e-15)
    assert_close(trained, nn.Dense(jnp.asarray(W), jnp.asarray(b)), 1e-12, 1e-14)
    assert {column.shape for column in history[:4]} == {(3,)}


@pytest.mark.parametrize(
    "optimizer", [optax.adam(0.01), optax.rmsprop(0.01), optax.adagrad(0.1), SGD]
)
def test_fit_is_jax_grad_and_optax_step_by_step(optimizer: optax.GradientTransformation) -> None:
    trained, _ = nn.fit(NETWORK, LOSS, optimizer, start(), DATA, epochs=4, batch_size=5)
    params, state = start(), optimizer.init(start())
    x, labels = jnp.asarray(X), jnp.asarray(LABELS)
    gradient = jax.jit(jax.grad(lambda p, x, t: LOSS.forward(NETWORK.forward(p, x)[0], t)[0]))
    update = jax.jit(optimizer.update)
    for step in range(8):
        rows = slice(step % 2 * 5, step % 2 * 5 + 5)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = update(gradient(params, x[rows], labels[rows]), state, params)
        params = optax.apply_updates(params, updates)
    assert_close(trained, params, 1e-10, 1e-12)


def test_without_key_rows_keep_their_order() -> None:
    """Permuting the rows outside changes the result; shuffle=False with a key changes nothing."""
    plain, _ = train()
    assert_close(train(key=jax.random.key(1), shuffle=False)[0], plain, 0, 0)
    reversed_rows = nn.fit(
        NETWORK, LOSS, SGD, start(), (X[::-1].copy(), LABELS[::-1].copy()), epochs=3, batch_size=4
    )
    assert not np.allclose(reversed_rows[0][0].weights, plain[0].weights)


def test_same_key_same_result_other_key_other() -> None:
    one, again, other = (train(key=jax.random.key(seed))[0] for seed in (1, 1, 2))
    assert_close(one, again, 0, 0)
    assert not np.allclose(one[0].weights, other[0].weights)
    assert not np.allclose(one[0].weights, train()[0][0].weights)


def test_shuffled_epochs_have_each_row_once_and_a_new_order() -> None:
    orders = [
        np.asarray(batch_rows(10, 5, True, jax.random.key(0), epoch)).ravel() for epoch in range(4)
    ]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4


def test_params_are_not_changed() -> None:
    params = jax.tree.map(np.array, start())
    nn.fit(NETWORK, LOSS, SGD, params, DATA, epochs=2, batch_size=4)
    assert_close(params, start(), 0, 0)


def test_history_without_validation_is_nan() -> None:
    _, history = train()
    assert np.isfinite(history.train_loss).all()
    assert np.isnan(history[1:4]).all()
    assert (history.validation_metrics, history.train_metrics) == ({}, {})


def test_metric_none_records_no_accuracy() -> None:
    """Regression: no classes, so no accuracy."""
    network, y = nn.dense(1), X[:, :1]
    _, history = nn.fit(
        network,
        nn.mean_squared_error,
        SGD,
        start(network),
        (X, y),
        epochs=2,
        batch_size=5,
        validation=(X, y),
        metric=None,
    )
    assert np.isfinite(history.validation_loss).all()
    assert np.isnan(history.validation_accuracy).all()


def test_learning_rate_is_that_of_inject_hyperparams() -> None:
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=0.25)
    _, history = nn.fit(NETWORK, LOSS, optimizer, start(), DATA, epochs=2, batch_size=5)
    np.testing.assert_array_equal(history.learning_rate, [0.25, 0.25])


def test_learning_rate_of_a_schedule() -> None:
    """Two steps an epoch at 0.1 * 0.5^step: the rate of the last step of each epoch."""
    schedule = optax.exponential_decay(0.1, transition_steps=1, decay_rate=0.5)
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=schedule)
    _, history = nn.fit(NETWORK, LOSS, optimizer, start(), DATA, epochs=2, batch_size=5)
    np.testing.assert_allclose(history.learning_rate, [0.05, 0.0125], rtol=1e-6)


def test_two_learning_rates_are_no_reason_to_fail() -> None:
    inject = optax.inject_hyperparams(optax.sgd)
    optimizer = optax.chain(inject(learning_rate=0.5), inject(learning_rate=0.5))
    _, history = nn.fit(NETWORK, LOSS, optimizer, start(), DATA, epochs=1, batch_size=5)
    assert np.isfinite(history.train_loss).all()


def test_compiles_once_for_all_epochs() -> None:
    traces = []

    def forward(params: Any, x: Any, key: Any = None) -> Any:
        traces.append(x.shape)
        return x, ()

    counter = nn.Layer(
        lambda key, shape: ((), shape), forward, lambda params, residuals, dy: ((), dy)
    )
    network = nn.serial(nn.dense(2), counter)
    nn.fit(network, LOSS, SGD, start(network), DATA, epochs=2, batch_size=4)
    after_two = len(traces)
    nn.fit(network, LOSS, SGD, start(network), DATA, epochs=50, batch_size=4)
    assert len(traces) - after_two <= 1  # the check of the shapes, before training
    assert after_two <= 4


def test_diverged_training_is_nan_not_an_exception() -> None:
    network = nn.serial(nn.dense(3), nn.dense(2))
    _, history = nn.fit(
        network,
        nn.mean_squared_error,
        optax.sgd(1e6),
        start(network),
        (X, X[:, :2]),
        epochs=30,
        batch_size=5,
        metric=None,
    )
    assert not np.isfinite(history.train_loss[-1])


def test_float32_params_stay_float32_in_strict_float64() -> None:
    params = jax.tree.map(lambda a: a.astype(jnp.float32), start())
    data = (X.astype(np.float32), LABELS)
    for optimizer in (SGD, optax.adam(0.01)):
        trained, history = nn.fit(
            NETWORK,
            LOSS,
            optimizer,
            params,
            data,
            epochs=2,
            batch_size=4,
            key=jax.random.key(0),
            validation=data,
        )
        assert {leaf.dtype for leaf in jax.tree.leaves((trained, history))} == {
            jnp.dtype(jnp.float32)
        }


def test_half_precision_params_with_float32_data() -> None:
    """JAX promotes by default; the parameters keep their dtype all the same."""
    params = jax.tree.map(lambda a: a.astype(jnp.bfloat16), start())
    with jax.numpy_dtype_promotion("standard"):
        trained, _ = nn.fit(
            NETWORK, LOSS, SGD, params, (X.astype(np.float32), LABELS), epochs=2, batch_size=4
        )
    assert {leaf.dtype for leaf in jax.tree.leaves(trained)} == {jnp.dtype(jnp.bfloat16)}


@pytest.mark.parametrize("progress", [None, False])
def test_progress_is_quiet_outside_a_terminal(
    progress: bool | None, capsys: pytest.CaptureFixture[str]
) -> None:
    train(progress=progress)
    replicate(progress=progress)
    assert capsys.readouterr() == ("", "")


def test_progress_is_shown_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    train(progress=True)
    out, err = capsys.readouterr()
    assert (out, "epochs: 100%" in err) == ("", True)


# --- fit: wrong input -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epochs": 0}, "epochs: expected a positive whole number, got 0"),
        ({"epochs": 2.0}, "epochs: expected a positive whole number, got 2.0"),
        ({"epochs": True}, "epochs: expected a positive whole number, got True"),
        ({"batch_size": 0}, "batch_size: expected a positive whole number, got 0"),
        ({"batch_size": -4}, "batch_size: expected a positive whole number, got -4"),
        ({"data": (X[:0], LABELS[:0])}, "data: .*(0, 3)"),
        ({"data": (X, LABELS[:9])}, "data: .*(10, 3).*(9,)"),
        ({"data": (X[:, 0], LABELS)}, "data: .*(10,)"),
        ({"data": (X[:, :2], LABELS)}, "data: .*(batch, ..., 3), got (10, 2)"),
        ({"data": (X, LABELS + 1)}, "data: labels go from 0 to 1 .*2 outputs, but row .* has 2"),
        ({"data": (X, LABELS - 1)}, "data: labels go from 0 to 1 .* has -1"),
        ({"data": (X, LABELS * 1.0)}, "softmax_cross_entropy: .*whole-number labels"),
        ({"data": (X, X)}, "softmax_cross_entropy: "),
        ({"validation": (X, LABELS[:4])}, "validation: .*(10, 3).*(4,)"),
        ({"validation": (X, LABELS + 1)}, "validation: labels go from 0 to 1"),
        ({"validation": (X[:, :2], LABELS)}, "validation: .*(10, 2)"),
        ({"shuffle": True}, "shuffle=True.*needs a key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_fit_refuses(changed: dict[str, Any], message: str) -> None:
    pattern = re.escape(message).replace(r"\.\*", ".*").replace(r"\ ", " ")
    with pytest.raises(ValueError, match=pattern):
        train(**changed)


def test_accuracy_refuses_regression_and_says_what_to_do() -> None:
    network = nn.dense(1)
    with pytest.raises(ValueError, match="metric=None"):
        nn.fit(
            network,
            nn.mean_squared_error,
            SGD,
            start(network),
            (X, X[:, :1]),
            epochs=1,
            batch_size=4,
            validation=(X, X[:, :1]),
        )


def test_wrong_label_names_the_row_that_has_it() -> None:
    """With an axis of time the row is the first index."""
    labels = np.zeros((10, 4), int)
    labels[2, 3] = 7
    with pytest.raises(ValueError, match="row 2 has 7"):
        nn.fit(
            LINEAR,
            LOSS,
            SGD,
            start(LINEAR),
            (np.zeros((10, 4, 3)), labels),
            epochs=1,
            batch_size=4,
        )


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    assert_close(train(epochs=np.int64(3), batch_size=np.int32(4))[0], train()[0], 0, 0)


def test_lists_are_data_too() -> None:
    trained, _ = nn.fit(
        NETWORK, LOSS, SGD, start(), (X.tolist(), LABELS.tolist()), epochs=3, batch_size=4
    )
    assert_close(trained, train()[0], 0, 0)
