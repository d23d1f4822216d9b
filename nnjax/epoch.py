"""The parts of an epoch, shared by `fit` (one network) and `sweep` (many replicas).

An epoch is a fold over its batches; training is a fold over epochs. A key gives each epoch its own
order of rows; the last, incomplete batch is dropped. Gradients come from the hand-derived backward
passes, updates from an `optax.GradientTransformation`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from nnjax.core import Layer, Loss, Params, Penalty, value_and_grad
from nnjax.layers.batch_norm import has_batch_norm, population_statistics

Metric = Callable[[jax.Array, Any], jax.Array]
"""`(scores, targets) -> array`, usually a scalar; the axes of an array follow that of the epoch."""

Augment = Callable[[jax.Array, jax.Array, Any], tuple[jax.Array, Any]]
"""`(key, x, targets) -> (x, targets)` of one training batch."""

AUGMENT_STREAM = int.from_bytes(b"augm", "big")
"""The number of the stream, far from the 0 and 1 of a split, so that no two streams are equal."""


class History(NamedTuple):
    """The record of training after each epoch; the last axis of every array is the epoch.

    `train_loss` is the mean over the batches of the epoch, each before its update. The validation
    numbers are those of the parameters after the epoch (NaN without validation data).
    `learning_rate` is the rate at the end of the epoch, read from the optimizer's state. It is NaN
    unless the optimizer was built with `optax.inject_hyperparams`, which stores the rate there.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn, optax
        >>> x, y = jnp.array([[0.0], [1.0]]), jnp.array([[0.0], [2.0]])
        >>> params = nn.Dense(jnp.array([[1.0]]), jnp.array([0.0]))
        >>> optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=0.5)
        >>> params, history = nn.fit(nn.dense(1), nn.mean_squared_error, optimizer, params, (x, y),
        ...                          epochs=2, batch_size=2, metric=None)
        >>> print(history.train_loss, history.learning_rate)
        [0.5   0.125] [0.5 0.5]
    """

    train_loss: jax.Array
    validation_loss: jax.Array
    validation_accuracy: jax.Array
    learning_rate: jax.Array


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
    J, grads = value_and_grad(network, loss, penalty)(state.params, x, targets, key)
    # optax multiplies its whole-number step count by hyper-parameters, which strict promotion (for
    # which this library is written) refuses where they are traced.
    with jax.numpy_dtype_promotion("standard"):
        updates, optimizer_state = optimizer.update(grads, state.optimizer, state.params)
    return State(optax.apply_updates(state.params, updates), optimizer_state), J


def refreshed(network: Layer, state: State, x: jax.Array) -> State:
    """The state with population statistics of the data in every batch normalisation.

    Called after each epoch, so that measured and returned parameters are never stale.
    """
    if not has_batch_norm(state.params):
        return state
    return state._replace(params=population_statistics(network, state.params, x))


def measure(
    network: Layer,
    loss: Loss,
    metric: Metric | None,
    state: State,
    train_loss: jax.Array,
    validation: tuple[jax.Array, Any] | None,
    learning_rate: jax.Array | None = None,
) -> History:
    """The entry in the history for the parameters after an epoch.

    `learning_rate` is recorded if the optimizer's state does not contain the rate.
    """
    missing = jnp.full_like(train_loss, jnp.nan)
    validation_loss = validation_accuracy = missing
    if validation is not None:
        x, targets = validation
        scores = network.forward(state.params, x)[0]
        validation_loss = loss.forward(scores, targets)[0]
        validation_accuracy = missing if metric is None else metric(scores, targets)
    # The state also holds a schedule beside its rate; with several rates none is recorded.
    found = optax.tree_utils.tree_get_all_with_path(state.optimizer, "learning_rate")
    rates = [value for _, value in found if isinstance(value, jax.Array)] or [learning_rate]
    rate = rates[0] if len(rates) == 1 and rates[0] is not None else missing
    return History(train_loss, validation_loss, validation_accuracy, rate.astype(train_loss.dtype))


def batch_rows(
    rows: int, batch_size: int, shuffle: bool, key: jax.Array | None, epoch: ArrayLike
) -> jax.Array:
    """Row numbers of the whole batches of an epoch, (batches, batch_size)."""
    order = row_order(rows, key, epoch) if shuffle and key is not None else jnp.arange(rows)
    return in_batches(order, batch_size)


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
