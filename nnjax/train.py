"""Training one network by mini-batch gradient descent, compiled once."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.core import Tracer
from jax.typing import ArrayLike
from tqdm import tqdm

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
from nnjax.losses.reduction import split, weighted_mean
from nnjax.losses.targets import are_labels

Data = tuple[ArrayLike, Any]
"""Inputs (rows, ...) and targets (rows, ...), or a tree of such targets as `Weighted` is."""


def accuracy(scores: jax.Array, targets: Any) -> jax.Array:
    """Fraction of rows whose largest score is at the target class.

        1/n sum_b [argmax_k scores_bk = class of row b]

    With `Weighted` targets every hit counts its weight: sum_b w_b [...] / sum_b w_b.

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

        params <- params + optimizer(dJ/dparams)    for every batch of every epoch

    After each epoch the batch normalisations of the network, if it has any, get the population
    statistics of all training inputs (`population_statistics`).

    Args:
        network: the layer to train.
        loss: the loss on its output.
        optimizer: any optax transformation, `optax.sgd(0.01, momentum=0.9)` for instance.
        params: parameters to start from, as `network.init` returns them. They are not changed.
        data: inputs (rows, ...) and targets (rows, ...), or `Weighted(targets, weights)`. A batch
            without any weight has loss NaN, and so has its epoch in the history, and gradient 0.
        epochs: passes over the data.
        batch_size: rows in a batch. More than there are rows means all of them in one batch; rows
            left over after the last whole batch are not used in that epoch.
        key: source of the random numbers of shuffling and of layers such as dropout; None for
            none.
        shuffle: draw a new order of the rows for each epoch; default: whenever there is a key.
            False keeps the order of the data.
        validation: inputs and targets to measure after each epoch.
        metric: what `validation_accuracy` records, a number or an array of them (counts by group,
            for instance); None for nothing (regression).
        penalty: a term on the parameters to be added to the loss, such as `l2`.
        augment: `(key, x, targets) -> (x, targets)`, applied to every training batch inside the
            compiled step with a new key in every step; `mixup` for instance. It may return targets
            of another kind that the loss takes, such as distributions for labels. Validation data
            and population statistics are not augmented. It needs a key.
        progress: show a progress bar on standard error; default: only in a terminal, and only if
            training takes longer than two seconds.

    Returns:
        The trained parameters and the `History`, its arrays of shape (epochs,).

    Raises:
        ValueError: if the data does not fit the network or the loss, a label is outside the
            classes, an index is out of an embedding's range, weights are not finite, negative or
            all 0, or a setting is out of range; raised before anything is trained.

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
    # disable=None is tqdm's word for "only in a terminal"; delay keeps short runs quiet.
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
        batch_size: rows at a time, to bound memory; default all at once. The result is the same.

    Returns:
        Scores (rows, ...).

    Raises:
        ValueError: if x does not fit the network, an index is out of an embedding's range, or
            batch_size is not positive.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> params, _ = nn.dense(2).init(jax.random.key(0), (3,))
        >>> nn.predict(nn.dense(2), params, jnp.ones((5, 3)), batch_size=2).shape
        (5, 2)
    """
    x = _inputs(x)
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


# --- checks at the boundary, before anything is traced --------------------------------------------


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
    """Data as arrays and a batch size no larger than them; a readable ValueError if they misfit."""
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
            f"augment: expected inputs of shape {x.shape} and dtype {x.dtype} as they were given, "
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
    try:
        x = _inputs(pair[0])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    # A plain list or tuple of numbers is an array, as ever; other trees are kept.
    targets = jax.tree.map(jnp.asarray, pair[1], is_leaf=lambda node: type(node) in (list, tuple))
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
    plain, weights = split(targets)
    real = None if weights is None else _check_weights(name, np.asarray(weights))
    if isinstance(plain, jax.Array) and are_labels(scores, plain):
        labels = np.asarray(plain)
        # An output code has more classes than the network has outputs, or fewer, and knows it.
        classes = getattr(loss.forward, "classes", scores.shape[-1])
        unknown = (labels < 0) | (labels >= classes)
        wrong = np.argwhere(unknown if real is None else unknown & real)
        if len(wrong):
            raise ValueError(
                f"{name}: labels go from 0 to {classes - 1} for a network with {scores.shape[-1]} "
                f"outputs, but row {wrong[0][0]} has {labels[tuple(wrong[0])]}"
            )
    return x, targets


def _inputs(x: ArrayLike) -> jax.Array:
    """Inputs as an array; indices beyond 32 bits are refused, as JAX would cut them off."""
    if isinstance(x, np.ndarray) and x.dtype.kind in "iu" and x.dtype.itemsize > 4 and x.size:
        if max(-int(x.min()), int(x.max())) >= 2**31:
            raise ValueError(f"indices are at most 2**31 - 1 in size, got {x.min()} to {x.max()}")
        x = x.astype(np.int32)
    return jnp.asarray(x)


def _check_indices(network: Layer, params: Params, x: jax.Array) -> None:
    """Refuse indices that an embedding does not have, which no compiled program can.

    The rows with the smallest and the largest index of each column are run outside of `jit`, where
    an embedding sees values. The parameters matter by their shapes only.
    """
    if isinstance(x, Tracer) or not jnp.issubdtype(x.dtype, jnp.integer) or not x.size:
        return
    columns = np.asarray(x).reshape(len(x), -1)
    extremes = np.unique(np.concatenate([columns.argmin(axis=0), columns.argmax(axis=0)]))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), params)
    try:
        network.forward(zeros, x[extremes])
    except ValueError:
        network.forward(zeros, x)  # says the place among all rows
        raise


def _check_weights(name: str, weights: np.ndarray) -> np.ndarray:
    """Which weights are not 0; ValueError unless all are finite, none negative and some not 0."""
    wrong = np.argwhere(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise ValueError(
            f"{name}: weights are finite and not negative, but row {wrong[0][0]} has "
            f"{weights[tuple(wrong[0])]}"
        )
    if not weights.any():
        raise ValueError(f"{name}: all weights are 0, so there is nothing to average over")
    return weights != 0
