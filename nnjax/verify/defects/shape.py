"""Mistakes in layers that only change the shape."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nnjax.core import Layer, Shape
from nnjax.layers.shape import flatten, reshape
from nnjax.verify.case import Defect, LayerCase

Rule = Callable[[jax.Array, jax.Array], jax.Array]
"""`(residuals, dy) -> dx`"""


def _with(of: str, label: str, layer: Layer, in_shape: Shape, rule: Rule) -> LayerCase:
    """The layer with another backward pass."""
    wrong = layer._replace(backward=lambda params, residuals, dy: ((), rule(residuals, dy)))
    return LayerCase(of, label, wrong, in_shape, batch=2)


def _first_axis_fastest(residuals: jax.Array, dy: jax.Array) -> jax.Array:
    """Each example in Fortran order."""
    shape = residuals.shape[1:]
    axes = range(len(shape), 0, -1)
    return dy.reshape(len(dy), *shape[::-1]).transpose(0, *axes)


DEFECTS = [
    Defect(
        "flatten: the first axis varies fastest in the backward pass",
        "the order of Fortran and MATLAB; shapes agree, and so does the sum of all derivatives",
        _with("flatten", "Fortran order", flatten(), (2, 3, 2), _first_axis_fastest),
    ),
    Defect(
        "reshape: dx has the right shape and is 0",
        "Caffe issue 6769: a network with reshape and flatten did not train below them",
        _with(
            "reshape",
            "zeros",
            reshape((2, 3)),
            (6,),
            lambda residuals, dy: jnp.zeros((len(dy), *residuals.shape[1:]), dy.dtype),
        ),
    ),
]
