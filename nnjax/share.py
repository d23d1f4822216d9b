"""One layer at several places of a network, with one set of parameters."""

import operator
from collections.abc import Sequence
from functools import reduce

import jax

from nnjax.calls import recorded
from nnjax.checks import is_whole
from nnjax.core import Layer, Params, Residuals, Shape

Place = int | tuple[int, ...]
"""The place of a layer's parameters: the indices that lead to it through the tuples of params."""

_Path = tuple[int, ...]


@recorded
def shared(network: Layer, places: Sequence[Place]) -> Layer:
    """A network that uses one set of parameters at several of its places.

        w_1 = ... = w_n = w                  dw = dw_1 + ... + dw_n

    Derivation. The parameters w fork to n places, with w_k = w at each. J depends on w through
    every place, and ∂w_k/∂w is the identity, so by the chain rule the gradients of the places add
    up. A layer that is applied twice, or to two inputs side by side, thus learns from both.

    Args:
        network: a layer whose params are a tuple (of tuples), as of `serial` and `parallel`; a
            `residual` adds no level.
        places: two or more places of the shared parameters: the index of a layer or, for nested
            layers, the tuple of indices that leads to it, as in `params[1][0]`. A place may hold
            the params of one layer or of a whole `serial`. To share two layers, share twice.

    Returns:
        A layer with the network's params, except that the first place holds the shared ones and
        the others hold `()`. The residuals are the network's.

    Raises:
        TypeError: if the network is not a layer.
        ValueError: if there are fewer than two places, or one of them twice; (init) if there is no
            layer with parameters at a place, or if the parameters differ in structure, shapes or
            dtypes, naming them; (forward) if the params are those of another network.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> twice = nn.shared(nn.serial(nn.dense(2), nn.tanh(), nn.dense(2)), places=(0, 2))
        >>> params, _ = twice.init(jax.random.key(0), (2,))
        >>> params[0].weights.shape, params[2]
        ((2, 2), ())
        >>> y, residuals = twice.forward(params, jnp.ones((3, 2)))
        >>> print(twice.backward(params, residuals, jnp.ones((3, 2)))[0][0].bias.shape)
        (2,)

    Source: Rumelhart, Hinton & Williams, Learning representations by back-propagating errors,
    Nature 323, 1986 (weights held equal, their gradients summed); LeCun et al., Backpropagation
    applied to handwritten zip code recognition, Neural Computation 1, 1989.
    """
    if not isinstance(network, Layer):
        raise TypeError(f"shared: expected a layer, got {network!r}")
    paths = [_path(place) for place in places]
    if len(paths) < 2 or len(set(paths)) < len(paths):
        raise ValueError(f"shared(places): expected two different places or more, got {places!r}")
    first, *others = paths

    def check(params: Params) -> None:
        kept = _signature(_at(params, first))
        if not kept[1]:
            raise ValueError(f"shared: the layer at the place {first} has no parameters to share")
        for path in others:
            other = _signature(_at(params, path))
            if other != kept:
                raise ValueError(
                    f"shared: the parameters at {first} are {kept[1]}, those at {path} are "
                    f"{other[1]}; to be shared they must agree"
                )

    def fill(params: Params) -> Params:
        for path in others:
            if _at(params, path) != ():
                raise ValueError(
                    f"shared: expected () at the place {path}, where the parameters at {first} are "
                    "used; are the params those of another network?"
                )
            params = _put(params, path, _at(params, first))
        return params

    def empty(params: Params) -> Params:
        for path in others:
            params = _put(params, path, ())
        return params

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        params, out_shape = network.init(key, in_shape)
        check(params)
        return empty(params), out_shape

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, Residuals]:
        return network.forward(fill(params), x, key)

    def backward(params: Params, residuals: Residuals, dy: jax.Array) -> tuple[Params, jax.Array]:
        grads, dx = network.backward(fill(params), residuals, dy)
        parts = [_at(grads, path) for path in paths]
        total = reduce(lambda a, b: jax.tree.map(operator.add, a, b), parts)
        return _put(empty(grads), first, total), dx

    return Layer(init, forward, backward)


def _path(place: Place) -> _Path:
    path = place if isinstance(place, tuple) else (place,)
    if not path or not all(is_whole(i, least=0) for i in path):
        raise ValueError(
            "shared(places): expected whole numbers from 0, or tuples of them, "
            f"got the place {place!r}"
        )
    return path


def _at(params: Params, path: _Path) -> Params:
    """The part of the params at a place."""
    for depth, i in enumerate(path):
        # Plain tuples only: a layer's own NamedTuple holds arrays, not layers.
        if type(params) is not tuple or i >= len(params):
            raise ValueError(f"shared: there is no layer at the place {path} (from {path[:depth]})")
        params = params[i]
    return params


def _put(params: Params, path: _Path, part: Params) -> Params:
    """The params with another part at a place."""
    if not path:
        return part
    i, *rest = path
    return (*params[:i], _put(params[i], tuple(rest), part), *params[i + 1 :])


def _signature(params: Params) -> tuple[object, list[tuple[Shape, str]]]:
    """The tree of the params and the shapes and dtypes of its leaves."""
    leaves, tree = jax.tree.flatten(params)
    return tree, [(leaf.shape, str(leaf.dtype)) for leaf in leaves]
