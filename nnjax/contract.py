"""The contract of layers and losses, checked where a rule breaks it: one sentence for its author.

Whoever calls a rule unpacks a pair. Unpacked without a check, an array of two rows passes for a
pair, and anything else fails far from the mistake.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from nnjax.checks import is_shape

LAYER = {
    "init": ("key", "in_shape"),
    "forward": ("params", "x", "key=None"),
    "backward": ("params", "residuals", "dy"),
}
LOSS = {"forward": ("scores", "targets"), "backward": ("residuals",)}
"""The arguments of each function; the names are free."""


class ContractError(ValueError):
    """A layer or a loss does not do what its contract promises; the message is a sentence."""


def pair(returned: Any, function: str, parts: str) -> tuple[Any, Any]:
    """What a rule's function returned, if it is a pair.

    Args:
        returned: what it returned.
        function: the function, for the message: "backward", "layer 1 of serial: forward".
        parts: what the pair holds: "(dparams, dx)".

    Raises:
        ContractError: if it is anything but a tuple of two.

    Example:
        >>> pair((1, 2), "forward", "(y, residuals)")
        (1, 2)
        >>> pair([1, 2], "forward", "(y, residuals)")
        Traceback (most recent call last):
        nnjax.contract.ContractError: forward: expected the pair (y, residuals), got a list of 2
    """
    if isinstance(returned, tuple) and len(returned) == 2:
        return returned
    raise ContractError(f"{function}: expected the pair {parts}, got {described(returned)}")


def initialised(layer: Any, key: jax.Array, in_shape: tuple[int, ...]) -> tuple[Any, Any]:
    """The parameters and the output shape of a layer.

    Raises:
        ContractError: if `init` returns anything else.
    """
    params, out_shape = pair(layer.init(key, in_shape), "init", "(params, out_shape)")
    if not (isinstance(out_shape, tuple) and is_shape(out_shape)):
        raise ContractError(
            "init: expected out_shape as a tuple of whole numbers without the batch axis, got "
            f"{described(out_shape)}"
        )
    return params, out_shape


def check_functions(rule: Any, arguments: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse a layer or a loss whose functions cannot be called as the contract says.

    Args:
        rule: a NamedTuple of functions.
        arguments: `LAYER` or `LOSS`.

    Raises:
        ContractError: naming the function, the arguments expected and those that it has.
    """
    for role, names in arguments.items():
        check_takes(getattr(rule, role), role, names)


def check_takes(function: Any, role: str, names: Sequence[str]) -> None:
    """Refuse what cannot be called with the arguments of the given names, by position.

    Raises:
        ContractError: naming the role, the arguments expected and those that the function has.
    """
    expected = ", ".join(names)
    if not callable(function):
        raise ContractError(
            f"{role}: expected a function of ({expected}), got {described(function)}"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some functions written in C have none
        return
    try:
        signature.bind(*names)
        signature.bind(*(name for name in names if "=" not in name))
    except TypeError:
        found = ", ".join(str(p.replace(annotation=p.empty)) for p in signature.parameters.values())
        raise ContractError(f"{role}: expected the arguments ({expected}), got ({found})") from None


def described(value: Any) -> str:
    """A value in a few words."""
    if isinstance(value, jax.Array | np.ndarray | jax.ShapeDtypeStruct):
        return f"an array of shape {value.shape}"
    if isinstance(value, tuple | list | dict):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, bool | int | float | complex | str | None):
        return repr(value)
    return f"a value of type {type(value).__name__}"
