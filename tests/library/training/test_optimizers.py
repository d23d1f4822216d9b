"""Any optax transformation in `fit`, its rate in the history, and which optimizers are equal."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest
from compilations import compilations
from training_problem import DATA, LABELS, LOSS, NETWORK, X, start
from trees import assert_close

import nnjax as nn
from nnjax.training.optimizers import ByContent

RISING = optax.linear_schedule(0.1, 0.5, 4)


def fit(optimizer: Any, epochs: int = 3, batch_size: int = 5) -> tuple[Any, nn.History]:
    return nn.fit(
        NETWORK, LOSS, optimizer, start(), DATA, epochs=epochs, batch_size=batch_size, metric=None
    )


def by_hand(
    optimizer: Any, extra: Callable[[Any, jax.Array, jax.Array], dict[str, Any]], epochs: int = 3
) -> Any:
    """Steps taken one by one, by JAX's own gradient; `extra` gives the arguments of an update."""
    params = start()
    state = optimizer.init(params)
    x, labels = jnp.asarray(X), jnp.asarray(LABELS)

    def loss(params: Any, rows: slice) -> jax.Array:
        return LOSS.forward(NETWORK.forward(params, x[rows])[0], labels[rows])[0]

    @functools.partial(jax.jit, static_argnums=2)
    def step(params: Any, state: Any, first: int) -> Any:
        value_fn = lambda p: loss(p, slice(first, first + 5))  # noqa: E731
        value, grads = jax.value_and_grad(value_fn)(params)
        given = extra(value_fn, value, grads)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimizer.update(grads, state, params, **given)
        return optax.apply_updates(params, updates), state

    for _ in range(epochs):
        for first in (0, 5):
            params, state = step(params, state, first)
    return params


def value(value_fn: Any, value: Any, grads: Any) -> dict[str, Any]:
    return {"value": value}


def everything(value_fn: Any, value: Any, grads: Any) -> dict[str, Any]:
    return {"value": value, "grad": grads, "value_fn": value_fn}


def objective(value_fn: Any, value: Any, grads: Any) -> dict[str, Any]:
    return {"obj_fn": value_fn}


def gradient(value_fn: Any, value: Any, grads: Any) -> dict[str, Any]:
    return {"grad_fn": lambda params, step: jax.grad(value_fn)(params)}


BACKTRACKING = optax.scale_by_backtracking_linesearch(20, store_grad=True)
SAM = optax.chain(optax.contrib.normalize(), optax.sgd(0.05))


@pytest.mark.parametrize(
    ("optimizer", "extra"),
    [
        (optax.polyak_sgd(), value),
        (optax.chain(optax.adam(0.1), optax.contrib.reduce_on_plateau(patience=1)), value),
        (optax.contrib.momo(), value),
        (optax.lbfgs(), everything),
        (optax.lbfgs(linesearch=BACKTRACKING), everything),
        (optax.inject_hyperparams(lambda memory_size: optax.lbfgs())(memory_size=3), everything),
        (optax.inject_hyperparams(optax.polyak_sgd)(max_learning_rate=0.5), value),
        (optax.contrib.sophia(0.05), objective),
        (optax.contrib.sam(optax.sgd(0.1), SAM, opaque_mode=True), gradient),
        (optax.contrib.schedule_free_sgd(0.1), lambda *_: {}),
        (optax.MultiSteps(optax.adam(0.1), 2), lambda *_: {}),
    ],
    ids=[
        *("polyak", "plateau", "momo", "lbfgs", "backtracking", "injected lbfgs"),
        *("injected polyak", "sophia", "sam", "free", "multi"),
    ],
)
def test_transformation_gets_the_arguments_it_takes(optimizer: Any, extra: Any) -> None:
    assert_close(fit(optimizer)[0], by_hand(optimizer, extra), 1e-7, 1e-9)


def test_line_search_uses_the_rules_and_not_jax_grad() -> None:
    """A layer whose backward pass is not the derivative of its forward pass: the rule counts."""
    straight = nn.Layer(
        lambda key, in_shape: ((), in_shape),
        lambda params, x, key=None: (jnp.sign(x), ()),
        lambda params, residuals, dy: ((), dy),
    )
    network = nn.serial(nn.dense(4), straight, nn.dense(2))
    params = start(network)
    trained, history = nn.fit(
        network, LOSS, optax.lbfgs(), params, DATA, epochs=5, batch_size=10, metric=None
    )
    assert not np.allclose(trained[0].weights, params[0].weights)
    assert np.isfinite(history.train_loss).all()


def test_lookahead_is_that_of_optax() -> None:
    optimizer = optax.lookahead(optax.sgd(0.5), sync_period=4, slow_step_size=0.5)
    params: Any = optax.LookaheadParams.init_synced(start())
    state = optimizer.init(params)
    gradients = jax.jit(nn.value_and_grad(NETWORK, LOSS))
    for step in range(6):
        rows = slice(step % 2 * 5, step % 2 * 5 + 5)
        _, grads = gradients(params.fast, jnp.asarray(X)[rows], jnp.asarray(LABELS)[rows])
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
    seen: list[nn.Checkpoint] = []
    nn.fit(
        NETWORK, LOSS, optimizer, start(), DATA, epochs=3, batch_size=5, metric=None,
        callback=seen.append,
    )  # fmt: skip
    assert_close((seen[-1].params, seen[-1].optimizer_state[0]), tuple(params), 1e-10, 1e-12)


def test_update_that_takes_one_argument_gets_one() -> None:
    def update(updates: Any, state: Any, params: Any = None, *, value: Any) -> Any:
        return jax.tree.map(lambda g: -0.1 * value * g, updates), state

    takes: Any = update
    optimizer = optax.GradientTransformationExtraArgs(lambda params: (), takes)
    assert_close(fit(optimizer)[0], by_hand(optimizer, value), 1e-10, 1e-12)


# --- rates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "rates"),
    [
        (optax.sgd(RISING), [0.2, 0.4, 0.5]),
        (optax.adam(RISING), [0.2, 0.4, 0.5]),
        (optax.adamw(RISING, weight_decay=0.1), [0.2, 0.4, 0.5]),
        (optax.chain(optax.clip(1.0), optax.sgd(RISING, momentum=0.9)), [0.2, 0.4, 0.5]),
        (optax.chain(optax.scale_by_adam(), optax.scale_by_schedule(lambda n: -1 * RISING(n))),
         [0.2, 0.4, 0.5]),
        (optax.inject_hyperparams(optax.adam)(RISING), [0.2, 0.4, 0.5]),
        (optax.MultiSteps(optax.sgd(RISING), 2), [0.1, 0.2, 0.3]),
        (optax.adam(0.1), [np.nan] * 3),
        (optax.chain(optax.sgd(RISING), optax.scale_by_schedule(RISING)), [np.nan] * 3),
    ],
)  # fmt: skip
def test_history_has_the_rate_of_the_last_step(optimizer: Any, rates: list[float]) -> None:
    """Two steps an epoch."""
    np.testing.assert_allclose(fit(optimizer)[1].learning_rate, rates, rtol=1e-6)


# --- equality -------------------------------------------------------------------------------------


def scaled(mask: Any) -> optax.GradientTransformation:
    return optax.stateless(lambda updates, params: jax.tree.map(lambda g: -g * mask, updates))


@pytest.mark.parametrize(
    "make",
    [
        lambda: optax.adam(1e-3),
        lambda: optax.adamw(RISING, mask=None),
        lambda: optax.adamw(optax.cosine_decay_schedule(0.1, 100), 0.9),
        lambda: optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.1, momentum=0.9)),
        lambda: optax.inject_hyperparams(optax.rmsprop)(learning_rate=0.1),
        lambda: optax.multi_transform({"all": optax.adam(0.1)}, "all"),
        lambda: scaled(np.arange(3.0)),
        lambda: functools.partial(optax.sgd, momentum=0.9),
        lambda: lambda learning_rate: optax.sgd(learning_rate, 0.5),
    ],
)
def test_equal_calls_make_equal_optimizers(make: Callable[[], Any]) -> None:
    assert ByContent(make()) == ByContent(make())
    assert hash(ByContent(make())) == hash(ByContent(make()))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (optax.adam(1e-3), optax.adam(1e-4)),
        (optax.adam(1e-3), optax.adam(1e-3, b1=0.8)),
        (optax.adam(1e-3), optax.adamw(1e-3)),
        (optax.sgd(1), optax.sgd(1.0)),
        (optax.sgd(0.0), optax.sgd(-0.0)),
        (optax.sgd(0.1, 0.9), optax.sgd(0.1, 0.9, nesterov=True)),
        (optax.sgd(RISING), optax.sgd(optax.linear_schedule(0.1, 0.5, 5))),
        (optax.sgd(lambda count: 0.1), optax.sgd(lambda count: 0.2)),
        (scaled(np.arange(3.0)), scaled(np.arange(3.0).astype(np.float32))),
        (scaled(np.arange(3.0)), scaled(-np.arange(3.0))),
        (scaled(np.arange(3.0)), scaled(jnp.arange(3.0))),
        (functools.partial(optax.sgd, momentum=0.9), functools.partial(optax.sgd, momentum=0.8)),
        (functools.partial(optax.sgd, 0.9), functools.partial(optax.adam, 0.9)),
        (scaled([object()]), scaled([object()])),
    ],
)  # fmt: skip
def test_other_optimizers_are_not_equal(one: Any, other: Any) -> None:
    assert ByContent(one) != ByContent(other)
    assert ByContent(one) == ByContent(one)


def test_functions_of_other_modules_are_not_equal() -> None:
    """The same text, but its names may mean something else."""
    code = compile("def rate(count): return scale * 0.1", "rates", "exec")
    spaces: list[dict[str, Any]] = [{"scale": 1.0}, {"scale": 2.0}]
    for space in spaces:
        exec(code, space)
    one, other = (optax.sgd(space["rate"]) for space in spaces)
    assert ByContent(one) != ByContent(other)


def test_a_function_that_refers_to_itself_equals_itself() -> None:
    def endless() -> Any:
        def rate(count: Any) -> Any:
            return 0.1 if rate is not None else count

        return rate

    one = endless()
    assert ByContent(one) == ByContent(one)
    assert ByContent(one) != ByContent(endless())


def test_what_a_function_refers_to_may_change() -> None:
    """The key is taken when training starts, so a changed value is another program."""
    rates = [0.1]

    def rate(count: Any) -> Any:
        return rates[0]

    before, _ = fit(optax.sgd(rate))
    rates[0] = 0.4
    after, _ = fit(optax.sgd(rate))
    assert_close(after, fit(optax.sgd(0.4))[0], 1e-12, 1e-14)
    assert not np.allclose(before[0].weights, after[0].weights)


def test_a_second_call_compiles_nothing() -> None:
    fit(optax.adamw(0.125))
    with compilations() as compiled:
        fit(optax.adamw(0.125))
    assert not any("fit_epoch" in name for name in compiled), compiled
    with compilations() as compiled:
        fit(optax.adamw(0.375))
    assert sum("fit_epoch" in name for name in compiled) == 1, compiled
