"""Optax transformations in training: their steps, their learning rate, and when two are equal.

optax makes a new pair of functions in every call, and Python compares functions by identity. Here
optimizers are compared by their contents: code, and the values that the code refers to. So a second
`optax.adam(1e-3)` uses the compiled program of the first.
"""

import functools
import inspect
import itertools
import math
import types
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.core import Tracer

from nnjax.calls import call_of
from nnjax.core import Params

Objective = Callable[[Params], tuple[jax.Array, Params]]
"""`(params) -> (J, grads)` of one batch, by the hand-derived rules."""


# --- equality -------------------------------------------------------------------------------------


class ByContent:
    """A function, or a tuple of functions, that equals others of the same code and contents.

    Two are equal if their code is, the module in which it was written is the same, and the values
    they refer to (closures, defaults, arguments bound by `functools.partial`) are equal in turn:
    numbers and strings by type and `repr`, arrays by dtype, shape and bytes. Other values are
    compared by `==`, or by identity if they have no hash. So equal functions compute the same.

    Example:
        >>> import optax
        >>> ByContent(optax.adam(1e-3)) == ByContent(optax.adam(1e-3))
        True
        >>> ByContent(optax.adam(1e-3)) == ByContent(optax.adam(2e-3))
        False
    """

    def __init__(self, value: Any) -> None:
        self.value = value  # also keeps alive what the key names by its identity
        self._key = _key(value, ())
        self._hash = hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByContent) and self._key == other._key

    def __hash__(self) -> int:
        return self._hash


class _Same:
    """Equal only to the same object."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def _key(value: Any, inside: tuple[Any, ...]) -> Hashable:
    """The value that represents a part of an optimizer; `inside` are the functions around it."""
    if isinstance(value, bool | int | float | complex | str | bytes):
        return type(value), repr(value)
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return _array_key(value)
    if (call := call_of(value)) is not None:
        return call
    if isinstance(value, types.FunctionType):
        if any(value is outer for outer in inside):
            return _Same(value)  # it refers to itself
        parts = (_key(part, (*inside, value)) for part in _parts(value))
        return value.__code__, id(value.__globals__), *parts
    if isinstance(value, functools.partial):
        keywords = sorted(value.keywords.items())
        return functools.partial, *(_key(v, inside) for v in (value.func, value.args, keywords))
    if isinstance(value, list | tuple):
        return type(value), *(_key(part, inside) for part in value)
    if isinstance(value, dict):
        return dict, *(_key(part, inside) for part in value.items())
    if isinstance(value, set | frozenset):
        return frozenset(_key(part, inside) for part in value)
    try:
        hash(value)
    except TypeError:
        return _Same(value)
    return type(value), value


def _array_key(array: Any) -> Hashable:
    try:
        known = np.asarray(array)
    except TypeError:  # a traced array, or a random key
        return _Same(array)
    weak = bool(getattr(array, "weak_type", False))
    if known.dtype.hasobject:
        return _Same(array)
    return type(array), weak, known.shape, known.dtype.str, known.tobytes()


def _parts(function: types.FunctionType) -> list[Any]:
    """The values that a function refers to, other than those of its module."""
    try:
        closure = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:  # a variable that has no value yet
        closure = [_Same(function)]
    return [*closure, function.__defaults__, function.__kwdefaults__]


# --- steps ----------------------------------------------------------------------------------------


def begin(optimizer: optax.GradientTransformation, params: Params) -> Any:
    """The optimizer's state before the first step."""
    if not looks_ahead(optimizer):
        return optimizer.init(params)
    return params, optimizer.init(optax.LookaheadParams.init_synced(params))


def advance(
    optimizer: optax.GradientTransformation,
    grads: Params,
    state: Any,
    params: Params,
    J: jax.Array,
    objective: Objective,
) -> tuple[Params, Any]:
    """Parameters and optimizer's state after one step.

    An update that takes more than gradients gets the loss (`value`), the gradient (`grad`), the
    loss as a function of the parameters (`value_fn`, `obj_fn`), which JAX differentiates by the
    hand-derived rules, and its gradient (`grad_fn`).
    """
    extra: dict[str, Any] = {}
    # A plain transformation takes none; `optax.MultiSteps` is of neither type.
    if type(optimizer) is not optax.GradientTransformation:
        value_fn = _differentiable(objective)
        extra = {
            "value": J,
            "grad": grads,
            "value_fn": value_fn,
            "obj_fn": value_fn,
            "grad_fn": lambda params, step: objective(params)[1],
        }
        wanted = _keywords(optimizer.update)
        extra = {name: value for name, value in extra.items() if name in wanted}
    # optax multiplies its whole-number step count by hyper-parameters, which strict promotion (for
    # which this library is written) refuses where they are traced.
    with jax.numpy_dtype_promotion("standard"):
        if looks_ahead(optimizer):
            slow, inner = state
            pair: Any = optax.LookaheadParams(params, slow)
            updates, inner = optimizer.update(grads, inner, pair)
            pair = optax.apply_updates(pair, updates)
            return pair.fast, (pair.slow, inner)
        updates, state = optimizer.update(grads, state, params, **extra)
        return optax.apply_updates(params, updates), state


def looks_ahead(optimizer: optax.GradientTransformation) -> bool:
    """Whether it is `optax.lookahead`, whose parameters are a pair."""
    return getattr(optimizer.init, "__module__", "") == optax.lookahead.__module__


def _differentiable(objective: Objective) -> Callable[[Params], jax.Array]:
    """The loss as a function that JAX differentiates by the rules of the library."""

    @jax.custom_jvp
    def value(params: Params) -> jax.Array:
        return objective(params)[0]

    @value.defjvp
    def _(primals: tuple[Params], tangents: tuple[Params]) -> tuple[jax.Array, jax.Array]:
        J, grads = objective(*primals)
        slopes = [
            jnp.vdot(grad, tangent).astype(J.dtype)
            for grad, tangent in zip(
                jax.tree.leaves(grads), jax.tree.leaves(*tangents), strict=True
            )
            if jnp.issubdtype(grad.dtype, jnp.inexact)
        ]
        return J, functools.reduce(jnp.add, slopes)

    return value


def _keywords(update: Any) -> set[str]:
    """The names of the arguments that an update takes or passes to its parts."""
    own = inspect.signature(update).parameters.values()
    if all(argument.kind is not inspect.Parameter.VAR_KEYWORD for argument in own):
        return {argument.name for argument in own}
    functions = list(_functions(update))
    if any(part.__module__ == optax.inject_hyperparams.__module__ for part in functions):
        # It makes the updates anew in every step; those of line searches allow no further names.
        return {"value", "grad", "value_fn"}
    codes = [part.__code__ for part in functions]
    return {
        name
        for code in codes
        for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    }


# --- rates ----------------------------------------------------------------------------------------


def rates_of(optimizer: optax.GradientTransformation, state: Any) -> list[jax.Array]:
    """The learning rates of the last step, if state or schedules contain them; usually one or none.

    A rate in the state (of `inject_hyperparams`, of a line search) takes precedence.
    """
    # The state also holds a schedule beside its rate.
    found = optax.tree_utils.tree_get_all_with_path(state, "learning_rate")
    rates = [value for _, value in found if isinstance(value, jax.Array)]
    if rates:
        return rates
    schedules = [
        dict(zip(part.__code__.co_freevars, _parts(part), strict=False))["step_size_fn"]
        for part in _functions(optimizer.update)
        if part.__module__ == optax.scale_by_schedule.__module__
        and "step_size_fn" in part.__code__.co_freevars
    ]
    is_count: Callable[[Any], bool] = lambda node: isinstance(node, optax.ScaleByScheduleState)  # noqa: E731
    counts = [s.count for s in jax.tree.leaves(state, is_leaf=is_count) if is_count(s)]
    if len(schedules) != len(counts):
        return []
    with jax.numpy_dtype_promotion("standard"):
        return [
            jnp.abs(jnp.asarray(schedule(jnp.maximum(count - 1, 0))))
            for schedule, count in zip(schedules, counts, strict=True)
        ]


def not_finite(optimizer: optax.GradientTransformation) -> tuple[str, float] | None:
    """The name and value of a NaN among the numbers of an optimizer, or of an infinite rate."""
    for name, value in _walk(optimizer, "", ()):
        if not _is_float(value) or math.isfinite(value):
            continue
        # Other numbers may be infinite: bounds, for instance.
        if math.isnan(value) or name in ("step_size", "learning_rate"):
            return name, float(value)
    return None


def _is_float(value: Any) -> bool:
    """Whether it is a float of Python, NumPy or JAX whose value is known."""
    if isinstance(value, jax.Array):
        known = not isinstance(value, Tracer) and not value.shape
        return known and jnp.issubdtype(value.dtype, jnp.floating)
    return isinstance(value, float | np.floating)


def _functions(value: Any) -> Iterator[types.FunctionType]:
    """All functions in a value, including itself; each once per path to it."""
    return (part for _, part in _walk(value, "", ()) if isinstance(part, types.FunctionType))


def _walk(value: Any, name: str, inside: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """A value and all its parts, with their names."""
    if any(value is outer for outer in inside):
        return
    yield name, value
    parts: list[tuple[str, Any]] = []
    if isinstance(value, types.FunctionType):
        names = value.__code__.co_freevars
        parts = list(itertools.zip_longest(names, _parts(value), fillvalue=""))
    elif isinstance(value, types.MethodType):
        parts = [("", value.__func__), *getattr(value.__self__, "__dict__", {}).items()]
    elif isinstance(value, functools.partial):
        parts = [("", value.func), *(("", part) for part in value.args), *value.keywords.items()]
    elif isinstance(value, dict):
        parts = [(str(key), part) for key, part in value.items()]
    elif isinstance(value, list | tuple):
        parts = [(name, part) for part in value]
    for part_name, part in parts:
        yield from _walk(part, part_name, (*inside, value))
