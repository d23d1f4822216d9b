"""The parts of an epoch, shared by `fit` (one network) and `sweep` (many replicas).

An epoch is a fold over its batches, training is a fold over epochs. The order of the rows is drawn
per epoch from a key; the last, incomplete batch is dropped. Gradients come from the hand-derived
backward passes, updates from an `optax.GradientTransformation`.
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
"""`(scores, targets) -> array`, mostly a scalar; the axes of an array follow the epoch's."""

Augment = Callable[[jax.Array, jax.Array, Any], tuple[jax.Array, Any]]
"""`(key, x, targets) -> (x, targets)` of one training batch."""

AUGMENT_STREAM = int.from_bytes(b"augm", "big")
"""Names the stream; far from the 0 and 1 that a split counts, so that no two streams are equal."""


class History(NamedTuple):
    """What training recorded after each epoch; the last axis of every array is the epoch.

    `train_loss` is the mean over the epoch's batches, each before its update; the validation
    numbers belong to the parameters after the epoch (NaN without validation data).
    `learning_rate` is the rate at the end of the epoch, read from the optimizer's state; optax
    keeps it there only if it was built with `optax.inject_hyperparams`, else it is NaN.

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
    """What an epoch carries: the trained parameters and the optimizer's state."""

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
    """One update from one batch; returns the loss before it, with its penalty."""
    J, grads = value_and_grad(network, loss, penalty)(state.params, x, targets, key)
    # optax multiplies its whole-number step count with hyper-parameters; where those are traced,
    # strict promotion (which our own code obeys) would refuse that.
    with jax.numpy_dtype_promotion("standard"):
        updates, optimizer_state = optimizer.update(grads, state.optimizer, state.params)
    return State(optax.apply_updates(state.params, updates), optimizer_state), J


def refreshed(network: Layer, state: State, x: jax.Array) -> State:
    """The state with every batch normalisation's population statistics taken from the data.

    Done after each epoch, so that what is measured and returned is never stale.
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
    """The history's entry for the parameters after an epoch.

    `learning_rate` is recorded where the optimizer's state does not hold the rate itself.
    """
    missing = jnp.full_like(train_loss, jnp.nan)
    validation_loss = validation_accuracy = missing
    if validation is not None:
        x, targets = validation
        scores = network.forward(state.params, x)[0]
        validation_loss = loss.forward(scores, targets)[0]
        validation_accuracy = missing if metric is None else metric(scores, targets)
    # A schedule stands in the state beside the rate it gives; several rates are no rate.
    found = optax.tree_utils.tree_get_all_with_path(state.optimizer, "learning_rate")
    rates = [value for _, value in found if isinstance(value, jax.Array)] or [learning_rate]
    rate = rates[0] if len(rates) == 1 and rates[0] is not None else missing
    return History(train_loss, validation_loss, validation_accuracy, rate.astype(train_loss.dtype))


def batch_rows(
    rows: int, batch_size: int, shuffle: bool, key: jax.Array | None, epoch: ArrayLike
) -> jax.Array:
    """Row numbers of an epoch's whole batches, (batches, batch_size)."""
    order = row_order(rows, key, epoch) if shuffle and key is not None else jnp.arange(rows)
    return in_batches(order, batch_size)


def row_order(rows: int, key: jax.Array, epoch: ArrayLike) -> jax.Array:
    """A new order of the rows for every epoch, (rows,)."""
    return jax.random.permutation(jax.random.fold_in(key, epoch), jnp.arange(rows))


def in_batches(order: jax.Array, batch_size: int) -> jax.Array:
    """Whole batches of an order of rows, or of many at once: (..., batches, batch_size)."""
    whole = order.shape[-1] // batch_size
    return order[..., : whole * batch_size].reshape(*order.shape[:-1], whole, batch_size)


def step_key(key: jax.Array, epoch: ArrayLike, step: ArrayLike) -> jax.Array:
    """The key of the random numbers of one step, of the layers or of the augmentation."""
    return jax.random.fold_in(jax.random.fold_in(key, epoch), step)


def augment_key(key: jax.Array) -> jax.Array:
    """The key of all augmentations, from the key of training.

    The two that this is split into, for the order of the rows and for the layers, stay what they
    are: without an augmentation nothing changes.
    """
    return jax.random.fold_in(key, AUGMENT_STREAM)


def batch_at(
    data: tuple[jax.Array, Any], rows: jax.Array, augment: Augment | None, key: jax.Array | None
) -> tuple[jax.Array, Any]:
    """One batch, augmented if that is asked for."""
    x, targets = jax.tree.map(lambda array: array[rows], data)
    return (x, targets) if augment is None or key is None else augment(key, x, targets)
