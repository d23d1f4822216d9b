"""The loop over epochs: early stopping, callbacks, interruption, progress bar, resuming."""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from tqdm import tqdm

from nnjax.core import Params
from nnjax.epoch import History, Measures, State, completed


class Checkpoint(NamedTuple):
    """The state of training after an epoch; pass it to `fit` instead of parameters to resume.

    A resumed run gives the same numbers as a run without interruption, to the last bit. `epoch` is
    the number of epochs done. `history` is the history of these epochs; without it, the history
    starts at the checkpoint. `best` contains the parameters of the best epoch so far, which early
    stopping restores; without it, early stopping starts afresh. So it is enough to store `params`,
    `optimizer_state` and `epoch`.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn, optax
        >>> data = jnp.array([[0.0], [1.0]]), jnp.array([[0.0], [2.0]])
        >>> start, optimizer = nn.Dense(jnp.array([[1.0]]), jnp.array([0.0])), optax.adam(0.1)
        >>> settings = {"batch_size": 1, "metric": None}
        >>> seen = []
        >>> params, history = nn.fit(nn.dense(1), nn.mean_squared_error, optimizer, start, data,
        ...                          epochs=4, callback=seen.append, **settings)
        >>> later = nn.Checkpoint(*seen[1][:3])
        >>> again, rest = nn.fit(nn.dense(1), nn.mean_squared_error, optimizer, later, data,
        ...                      epochs=4, **settings)
        >>> later.epoch, rest.train_loss.shape, bool((again.weights == params.weights).all())
        (2, (2,), True)
    """

    params: Params
    optimizer_state: Any
    epoch: int
    history: History | None = None
    best: Params | None = None


Callback = Callable[[Checkpoint], object]
"""Called after each epoch; training ends if it returns True."""

Epoch = Callable[[State, int], tuple[State, History]]
"""`(state, number of the epoch) -> (state after it, its entry in the history)`."""


class Patience(NamedTuple):
    """Early stopping: after how many epochs without improvement, and of which value."""

    epochs: int | None
    monitor: str

    def worth(self, history: History) -> np.ndarray:
        """The monitored values, with the sign such that larger is better."""
        name = self.monitor.removeprefix("-")
        found = history.validation_metrics.get(name)
        values = np.asarray(getattr(history, name) if found is None else found, np.float64)
        if values.ndim != 1:
            raise ValueError(
                f"fit(patience=...): {name} is not one number but {values.shape[1:]} of them"
            )
        falls = name.endswith("loss") or self.monitor.startswith("-")
        return np.nan_to_num(-values if falls else values, nan=-np.inf, neginf=-np.inf)


def check_patience(patience: Patience, measures: Measures, validation: bool) -> None:
    """Refuse to monitor a value that is not measured."""
    names = ["train_loss"]
    if validation:
        names += ["validation_loss", *(["validation_accuracy"] if measures.metric else [])]
        names += [name for name, _ in measures.metrics]
    if patience.monitor.removeprefix("-") not in names:
        hint = "" if validation else "; others need validation=(inputs, targets)"
        raise ValueError(
            f"fit(patience=...): {patience.monitor!r} is not measured; monitor one of {names}{hint}"
        )


def run(
    one_epoch: Epoch,
    start: Checkpoint,
    epochs: int,
    patience: Patience,
    callback: Callback | None,
    progress: bool | None,
) -> tuple[Params, History]:
    """Train from a checkpoint to the given number of epochs, or until stopped earlier."""
    reached = State(start.params, start.optimizer_state), int(start.epoch)
    records: list[History] = []
    so_far = start.history, 0  # the history, and how many of the records are in it
    best, stopped = start.best, _is_stale(patience, start.history)

    # For tqdm, disable=None means "only in a terminal"; delay keeps short runs quiet.
    hide = None if progress is None else not progress
    numbers = range(reached[1], reached[1] if stopped else epochs)
    with tqdm(numbers, desc="epochs", disable=hide, delay=2 if hide is None else 0) as bar:
        try:
            for epoch in bar:
                state, record = one_epoch(reached[0], epoch)
                records.append(record)
                reached = state, epoch + 1  # in one assignment, which no interruption divides
                if len(records) > 1:
                    # One epoch runs ahead of what is shown; more would not let Ctrl-C through.
                    _show(bar, records[-2])
                if patience.epochs is None and callback is None:
                    continue
                so_far = _history(so_far[0], records[so_far[1] :]), len(records)
                history = so_far[0]
                if patience.epochs is not None:
                    best = state.params if _is_best(patience, history) else best
                    stopped = _is_stale(patience, history)
                if callback is not None:
                    said = callback(Checkpoint(*state, epoch + 1, history, best))
                    stopped = stopped or _is_true(said)
                if stopped:
                    break
        except KeyboardInterrupt:
            if reached[1] == start.epoch:
                raise
            message = f"fit: interrupted; returned after {reached[1]} of {epochs} epochs"
            tqdm.write(message, file=sys.stderr)
    state, epoch = reached
    history = _history(so_far[0], records[so_far[1] : epoch - int(start.epoch)])
    return state.params if patience.epochs is None or best is None else best, history


def _is_best(patience: Patience, history: History) -> bool:
    """Whether no epoch before the last was as good; NaN is never best."""
    worth = patience.worth(history)
    return worth[-1] > worth[:-1].max(initial=-np.inf)


def _is_stale(patience: Patience, history: History | None) -> bool:
    if patience.epochs is None or history is None:
        return False
    worth = patience.worth(history)
    return len(worth) - 1 - int(worth.argmax()) >= patience.epochs


def _is_true(said: object) -> bool:
    """Whether it is True, of Python, NumPy or JAX; any other value does not stop training."""
    return (
        isinstance(said, bool | np.bool | jax.Array)
        and np.asarray(said).dtype.kind == "b"
        and bool(said)
    )


def _history(before: History | None, records: list[History]) -> History:
    """The history so far, as arrays whose first axis is the epochs."""
    if not records:
        assert before is not None
        return before
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(records)):
        return completed(jax.tree.map(lambda *entries: jnp.stack(entries), *records))
    # On the host: JAX would compile a program for every number of epochs.
    entries = jax.device_get(records)
    new = completed(jax.tree.map(lambda *entries: jax.device_put(np.stack(entries)), *entries))
    if before is None:
        return new
    try:
        return jax.tree.map(lambda a, b: jax.device_put(np.concatenate([a, b])), before, new)
    except ValueError:
        raise ValueError(
            "fit: the checkpoint's history has other metrics than those asked for; resume with the "
            "same, or without the history: Checkpoint(params, optimizer_state, epoch)"
        ) from None


def _show(bar: Any, record: History) -> None:
    """Show loss and metrics of a finished epoch on the progress bar."""
    if isinstance(record.train_loss, Tracer):
        return
    jax.block_until_ready(record.train_loss)
    if bar.disable:
        return
    shown = {
        "loss": record.train_loss,
        "validation loss": record.validation_loss,
        "accuracy": record.validation_accuracy,
        **record.validation_metrics,
    }
    numbers = {name: v for name, v in shown.items() if v is not None and np.ndim(v) == 0}
    bar.set_postfix({name: f"{float(v):.4g}" for name, v in numbers.items()}, refresh=False)
