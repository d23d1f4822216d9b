"""Training many replicas of a network (seeds times hyper-parameters) as one compiled program."""

import functools
import math
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
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
    completed,
    fold,
    measure,
    refreshed,
    row_order,
    step_key,
    train_step,
)
from nnjax.train import accuracy
from nnjax.training.arms import Part, check_arms, parts
from nnjax.training.devices import Devices, check_devices, exchanged, is_ours, placed
from nnjax.training.given import (
    Checked,
    Data,
    as_arrays,
    check_measures,
    check_rules,
    check_training,
    init_params,
)
from nnjax.training.optimizers import ByContent, begin
from nnjax.training.stream import check_in_memory


def sweep(
    network: Layer,
    loss: Loss,
    optimizer: Callable[..., optax.GradientTransformation],
    data: Data,
    *,
    seeds: Sequence[int],
    arms: Mapping[str, Sequence[Any]],
    epochs: int,
    batch_size: int,
    shuffle: bool = True,
    drop_last: bool = False,
    validation: Data | None = None,
    metric: Metric | None = accuracy,
    metrics: Mapping[str, Metric] | None = None,
    train_metrics: bool = False,
    penalty: Penalty | None = None,
    augment: Augment | None = None,
    allow_nan: bool = False,
    progress: bool | None = None,
    threads: int | None = None,
    devices: Devices | None = None,
) -> tuple[Params, History]:
    """Train many replicas of a network (seeds times hyper-parameters) as one compiled program.

    Replica (a, s) is the result of `fit` with `optimizer(**arm a)` and the two keys
    `init_key, fit_key = jax.random.split(jax.random.key(s))`. The arms of a seed share the initial
    parameters, the order of the batches and their augmentation, so differences between arms are
    paired.

    Why it is cheap: replicas that see the same batch are trained together, with the replica axis of
    every weight matrix next to its output axis. The largest product of the network, batch times
    first weights, is then a single matrix product (batch, n_in) x (n_in, replicas * n_out) for all
    of them, without a transpose. Replicas are trained in groups small enough for their weights to
    stay in the processor's cache; all groups run the same compiled program, several at the same
    time, because cores that share one product wait for each other.

    Sweeps of equal networks, losses and settings share that program, even if the networks differ
    in `init` (`network._replace(init=...)`).

    Args:
        network: the layer to train.
        loss: the loss on its output.
        optimizer: makes an optax transformation from the hyper-parameters of one arm, which are
            traced scalars; for instance `optax.adam`. If a hyper-parameter cannot be traced, such
            as `nesterov` or the steps of a schedule, one program is compiled for each value.
        data: inputs (rows, ...) and targets (rows, ...), `Weighted` or not.
        seeds: one whole number per seed.
        arms: maps the name of each hyper-parameter to its values in all arms. Bind values that do
            not vary to the optimizer with `functools.partial`.
        epochs, batch_size, drop_last, validation, metric, metrics, train_metrics, penalty, augment,
            allow_nan: as in `fit`.
        shuffle: whether to draw a new order of the rows for each seed and epoch. False keeps the
            order of the data, so all replicas share their batches (with `augment`, only those of
            one seed).
        progress: as in `fit`.
        threads: how many groups to train at the same time, without an effect on the results;
            default: one for each core that JAX may use (`NPROC`, else all); one on devices other
            than CPUs.
        devices: devices to divide the groups among, such as `jax.devices()`; each trains one at a
            time, instead of `threads`, and holds all data. The program is that of one device,
            compiled for each, so the numbers are the same to the last bit. With fewer groups than
            devices, some devices are idle. With several processes (`jax.distributed`), each makes
            the same call with the same data. None for one device.

    Returns:
        Parameters with two leading axes (arms, seeds), and the `History`, its arrays of shape
        (arms, seeds, epochs). A diverged replica is kept, with NaN in its losses.

    Raises:
        ValueError: as `fit`; if there are no seeds, no arms, arms of unequal length or not finite,
            or arms that the optimizer does not take; if `threads` is not a positive whole number,
            `devices` are not devices, or both are passed.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn, optax
        >>> x, labels = jnp.eye(4), jnp.array([0, 1, 1, 0])
        >>> params, history = nn.sweep(
        ...     nn.dense(2), nn.softmax_cross_entropy, optax.sgd, (x, labels),
        ...     seeds=[0, 1, 2], arms={"learning_rate": [0.1, 1.0]}, epochs=5, batch_size=4)
        >>> history.train_loss.shape, params.weights.shape
        ((2, 3, 5), (2, 3, 4, 2))

    Source: common random numbers: Glasserman & Yao, Management Science 38, 1992.
    """
    arms = check_arms(optimizer, arms)
    _check_seeds(seeds)
    devices = check_devices(devices, "sweep(devices)")
    if devices is not None and threads is not None:
        raise ValueError(
            "sweep(threads, devices): each device trains one group at a time; pass one of the two"
        )
    if threads is not None:
        check_whole(threads, "sweep(threads)")
    measures = check_measures(metric, metrics, train_metrics)
    check_rules(network, loss, penalty)
    check_in_memory("sweep(data)", data)
    data = as_arrays("data", data)
    platform = next(iter(devices or data[0].devices())).platform
    at_once = threads or (_cores() if platform == "cpu" else 1)
    places = devices or [None] * at_once
    in_shape = data[0].shape[1:]
    abstract = init_params.eval_shape(network, in_shape, jax.random.key(0))
    checked = check_training(
        network, loss, abstract, data, validation, measures, epochs, batch_size, drop_last, augment,
        allow_nan,
    )  # fmt: skip
    if not jax.tree.leaves(abstract):
        raise ValueError("sweep needs a network with parameters")
    initial = [jax.device_get(_initial(network, in_shape, jax.random.key(seed))) for seed in seeds]
    # Training does not depend on how the parameters were drawn: networks that differ only in `init`
    # share one compiled program.
    as_trained = network._replace(init=_drawn_before)
    random = shuffle or augment is not None
    given = checked, initial, seeds, epochs, shuffle, random, places, platform, progress
    programs, results = parts(optimizer, arms, abstract), []
    for part in programs:
        settings = (
            as_trained, loss, ByContent(part.optimizer), part.learning_rate, checked.batch_size,
            drop_last, measures, penalty, augment,
        )  # fmt: skip
        results.append(_train(settings, part, *given))
    order = np.argsort([number for part in programs for number in part.numbers])
    together = jax.tree.map(lambda *leaves: jax.device_put(np.concatenate(leaves)[order]), *results)
    return together[0], completed(together[1])


def _check_seeds(seeds: Any) -> None:
    try:
        whole = [operator.index(seeds[i]) for i in range(len(seeds))]
    except TypeError:
        raise ValueError(
            f"sweep(seeds): expected a list of whole numbers, such as range(10), got {seeds!r}"
        ) from None
    if not whole:
        raise ValueError("sweep needs at least one seed")


def _train(
    settings: tuple[Any, ...],
    part: Part,
    checked: Checked,
    initial: list[Params],
    seeds: Sequence[int],
    epochs: int,
    shuffle: bool,
    random: bool,
    places: Devices,
    platform: str,
    progress: bool | None,
) -> tuple[Params, History]:
    """Train the arms that share a program; the results have the axes (arms, seeds) first."""
    n_arms, n_seeds, rows = len(part.numbers), len(seeds), len(checked.data[0])
    # Replicas are numbered seed by seed. Random batches are shared only by the arms of a seed.
    sharing = n_arms if random else n_arms * n_seeds
    replica_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(initial[0]))
    size = _group_size(sharing, replica_bytes, platform)
    replicas = [(a, s) for s in range(n_seeds) for a in range(n_arms)]
    groups = [replicas[i : i + size] for i in range(0, len(replicas), size)]
    hide = None if progress is None else not progress

    def arguments(group: list[tuple[int, int]]) -> tuple[Any, ...]:
        arm_index = jnp.array([a for a, _ in group])
        keys = jnp.stack([jax.random.key(seeds[s]) for _, s in group])
        hyperparams = {name: values[arm_index] for name, values in part.columns.items()}
        params = jax.tree.map(
            lambda *leaves: jnp.asarray(np.stack(leaves)), *(initial[s] for _, s in group)
        )
        # The group shares its batches, so the first replica's key orders them for all.
        orders = (
            _orders(rows, epochs, keys[0])
            if shuffle
            else jnp.broadcast_to(jnp.arange(rows), (epochs, rows))
        )
        return params, keys, orders, hyperparams

    trained = groups
    if not all(map(is_ours, places)):
        # A process needs a result to exchange, so devices without a group train the last one again.
        trained = groups + groups[-1:] * (len(places) - len(groups))
    every_place = [places[i % len(places)] for i in range(len(trained))]
    ours = [(g, place) for g, place in zip(trained, every_place, strict=True) if is_ours(place)]
    at_once = sum(map(is_ours, places))
    data = {place: placed(checked[:2], place) for _, place in ours[:at_once]}
    results = []
    with (
        ThreadPoolExecutor(at_once) as pool,
        tqdm(total=len(ours), desc="groups", disable=hide, delay=2 if hide is None else 0) as bar,
    ):
        for i in range(0, len(ours), at_once):
            given = [
                (place, (*placed(arguments(group), place), *data[place]))
                for group, place in ours[i : i + at_once]
            ]
            # JAX's settings belong to a thread, so this one compiles; the others only run. A second
            # call with the same shapes finds the program compiled.
            runs = {
                place: _sweep_group.lower(settings, *each).compile()
                for place, each in dict(given).items()
            }
            # Fetch the results now: what is finished should not compete with what still runs.
            results += pool.map(lambda one, runs=runs: jax.device_get(runs[one[0]](*one[1])), given)
            bar.update(len(given))
    results = exchanged(results, every_place)[: len(groups)]

    def by_arm_and_seed(*leaves: np.ndarray) -> np.ndarray:
        replica_first = np.concatenate(leaves)
        return replica_first.reshape(n_seeds, n_arms, *replica_first.shape[1:]).swapaxes(0, 1)

    return jax.tree.map(by_arm_and_seed, *results)


def _cores() -> int:
    """The cores that JAX may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return int(os.environ.get("NPROC") or allowed or 1)


CACHE_BYTES = 5 << 18
"""Size of the weights of a group of replicas: about the size of a core's own cache."""

ACCELERATOR_BYTES = 1 << 28
"""The same on other devices, which have no such cache and work on many replicas at the same time.
An estimate: no such device was measured."""


def _group_size(sharing: int, replica_bytes: int, platform: str) -> int:
    """The divisor of `sharing` with which the weights come closest to that size."""
    fitting = (CACHE_BYTES if platform == "cpu" else ACCELERATOR_BYTES) / max(replica_bytes, 1)
    divisors = [d for d in range(1, sharing + 1) if sharing % d == 0]
    return min(divisors, key=lambda d: abs(math.log(d / fitting)))


def _replica_axes(tree: Any) -> Any:
    """The place of the replica axis in each stacked leaf: before the output axis of matrices."""
    return jax.tree.map(lambda leaf: max(leaf.ndim - 1, 0), tree)


# Random numbers take longer to compile than training and depend on less: the parameters of a layer
# only on its shape, orders only on the numbers of rows and epochs. So orders are a program of their
# own, and parameters are drawn outside any program: many sweeps then compile both only once.


def _drawn_before(key: jax.Array, in_shape: tuple[int, ...]) -> tuple[Params, tuple[int, ...]]:
    raise TypeError("training takes parameters that were drawn before")


def _initial(network: Layer, in_shape: tuple[int, ...], key: jax.Array) -> Params:
    """The initial parameters of a seed."""
    return network.init(jax.random.split(key)[0], in_shape)[0]


# Whole numbers do not depend on how the compiler orders sums, so it may optimise less.
@functools.partial(
    jax.jit, static_argnums=(0, 1), compiler_options={"xla_backend_optimization_level": 1}
)
def _orders(rows: int, epochs: int, key: jax.Array) -> jax.Array:
    """The order of the rows in every epoch, from a seed's key: (epochs, rows)."""
    order_key, _ = jax.random.split(jax.random.split(key)[1])
    return jax.vmap(lambda epoch: row_order(rows, order_key, epoch))(jnp.arange(epochs))


@functools.partial(jax.jit, static_argnums=0)
def _sweep_group(
    settings: tuple[Any, ...],
    params: Params,
    keys: jax.Array,
    orders: jax.Array,
    hyperparams: dict[str, jax.Array],
    data: tuple[jax.Array, Any],
    validation: tuple[jax.Array, Any] | None,
) -> tuple[Params, History]:
    """Train replicas that share their batches; the results have the replica axis first."""
    network, loss, by_content, rate, batch_size, drop_last, measures, penalty, augment = settings
    optimizer = by_content.value

    def start(params: Params, arm: dict[str, jax.Array]) -> State:
        return State(params, begin(optimizer(**arm), params))

    one_state = jax.eval_shape(start, *jax.tree.map(lambda v: v[0], (params, hyperparams)))
    axes = _replica_axes(one_state)
    states = jax.vmap(start, out_axes=axes)(params, hyperparams)
    fit_keys = jax.vmap(lambda key: jax.random.split(key)[1])(keys)
    layer_keys = jax.vmap(lambda key: jax.random.split(key)[1])(fit_keys)
    # The group shares its augmented batches, with the key of the first replica.
    drawn = augment_key(fit_keys[0])

    def one_step(
        state: State, key: jax.Array, arm: dict[str, jax.Array], x: jax.Array, targets: Any
    ) -> tuple[State, jax.Array]:
        return train_step(network, loss, optimizer(**arm), state, x, targets, key, penalty)

    def one_measure(state: State, train_loss: jax.Array, arm: dict[str, jax.Array]) -> History:
        learning_rate = arm.get("learning_rate", None if rate is None else jnp.asarray(rate))
        return measure(
            network, loss, optimizer(**arm), measures, state, train_loss, data, validation,
            learning_rate,
        )  # fmt: skip

    def run_epoch(states: State, numbered: tuple[jax.Array, jax.Array]) -> tuple[State, History]:
        epoch, order = numbered

        def step(states: State, numbered: tuple[jax.Array, jax.Array]) -> tuple[State, jax.Array]:
            number, rows = numbered
            step_keys = jax.vmap(lambda key: step_key(key, epoch, number))(layer_keys)
            x, targets = batch_at(data, rows, augment, step_key(drawn, epoch, number))
            return jax.vmap(one_step, in_axes=(axes, 0, 0, None, None), out_axes=(axes, 0))(
                states, step_keys, hyperparams, x, targets
            )

        states, losses = fold(step, states, order, batch_size, drop_last)
        states = jax.vmap(
            lambda state: refreshed(network, state, data[0]), in_axes=(axes,), out_axes=axes
        )(states)
        record = jax.vmap(one_measure, in_axes=(axes, 0, 0))(states, losses, hyperparams)
        return states, record

    states, history = jax.lax.scan(run_epoch, states, (jnp.arange(len(orders)), orders))
    replica_first = jax.vmap(lambda params: params, in_axes=(axes.params,))(states.params)
    return replica_first, jax.tree.map(lambda h: h.swapaxes(0, 1), history)
