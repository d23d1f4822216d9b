"""Check and convert the arguments of `fit` and `sweep` before anything is traced."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.interpreters.partial_eval import dce_jaxpr
from jax.typing import ArrayLike

from nnjax.arrays import as_array
from nnjax.checks import check_whole
from nnjax.core import Layer, Loss, Params
from nnjax.epoch import Augment, Measures, Metric
from nnjax.losses.checks import check_targets
from nnjax.losses.reduction import Weighted, split
from nnjax.training.optimizers import not_finite

Data = tuple[ArrayLike, Any] | tuple[ArrayLike, Any, ArrayLike]
"""Inputs (rows, ...) and targets (rows, ...), or a tree of targets such as `Weighted`; an
optional third element has a weight for each row."""


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
    measures: Measures,
    epochs: int,
    batch_size: int,
    drop_last: bool,
    augment: Augment | None = None,
    allow_nan: bool = False,
) -> Checked:
    """Data as arrays, and a batch size of at most all rows; ValueError if they do not fit."""
    check_whole(epochs, "epochs")
    check_whole(batch_size, "batch_size")
    of_training = (
        measures if measures.on_training_data else measures._replace(metric=None, metrics=())
    )
    arrays = as_arrays("data", data)
    held_out = None if validation is None else as_arrays("validation", validation)
    own = _own_params(network, params, arrays[0])
    # With another tree, layers fail anyhow; with other shapes, they say best what is wrong.
    if jax.tree.structure(params) != jax.tree.structure(own):
        _check_places(params, own)
        _check_containers(network, params, arrays[0])
    _check_data("data", arrays, network, loss, params, of_training, allow_nan)
    if held_out is not None:
        _check_data("validation", held_out, network, loss, params, measures, allow_nan)
    _check_places(params, own)
    if not allow_nan:
        _check_finite_params(params)
    rows = len(arrays[0])
    checked = Checked(arrays, held_out, min(int(batch_size), rows))
    if augment is not None:
        rest = rows % checked.batch_size
        for size in [checked.batch_size, rest] if rest and not drop_last else [checked.batch_size]:
            _check_augment(augment, network, loss, params, checked.data, size)
    return checked


def check_measures(
    metric: Metric | None, metrics: Mapping[str, Metric] | None, train_metrics: bool
) -> Measures:
    """The metrics by name; ValueError if one is not a function or has a name that is taken."""
    named = {} if metrics is None else metrics
    if not isinstance(named, Mapping) or not all(
        isinstance(name, str) and callable(f) for name, f in named.items()
    ):
        raise ValueError(
            f"metrics: expected functions (scores, targets) by name, as in {{'top3': f}}, got "
            f"{metrics!r}"
        )
    if taken := sorted({"accuracy", "loss"} & set(named)):
        raise ValueError(f"metrics: the history has a {taken[0]!r} already; choose another name")
    if not (metric is None or callable(metric)):
        raise ValueError(f"metric: expected a function (scores, targets) or None, got {metric!r}")
    return Measures(metric, tuple(named.items()), bool(train_metrics))


def check_optimizer(optimizer: Any, place: str) -> None:
    """Refuse what is not an optax transformation, such as `optax.adam` without a call."""
    if callable(getattr(optimizer, "init", None)) and callable(getattr(optimizer, "update", None)):
        if found := not_finite(optimizer):
            raise ValueError(f"{place}: expected finite numbers, but {found[0]} is {found[1]}")
        return
    name = getattr(optimizer, "__name__", repr(optimizer))
    done = f"the function {name} itself; call it" if callable(optimizer) else repr(optimizer)
    raise ValueError(
        f"{place}: expected an optax transformation such as optax.adam(1e-3), got {done}"
    )


def check_key(key: Any, place: str) -> None:
    """Refuse what is neither None nor a random key."""
    if key is None:
        return
    dtype, shape = getattr(key, "dtype", None), getattr(key, "shape", None)
    if isinstance(key, jax.Array) and dtype is not None:
        if jnp.issubdtype(dtype, jax.dtypes.prng_key) and shape == ():
            return
        if dtype == jnp.uint32 and len(key.shape) == 1:  # the older kind, jax.random.PRNGKey
            return
    raise ValueError(f"{place}: expected a key such as jax.random.key(0), got {key!r}")


def draws_numbers(network: Layer, params: Params, x: jax.Array) -> bool:
    """Whether the output of a network in training depends on its key, as with dropout."""
    leaves, tree = jax.tree.flatten((params, x))
    return _draws_numbers(network, tree, tuple((jnp.shape(v), jnp.result_type(v)) for v in leaves))


@functools.lru_cache(maxsize=256)
def _draws_numbers(network: Layer, tree: Any, leaves: tuple[tuple[Any, Any], ...]) -> bool:
    params, x = tree.unflatten([jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in leaves])
    key = jax.eval_shape(lambda: jax.random.key(0))
    jaxpr = jax.make_jaxpr(lambda p, x, key: network.forward(p, x, key)[0])(params, x, key).jaxpr
    _, used = dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    return used[-1]


def check_rules(network: Any, loss: Any, penalty: Any = None) -> None:
    """Refuse what is not a layer, loss or penalty, such as `nn.relu` without a call."""
    check_network(network)
    _check_roles("loss", loss, ("forward", "backward"), "a loss such as nn.softmax_cross_entropy")
    if penalty is not None:
        wanted = "a penalty such as nn.l2(1e-4) or None"
        _check_roles("penalty", penalty, ("forward", "backward"), wanted)


def check_network(network: Any) -> None:
    """Refuse what is not a layer."""
    roles = ("init", "forward", "backward")
    _check_roles("network", network, roles, "a layer such as nn.dense(10)")


def _check_roles(what: str, given: Any, roles: tuple[str, ...], example: str) -> None:
    if not all(callable(getattr(given, role, None)) for role in roles):
        name = getattr(given, "__name__", repr(given))
        got = f"the function {name} itself; call it" if callable(given) else name
        raise ValueError(f"{what}: expected {example}, got {got}")


# Programs that never run: for equal networks, losses and shapes, JAX traces them only once.


@functools.partial(jax.jit, static_argnums=(0, 1))
def init_params(network: Layer, in_shape: tuple[int, ...], key: jax.Array) -> Params:
    """The initial parameters, for their shapes."""
    return network.init(key, in_shape)[0]


@functools.partial(jax.jit, static_argnums=0)
def _scores(network: Layer, params: Params, x: jax.Array) -> Any:
    return network.forward(params, x)[0]


@functools.partial(jax.jit, static_argnums=0)
def _mean_loss(loss: Loss, scores: Any, targets: Any) -> jax.Array:
    return loss.forward(scores, targets)[0]


def _own_params(network: Layer, params: Params, x: jax.Array) -> Params:
    """What `network.init` returns, as shapes; `params` if `init` cannot be evaluated."""
    try:
        return init_params.eval_shape(network, x.shape[1:], jax.random.key(0))
    except Exception:  # a user's `init` may raise anything
        return params


def _check_places(params: Params, own: Params) -> None:
    """Refuse the parameters of another network, even if they fit the inputs."""
    given, wanted = (
        {jax.tree_util.keystr(path): jnp.shape(leaf) for path, leaf in jax.tree.leaves_with_path(t)}
        for t in (params, own)
    )
    if given == wanted:
        return
    place = next(p for p in [*wanted, *given] if given.get(p) != wanted.get(p))
    raise ValueError(
        f"params: these are of another network: {place or 'params'} has the shape "
        f"{given.get(place, 'of nothing')}, but network.init gives "
        f"{wanted.get(place, 'nothing there')}"
    )


def _check_containers(network: Layer, params: Params, x: jax.Array) -> None:
    """Refuse parameters of the right shapes in containers that the network cannot unpack."""

    def gradient(params: Params, x: jax.Array) -> Params:
        y, residuals = network.forward(params, x)
        return network.backward(params, residuals, y)[0]

    try:
        fits = jax.tree.structure(jax.eval_shape(gradient, params, x)) == jax.tree.structure(params)
    except Exception:  # a layer cannot unpack them
        fits = False
    if not fits:
        raise ValueError(
            "params: their shapes fit, but not their containers; expected those of network.init, "
            f"where a tuple is no list, got {jax.tree.structure(params)}"
        )


def _check_finite_params(params: Params) -> None:
    for path, leaf in jax.tree.leaves_with_path(params):
        if isinstance(leaf, Tracer | jax.ShapeDtypeStruct):
            return
        if (place := _not_finite(leaf)) is not None:
            name = jax.tree_util.keystr(path) or "params"
            raise ValueError(
                f"params: {name} is {leaf[place]} at {place}; start from network.init, or pass "
                "allow_nan=True"
            )


def _check_augment(
    augment: Augment,
    network: Layer,
    loss: Loss,
    params: Params,
    data: tuple[jax.Array, Any],
    rows: int,
) -> None:
    """Refuse an augmentation whose batches do not fit the network or the loss."""
    x, targets = jax.tree.map(lambda a: jax.ShapeDtypeStruct((rows, *a.shape[1:]), a.dtype), data)
    try:
        made = jax.eval_shape(augment, jax.random.key(0), x, targets)
    except (TypeError, ValueError) as error:
        said = str(error).partition("\n")[0]
        raise ValueError(f"augment: it fails for a batch of {rows} rows: {said}") from None
    if not (isinstance(made, tuple) and len(made) == 2):
        raise ValueError(f"augment: expected (x, targets) to be returned, got {made!r}")
    if (made[0].shape, made[0].dtype) != (x.shape, x.dtype):
        raise ValueError(
            f"augment: expected inputs of unchanged shape {x.shape} and dtype {x.dtype}, "
            f"got {made[0].shape} and {made[0].dtype}"
        )
    try:
        scores = _scores.eval_shape(network, params, made[0])
        _mean_loss.eval_shape(loss, scores, made[1])
    except ValueError as error:
        raise ValueError(f"augment: {error}") from None


def as_arrays(name: str, pair: Data) -> tuple[jax.Array, Any]:
    """Inputs and targets as arrays with equally many rows."""
    if not isinstance(pair, tuple | list) or len(pair) not in (2, 3):
        got = f"{len(pair)} elements" if isinstance(pair, tuple | list) else type(pair).__name__
        raise ValueError(
            f"{name}: expected (inputs, targets) or (inputs, targets, weights), got {got}"
        )
    x = as_array(pair[0], f"{name}: inputs")
    # A plain list or tuple of numbers becomes an array; other trees keep their structure.
    targets = jax.tree.map(
        lambda leaf: as_array(leaf, f"{name}: targets"),
        pair[1],
        is_leaf=lambda node: type(node) in (list, tuple),
    )
    if len(pair) == 3:
        if isinstance(targets, Weighted):
            raise ValueError(
                f"{name}: a third element has the weights, but the targets are Weighted"
            )
        targets = Weighted(targets, as_array(pair[2], f"{name}: weights"))
    lengths = {leaf.shape[:1] for leaf in jax.tree.leaves(targets)}
    if x.ndim < 2 or not len(x) or lengths != {x.shape[:1]}:
        shapes = jax.tree.map(jnp.shape, targets)
        raise ValueError(
            f"{name}: expected inputs (rows, ...) and as many targets, got inputs of shape "
            f"{x.shape} and targets of shape {shapes}"
        )
    return x, targets


def _check_data(
    name: str,
    data: tuple[jax.Array, Any],
    network: Layer,
    loss: Loss,
    params: Params,
    measures: Measures,
    allow_nan: bool,
) -> None:
    x, targets = data
    try:
        scores = _scores.eval_shape(network, params, x)
        _mean_loss.eval_shape(loss, scores, targets)
        for metric in (measures.metric, *(f for _, f in measures.metrics)):
            if metric is not None:
                jax.eval_shape(metric, scores, targets)
        check_indices(network, params, x)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    plain, weights = split(targets)
    real = None if weights is None else _check_weights(name, np.asarray(weights))
    if not allow_nan:
        check_finite(name, x, plain, real)
    check_targets(name, loss, scores, targets)


def check_finite(
    name: str, x: jax.Array | np.ndarray, targets: Any, real: np.ndarray | None = None
) -> None:
    """Refuse NaN and inf in inputs, and in targets whose weight is not 0."""
    for what, array in (("inputs", x), *(("targets", leaf) for leaf in jax.tree.leaves(targets))):
        place = _not_finite(array, None if what == "inputs" else real)
        if place is not None:
            row, *rest = place
            column = (
                f", column {rest[0]}" if len(rest) == 1 else f" at {tuple(rest)}" if rest else ""
            )
            raise ValueError(
                f"{name}: {what} must be finite, but row {row}{column} is {array[place]}; leave "
                "such rows out or fill them, or pass allow_nan=True"
            )


def _not_finite(array: Any, real: np.ndarray | None = None) -> tuple[int, ...] | None:
    """The first place of NaN or inf, or None; only where `real` is true, if it is given."""
    if isinstance(array, Tracer) or not jnp.issubdtype(jnp.result_type(array), jnp.inexact):
        return None
    wrong = ~np.isfinite(np.asarray(array))
    if real is not None and real.shape == wrong.shape[: real.ndim]:
        wrong &= real.reshape(real.shape + (1,) * (wrong.ndim - real.ndim))
    return tuple(map(int, np.argwhere(wrong)[0])) if wrong.any() else None


def check_indices(network: Layer, params: Params, x: jax.Array) -> None:
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


def _check_weights(name: str, weights: np.ndarray) -> np.ndarray:
    """Which weights are not 0; ValueError if one is infinite or negative, or all are 0."""
    wrong = np.argwhere(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise ValueError(
            f"{name}: expected finite weights of at least 0, but row {wrong[0][0]} has "
            f"{weights[tuple(wrong[0])]}"
        )
    if not weights.any():
        raise ValueError(f"{name}: all weights are 0, so there is nothing to average")
    return weights != 0
