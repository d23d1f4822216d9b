"""Training on rows that are read block by block, for data that does not fit into memory.

A block is a run of consecutive rows. A window is a few blocks, in memory at the same time. While
one window is trained on, the next is read.
"""

import functools
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nnjax.arrays import as_array
from nnjax.core import Layer, Loss, Params
from nnjax.epoch import History, State, augment_key, measure, step_key, train_step
from nnjax.layers.batch_norm import has_batch_norm
from nnjax.losses.checks import check_targets
from nnjax.training.devices import held_by_all, shared_out
from nnjax.training.given import check_finite

Rows = tuple[np.ndarray, np.ndarray]
"""Inputs and targets."""

Check = Callable[[int, Rows], None]
"""Takes the number of a block's first row, and its rows; raises ValueError."""


class Stream(NamedTuple):
    """Rows on disk, as `nn.stream` describes them and `fit` reads them.

    `read(first, last)` returns inputs and targets of these rows; `check_unchanged()` raises an
    error if the file is no longer the one described.
    """

    rows: int
    block: int
    window: int
    read: Callable[[int, int], Rows]
    check_unchanged: Callable[[], None]


def check_in_memory(name: str, rows: object) -> None:
    """Refuse a stream where rows are needed in memory.

    Args:
        name: where it was given, for the message: `sweep(data)`.
        rows: what was given.
    """
    if isinstance(rows, Stream):
        raise ValueError(
            f"{name}: expected rows in memory, got a stream, which only nn.fit(data=...) reads"
        )


def check_stream(params: Params, train_metrics: bool) -> None:
    """Refuse settings that need all rows at the same time."""
    if has_batch_norm(params):
        raise ValueError(
            "fit(data): batch normalisation needs statistics of all rows after each epoch, which a "
            "stream does not hold; use nn.layer_norm, or train in memory"
        )
    if train_metrics:
        raise ValueError(
            "fit(train_metrics=True): a stream is read once in an epoch; pass some of its rows as "
            "validation=(inputs, targets), or leave train_metrics out"
        )


def block_check(network: Layer, loss: Loss, params: Params, x: jax.Array, allow_nan: bool) -> Check:
    """A check that refuses NaN, and targets that the loss does not take, in a block.

    The network's output shape is found here, from the few rows `x`: JAX's settings belong to a
    thread, and the thread that reads does not have those of this one.
    """
    shape = jax.eval_shape(lambda p, x: network.forward(p, x)[0], params, x).shape[1:]

    def check(first: int, rows: Rows) -> None:
        x, targets = rows
        name = f"data[{first}:{first + len(x)}]"
        # A sum is finite if all its terms are and it does not overflow, and takes less time.
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(x.sum()) and np.isfinite(targets.sum())
        if not (allow_nan or finite):
            check_finite(name, x, targets)
        check_targets(name, loss, jax.ShapeDtypeStruct((len(x), *shape), x.dtype), targets)

    return check


# --- rows -----------------------------------------------------------------------------------------


def order_of(stream: Stream, key: jax.Array | None, epoch: int) -> Iterator[tuple[Any, Any]]:
    """The windows of an epoch: the first rows of their blocks, and the places of their rows.

    The places are None for the order of the file. Windows are drawn one by one, since the places of
    all rows need not fit into memory; the key is used here, not by the thread that reads.
    """
    if key is None:
        return ((np.array([first]), None) for first in range(0, stream.rows, stream.block))
    numbers = jax.random.key_data(jax.random.fold_in(key, epoch))
    return _drawn(stream, np.random.default_rng(np.asarray(numbers)))


def _drawn(stream: Stream, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    starts = np.arange(0, stream.rows, stream.block)
    rng.shuffle(starts)
    for i in range(0, len(starts), stream.window):
        chosen = starts[i : i + stream.window]
        yield chosen, rng.permutation(np.minimum(stream.rows - chosen, stream.block).sum())


def _windows(stream: Stream, check: Check, order: Iterator[tuple[Any, Any]]) -> Iterator[Rows]:
    for starts, places in order:
        window: list[np.ndarray] = []
        done = 0
        for first in starts.tolist():
            part = stream.read(first, min(first + stream.block, stream.rows))
            check(first, part)
            if places is None:
                window = list(part)
                continue
            if not window:
                window = [_empty((len(places), *a.shape[1:]), a.dtype) for a in part]
            # Each block goes to its places at once: one copy fewer than joining and then shuffling.
            rows = places[done : done + len(part[0])]
            for whole, array in zip(window, part, strict=True):
                whole[rows] = array
            done += len(rows)
        yield window[0], window[1]


def _empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array that JAX on a CPU takes over without a copy: it starts at a multiple of 64 bytes."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def _in_batches(windows: Iterator[Rows], batch_size: int) -> Iterator[Rows]:
    """The rows in pieces of whole batches; the last piece is what is left over."""
    left: Rows | None = None
    for x, targets in windows:
        taken = 0
        if left is not None:
            taken = min(batch_size - len(left[0]), len(x))
            left = (
                np.concatenate([left[0], x[:taken]]),
                np.concatenate([left[1], targets[:taken]]),
            )
            if len(left[0]) < batch_size:
                continue
            yield left
        done = taken + (len(x) - taken) // batch_size * batch_size
        if taken < done:
            yield x[taken:done], targets[taken:done]
        # Copies, since a part of a window would keep all of it in memory.
        left = (x[done:].copy(), targets[done:].copy()) if done < len(x) else None
    if left is not None:
        yield left


def _ahead(pieces: Iterator[Rows]) -> Iterator[Rows]:
    """The same pieces; a thread reads the next one while the last one is used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = pool.submit(next, pieces, None)
            yield piece
            del piece


# --- epoch ----------------------------------------------------------------------------------------


def stream_epoch(
    settings: tuple[Any, ...],
    stream: Stream,
    check: Check,
    validation: tuple[jax.Array, Any] | None,
    key: jax.Array | None,
    state: State,
    epoch: int,
) -> tuple[State, History]:
    """One epoch of `fit` on a stream: the steps of an epoch in memory, on rows in this order."""
    _, _, _, batch_size, shuffle, drop_last, *_ = settings
    order_key = jax.random.split(key)[0] if shuffle and key is not None else None
    windows = _windows(stream, check, order_of(stream, order_key, epoch))
    losses: list[jax.Array] = []
    steps, size = 0, max(stream.block // batch_size, 1) * batch_size
    stream.check_unchanged()
    for x, targets in _ahead(_in_batches(windows, batch_size)):
        if drop_last and len(x) < batch_size:
            break
        # Arrays of JAX are copies: of a block at a time, they take less memory than of a window.
        for i in range(0, len(x), size):
            piece = slice(i, i + size)
            rows = as_array(x[piece], "data: inputs"), as_array(targets[piece], "data: targets")
            state, found = _fit_piece(settings, state, rows, key, epoch, steps)
            losses.append(
                jax.block_until_ready(found)
            )  # otherwise copies that wait for training pile up
            steps += len(found)
        del x, targets  # the next window is in memory before this one goes
    stream.check_unchanged()
    rest = 0 if drop_last else stream.rows % batch_size
    last = losses.pop()[0] if rest else None
    return state, _record(
        settings, rest / stream.rows, state, jnp.concatenate(losses), last, validation
    )


@functools.partial(jax.jit, static_argnums=0)
def _fit_piece(
    settings: tuple[Any, ...],
    state: State,
    rows: tuple[jax.Array, Any],
    key: jax.Array | None,
    epoch: ArrayLike,
    first: ArrayLike,
) -> tuple[State, jax.Array]:
    """The steps on whole batches, or on one batch of fewer rows, and their losses."""
    network, loss, by_content, batch_size, _, _, _, penalty, augment, devices = settings
    optimizer = by_content.value
    layer_key = jax.random.split(jax.random.key(0) if key is None else key)[1]
    drawn = None if augment is None or key is None else augment_key(key)

    def step(state: State, numbered: tuple[jax.Array, Any]) -> tuple[State, jax.Array]:
        number, batch = numbered
        if augment is not None and drawn is not None:
            batch = augment(step_key(drawn, epoch, number), *batch)
        x, targets = shared_out(batch, devices)
        key = step_key(layer_key, epoch, number)
        return train_step(network, loss, optimizer, state, x, targets, key, penalty)

    size = min(batch_size, len(rows[0]))
    batches: Any = jax.tree.map(lambda a: a.reshape(len(a) // size, size, *a.shape[1:]), rows)
    numbers: Any = first + jnp.arange(len(batches[0]))
    return held_by_all(jax.lax.scan(step, state, (numbers, batches)), devices)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _record(
    settings: tuple[Any, ...],
    share: float,
    state: State,
    losses: jax.Array,
    last: jax.Array | None,
    validation: tuple[jax.Array, Any] | None,
) -> History:
    """The entry in the history; the last batch has a share of the rows."""
    network, loss, by_content, *_, measures, _, _, devices = settings
    train_loss = losses.mean(axis=0)
    if last is not None:
        train_loss = (1 - share) * train_loss + share * last
    nothing: Any = None
    validation = shared_out(validation, devices)
    record = measure(
        network, loss, by_content.value, measures, state, train_loss, nothing, validation
    )
    return held_by_all(record, devices)
