"""A table of a network: its layers, their output shapes and how many parameters they have."""

import math
from typing import NamedTuple

import jax

from nnjax.calls import call_of
from nnjax.combine import serial
from nnjax.core import Layer, Params, Shape


class Row(NamedTuple):
    """A layer, the shape of its output for one example, and the number of its parameters."""

    layer: Layer
    out_shape: Shape
    parameters: int


class Summary(NamedTuple):
    """The rows of a network in order, and its number of parameters; prints as a table.

    Example:
        >>> import nnjax as nn
        >>> table = nn.summary(nn.serial(nn.dense(44), nn.relu(), nn.dense(26)), (617,))
        >>> table.parameters, table.rows[1].out_shape
        (28362, (44,))
    """

    rows: tuple[Row, ...]
    parameters: int

    def __repr__(self) -> str:
        table = [
            ("layer", "output shape", "parameters"),
            *((repr(row.layer), str(row.out_shape), f"{row.parameters:,}") for row in self.rows),
            ("total", "", f"{self.parameters:,}"),
        ]
        layer, shape, parameters = (max(map(len, column)) for column in zip(*table, strict=True))
        return "\n".join(f"{a:<{layer}}  {b:<{shape}}  {c:>{parameters}}" for a, b, c in table)


def summary(network: Layer, in_shape: Shape) -> Summary:
    """The layers of a network with their output shapes and numbers of parameters.

    Nothing is computed: parameters are drawn in the abstract, by their shapes.

    Args:
        network: any layer. A `serial` has a row for each of its layers, also for those of a
            `serial` inside it; every other layer or combination is one row.
        in_shape: the shape of one example, without the batch axis.

    Returns:
        A `Summary`: `rows` of (layer, out_shape, parameters) and the total `parameters`. It counts
        every number in the params, for a batch normalisation also the population statistics.

    Raises:
        TypeError: if the network is not a layer.
        ValueError: if the network does not take inputs of this shape, naming the layer.

    Example:
        >>> import nnjax as nn
        >>> nn.summary(nn.serial(nn.dense(44), nn.relu(), nn.dense(26)), (617,))
        layer      output shape  parameters
        dense(44)  (44,)             27,192
        relu()     (44,)                  0
        dense(26)  (26,)              1,170
        total                        28,362
    """
    if not isinstance(network, Layer):
        raise TypeError(
            f"summary: expected a layer, got {network!r}; call the function that makes it, "
            "as in nn.relu()"
        )
    total = _row(network, in_shape).parameters  # the whole first: its messages name the layer
    rows, shape = [], tuple(in_shape)
    for layer in _in_order(network):
        rows.append(_row(layer, shape))
        shape = rows[-1].out_shape
    return Summary(tuple(rows), total)


def _in_order(network: Layer) -> list[Layer]:
    """The layers of a `serial`, else the network itself."""
    call = call_of(network)
    if call is None or call.function is not serial:
        return [network]
    return [layer for part in call.arguments.args for layer in _in_order(part)]


def _row(layer: Layer, in_shape: Shape) -> Row:
    out_shape: Shape = ()

    def draw(key: jax.Array) -> Params:
        nonlocal out_shape
        params, out_shape = layer.init(key, tuple(in_shape))
        return params

    leaves = jax.tree.leaves(jax.eval_shape(draw, jax.random.key(0)))
    return Row(layer, tuple(out_shape), sum(math.prod(leaf.shape) for leaf in leaves))
