"""Convert the settings of an estimator to arguments of `fit`, or raise a one-sentence error."""

import functools
import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import optax

from nnjax.checks import is_whole
from nnjax.combine import serial
from nnjax.core import Layer
from nnjax.initializers import he
from nnjax.layers.activations import relu
from nnjax.layers.dense import dense
from nnjax.training.given import check_network


def network_of(network: Layer | None, hidden: Sequence[int] | None, outputs: int) -> Layer:
    """The given network, or one with the given hidden layers."""
    if network is not None:
        if hidden is not None:
            raise ValueError("pass network or hidden, not both: hidden makes a network")
        check_network(network)
        return network
    units = (100,) if hidden is None else hidden
    if is_whole(units):
        raise ValueError(f"hidden: expected units by layer, such as ({units},), got {units}")
    if not isinstance(units, Sequence | np.ndarray) or not all(map(is_whole, units)):
        raise ValueError(
            "hidden: expected units by layer, positive whole numbers such as (100, 50), got "
            f"{hidden!r}"
        )
    layers = [layer for n in units for layer in (dense(int(n), he()), relu())]
    return serial(*layers, dense(outputs))


def maker_of(optimizer: Any, learning_rate: Any) -> Any:
    """The function that makes the optimizer from its learning rate, both checked."""
    make = getattr(optax, optimizer, None) if isinstance(optimizer, str) else optimizer
    callable_ = not isinstance(make, tuple) and callable(make)
    if callable_ and not callable(learning_rate) and not _is_finite(learning_rate):
        raise ValueError(
            f"learning_rate: expected a finite number, or an optax schedule, got {learning_rate!r}"
        )
    if not callable_ or not _makes_optimizer(make, learning_rate, isinstance(optimizer, str)):
        raise ValueError(
            "optimizer: expected the name of an optax optimizer, such as 'adam', or a function "
            "of the learning rate, such as optax.adam or functools.partial(optax.sgd, "
            f"momentum=0.9), got {optimizer!r}"
        )
    return make


def kept_optimizer(optimizer: Any) -> Any:
    """An optimizer as stored in a file: the name of the optax function, and its keywords."""
    if isinstance(optimizer, functools.partial) and not optimizer.args:
        return kept_optimizer(optimizer.func), *optimizer.keywords.items()
    name = getattr(optimizer, "__name__", "")
    return name if getattr(optax, name, None) is optimizer else optimizer


def optimizer_of(kept: Any) -> Any:
    """The optimizer that `kept_optimizer` describes."""
    if not isinstance(kept, tuple):
        return kept
    name, *keywords = kept
    return functools.partial(getattr(optax, name), **dict(keywords))


def _is_finite(value: Any) -> bool:
    try:
        return isinstance(value, Real) and math.isfinite(value)
    except OverflowError:  # a whole number too large for a float
        return False


def _makes_optimizer(make: Any, learning_rate: Any, named: bool) -> bool:
    """Whether the function makes a transformation from a learning rate."""
    try:
        made = make(learning_rate)
    except (TypeError, AttributeError):
        if named:  # a function of optax for something else, such as a loss or a schedule
            return False
        raise
    return callable(getattr(made, "init", None)) and callable(getattr(made, "update", None))


def pair_of(validation: Any) -> tuple[Any, Any]:
    """Inputs and targets of the validation rows."""
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        got = type(validation).__name__
        got = f"{len(validation)} elements" if isinstance(validation, tuple | list) else got
        raise ValueError(f"validation: expected (X, y), got {got}")
    return validation[0], validation[1]
