"""Training one network by mini-batch gradient descent, as one compiled program."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

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
    epoch_order,
    fold,
    measure,
    refreshed,
    step_key,
    train_step,
)
from nnjax.losses.reduction import split, weighted_mean
from nnjax.training.devices import Devices, check_devices, everywhere, held_by_all, here, shared_out
from nnjax.training.given import (
    Data,
    check_indices,
    check_key,
    check_measures,
    check_optimizer,
    check_rules,
    check_training,
    draws_numbers,
)
from nnjax.training.loop import Callback, Checkpoint, Patience, check_patience, run
from nnjax.training.optimizers import ByContent, begin
from nnjax.training.stream import Stream, block_check, check_in_memory, check_stream, stream_epoch


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
    params: Params | Checkpoint,
    data: Data | Stream,
    *,
    epochs: int,
    batch_size: int,
    key: jax.Array | None = None,
    shuffle: bool | None = None,
    drop_last: bool = False,
    validation: Data | None = None,
    metric: Metric | None = accuracy,
    metrics: Mapping[str, Metric] | None = None,
    train_metrics: bool = False,
    patience: int | None = None,
    monitor: str = "validation_loss",
    callback: Callback | None = None,
    penalty: Penalty | None = None,
    augment: Augment | None = None,
    allow_nan: bool = False,
    progress: bool | None = None,
    devices: Devices | None = None,
) -> tuple[Params, History]:
    """Train a network by mini-batch gradient descent.

        params ← params + optimizer(∂J/∂params)    for every batch of every epoch

    After each epoch, batch normalisations receive the population statistics of all training inputs
    (`population_statistics`). Equal networks, losses and settings share one compiled program;
    optimizers are equal if they were made by equal calls, such as two `optax.adam(1e-3)`.

    Args:
        network: the layer to train.
        loss: the loss on its output.
        optimizer: any optax transformation, for instance `optax.sgd(0.01, momentum=0.9)`. If its
            update takes more than gradients (`value`, `grad`, `value_fn`, ...), as in `optax.lbfgs`
            and `optax.contrib.reduce_on_plateau`, it receives them for each batch. With
            `optax.lookahead`, the fast parameters are trained and returned.
        params: initial parameters, as `network.init` returns them (they are not modified); or a
            `Checkpoint` that a callback received, to resume from it.
        data: inputs (rows, ...) and targets (rows, ...). With weights, the targets are
            `Weighted(targets, weights)`, or the data are (inputs, targets, weights). A batch whose
            weights are all 0 has the gradient 0 and the loss NaN, which makes the epoch's training
            loss NaN. For a file that does not fit into memory: a stream of its rows (`nn.stream`).
        epochs: number of passes over the data, including those before a checkpoint.
        batch_size: rows in a batch, at most all rows. The last batch of an epoch has the rows that
            are left over.
        key: source of the random numbers for shuffling and for layers such as dropout; None for
            neither. Layers are in training mode in any case.
        shuffle: whether to draw a new order of the rows for each epoch; by default if there is a
            key. False keeps the order of the data.
        drop_last: whether rows left over after the last whole batch are left out of that epoch.
        validation: inputs and targets on which to measure after each epoch.
        metric: what `validation_accuracy` records: a number or an array (for instance counts by
            group); None for nothing, as in regression.
        metrics: further metrics by name, for `history.validation_metrics`.
        train_metrics: whether to measure all metrics on the training data too, after each epoch and
            in evaluation mode, for `history.train_metrics`; `metric` is stored as `accuracy`.
        patience: number of epochs without improvement after which training stops; the parameters of
            the best epoch are returned. None trains for all epochs and returns the last parameters.
        monitor: the value that should improve: `validation_loss`, `train_loss`,
            `validation_accuracy` or one of the metrics. Lower losses and higher metrics are better;
            for a metric that should be low, write `"-name"`.
        callback: called after each epoch with a `Checkpoint`: epoch, parameters, optimizer's state
            and history so far. Training stops if it returns True.
        penalty: a term of the parameters to add to the loss, such as `l2`.
        augment: `(key, x, targets) -> (x, targets)`, such as `augment.mixup`: applied to every
            training batch inside the compiled step, with a new key in every step. It may return
            another kind of targets that the loss takes, such as distributions for labels.
            Validation data and population statistics are not augmented. It needs a key.
        allow_nan: whether NaN and inf are allowed in inputs, targets and parameters.
        progress: show a progress bar with loss and metrics on standard error; default: only in a
            terminal, and only if training takes longer than two seconds.
        devices: devices to split the rows of each batch over, such as `jax.devices()`; each holds
            all data and parameters. The rows need not be a multiple of the devices. The numbers are
            those of one device up to rounding, since sums over the batch have another order. With
            several processes (`jax.distributed`), each makes the same call with the same data. None
            for one device.

    Returns:
        The trained parameters and the `History`, whose arrays have the epochs as first axis. After
        Ctrl-C, both are those of the finished epochs.

    Raises:
        ValueError: if the data does not fit the network or the loss, is not finite or not numeric,
            a label is not a class, an index is out of an embedding's range, weights are not finite,
            negative or all 0, params are those of another network, a network that draws random
            numbers has no key, `devices` are not devices, or a setting is out of range. It is
            raised before training starts.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn, optax
        >>> x = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> labels = jnp.array([0, 1, 1, 0])
        >>> net = nn.serial(nn.dense(8), nn.tanh(), nn.dense(2))
        >>> params, _ = net.init(jax.random.key(0), (2,))
        >>> params, history = nn.fit(net, nn.softmax_cross_entropy, optax.sgd(0.5, momentum=0.9),
        ...                          params, (x, labels), epochs=200, batch_size=4)
        >>> print(nn.predict(net, params, x).argmax(axis=1), bool(history.train_loss[-1] < 0.01))
        [0 1 1 0] True

    Source: Bottou, Stochastic gradient descent tricks, 2012; early stopping: Prechelt, Early
    stopping - but when?, 1998.
    """
    shuffle = key is not None if shuffle is None else shuffle
    for name, needs_key in (("shuffle=True", shuffle), ("augment=...", augment is not None)):
        if needs_key and key is None:
            raise ValueError(f"fit({name}) needs a key, for instance key=jax.random.key(0)")
    check_key(key, "fit(key)")
    check_rules(network, loss, penalty)
    check_optimizer(optimizer, "fit(optimizer)")
    if not (callback is None or callable(callback)):
        raise ValueError(f"fit(callback): expected a function or None, got {callback!r}")
    devices = check_devices(devices, "fit(devices)")
    measures = check_measures(metric, metrics, train_metrics)
    initial = params.params if isinstance(params, Checkpoint) else params
    stream = data if isinstance(data, Stream) else None
    check_in_memory("fit(validation)", validation)
    if isinstance(data, Stream):
        check_whole(batch_size, "batch_size")
        check_stream(initial, train_metrics)
        data = data.read(0, min(batch_size, data.rows))  # what all rows are like
    checked = check_training(
        network, loss, initial, data, validation, measures, epochs, batch_size, drop_last, augment,
        allow_nan,
    )  # fmt: skip
    waiting = Patience(patience, monitor)
    if patience is not None:
        check_whole(patience, "fit(patience)")
        check_patience(waiting, measures, checked.validation is not None)
    if key is None and draws_numbers(network, initial, checked.data[0][: checked.batch_size]):
        raise ValueError(
            "fit: this network draws random numbers in training, as dropout does, and needs a key, "
            "for instance key=jax.random.key(0)"
        )
    start = params if isinstance(params, Checkpoint) else None
    if start is None:
        start = Checkpoint(initial, begin(optimizer, initial), 0)
    elif int(start.epoch) >= epochs:
        raise ValueError(
            f"fit(epochs={epochs}): the checkpoint already has {int(start.epoch)} epochs, which "
            "count; nothing is left to do"
        )
    settings = (
        network, loss, ByContent(optimizer), checked.batch_size, shuffle, drop_last, measures,
        penalty, augment, devices,
    )  # fmt: skip
    arrays, held_out = everywhere(checked[:2], devices)
    streamed = None
    if stream is not None:
        check = block_check(network, loss, initial, checked.data[0], allow_nan)
        streamed = functools.partial(stream_epoch, settings, stream, check, held_out, key)

    def one_epoch(state: State, epoch: int) -> tuple[State, History]:
        if streamed is not None:
            return streamed(state, epoch)
        reached = _fit_epoch(settings, state, arrays, held_out, key, epoch)
        # Two programs at the same time on devices of one processor can wait for each other forever.
        return reached if devices is None else jax.block_until_ready(reached)

    start = start._replace(
        params=everywhere(start.params, devices),
        optimizer_state=everywhere(start.optimizer_state, devices),
    )
    told = callback and (lambda checkpoint: callback(here(checkpoint, devices)))
    params, history = run(one_epoch, start, epochs, waiting, told, progress)
    return here(params, devices), history


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
    check_indices(network, params, x)
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
    (
        network, loss, by_content, batch_size, shuffle, drop_last, measures, penalty, augment,
        devices,
    ) = settings  # fmt: skip
    optimizer = by_content.value
    # Without a key no layer uses the numbers of this one; it says that this is training.
    order_key, layer_key = jax.random.split(jax.random.key(0) if key is None else key)
    drawn = None if augment is None or key is None else augment_key(key)
    order = epoch_order(len(data[0]), shuffle, order_key, epoch)

    def step(state: State, numbered: tuple[jax.Array, jax.Array]) -> tuple[State, jax.Array]:
        number, rows = numbered
        batch_key = None if drawn is None else step_key(drawn, epoch, number)
        x, targets = shared_out(batch_at(data, rows, augment, batch_key), devices)
        key = step_key(layer_key, epoch, number)
        return train_step(network, loss, optimizer, state, x, targets, key, penalty)

    state, train_loss = fold(step, state, order, batch_size, drop_last)
    data, validation = shared_out((data, validation), devices)
    state = refreshed(network, state, data[0])
    record = measure(network, loss, optimizer, measures, state, train_loss, data, validation)
    return held_by_all((state, record), devices)
