"""Layers, losses and initialisers are equal if equal calls made them, and print as that call."""

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from compilations import compilations
from training_problem import DATA, LOSS, SGD, X

import nnjax as nn
from nnjax.calls import call_of
from nnjax.verify.case import LayerCase, LossCase
from nnjax.verify.cases import CASES

NAMES = vars(nn) | vars(nn.initializers)
RULES = {
    str(case): case.layer
    if isinstance(case, LayerCase)
    else case.loss
    if isinstance(case, LossCase)
    else case.penalty
    for case in CASES
}
AS_CALLED = {
    name: rule
    for name, rule in RULES.items()
    # A layer with another `init` is put together by hand; codes are arrays.
    if not name.startswith(("batch_norm-evaluation", "coded_cross_entropy"))
}


def network(init: Any = None) -> nn.Layer:
    tail = nn.serial(nn.residual(nn.tanh()), nn.dropout(0.1), nn.dense(2))
    return nn.serial(nn.dense(4, init), nn.parallel(nn.relu(), nn.serial(), join="sum"), tail)


@pytest.mark.parametrize("name", AS_CALLED)
def test_written_as_called_and_equal_to_what_that_call_makes(name: str) -> None:
    rule = AS_CALLED[name]
    again = eval(repr(rule), NAMES)
    assert again == rule
    assert hash(again) == hash(rule)


def test_only_arguments_that_are_not_the_default_are_written() -> None:
    glorot = nn.initializers.glorot
    assert repr(nn.serial(nn.dense(44, None), nn.relu())) == "serial(dense(44), relu())"
    assert repr(nn.dense(44, glorot())) == "dense(44, init=glorot())"
    assert repr(nn.initializers.normal(np.float64(0.5))) == "normal(scale=0.5)"
    assert repr(nn.shared(nn.serial(nn.relu()), [(0,), (1, 0)])) == (
        "shared(serial(relu()), [(0,), (1, 0)])"
    )
    assert repr(nn.label_smoothing(nn.softmax_cross_entropy, 0.1)) == (
        "label_smoothing(softmax_cross_entropy, 0.1)"
    )
    assert repr(nn.codes.coded_cross_entropy(jnp.eye(3))) == "coded_cross_entropy(float64[3,3])"
    assert repr(nn.relu().forward) == "relu().forward"


def test_layer_put_together_by_hand_is_written_as_such() -> None:
    def forward(params: Any, x: Any, key: Any = None) -> Any:
        return x, ()

    layer = nn.relu()._replace(forward=forward)
    assert repr(layer) == "Layer(init=relu().init, forward=forward, backward=relu().backward)"
    assert call_of(layer) is None
    assert repr(nn.serial(layer)) == f"serial({layer!r})"


@pytest.mark.parametrize(
    "make",
    [
        network,
        lambda: network(nn.initializers.glorot()),
        lambda: nn.shared(network(), places=[0, (2, 2)]),
        lambda: nn.shared(network(), places=((0,), (2, 2))),
        lambda: nn.transformer_block(4, 2),
        lambda: nn.conv2d(2, [3, 3], padding=[(1, 1), (0, 0)]),
        lambda: nn.huber(2.0),
        lambda: nn.label_smoothing(nn.sigmoid_cross_entropy, 0.1),
        lambda: nn.codes.coded_cross_entropy(np.eye(3)),
        lambda: nn.l2(0.5),
        *(nn.initializers.normal, nn.initializers.glorot, nn.initializers.he),
        *(nn.initializers.lecun, nn.initializers.uniform_fan_in, nn.initializers.zeros),
        lambda: nn.augment.chained([nn.augment.mixup(1.0, 2)]),
        lambda: nn.augment.frequency_warp(np.arange(6).reshape(2, 3), 0.1),
        lambda: nn.augment.cepstral_noise(np.arange(6).reshape(2, 3), 0.1, order=2),
    ],
)
def test_equal_calls_make_equal_rules(make: Callable[[], Any]) -> None:
    assert make() == make()
    assert hash(make()) == hash(make())


def test_other_calls_make_other_rules() -> None:
    rules = [
        *(nn.relu(), nn.tanh(), nn.serial(), nn.serial(nn.relu()), nn.residual(nn.relu())),
        *(nn.dense(4), nn.dense(5), nn.dense(4, nn.initializers.he()), network()),
        *(nn.dense(4, bias=nn.initializers.he()), nn.parallel(nn.relu()), nn.leaky_relu()),
        *(nn.leaky_relu(0.0), nn.leaky_relu(-0.0), nn.huber(), nn.huber(2), nn.huber(2.0)),
        *(nn.l2(0.5), nn.l2(0.5, biases=True), nn.initializers.glorot(), nn.initializers.he()),
        *(nn.relu().forward, nn.relu().backward, nn.relu().init),
        *(nn.codes.coded_cross_entropy(np.eye(n)) for n in (2, 3)),
        nn.codes.coded_cross_entropy(1 - np.eye(2)),
    ]
    assert [(a, b) for i, a in enumerate(rules) for b in rules[:i] if a == b] == []
    assert len(set(rules)) == len(rules)


def test_user_functions_are_compared_by_identity() -> None:
    def weights(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        return jnp.zeros(shape)

    def same(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        return jnp.zeros(shape)

    by_hand = nn.Layer(*nn.relu())
    assert nn.dense(3, weights) == nn.dense(3, weights) != nn.dense(3, same)
    assert by_hand == nn.relu()
    assert nn.serial(by_hand) == nn.serial(nn.relu())
    assert nn.relu()._replace(backward=nn.tanh().backward) != nn.relu()


def test_array_counts_by_its_content_at_the_time_of_the_call() -> None:
    codes = np.eye(2)
    before = nn.codes.coded_cross_entropy(codes)
    codes[0, 1] = 1.0
    assert before == nn.codes.coded_cross_entropy(np.eye(2)) != nn.codes.coded_cross_entropy(codes)


def test_what_cannot_be_hashed_equals_only_itself() -> None:
    @dataclasses.dataclass(frozen=True)
    class Table:
        """Frozen, so it has a hash, which fails on its list."""

        rows: list[int]

        def __call__(self, key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
            return jnp.zeros(shape)

    table = Table([1])
    layer = nn.dense(3, table)
    assert layer == layer
    assert hash(layer) == hash(layer)
    assert layer != nn.dense(3, table)


def test_functions_keep_their_names_texts_and_signatures() -> None:
    assert nn.dense.__name__ == "dense"
    assert nn.dense.__module__ == "nnjax.layers.dense"
    assert nn.dense.__annotations__["return"] is nn.Layer
    with pytest.raises(TypeError, match=r"dense\(\) got an unexpected keyword argument 'units'"):
        nn.dense(units=3)  # pyright: ignore[reportCallIssue]


# --- compiled programs ----------------------------------------------------------------------------


def programs(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"nnjax.{module}"), name)


def test_equal_networks_share_the_program_of_fit() -> None:
    program, before = programs("train", "_fit_epoch"), None
    for _ in range(3):
        params, _ = network().init(jax.random.key(0), (3,))
        nn.fit(
            network(), nn.label_smoothing(LOSS, 0.25), SGD, params, DATA, epochs=2, batch_size=4,
            key=jax.random.key(1), penalty=nn.l2(0.1), augment=nn.augment.mixup(0.3, 2),
        )  # fmt: skip
        before = before or program._cache_size()
    assert program._cache_size() == before


def test_equal_networks_share_the_program_of_sweep() -> None:
    he = nn.initializers.he()
    with compilations() as compiled:
        for net in (network(he), network(he), network(he)._replace(init=network().init)):
            nn.sweep(
                net, nn.huber(0.25), optax.adagrad, (X, X[:, :2]), seeds=[0], epochs=1,
                batch_size=4, arms={"learning_rate": [0.1]}, metric=None,
            )  # fmt: skip
    assert sum("_sweep_group" in name for name in compiled) == 1, compiled


def test_equal_networks_share_the_program_of_predict() -> None:
    program, before = programs("train", "_forward"), None
    params, _ = network().init(jax.random.key(0), (3,))
    for _ in range(3):
        nn.predict(network(), params, X)
        before = before or program._cache_size()
    assert program._cache_size() == before


def test_deep_networks_are_compared_in_no_time() -> None:
    """A layer holds three functions, each of which knows its layers: not 3 ** depth comparisons."""

    def deep() -> nn.Layer:
        layer = nn.relu()
        for _ in range(60):
            layer = nn.residual(layer)
        return layer

    assert deep() == deep()
    assert hash(deep()) == hash(deep())
