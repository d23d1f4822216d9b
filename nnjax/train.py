"""Training one network by mini-batch gradient descent, as one compiled program."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.core import Tracer
from jax.typing import ArrayLike
from tqdm import tqdm

from nnjax.arrays import as_array
from nnjax.checks import check_whole
from nnjax.core import Layer, Loss, Params, Penalty
from nnjax.epoch import (
    Augment,
    History,
    Metric,
    State,
    augment_key,
    batch_at,
    batch_rows,
    measure,
    refreshed,
    step_key,
    train_step,
)
from nnjax.losses.checks import check_targets
from nnjax.losses.reduction import split, weighted_mean

Data = tuple[ArrayLike, Any]
"""Inputs (rows, ...) and targets (rows, ...), or a tree of targets such as `Weighted`."""


def accuracy(scores: jax.Array, targets: Any) -> jax.Array:
    """Fraction of rows whose largest score is that of the target class.

        1/n Σ_b [argmax_k scores_bk = class of row b]

    With `Weighted` targets each hit counts with its weight: Σ_b w_b [...] / Σ_b w_b.

    Args:
        scores: (batch, ..., classes) with at least two classes.
        targets: whole-number labels (batch, ...), or one-hot rows of the scores' shape; or
            `Weighted` with one weight per label.

    Returns:
        A scalar in [0, 1], in the dtype of the scores; NaN if all weights are 0. Ties go to the
        first class.

    Raises:
        ValueError: if the shapes do not fit; regression has no accuracy (pass `metric=None`).

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> print(nn.accuracy(jnp.array([[0.1, 0.9], [0.8, 0.2]]), jnp.array([1, 1])))
        0.5
    """
    targets, weights = split(targets)
    if weights is not None and np.shape(weights) != scores.shape[:-1]:
        raise ValueError(
            f"accuracy: scores {scores.shape} need weights {scores.shape[:-1]}, "
            f"got {np.shape(weights)}"
        )
    if scores.ndim >= 2 and scores.shape[-1] >= 2:
        if targets.shape == scores.shape:
            targets = targets.argmax(axis=-1)
        if targets.shape == scores.shape[:-1]:
            hits = scores.argmax(axis=-1) == targets
            return weighted_mean(hits.astype(scores.dtype), weights)
    raise ValueError(
        f"accuracy: scores {scores.shape} and targets {targets.shape} do not name classes; "
        "expected (batch, classes) with labels (batch,) or one-hot rows; else pass metric=None"
    )


def fit(
    network: Layer,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    params: Params,
    data: Data,
    *,
    epochs: int,
    batch_size: int,
    key: jax.Array | None = None,
    shuffle: bool | None = None,
    validation: Data | None = None,
    metric: Metric | None = accuracy,
    penalty: Penalty | None = None,
    augment: Augment | None = None,
    progress: bool | None = None,
) -> tuple[Params, History]:
    """Train a network by mini-batch gradient descent.

        params ← params + optimizer(∂J/∂params)    for every batch of every epoch

    After each epoch, batch normalisations receive the population statistics of all training inputs
    (`population_statistics`). Equal networks, losses and settings share one compiled program; an
    optimizer equals only itself.

    Args:
        network: the layer to train.
        loss: the loss on its output.
        optimizer: any optax transformation, for instance `optax.sgd(0.01, momentum=0.9)`.
        params: initial parameters, as `network.init` returns them. They are not changed.
        data: inputs (rows, ...) and targets (rows, ...), or `Weighted(targets, weights)`. A batch
            whose weights are all 0 has the gradient 0 and the loss NaN, which makes the epoch's
            training loss NaN.
        epochs: number of passes over the data.
        batch_size: rows in a batch, at most all rows. Rows left over after the last whole batch are
            not used in that epoch.
        key: source of the random numbers for shuffling and for layers such as dropout; None for
            neither.
        shuffle: whether to draw a new order of the rows for each epoch; by default if there is a
            key. False keeps the order of the data.
        validation: inputs and targets on which to measure after each epoch.
        metric: what `validation_accuracy` records: a number or an array (for instance counts by
            group); None for nothing, as in regression.
        penalty: a term of the parameters to add to the loss, such as `l2`.
        augment: `(key, x, targets) -> (x, targets)`, such as `augment.mixup`: applied to every
            training batch inside the compiled step, with a new key in every step. It may return
            another kind of targets that the loss takes, such as distributions for labels.
            Validation data and population statistics are not augmented. It needs a key.
        progress: show a progress bar on standard error; default: only in a terminal, and only if
            training takes longer than two seconds.

    Returns:
        The trained parameters and the `History`, its arrays of shape (epochs,).

    Raises:
        ValueError: if the data does not fit the network or the loss, a label is not a class, an
            index is out of an embedding's range, weights are not finite, negative or all 0, or a
            setting is out of range. It is raised before training starts.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn, optax
        >>> x = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> labels = jnp.array([0, 1, 1, 0])
        >>> net = nn.serial(nn.dense(8, nn.initializers.glorot()), nn.tanh(), nn.dense(2))
        >>> params, _ = net.init(jax.random.key(0), (2,))
        >>> params, history = nn.fit(net, nn.softmax_cross_entropy, optax.sgd(0.5, momentum=0.9),
        ...                          params, (x, labels), epochs=200, batch_size=4)
        >>> print(nn.predict(net, params, x).argmax(axis=1), bool(history.train_loss[-1] < 0.01))
        [0 1 1 0] True

    Source: Bottou, Stochastic gradient descent tricks, 2012.
    """
    shuffle = key is not None if shuffle is None else shuffle
    if shuffle and key is None:
        raise ValueError("fit(shuffle=True) needs a key, for instance key=jax.random.key(0)")
    if not (key is None or isinstance(key, jax.Array)):
        raise ValueError(f"fit(key): expected a key such as jax.random.key(0), got {key!r}")
    if augment is not None and key is None:
        raise ValueError("fit(augment=...) needs a key, for instance key=jax.random.key(0)")
    checked = check_training(
        network, loss, params, data, validation, metric, epochs, batch_size, augment
    )
    settings = (network, loss, optimizer, checked.batch_size, shuffle, metric, penalty, augment)
    state = State(params, optimizer.init(params))
    records = []
    # For tqdm, disable=None means "only in a terminal"; delay keeps short runs quiet.
    hide = None if progress is None else not progress
    for epoch in tqdm(range(epochs), desc="epochs", disable=hide, delay=2 if hide is None else 0):
        state, record = _fit_epoch(settings, state, checked.data, checked.validation, key, epoch)
        records.append(record)
    return state.params, History(*(jnp.stack(column) for column in zip(*records, strict=True)))


def predict(
    network: Layer, params: Params, x: ArrayLike, *, batch_size: int | None = None
) -> jax.Array:
    """The output of a network in evaluation (dropout off, population statistics).

        y = network(params, x)

    Args:
        network: the layer.
        params: its parameters.
        x: inputs (rows, ...).
        batch_size: rows to process at a time, to bound memory; default all at once. The result is
            the same.

    Returns:
        Scores (rows, ...).

    Raises:
        ValueError: if x does not fit the network, an index is out of an embedding's range, or
            batch_size is not a positive whole number.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> params, _ = nn.dense(2).init(jax.random.key(0), (3,))
        >>> nn.predict(nn.dense(2), params, jnp.ones((5, 3)), batch_size=2).shape
        (5, 2)
    """
    x = as_array(x, "predict: inputs")
    _check_indices(network, params, x)
    if batch_size is None:
        return _forward(network, params, x)
    check_whole(batch_size, "predict(batch_size)")
    pieces = [
        _forward(network, params, x[i : i + batch_size]) for i in range(0, len(x), batch_size)
    ]
    return jnp.concatenate(pieces) if pieces else _forward(network, params, x)


@functools.partial(jax.jit, static_argnames="network")
def _forward(network: Layer, params: Params, x: jax.Array) -> jax.Array:
    return network.forward(params, x)[0]


@functools.partial(jax.jit, static_argnums=0)
def _fit_epoch(
    settings: tuple[Any, ...],
    state: State,
    data: tuple[jax.Array, Any],
    validation: tuple[jax.Array, Any] | None,
    key: jax.Array | None,
    epoch: ArrayLike,
) -> tuple[State, History]:
    network, loss, optimizer, batch_size, shuffle, metric, penalty, augment = settings
    order_key, layer_key = (None, None) if key is None else jax.random.split(key)
    drawn = None if augment is None or key is None else augment_key(key)
    batches = batch_rows(len(data[0]), batch_size, shuffle, order_key, epoch)

    def step(state: State, numbered: tuple[jax.Array, jax.Array]) -> tuple[State, jax.Array]:
        number, rows = numbered
        key = None if layer_key is None else step_key(layer_key, epoch, number)
        batch_key = None if drawn is None else step_key(drawn, epoch, number)
        x, targets = batch_at(data, rows, augment, batch_key)
        return train_step(network, loss, optimizer, state, x, targets, key, penalty)

    state, losses = jax.lax.scan(step, state, (jnp.arange(len(batches)), batches))
    state = refreshed(network, state, data[0])
    return state, measure(network, loss, metric, state, losses.mean(), validation)


# --- checks of the arguments, before anything is traced -------------------------------------------


class Checked(NamedTuple):
    """Training data and settings that fit together, as arrays."""

    data: tuple[jax.Array, Any]
    validation: tuple[jax.Array, Any] | None
    batch_size: int


def check_training(
    network: Layer,
    loss: Loss,
    params: Params,
    data: Data,
    validation: Data | None,
    metric: Metric | None,
    epochs: int,
    batch_size: int,
    augment: Augment | None = None,
) -> Checked:
    """Data as arrays and a batch size of at most their rows; ValueError if they do not fit."""
    check_whole(epochs, "epochs")
    check_whole(batch_size, "batch_size")
    arrays = _check_data("data", network, loss, params, data, None)
    held_out = validation and _check_data("validation", network, loss, params, validation, metric)
    checked = Checked(arrays, held_out or None, min(int(batch_size), len(arrays[0])))
    if augment is not None:
        _check_augment(augment, network, loss, params, checked)
    return checked


def _check_augment(
    augment: Augment, network: Layer, loss: Loss, params: Params, checked: Checked
) -> None:
    """Refuse an augmentation whose batches do not fit the network or the loss."""
    x, targets = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct((checked.batch_size, *a.shape[1:]), a.dtype), checked.data
    )
    made = jax.eval_shape(augment, jax.random.key(0), x, targets)
    if not (isinstance(made, tuple) and len(made) == 2):
        raise ValueError(f"augment: expected (x, targets) to be returned, got {made!r}")
    if (made[0].shape, made[0].dtype) != (x.shape, x.dtype):
        raise ValueError(
            f"augment: expected inputs of unchanged shape {x.shape} and dtype {x.dtype}, "
            f"got {made[0].shape} and {made[0].dtype}"
        )
    try:
        scores = jax.eval_shape(lambda p, x: network.forward(p, x)[0], params, made[0])
        jax.eval_shape(loss.forward, scores, made[1])
    except ValueError as error:
        raise ValueError(f"augment: {error}") from None


def _check_data(
    name: str, network: Layer, loss: Loss, params: Params, pair: Data, metric: Metric | None
) -> tuple[jax.Array, Any]:
    x = as_array(pair[0], f"{name}: inputs")
    # A plain list or tuple of numbers becomes an array; other trees keep their structure.
    targets = jax.tree.map(
        lambda leaf: as_array(leaf, f"{name}: targets"),
        pair[1],
        is_leaf=lambda node: type(node) in (list, tuple),
    )
    lengths = {leaf.shape[:1] for leaf in jax.tree.leaves(targets)}
    if x.ndim < 2 or not len(x) or lengths != {x.shape[:1]}:
        shapes = jax.tree.map(jnp.shape, targets)
        raise ValueError(
            f"{name}: expected inputs (rows, ...) and as many targets, got inputs of shape "
            f"{x.shape} and targets of shape {shapes}"
        )
    try:
        scores = jax.eval_shape(lambda p, x: network.forward(p, x)[0], params, x)
        jax.eval_shape(loss.forward, scores, targets)
        if metric is not None:
            jax.eval_shape(metric, scores, targets)
        _check_indices(network, params, x)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    _, weights = split(targets)
    if weights is not None:
        _check_weights(name, np.asarray(weights))
    check_targets(name, loss, scores, targets)
    return x, targets


def _check_indices(network: Layer, params: Params, x: jax.Array) -> None:
    """Refuse indices out of an embedding's range, which a compiled program cannot do.

    Only outside `jit` does an embedding see values, so the rows with the smallest and the largest
    index of each column are run there. Only the shapes of the parameters matter.
    """
    if isinstance(x, Tracer) or not jnp.issubdtype(x.dtype, jnp.integer) or not x.size:
        return
    columns = np.asarray(x).reshape(len(x), -1)
    extremes = np.unique(np.concatenate([columns.argmin(axis=0), columns.argmax(axis=0)]))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), params)
    try:
        network.forward(zeros, x[extremes])
    except ValueError:
        network.forward(zeros, x)  # its message gives the place among all rows
        raise


def _check_weights(name: str, weights: np.ndarray) -> None:
    """Refuse infinite, negative or only zero weights."""
    wrong = np.argwhere(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise ValueError(
            f"{name}: expected finite weights of at least 0, but row {wrong[0][0]} has "
            f"{weights[tuple(wrong[0])]}"
        )
    if not weights.any():
        raise ValueError(f"{name}: all weights are 0, so there is nothing to average")
