"""The parts of an epoch, shared by `fit` (one network) and `sweep` (many replicas).

An epoch is a fold over its batches; training is a fold over epochs. A key gives each epoch its own
order of rows; the last batch contains the rows that are left over. Gradients come from the
hand-derived backward passes, updates from an `optax.GradientTransformation`.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.core import Tracer
from jax.typing import ArrayLike

from nnjax.core import Layer, Loss, Params, Penalty, value_and_grad
from nnjax.layers.batch_norm import has_batch_norm, population_statistics
from nnjax.training.optimizers import advance, rates_of

Metric = Callable[[jax.Array, Any], jax.Array]
"""`(scores, targets) -> array`, usually a scalar; the axes of an array follow that of the epoch."""

Augment = Callable[[jax.Array, jax.Array, Any], tuple[jax.Array, Any]]
"""`(key, x, targets) -> (x, targets)` of one training batch."""

AUGMENT_STREAM = int.from_bytes(b"augm", "big")
"""The number of the stream, far from the 0 and 1 of a split, so that no two streams are equal."""


class History(NamedTuple):
    """The record of training: every array has an entry for each epoch.

    `train_loss` is the mean over the batches of the epoch, each before its update and counted by
    its rows. Everything else is measured after the epoch: the validation numbers (NaN without
    validation data), and the metrics passed to `fit`, by name, on validation and training data.
    `learning_rate` is the rate of the epoch's last step: that of a schedule, or the rate that
    `optax.inject_hyperparams` stores in the optimizer's state. It is NaN for a constant rate, which
    no state contains, and for several rates.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn, optax
        >>> x, y = jnp.array([[0.0], [1.0]]), jnp.array([[0.0], [2.0]])
        >>> params = nn.Dense(jnp.array([[1.0]]), jnp.array([0.0]))
        >>> optimizer = optax.sgd(optax.exponential_decay(0.5, 1, 0.5))
        >>> params, history = nn.fit(nn.dense(1), nn.mean_squared_error, optimizer, params, (x, y),
        ...                          epochs=2, batch_size=2, metric=None)
        >>> print(history.train_loss, history.learning_rate)
        [0.5   0.125] [0.5  0.25]
    """

    train_loss: jax.Array
    validation_loss: jax.Array
    validation_accuracy: jax.Array
    learning_rate: jax.Array
    validation_metrics: Mapping[str, jax.Array] = {}
    train_metrics: Mapping[str, jax.Array] = {}


class State(NamedTuple):
    """The state that an epoch updates: the parameters and the optimizer's state."""

    params: Params
    optimizer: Any


def train_step(
    network: Layer,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    state: State,
    x: jax.Array,
    targets: Any,
    key: jax.Array | None,
    penalty: Penalty | None = None,
) -> tuple[State, jax.Array]:
    """One update from one batch; also returns the loss before it, including the penalty."""
    objective = value_and_grad(network, loss, penalty)
    J, grads = objective(state.params, x, targets, key)
    params, optimizer_state = advance(
        optimizer, grads, state.optimizer, state.params, J, lambda p: objective(p, x, targets, key)
    )
    return State(params, optimizer_state), J


def refreshed(network: Layer, state: State, x: jax.Array) -> State:
    """The state with population statistics of the data in every batch normalisation.

    Called after each epoch, so that measured and returned parameters are never stale.
    """
    if not has_batch_norm(state.params):
        return state
    return state._replace(params=population_statistics(network, state.params, x))


class Measures(NamedTuple):
    """What is measured after each epoch, and on which data."""

    metric: Metric | None
    metrics: tuple[tuple[str, Metric], ...] = ()
    on_training_data: bool = False


def measure(
    network: Layer,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    measures: Measures,
    state: State,
    train_loss: jax.Array,
    data: tuple[jax.Array, Any],
    validation: tuple[jax.Array, Any] | None,
    learning_rate: jax.Array | None = None,
) -> History:
    """The entry in the history after an epoch; None for what is not measured.

    `learning_rate` is recorded if neither the optimizer nor its state contains a rate.
    """
    validation_loss = validation_accuracy = None
    validation_metrics, train_metrics = {}, {}
    if validation is not None:
        x, targets = validation
        scores = network.forward(state.params, x)[0]
        validation_loss = loss.forward(scores, targets)[0]
        if measures.metric is not None:
            validation_accuracy = measures.metric(scores, targets)
        validation_metrics = {name: f(scores, targets) for name, f in measures.metrics}
    if measures.on_training_data:
        x, targets = data
        scores = network.forward(state.params, x)[0]
        named = dict(measures.metrics)
        if measures.metric is not None:
            named = {"accuracy": measures.metric} | named
        train_metrics = {name: f(scores, targets) for name, f in named.items()}
    rates = rates_of(optimizer, state.optimizer) or [learning_rate]
    rate = rates[0] if len(rates) == 1 else None
    return History(
        train_loss,
        validation_loss,  # pyright: ignore[reportArgumentType]
        validation_accuracy,  # pyright: ignore[reportArgumentType]
        None if rate is None else rate.astype(train_loss.dtype),  # pyright: ignore[reportArgumentType]
        validation_metrics,
        train_metrics,
    )


def completed(history: History) -> History:
    """The history with NaN for what was not measured.

    Not inside a compiled program: `jax_debug_nans` would take the NaN for a fault.
    """
    loss = history.train_loss
    if isinstance(loss, Tracer):
        missing = jnp.full_like(loss, jnp.nan)
    else:
        missing = jax.device_put(np.full(loss.shape, np.nan, loss.dtype))
    is_missing: Callable[[Any], bool] = lambda column: column is None  # noqa: E731
    return jax.tree.map(lambda c: missing if c is None else c, history, is_leaf=is_missing)


def fold(
    step: Callable[[Any, tuple[jax.Array, jax.Array]], tuple[Any, jax.Array]],
    state: Any,
    order: jax.Array,
    batch_size: int,
    drop_last: bool,
) -> tuple[Any, jax.Array]:
    """All steps of an epoch, and the mean of their losses, each counted by its rows.

    Args:
        step: from a state and (number of the batch, its rows) to the next state and the loss.
        state: before the epoch.
        order: the rows in their order, (rows,).
        batch_size: at most the number of rows.
        drop_last: whether the rows left over after the last whole batch are left out.
    """
    batches = in_batches(order, batch_size)
    state, losses = jax.lax.scan(step, state, (jnp.arange(len(batches)), batches))
    rest = order[batches.size :]
    if drop_last or not len(rest):
        return state, losses.mean(axis=0)
    state, last = step(state, (jnp.array(len(batches)), rest))
    share = len(rest) / len(order)
    return state, (1 - share) * losses.mean(axis=0) + share * last


def epoch_order(rows: int, shuffle: bool, key: jax.Array | None, epoch: ArrayLike) -> jax.Array:
    """The rows in the order of an epoch: their own, or a random one."""
    return row_order(rows, key, epoch) if shuffle and key is not None else jnp.arange(rows)


def batch_rows(
    rows: int, batch_size: int, shuffle: bool, key: jax.Array | None, epoch: ArrayLike
) -> jax.Array:
    """Row numbers of the whole batches of an epoch, (batches, batch_size)."""
    return in_batches(epoch_order(rows, shuffle, key, epoch), batch_size)


def row_order(rows: int, key: jax.Array, epoch: ArrayLike) -> jax.Array:
    """The order of the rows in an epoch, (rows,)."""
    return jax.random.permutation(jax.random.fold_in(key, epoch), jnp.arange(rows))


def in_batches(order: jax.Array, batch_size: int) -> jax.Array:
    """Whole batches of one order of rows or of many: (..., batches, batch_size)."""
    whole = order.shape[-1] // batch_size
    return order[..., : whole * batch_size].reshape(*order.shape[:-1], whole, batch_size)


def step_key(key: jax.Array, epoch: ArrayLike, step: ArrayLike) -> jax.Array:
    """The key of the random numbers of one step, of the layers or of the augmentation."""
    return jax.random.fold_in(jax.random.fold_in(key, epoch), step)


def augment_key(key: jax.Array) -> jax.Array:
    """The key of all augmentations, from the key of training.

    It leaves the two keys of the split, for the order of the rows and for the layers, as they are:
    an augmentation does not change them.
    """
    return jax.random.fold_in(key, AUGMENT_STREAM)


def batch_at(
    data: tuple[jax.Array, Any], rows: jax.Array, augment: Augment | None, key: jax.Array | None
) -> tuple[jax.Array, Any]:
    """One batch, augmented if there is an augmentation and a key."""
    x, targets = jax.tree.map(lambda array: array[rows], data)
    return (x, targets) if augment is None or key is None else augment(key, x, targets)
