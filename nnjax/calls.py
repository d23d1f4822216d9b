"""Layers, losses and initialisers that record the call that made them.

Python compares closures by identity, so two layers made by `dense(44)` would differ. `@recorded` on
a function that makes layers attaches the call to what it returns; equality, hash and `repr` then
follow the call. Equal networks share compiled programs, and a network prints as the code that makes
it.
"""

import functools
import inspect
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import jax
import numpy as np

from nnjax.checks import check_shape

Make = TypeVar("Make", bound=Callable[..., Any])


def recorded(make: Make) -> Make:
    """Attach the call to what a function makes.

    Args:
        make: a function that returns a function, or a NamedTuple of functions such as `Layer`. What
            it returns must depend on its arguments alone.

    Returns:
        The same function; what it returns is compared, hashed and printed by the call.

    Example:
        >>> import nnjax as nn
        >>> nn.serial(nn.dense(44), nn.relu()) == nn.serial(nn.dense(n_out=44), nn.relu())
        True
        >>> nn.serial(nn.dense(44, bias=nn.initializers.normal(0.1)), nn.relu())
        serial(dense(44, bias=normal(scale=0.1)), relu())
    """
    signature = inspect.signature(make)

    @functools.wraps(make)
    def recording(*args: Any, **kwargs: Any) -> Any:
        made: Any = make(*args, **kwargs)
        arguments = signature.bind(*args, **kwargs)
        arguments.apply_defaults()
        call = Call(recording, arguments)
        roles = getattr(made, "_fields", None)
        if roles is None:
            return Made(made, call)
        return type(made)(*(Made(f, call, role) for f, role in zip(made, roles, strict=True)))

    return recording  # pyright: ignore[reportReturnType]


class Call:
    """A call such as `dense(44)`: equal to another of the same function with equal arguments.

    Numbers and texts are equal if they have one type and one `repr`, arrays if shape, dtype and
    bytes agree, lists and tuples if their items do. Anything else decides by its own `==`; what has
    no hash equals nothing but itself.
    """

    def __init__(self, function: Callable[..., Any], arguments: inspect.BoundArguments) -> None:
        self.function, self.arguments = function, arguments
        self._key = (function, *map(_key, arguments.arguments.values()))
        self._hash = hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and self._key == other._key

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        """The call with arguments that are not the defaults, those with a default by keyword."""
        shown = []
        for name, value in self.arguments.arguments.items():
            parameter = self.arguments.signature.parameters[name]
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                shown += map(_text, value)
            elif parameter.default is inspect.Parameter.empty:
                shown.append(_text(value))
            elif _key(value) != _key(parameter.default):
                shown.append(f"{name}={_text(value)}")
        return f"{self.function.__name__}({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the call: what was made are closures, which pickle refuses."""
        return _again, (self.function, self.arguments.args, self.arguments.kwargs)


class Made:
    """A function that equals another if equal calls made both, in the same role.

    The role is the field of the NamedTuple: "init", "forward" or "backward".
    """

    def __init__(self, function: Callable[..., Any], call: Call, role: str = "") -> None:
        functools.update_wrapper(self, function)
        self.function, self.call, self.role = function, call, role

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns."""
        if self.role == "init":  # of every layer of the library, so that none has to check
            given = dict(zip(("key", "in_shape"), args, strict=False)) | kwargs
            check_shape(given.get("in_shape"), f"{self.call!r}.init(in_shape)")
        return self.function(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Made) and (self.role, self.call) == (other.role, other.call)

    def __hash__(self) -> int:
        return hash((self.role, self.call))

    def __repr__(self) -> str:
        return f"{self.call!r}.{self.role}" if self.role else repr(self.call)

    def __reduce__(self) -> tuple[Any, ...]:
        return _part, (self.call, self.role)


def _again(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """A call read from a pickle."""
    arguments = inspect.signature(function).bind(*args, **kwargs)
    arguments.apply_defaults()
    return Call(function, arguments)


@functools.lru_cache(maxsize=256)  # a layer has three functions, each of which contains its parts
def _part(call: Call, role: str) -> Made:
    """A function read from a pickle: of what the call makes, the one in that role."""
    made = _made(call)
    return getattr(made, role) if role else made


@functools.lru_cache(maxsize=256)
def _made(call: Call) -> Any:
    return call.function(*call.arguments.args, **call.arguments.kwargs)


def call_of(made: object) -> Call | None:
    """The call that made all functions of a layer (a loss, a penalty).

    Args:
        made: a NamedTuple of functions.

    Returns:
        The call, or None where the functions were put together by hand.

    Example:
        >>> import nnjax as nn
        >>> call_of(nn.relu()), call_of(nn.relu()._replace(forward=nn.tanh().forward))
        (relu(), None)
    """
    functions = made if isinstance(made, tuple) else ()
    calls = {function.call if isinstance(function, Made) else None for function in functions}
    return calls.pop() if len(calls) == 1 else None


def text_of(made: Any) -> str:
    """A layer (a loss, a penalty) as the call that made it, else as a NamedTuple prints itself."""
    if (call := call_of(made)) is not None:
        return repr(call)
    functions = (f"{name}={_text(part)}" for name, part in zip(made._fields, made, strict=True))
    return f"{type(made).__name__}({', '.join(functions)})"


def _key(value: object) -> Hashable:
    """The value that represents an argument when calls are compared."""
    if isinstance(value, bool | int | float | str):
        return type(value), repr(value)  # 1, 1.0 and True are equal in Python, as are 0.0 and -0.0
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return _array_key(value)
    if (call := call_of(value)) is not None:
        return call
    if isinstance(value, list | tuple):
        return tuple(map(_key, value))
    try:
        hash(value)
    except TypeError:
        return object()
    return value  # pyright: ignore[reportReturnType]


def _array_key(value: Any) -> Hashable:
    try:
        array = np.asarray(value)
    except TypeError:  # a traced array, or a random key
        return object()
    plain = not array.dtype.hasobject
    return (array.shape, array.dtype.str, array.tobytes()) if plain else object()


def _text(value: Any) -> str:
    """An argument as one would write it; of an array only dtype and shape."""
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, np.ndarray | jax.Array):
        return f"{value.dtype}[{','.join(map(str, value.shape))}]"
    if type(value) in (list, tuple):
        items = ", ".join(map(_text, value))
        return f"[{items}]" if isinstance(value, list) else f"({items}{',' * (len(value) == 1)})"
    return value.__name__ if inspect.isfunction(value) else repr(value)
