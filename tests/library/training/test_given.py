"""What `fit` and `sweep` refuse before training, in one sentence, and what they take."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from training_problem import DATA, HELD_OUT, LABELS, LOSS, NETWORK, SGD, X, replicate, start, train
from trees import assert_close

import nnjax as nn


def changed(array: np.ndarray, place: Any, value: float) -> np.ndarray:
    copy = array.copy()
    copy[place] = value
    return copy


def regression(targets: Any, **settings: Any) -> tuple[Any, nn.History]:
    network = nn.dense(2)
    return nn.fit(
        network, nn.mean_squared_error, SGD, start(network), (X, targets), epochs=1, batch_size=4,
        metric=None, **settings,
    )  # fmt: skip


# --- NaN and inf ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_inputs_that_are_not_finite_are_refused(value: float) -> None:
    x = changed(changed(X, (7, 2), value), (8, 0), np.nan)
    message = f"inputs must be finite, but row 7, column 2 is {value}.*allow_nan=True"
    for refused in (train, replicate):
        with pytest.raises(ValueError, match=f"data: {message}"):
            refused(data=(x, LABELS))
        with pytest.raises(ValueError, match=f"validation: {message}"):
            refused(validation=(x, LABELS))
        refused(data=(x, LABELS), allow_nan=True)


def test_place_of_nan_in_images_and_sequences() -> None:
    network = nn.serial(nn.flatten(), nn.dense(2))
    x = changed(np.zeros((5, 3, 4)), (2, 1, 3), np.nan)
    params, _ = network.init(jax.random.key(0), (3, 4))
    with pytest.raises(ValueError, match=r"row 2 at \(1, 3\) is nan"):
        nn.fit(network, LOSS, SGD, params, (x, np.zeros(5, int)), epochs=1, batch_size=5)


def test_targets_that_are_not_finite_are_refused_unless_their_weight_is_0() -> None:
    targets = changed(X[:, :2], (4, 1), np.inf)
    with pytest.raises(
        ValueError, match=r"data: targets must be finite, but row 4, column 1 is inf"
    ):
        regression(targets)
    _, history = regression(nn.Weighted(targets, changed(np.ones(10), 4, 0)))
    assert np.isfinite(history.train_loss).all()
    with pytest.raises(ValueError, match="targets must be finite, but row 4"):
        regression(nn.Weighted(targets, changed(np.ones(10), 3, 0)))
    regression(targets, allow_nan=True)


def test_parameters_that_are_not_finite_are_refused() -> None:
    params = start()
    weights = changed(np.asarray(params[0].weights), (1, 2), np.nan)
    params = (params[0]._replace(weights=jnp.asarray(weights)), *params[1:])
    with pytest.raises(ValueError, match=r"params: \[0\].weights is nan at \(1, 2\)"):
        nn.fit(NETWORK, LOSS, SGD, params, DATA, epochs=1, batch_size=4)
    nn.fit(NETWORK, LOSS, SGD, params, DATA, epochs=1, batch_size=4, allow_nan=True)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (optax.sgd(np.nan), "step_size is nan"),
        (optax.sgd(jnp.float32(np.inf)), "step_size is -inf"),
        (optax.sgd(0.1, momentum=jnp.float32(np.nan)), "decay is nan"),
        (optax.adam(np.inf), "step_size is -inf"),
        (optax.adam(1e-3, b1=np.nan), "is nan"),
        (optax.inject_hyperparams(optax.sgd)(learning_rate=np.inf), "learning_rate is inf"),
        (optax.adam, "the function adam itself; call it"),
        (1e-3, "got 0.001"),
        ("adam", "got 'adam'"),
    ],
)
def test_optimizer_is_refused(optimizer: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"fit\(optimizer\): expected .*{message}"):
        nn.fit(NETWORK, LOSS, optimizer, start(), DATA, epochs=1, batch_size=4)


# --- data of another kind -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (X, "data: expected .inputs, targets. or .*, got ndarray"),
        ({"x": X, "y": LABELS}, "data: expected .*got dict"),
        ((X,), "data: expected .*got 1 elements"),
        ((X, LABELS, LABELS, LABELS), "data: expected .*got 4 elements"),
        ((X.astype(complex), LABELS), "data: inputs: expected real numbers, got complex ones"),
        (([[1.0, 2.0], [3.0]], LABELS), "data: inputs: expected an array of numbers"),
        ((X, LABELS, ["a"] * 10), "data: weights: expected numbers, got text such as 'a'"),
        ((X, nn.Weighted(LABELS, np.ones(10)), np.ones(10)), "data: a third element has"),
        ((X, LABELS, np.ones(9)), "as many targets"),
        ((X, LABELS, -np.ones(10)), "expected finite weights of at least 0, but row 0 has -1"),
    ],
)  # fmt: skip
def test_data_is_refused(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(data=data)


def test_third_element_has_the_weights() -> None:
    weights = np.arange(10.0)
    assert_close(
        train(data=(X, LABELS, weights)), train(data=(X, nn.Weighted(LABELS, weights))), 0, 0
    )
    assert not np.allclose(train(data=(X, LABELS, weights))[1].train_loss, train()[1].train_loss)


# --- keys, networks, parameters -------------------------------------------------------------------


@pytest.mark.parametrize("key", [0, "0", np.arange(2), jnp.float32(1), jnp.zeros((2, 2))])
def test_what_is_no_key_is_refused(key: Any) -> None:
    with pytest.raises(ValueError, match=r"fit\(key\): expected a key such as jax.random.key\(0\)"):
        train(key=key)


def test_older_keys_are_keys() -> None:
    old = jax.random.PRNGKey(3)
    assert_close(train(key=old), train(key=jax.random.wrap_key_data(old)), 0, 0)


@pytest.mark.parametrize(
    ("network", "loss", "message"),
    [
        (nn.relu, LOSS, "network: expected a layer .*the function relu itself; call it"),
        ([nn.relu()], LOSS, "network: expected a layer"),
        (NETWORK, nn.label_smoothing, "loss: expected a loss .*label_smoothing itself; call it"),
        (NETWORK, "mse", "loss: expected a loss .*got 'mse'"),
    ],
)
def test_what_is_no_network_or_loss_is_refused(network: Any, loss: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.fit(network, loss, SGD, start(), DATA, epochs=1, batch_size=4)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            nn.serial(nn.dense(4), nn.tanh(), nn.serial(nn.dense(2))),
            r"\[2\].weights has the shape of nothing, but network.init gives \(4, 2\)",
        ),
        (nn.serial(nn.dense(4), nn.tanh(), nn.dense(2), nn.dense(2)), r"\[3\].weights has"),
        (nn.serial(nn.dense(7), nn.tanh(), nn.dense(2)), r"\[0\].weights has the shape \(3, 7\)"),
        (nn.serial(nn.dense(4), nn.layer_norm(), nn.dense(2)), r"\[1\].scale"),
    ],
)
def test_parameters_of_another_network_are_refused(other: nn.Layer, message: str) -> None:
    """They may fit the inputs all the same, and then train or end in the middle of the loop."""
    with pytest.raises(ValueError, match=f"params: these are of another network: {message}"):
        nn.fit(NETWORK, LOSS, SGD, start(other), DATA, epochs=1, batch_size=4)


def test_penalty_and_callback_are_refused() -> None:
    with pytest.raises(ValueError, match=r"penalty: expected .*nn.l2\(1e-4\).*l2 itself; call it"):
        train(penalty=nn.l2)
    with pytest.raises(ValueError, match=r"fit\(callback\): expected a function or None, got 3"):
        train(callback=3)


def test_network_with_another_start_trains() -> None:
    """`init` may be anything that cannot be called here: the parameters are given."""

    def refuse(key: Any, in_shape: Any) -> Any:
        raise TypeError("drawn elsewhere")

    network = NETWORK._replace(init=refuse)
    trained, _ = nn.fit(network, LOSS, SGD, start(), DATA, epochs=3, batch_size=4)
    assert_close(trained, train()[0], 0, 0)


def test_augmentation_that_does_not_fit_the_last_batch_is_refused() -> None:
    def four(key: Any, x: Any, targets: Any) -> Any:
        return x + jnp.zeros((4, 3)), targets

    settings: Any = {"augment": four, "key": jax.random.key(0), "validation": HELD_OUT}
    with pytest.raises(ValueError, match="augment: it fails for a batch of 2 rows: "):
        train(**settings)
    train(**settings, drop_last=True)


@pytest.mark.parametrize(
    "kind", [list, lambda params: dict(enumerate(params))], ids=["list", "dict"]
)
def test_parameters_in_other_containers_are_refused(kind: Any) -> None:
    """As some checkpoints return them: lists for tuples."""
    with pytest.raises(ValueError, match="params: their shapes fit, but not their containers"):
        nn.fit(NETWORK, LOSS, SGD, kind(start()), DATA, epochs=1, batch_size=4)


def test_a_layer_may_take_other_containers() -> None:
    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        grads, dx = NETWORK.backward(tuple(params), residuals, dy)
        return list(grads), dx

    taking = nn.Layer(
        NETWORK.init, lambda params, x, key=None: NETWORK.forward(tuple(params), x, key), backward
    )
    trained, _ = nn.fit(taking, LOSS, SGD, list(start()), DATA, epochs=1, batch_size=4)
    expected, _ = nn.fit(NETWORK, LOSS, SGD, start(), DATA, epochs=1, batch_size=4)
    jax.tree.map(np.testing.assert_array_equal, tuple(trained), expected)


def test_a_second_training_traces_nothing() -> None:
    """Neither to train nor to check: small trainings would spend most of their time on it."""
    traced: list[str] = []

    def init(key: jax.Array, in_shape: tuple[int, ...]) -> Any:
        traced.append("init")
        return NETWORK.init(key, in_shape)

    def forward(params: Any, x: jax.Array, key: jax.Array | None = None) -> Any:
        traced.append("forward")
        return NETWORK.forward(params, x, key)

    network = NETWORK._replace(init=init, forward=forward)
    before = 0
    for _ in range(2):
        before = len(traced)
        nn.fit(network, LOSS, SGD, start(), DATA, epochs=1, batch_size=5)
    assert before
    assert len(traced) == before
