"""The hyper-parameters of a sweep: which can be traced, and which need separate programs.

Most hyper-parameters are numbers that optax multiplies by. Others decide what is computed: flags
such as `nesterov`, or numbers that Python compares, as schedules do with their steps. They must be
known when a program is compiled, so the arms are grouped by their values.
"""

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from nnjax.core import Params
from nnjax.training.given import check_optimizer
from nnjax.training.optimizers import advance, begin

Make = Callable[..., optax.GradientTransformation]
"""Makes an optimizer from the hyper-parameters of one arm."""


class Part(NamedTuple):
    """Arms that one program trains side by side: their numbers in the sweep, and what varies."""

    numbers: list[int]
    optimizer: Make
    columns: dict[str, jax.Array]
    learning_rate: float | None  # if it is not among what varies


def check_arms(optimizer: Any, arms: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """The arms as Python numbers; ValueError if lengths differ or a number is not finite.

    It also raises ValueError if `optimizer` does not make an optimizer from them.
    """
    if not isinstance(arms, Mapping):
        raise ValueError(
            "sweep(arms): expected lists of values by name, as in {'learning_rate': [0.01, 0.1]}, "
            f"got {arms!r}"
        )
    shapes = {name: np.shape(values) for name, values in arms.items()}
    if len(set(shapes.values())) != 1 or any(len(s) != 1 or not s[0] for s in shapes.values()):
        raise ValueError(
            f"sweep needs arms as lists of one common length, got arms of shape {shapes}"
        )
    plain = {name: [_plain(value) for value in values] for name, values in arms.items()}
    for name, values in plain.items():
        for i, value in enumerate(values):
            if _is_number(value) and not math.isfinite(value):
                raise ValueError(f"arms: expected finite numbers, but {name}[{i}] is {value}")
    if not callable(optimizer):
        raise ValueError(
            "sweep(optimizer): expected a function that makes an optax transformation from an arm, "
            "such as optax.adam; is it called already?"
        )
    first = {name: values[0] for name, values in plain.items()}
    try:
        inspect.signature(optimizer).bind(**first)
    except TypeError as error:
        name = getattr(optimizer, "__name__", repr(optimizer))
        raise ValueError(f"sweep(arms): {name} does not take {list(first)}: {error}") from None
    check_optimizer(optimizer(**first), "sweep(optimizer)")
    return plain


def parts(optimizer: Make, arms: Mapping[str, Sequence[Any]], params: Params) -> list[Part]:
    """The arms, grouped by the values that must be known before a program is compiled."""
    static = _static(optimizer, arms, params)
    count = len(next(iter(arms.values())))
    groups: dict[Any, list[int]] = {}
    for i in range(count):
        groups.setdefault(tuple(repr(arms[name][i]) for name in static), []).append(i)
    found = []
    for numbers in groups.values():
        known = {name: arms[name][numbers[0]] for name in static}
        columns = {
            name: _column([values[i] for i in numbers])
            for name, values in arms.items()
            if name not in static
        }
        make = functools.partial(optimizer, **known) if known else optimizer
        rate = known.get("learning_rate")
        found.append(Part(numbers, make, columns, rate if _is_number(rate) else None))
    return found


def _static(optimizer: Make, arms: Mapping[str, Sequence[Any]], params: Params) -> list[str]:
    """The names of the hyper-parameters that cannot be traced."""
    static = [name for name, values in arms.items() if not all(map(_is_number, values))]
    traced = [name for name in arms if name not in static]
    for more in ([], *([name] for name in traced), traced):
        if _is_traceable(optimizer, arms, params, static + more):
            return static + more
    # Not a matter of tracing: training will say what is wrong.
    return static


def _is_traceable(
    optimizer: Make, arms: Mapping[str, Sequence[Any]], params: Params, static: list[str]
) -> bool:
    first = {name: values[0] for name, values in arms.items()}
    known = {name: first[name] for name in static}
    varied = {name: float(first[name]) for name in first if name not in static}

    def step(varied: dict[str, jax.Array], params: Params) -> Any:
        made = optimizer(**known, **varied)
        zero = jnp.zeros(())
        return advance(made, params, begin(made, params), params, zero, lambda p: (zero, p))

    try:
        jax.eval_shape(step, varied, params)
    except TypeError:  # among them all that JAX says where a value must be known
        return False
    return True


def _plain(value: Any) -> Any:
    """Convert a number of NumPy or JAX to Python; return anything else unchanged."""
    return np.asarray(value).item() if isinstance(value, np.generic | jax.Array) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _column(values: Sequence[float]) -> jax.Array:
    """The values of a hyper-parameter, weakly typed like Python numbers."""
    return jnp.stack([jnp.asarray(float(value)) for value in values])
