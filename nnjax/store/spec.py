"""Networks, losses and parameters as plain data (numbers, text, lists, dicts), and back.

JSON can represent the data. Only objects of this library are made again: its layers, losses,
initialisers and parameters, found among the public names. Nothing is evaluated, so a file from an
unknown source can make a network and nothing else.
"""

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from nnjax.calls import Made, call_of
from nnjax.core import Layer, Loss
from nnjax.initializers import Initializer


def network_spec(network: Layer) -> Any:
    """A network as the calls that make it.

    Args:
        network: made by functions of this library, from numbers, text and layers.

    Returns:
        Plain data for `network_of`.

    Raises:
        ValueError: if a part is not of the library, naming it.

    Example:
        >>> import nnjax as nn
        >>> network_spec(nn.relu()), network_of(network_spec(nn.serial(nn.dense(4), nn.tanh())))
        ({'call': 'relu', 'arguments': {}}, serial(dense(4), tanh()))
    """
    if not isinstance(network, Layer):
        raise ValueError(f"expected a network, got {network!r}")
    return plain(network)


def network_of(spec: Any) -> Layer:
    """The network of a `network_spec`; it equals the one described.

    Args:
        spec: plain data.

    Returns:
        The network.

    Raises:
        ValueError: if the data describe no network of this library.

    Example:
        >>> network_of({"call": "system", "arguments": {"command": "ls"}})
        Traceback (most recent call last):
        ValueError: no layer or initialiser of nnjax is called 'system'
    """
    network = made(spec)
    if not isinstance(network, Layer):
        raise ValueError(f"expected the description of a network, got {spec!r}")
    return network


def tree_spec(tree: Any, name: Callable[[Any], str]) -> Any:
    """The structure of parameters, with a name in the place of each array.

    Args:
        tree: a pytree of tuples, lists, dicts with text as keys, None and the library's parameters
            (`Dense`, ...).
        name: the name of an array, from its path in the tree.

    Returns:
        Plain data for `tree_of`; None where the tree has a container of another kind.

    Example:
        >>> import jax, nnjax as nn
        >>> params, _ = nn.dense(1).init(jax.random.key(0), (1,))
        >>> spec = tree_spec(params, jax.tree_util.keystr)
        >>> spec
        {'params': 'Dense', 'of': [{'array': '.weights'}, {'array': '.bias'}]}
        >>> tree_of(spec, {".weights": 1.0, ".bias": 2.0})
        Dense(weights=1.0, bias=2.0)
    """

    def described(node: Any) -> Any:
        if isinstance(node, _Name) or node is None:
            return node and {"array": node.name}
        if type(node) is dict and all(type(key) is str for key in node):
            return {"dict": {key: described(value) for key, value in node.items()}}
        kind = type(node).__name__
        if type(node) in (tuple, list):
            return {kind: [described(item) for item in node]}
        if _parameters().get(kind) is type(node):
            return {"params": kind, "of": [described(item) for item in node]}
        raise _UnknownError

    try:
        return described(jax.tree.map_with_path(lambda path, _: _Name(name(path)), tree))
    except _UnknownError:
        return None


def tree_of(spec: Any, arrays: Mapping[str, Any]) -> Any:
    """Parameters from their `tree_spec` and the arrays by name.

    Args:
        spec: plain data.
        arrays: the arrays.

    Returns:
        The parameters.

    Raises:
        ValueError: if the data describe no parameters, or an array is missing.

    Example:
        >>> tree_of({"tuple": [{"array": "a"}, None]}, {"a": 1.0})
        (1.0, None)
    """
    match spec:
        case None:
            return None
        case {"array": str(name)} if name in arrays:
            return arrays[name]
        case {"dict": dict(items)}:
            return {key: tree_of(value, arrays) for key, value in items.items()}
        case {"tuple": list(items)}:
            return tuple(tree_of(item, arrays) for item in items)
        case {"list": list(items)}:
            return [tree_of(item, arrays) for item in items]
        case {"params": str(kind), "of": list(items)} if kind in _parameters():
            made = _parameters()[kind]
            if len(items) == len(made._fields):
                return made(*(tree_of(item, arrays) for item in items))
    raise ValueError(f"expected the description of parameters, got {spec!r}")


class _Name:
    """The place of an array: a leaf of a pytree."""

    def __init__(self, name: str) -> None:
        self.name = name


class _UnknownError(Exception):
    """A container that is not of this library."""


def plain(value: Any) -> Any:
    """An argument of a call of this library, as plain data.

    Args:
        value: None, a number, text, a layer, a loss or an initialiser of the library, or a tuple or
            list of such.

    Returns:
        Plain data for `made`.

    Raises:
        ValueError: if the value is of another kind; the message names it.

    Example:
        >>> import nnjax as nn
        >>> plain((3, nn.hinge))
        {'tuple': [3, {'loss': 'hinge'}]}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.bool | np.integer | np.floating):
        return value.item()
    if isinstance(value, Loss) and _losses().get(repr(value)) is value:
        return {"loss": repr(value)}
    if type(value) in (tuple, list):
        return {type(value).__name__: [plain(item) for item in value]}
    call = value.call if isinstance(value, Made) else call_of(value)
    name = next((name for name, make in _makers().items() if call and make is call.function), None)
    if call is None or name is None:
        raise ValueError(f"{value!r} is not made by a function of nnjax")
    arguments = call.arguments.arguments
    return {"call": name, "arguments": {key: plain(arg) for key, arg in arguments.items()}}


def made(spec: Any) -> Any:
    """The value that plain data describe, as `plain` returns them.

    Args:
        spec: plain data.

    Returns:
        The value; it equals the one described.

    Raises:
        ValueError: if the data describe nothing of this library.

    Example:
        >>> made({"loss": "hinge"}), made({"tuple": [1, {"call": "relu", "arguments": {}}]})
        (hinge, (1, relu()))
    """
    match spec:
        case {"loss": str(name)} if name in _losses():
            return _losses()[name]
        case None | bool() | int() | float() | str():
            return spec
        case {"tuple": list(items)}:
            return tuple(map(made, items))
        case {"list": list(items)}:
            return list(map(made, items))
        case {"call": str(name), "arguments": dict(arguments)}:
            make = _makers().get(name)
            if make is None:
                raise ValueError(f"no layer or initialiser of nnjax is called {name!r}")
            given = OrderedDict((key, made(value)) for key, value in arguments.items())
            signature = inspect.signature(make)
            if not set(given) <= set(signature.parameters):
                raise ValueError(f"{name} has no arguments {sorted(given)}")
            bound = inspect.BoundArguments(signature, given)
            try:
                return make(*bound.args, **bound.kwargs)
            except TypeError as error:
                raise ValueError(f"{name} cannot be made: {error}") from None
    raise ValueError(f"expected the description of a network, got {spec!r}")


def _public() -> dict[str, Any]:
    """The public names, except those imported on first use, which are not layers."""
    import nnjax  # the package imports this module

    return {name: value for name, value in vars(nnjax).items() if name in nnjax.__all__}


def _makers() -> dict[str, Callable[..., Any]]:
    """The public functions that make a layer, a loss or an initialiser, by name."""
    public = _public()
    public |= {f"initializers.{name}": f for name, f in vars(public["initializers"]).items()}
    return {
        name: value
        for name, value in public.items()
        if inspect.isfunction(value)
        and inspect.signature(value).return_annotation in (Layer, Loss, Initializer)
    }


def _losses() -> dict[str, Loss]:
    """The losses that no function makes, by name."""
    return {name: value for name, value in _public().items() if isinstance(value, Loss)}


def _parameters() -> dict[str, Any]:
    """The public NamedTuples that hold the parameters of a layer, by name."""
    return {
        name: value
        for name, value in _public().items()
        if inspect.isclass(value)
        and issubclass(value, tuple)
        and set(inspect.get_annotations(value).values()) == {jax.Array}
    }
