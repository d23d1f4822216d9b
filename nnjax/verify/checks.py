"""The arguments of `verify` and `verify_function`, refused in one sentence before anything runs."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from nnjax.checks import check_shape, is_whole
from nnjax.contract import described
from nnjax.core import Layer, Loss, Penalty
from nnjax.verify.points import POINTS


def check_arguments(
    rule: Any, in_shape: Any, loss: Any, penalty: Any, batch: Any, inputs: Any
) -> None:
    """Refuse what `verify` cannot use.

    Raises:
        TypeError: if something is not a layer, a loss, a penalty or a function.
        ValueError: if a size is not a positive whole number, or a penalty has no loss.
    """
    if not isinstance(rule, Layer | Loss):
        raise TypeError(
            f"verify: expected a layer or a loss, got {rule!r}" + _call(rule, "layer", "relu()")
        )
    check_shape(in_shape, "verify(in_shape)", 1)
    if not is_whole(batch):
        raise ValueError(f"verify(batch): expected a whole number of at least 1, got {batch!r}")
    if not (loss is None or isinstance(loss, Loss)):
        raise TypeError(
            f"verify(loss): expected a loss, got {loss!r}" + _call(loss, "loss", "huber(1.0)")
        )
    if not (penalty is None or isinstance(penalty, Penalty)):
        raise TypeError(
            f"verify(penalty): expected a penalty, got {penalty!r}"
            + _call(penalty, "penalty", "l2(0.1)")
        )
    if penalty is not None and loss is None:
        raise ValueError("verify(penalty): a penalty is added to a loss; pass `loss` too")
    if not (inputs is None or callable(inputs)):
        raise TypeError(
            f"verify(inputs): expected a function (rng, shape) -> array, got {described(inputs)}"
        )


def _call(value: Any, noun: str, example: str) -> str:
    if not callable(value):
        return ""
    return f"; call the function that makes the {noun}, as in nn.{example}"


def check_function(
    f: Any,
    args: Sequence[Any],
    rule: Any,
    reference: Any,
    static: Any,
    also: Any,
    known: Sequence[str],
) -> None:
    """Refuse what `verify_function` cannot use.

    Raises:
        TypeError: if something is not a function, or does not take the arguments.
        ValueError: if `rule` is not a pair, a position has no argument, or a check is unknown.
    """
    where = "verify_function"
    if isinstance(f, Layer | Loss):
        raise TypeError(f"{where}: expected a function, got {f!r}; use nn.verify for it")
    for name, function in (("", f), ("(reference)", reference)):
        if not (callable(function) or (name and function is None)):
            raise TypeError(f"{where}{name}: expected a function, got {described(function)}")
    if rule is not None and not (
        isinstance(rule, tuple | list) and len(rule) == 2 and all(map(callable, rule))
    ):
        raise ValueError(
            f"{where}(rule): expected two functions (forward, backward), got {_listed(rule)}"
        )
    if not (isinstance(also, tuple | list | set) and set(also) <= set(known)):
        raise ValueError(f"{where}: also: expected any of {', '.join(known)}, got {also!r}")
    if not (
        isinstance(static, tuple | list) and all(is_whole(i, 0) and i < len(args) for i in static)
    ):
        raise ValueError(
            f"{where}(nondiff_argnums): expected positions of the {len(args)} arguments, such as "
            f"(0,), got {static!r}"
        )
    if hasattr(f, "defvjp") and rule is None and getattr(f, "bwd", f) is None:
        raise ValueError(f"{where}: the custom_vjp function has no rule; call its defvjp first")
    _check_takes(f, args, where)
    if reference is not None:
        _check_takes(reference, args, f"{where}(reference)")


def check_points(delicate: Any, tolerance: Any) -> None:
    """Refuse names of points that do not exist, and a tolerance that is none.

    Raises:
        ValueError: naming what was expected.
    """
    where = "verify_function"
    if not isinstance(delicate, bool) and not (
        isinstance(delicate, tuple | list | set) and set(delicate) <= set(POINTS)
    ):
        raise ValueError(
            f"{where}(delicate): expected True, False, or names among {', '.join(POINTS)}, "
            f"got {delicate!r}"
        )
    if not (isinstance(tolerance, int | float) and 0 <= tolerance < 1):
        raise ValueError(f"{where}(tolerance): expected a number in [0, 1), got {tolerance!r}")


def _check_takes(f: Callable[..., Any], args: Sequence[Any], where: str) -> None:
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):  # some functions written in C have none
        return
    try:
        signature.bind(*args)
    except TypeError as error:
        name = getattr(f, "__name__", "the function")
        raise TypeError(
            f"{where}: {name}{signature} cannot be called with the {len(args)} arguments given: "
            f"{error}"
        ) from None


def _listed(rule: Any) -> str:
    if isinstance(rule, tuple | list):
        return f"({', '.join(map(described, rule))})"
    return described(rule)
