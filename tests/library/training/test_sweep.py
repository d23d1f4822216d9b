"""`sweep` against `fit`: every replica is what training it alone gives."""

import functools
import importlib
from typing import Any

import jax
import numpy as np
import optax
import pytest
from compilations import compilations
from training_problem import (
    DATA,
    HELD_OUT,
    LABELS,
    LOSS,
    MOMENTUM,
    NETWORK,
    RATES,
    SEEDS,
    X,
    replicate,
)
from trees import assert_close

import nnjax as nn

# --- sweep ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffle", [True, False])
def test_replica_is_what_fit_gives(shuffle: bool) -> None:
    params, history = replicate(shuffle=shuffle, validation=HELD_OUT)
    assert history.train_loss.shape == (2, 2, 3)
    assert params[0].weights.shape == (2, 2, 3, 4)
    for a, rate in enumerate(RATES):
        optimizer = MOMENTUM(rate)
        for s, seed in enumerate(SEEDS):
            init_key, fit_key = jax.random.split(jax.random.key(seed))
            alone, record = nn.fit(
                NETWORK,
                LOSS,
                optimizer,
                NETWORK.init(init_key, (3,))[0],
                DATA,
                epochs=3,
                batch_size=4,
                key=fit_key,
                shuffle=shuffle,
                validation=HELD_OUT,
            )
            assert_close(jax.tree.map(lambda p: p[a, s], params), alone, 1e-11, 1e-13)  # noqa: B023
            for ours, theirs in zip(history[:3], record[:3], strict=True):
                np.testing.assert_allclose(ours[a, s], theirs, rtol=1e-11)
    np.testing.assert_allclose(history.learning_rate[:, 0, 0], RATES)


def test_a_gpu_trains_more_replicas_at_once() -> None:
    """As many weights as fit into a core's cache, or into a part of a GPU's memory."""
    size = functools.partial(importlib.import_module("nnjax.sweep")._group_size, 12, 5 << 17)
    assert (size("cpu"), size("gpu")) == (2, 12)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("cache", [1, 10**9])
def test_grouping_does_not_matter(
    cache: int, shuffle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups of one replica, or of all that share batches: a shape inside the compiled program."""
    expected = replicate(shuffle=shuffle)
    # By its full name: the attribute `nnjax.sweep` is the function.
    monkeypatch.setattr(importlib.import_module("nnjax.sweep"), "CACHE_BYTES", cache)
    assert_close(
        replicate(shuffle=shuffle)[0],
        expected[0],
        1e-12,
        1e-14,
    )


@pytest.mark.parametrize("shuffle", [True, False])
def test_augmented_replica_is_what_fit_gives(
    shuffle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the groups: random inputs and, from labels, targets that are distributions."""
    given: dict[str, Any] = {
        "epochs": 3,
        "batch_size": 4,
        "shuffle": shuffle,
        "validation": HELD_OUT,
        "augment": nn.augment.mixup(0.5, 2),
    }
    swept = []
    for cache in (1, 10**9):
        monkeypatch.setattr(importlib.import_module("nnjax.sweep"), "CACHE_BYTES", cache)
        swept.append(replicate(**given))
    for a, rate in enumerate(RATES):
        optimizer = MOMENTUM(rate)
        for s, seed in enumerate(SEEDS):
            init_key, fit_key = jax.random.split(jax.random.key(seed))
            start = NETWORK.init(init_key, (3,))[0]
            alone, record = nn.fit(NETWORK, LOSS, optimizer, start, DATA, key=fit_key, **given)
            for params, history in swept:
                one = jax.tree.map(lambda p: p[a, s], params)  # noqa: B023
                assert_close(one, alone, 1e-11, 1e-13)
                np.testing.assert_allclose(history.train_loss[a, s], record.train_loss, rtol=1e-11)


def test_arms_of_a_seed_share_the_augmented_batch() -> None:
    """At rate 0 the first losses show the batch: equal for a seed's arms, different for seeds."""

    def jitter(key: jax.Array, x: jax.Array, targets: Any) -> tuple[jax.Array, Any]:
        return x + jax.random.normal(key, x.shape, x.dtype), targets

    settings: dict[str, Any] = {"arms": {"learning_rate": [0.0, 0.0]}, "shuffle": False}
    still = nn.serial(nn.dense(2, nn.initializers.normal(0.5)))
    _, history = replicate(still, augment=jitter, **settings)
    np.testing.assert_array_equal(history.train_loss[0], history.train_loss[1])
    assert len(np.unique(history.train_loss[0])) == history.train_loss[0].size


def test_arms_of_a_seed_share_start_and_batches() -> None:
    """At rate 0 nothing moves, so equal arms show equal starts and equal first losses."""
    params, history = replicate(arms={"learning_rate": [0.0, 0.1, 0.1]})
    init_key, _ = jax.random.split(jax.random.key(SEEDS[0]))
    assert_close(jax.tree.map(lambda p: p[0, 0], params), NETWORK.init(init_key, (3,))[0], 1e-15, 0)
    np.testing.assert_array_equal(history.train_loss[1], history.train_loss[2])
    assert not np.allclose(history.train_loss[1, 0], history.train_loss[1, 1])


def test_networks_that_differ_in_their_start_alone_are_compiled_once() -> None:
    twice = nn.Layer(
        lambda key, shape: (jax.tree.map(lambda w: 2 * w, NETWORK.init(key, shape)[0]), (2,)),
        NETWORK.forward,
        NETWORK.backward,
    )
    runs = []
    with compilations() as compiled:
        for network in (NETWORK, twice):
            _, history = nn.sweep(
                network, LOSS, optax.adagrad, DATA, seeds=[0], arms={"learning_rate": [0.1]},
                epochs=1, batch_size=4,
            )  # fmt: skip
            runs.append(float(history.train_loss[0, 0, 0]))
    assert sum("_sweep_group" in name for name in compiled) == 1, compiled
    assert runs[0] != runs[1]


@pytest.mark.parametrize("threads", [2, 7])
def test_threads_do_not_change_a_bit(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven groups, also more threads than groups; the settings are those of the calling thread."""
    monkeypatch.setattr(importlib.import_module("nnjax.sweep"), "CACHE_BYTES", 1)
    alone = replicate(threads=1)
    together = replicate(threads=threads)
    jax.tree.map(np.testing.assert_array_equal, together, alone)
    assert jax.tree.leaves(together)[0].dtype == np.float64


@pytest.mark.parametrize("threads", [0, 1.5])
def test_threads_are_a_whole_number(threads: Any) -> None:
    with pytest.raises(ValueError, match="threads"):
        replicate(threads=threads)


def test_arms_of_several_hyper_parameters() -> None:
    arms = {"learning_rate": [0.1, 0.01], "b1": [0.9, 0.5]}
    params, _ = replicate(optimizer=optax.adam, arms=arms)
    init_key, fit_key = jax.random.split(jax.random.key(SEEDS[1]))
    alone, _ = nn.fit(
        NETWORK,
        LOSS,
        optax.adam(0.01, b1=0.5),
        NETWORK.init(init_key, (3,))[0],
        DATA,
        epochs=3,
        batch_size=4,
        key=fit_key,
    )
    assert_close(jax.tree.map(lambda p: p[1, 1], params), alone, 1e-10, 1e-12)


def test_sweep_records_the_rate_of_the_state_not_of_the_arm() -> None:
    """An optimizer may change the rate it was given; the history says what was used."""

    def halved(learning_rate: Any) -> optax.GradientTransformation:
        return optax.inject_hyperparams(optax.sgd)(learning_rate=learning_rate / 2)

    _, history = replicate(optimizer=halved)
    np.testing.assert_allclose(history.learning_rate[:, 0, 0], np.array(RATES) / 2)


def of_fit(network: nn.Layer, optimizer: Any, seed: int, **settings: Any) -> Any:
    """The replica of a seed, trained alone."""
    init_key, fit_key = jax.random.split(jax.random.key(seed))
    given: dict[str, Any] = {"epochs": 3, "batch_size": 4, "key": fit_key}
    params, _ = network.init(init_key, (3,))
    return nn.fit(network, LOSS, optimizer, params, DATA, **(given | settings))


def test_arms_keep_their_digits_whatever_the_parameters_are() -> None:
    """In bfloat16, 0.999 is 1, with which Adam divides by 0; of a whole number, 0.5 would be 0."""
    network = nn.dense(2, lambda key, shape: jax.random.normal(key, shape, "bfloat16"),
                       lambda key, shape: jax.numpy.zeros(shape, "bfloat16"))  # fmt: skip
    x = X.astype("bfloat16")
    data = (x, LABELS)
    params, history = nn.sweep(
        network, LOSS, optax.adam, data, seeds=[3], epochs=3, batch_size=4,
        arms={"learning_rate": [0.1, 0.1], "b2": [0.999, 0.5]},
    )  # fmt: skip
    assert params.weights.dtype == "bfloat16"
    init_key, fit_key = jax.random.split(jax.random.key(3))
    for arm, b2 in enumerate((0.999, 0.5)):
        alone, record = nn.fit(
            network, LOSS, optax.adam(0.1, b2=b2), network.init(init_key, (3,))[0], data, epochs=3,
            batch_size=4, key=fit_key,
        )  # fmt: skip
        for found, expected in (
            (params.weights[arm, 0], alone.weights),
            (history.train_loss[arm, 0], record.train_loss),
        ):
            assert np.isfinite(found).all()
            np.testing.assert_allclose(
                np.asarray(found, float), np.asarray(expected, float), rtol=0.03, atol=0.01
            )


def test_first_parameter_may_be_a_whole_number() -> None:
    counter = nn.Layer(
        lambda key, in_shape: (jax.numpy.zeros((), "int32"), in_shape),
        lambda params, x, key=None: (x, ()),
        lambda params, residuals, dy: (jax.numpy.zeros((), "int32"), dy),
    )
    network = nn.serial(counter, nn.dense(2))
    params, _ = nn.sweep(
        network, LOSS, optax.sgd, DATA, seeds=[3], arms={"learning_rate": [0.5]}, epochs=3,
        batch_size=4,
    )  # fmt: skip
    alone, _ = of_fit(network, optax.sgd(0.5), 3)
    np.testing.assert_allclose(params[1].weights[0, 0], alone[1].weights, rtol=1e-12)


def test_sweep_records_the_rate_of_the_last_step() -> None:
    """Three steps an epoch: 8 rows in batches of 4, and the last with 2."""

    def falling(learning_rate: Any) -> optax.GradientTransformation:
        return optax.sgd(optax.exponential_decay(learning_rate, 1, 0.5))

    _, history = replicate(optimizer=falling)
    expected = np.array(RATES)[:, None] * 0.5 ** np.array([2, 5, 8])
    for seed in range(len(SEEDS)):
        np.testing.assert_allclose(history.learning_rate[:, seed], expected, rtol=1e-6)


WARM: dict[str, Any] = {"init_value": 0.0, "decay_steps": 9}


@pytest.mark.parametrize(
    ("optimizer", "arms"),
    [
        (optax.sgd, {"learning_rate": [0.1, 0.2, 0.1], "momentum": [0.5, 0.9, 0.9],
                     "nesterov": [True, False, True]}),
        (lambda rate: optax.sgd(optax.warmup_cosine_decay_schedule(
            peak_value=rate, warmup_steps=2, **WARM)), {"rate": [0.1, 0.3]}),
        (lambda rate, steps: optax.adam(optax.warmup_cosine_decay_schedule(
            peak_value=rate, warmup_steps=steps, **WARM)),
         {"rate": [0.1, 0.1, 0.3], "steps": [2, 4, 2]}),
        (lambda learning_rate, steps: optax.adam(optax.exponential_decay(
            learning_rate, steps, 0.5)), {"learning_rate": [0.1, 0.3, 0.2], "steps": [2, 4, 2]}),
        (lambda learning_rate, at: optax.sgd(optax.piecewise_constant_schedule(
            learning_rate, {at: 0.1})), {"learning_rate": [0.1, 0.2], "at": [2, 4]}),
        (lambda kind, learning_rate: {"sgd": optax.sgd, "adam": optax.adam}[kind](learning_rate),
         {"kind": ["adam", "sgd", "adam"], "learning_rate": [0.1, 0.2, 0.3]}),
        (lambda learning_rate: optax.sgd(0.1 if learning_rate > 0.1 else learning_rate),
         {"learning_rate": [0.1, 0.05]}),
    ],
    ids=["nesterov", "peak", "peak and steps", "steps", "hashed", "kind", "compared"],
)  # fmt: skip
def test_arms_that_cannot_be_traced(optimizer: Any, arms: dict[str, Any]) -> None:
    """Each replica is what `fit` gives, in the order of the arms."""
    params, history = replicate(optimizer=optimizer, arms=arms, validation=HELD_OUT)
    count = len(next(iter(arms.values())))
    assert history.train_loss.shape == (count, 2, 3)
    for a in range(count):
        arm = {name: values[a] for name, values in arms.items()}
        for s, seed in enumerate(SEEDS):
            alone, record = of_fit(NETWORK, optimizer(**arm), seed, validation=HELD_OUT)
            assert_close(jax.tree.map(lambda p: p[a, s], params), alone, 1e-6, 1e-8)  # noqa: B023
            np.testing.assert_allclose(history.train_loss[a, s], record.train_loss, rtol=1e-6)
            expected = np.asarray(record.learning_rate)
            if np.isnan(expected).any():
                expected = np.full(3, arm["learning_rate"])
            np.testing.assert_allclose(history.learning_rate[a, s], expected, rtol=1e-6)


@pytest.mark.parametrize(
    "kind", [np.asarray, jax.numpy.asarray, lambda rates: list(map(np.float64, rates))]
)
def test_arms_are_numbers_of_any_kind(kind: Any) -> None:
    optimizer = functools.partial(optax.sgd, momentum=0.25)
    with compilations() as compiled:
        params, _ = replicate(optimizer=optimizer, arms={"learning_rate": kind(RATES)})
    assert sum("_sweep_group" in name for name in compiled) <= 1, compiled
    assert_close(params, replicate(optimizer=optimizer)[0], 0, 0)


def test_only_arms_that_cannot_be_traced_make_programs() -> None:
    arms = {"learning_rate": [0.1, 0.2, 0.3, 0.4], "nesterov": [True, False, True, False]}
    with compilations() as compiled:
        replicate(optimizer=functools.partial(optax.sgd, momentum=0.25), arms=arms)
    assert sum("_sweep_group" in name for name in compiled) == 2, compiled


def test_sweep_measures_more_metrics() -> None:
    settings: dict[str, Any] = {
        "metrics": {"mean": lambda scores, labels: scores.mean(axis=0)},
        "train_metrics": True,
        "validation": HELD_OUT,
    }
    _, history = replicate(**settings)
    _, record = of_fit(NETWORK, MOMENTUM(RATES[1]), SEEDS[0], **settings)
    found = jax.tree.map(lambda column: column[1, 0], history._replace(learning_rate=()))
    assert_close(found, record._replace(learning_rate=()), 1e-10, 1e-12)


def test_second_sweep_compiles_nothing() -> None:
    for optimizer in (optax.adamw, lambda learning_rate: optax.adamw(learning_rate, 0.3)):
        replicate(optimizer=optimizer)
    with compilations() as compiled:
        replicate(optimizer=optax.adamw)
        for _ in range(2):
            replicate(optimizer=functools.partial(optax.adamw, b1=0.75))
    assert sum("_sweep_group" in name for name in compiled) == 1, compiled


def test_diverged_replica_stays_in_its_place() -> None:
    network = nn.serial(nn.dense(3), nn.dense(2))
    _, history = replicate(
        network,
        loss=nn.mean_squared_error,
        optimizer=optax.sgd,
        data=(X, X[:, :2]),
        arms={"learning_rate": [1e-3, 1e6]},
        epochs=30,
        metric=None,
    )
    finite = np.isfinite(history.train_loss[:, :, -1])
    np.testing.assert_array_equal(finite, [[True, True], [False, False]])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seeds": []}, "at least one seed"),
        ({"seeds": 3}, r"sweep\(seeds\): expected a list of whole numbers, .* got 3"),
        ({"seeds": [1.5]}, r"sweep\(seeds\): expected a list of whole numbers"),
        ({"seeds": ["a"]}, r"sweep\(seeds\): expected a list of whole numbers"),
        ({"arms": [0.1]}, r"sweep\(arms\): expected lists of values by name"),
        ({"arms": {}}, "arms as lists of one common length"),
        ({"arms": {"learning_rate": []}}, r"arms.*'learning_rate': \(0,\)"),
        ({"arms": {"learning_rate": [0.1], "momentum": [0.1, 0.2]}}, r"'momentum': \(2,\)"),
        ({"arms": {"learning_rate": 0.1}}, "arms"),
        ({"arms": {"learning_rate": [0.1, np.nan]}}, r"learning_rate\[1\] is nan"),
        ({"arms": {"rate": [0.1]}}, r"sweep\(arms\): .* does not take \['rate'\]"),
        ({"optimizer": optax.sgd(0.1)}, r"sweep\(optimizer\): .*is it called already"),
        ({"optimizer": lambda learning_rate: optax.sgd}, r"sweep\(optimizer\): .*sgd itself"),
        ({"data": X}, "data: expected .inputs, targets."),
        ({"network": nn.relu}, "network: expected a layer .*relu itself"),
        ({"epochs": 1.5}, "epochs: expected a positive whole number"),
        ({"data": (X, LABELS + 1)}, "data: labels go from 0 to 1"),
        ({"data": (X[0], LABELS)}, "feature axis|data: "),
        ({"augment": lambda key, x, targets: x}, "augment: "),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_sweep_refuses(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replicate(**changed)


# --- learning -------------------------------------------------------------------------------------


def test_xor_is_learned_by_most_seeds() -> None:
    """A fraction, not every seed: a small network may stop on a plateau."""
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    network = nn.serial(nn.dense(4, nn.initializers.normal(1.0)), nn.tanh(), nn.dense(2))
    params, history = nn.sweep(
        network,
        LOSS,
        MOMENTUM,
        (x, np.array([0, 1, 1, 0])),
        seeds=range(20),
        arms={"learning_rate": [0.5]},
        epochs=300,
        batch_size=4,
        shuffle=False,
    )
    assert (history.train_loss[0, :, -1] < 0.01).mean() >= 0.8
    first = jax.tree.map(lambda p: p[0, int(history.train_loss[0, :, -1].argmin())], params)
    np.testing.assert_array_equal(nn.predict(network, first, x).argmax(1), [0, 1, 1, 0])
