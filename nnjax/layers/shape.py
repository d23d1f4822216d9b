"""Layers that change the shape of each example but not its numbers."""

import math
from collections.abc import Sequence

import jax

from nnjax.calls import recorded
from nnjax.checks import is_whole
from nnjax.core import Layer, Params, Shape


@recorded
def flatten() -> Layer:
    """Merge all axes except the batch.

        (batch, a, b, ...) -> (batch, a b ...)        dx = dy in the shape of x

    Derivation. Each output equals one input: the Jacobian is a permutation, and dx is dy with the
    inverse permutation. The last axis varies fastest (C order), as usual in JAX and NumPy.

    Returns:
        A layer from (batch, ...) to (batch, features), with params `()`. The residual is an empty
        array that carries the shape of x.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, residuals = nn.flatten().forward((), jnp.ones((5, 2, 3)))
        >>> y.shape, nn.flatten().backward((), residuals, y)[1].shape
        ((5, 6), (5, 2, 3))

    Source: LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document
    recognition, Proceedings of the IEEE 86, 1998 (from feature maps to the first full connection).
    """
    return _reshape("flatten()", (-1,))


@recorded
def reshape(shape: Sequence[int]) -> Layer:
    """Change the shape of each example.

        (batch, ...) -> (batch, *shape)        dx = dy in the shape of x

    Derivation. As for `flatten`: each output equals one input, in C order.

    Args:
        shape: the new shape without the batch axis; one entry may be -1 and is then inferred.

    Returns:
        A layer from (batch, ...) to (batch, *shape), with params `()`. The residual is an empty
        array that carries the shape of x.

    Raises:
        ValueError: if an entry is neither a positive whole number nor -1, or more than one is -1;
            (init, forward) if the numbers of elements differ; the message names both shapes.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> y, residuals = nn.reshape((3, -1)).forward((), jnp.ones((5, 12)))
        >>> y.shape, nn.reshape((3, -1)).backward((), residuals, y)[1].shape
        ((5, 3, 4), (5, 12))

    Source: `numpy.reshape`.
    """
    if (
        not isinstance(shape, Sequence)
        or not all(is_whole(n, least=-1) and n != 0 for n in shape)
        or list(shape).count(-1) > 1
    ):
        raise ValueError(
            "reshape(shape): expected positive whole numbers, one of which may be -1, "
            f"got {shape!r}"
        )
    return _reshape(f"reshape({tuple(shape)})", tuple(int(n) for n in shape))


def _reshape(name: str, shape: Shape) -> Layer:
    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        if x.ndim < 1:
            raise ValueError(f"{name} takes inputs of shape (batch, ...), got {x.shape}")
        # An array without elements saves the shape of x and needs no memory.
        return x.reshape(x.shape[0], *resolved(x.shape[1:])), x[:0]

    def backward(params: Params, residuals: jax.Array, dy: jax.Array) -> tuple[Params, jax.Array]:
        return (), dy.reshape(dy.shape[0], *residuals.shape[1:])

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        return (), resolved(in_shape)

    def resolved(in_shape: Shape) -> Shape:
        size, known = math.prod(in_shape), math.prod(n for n in shape if n != -1)
        if size % known or (-1 not in shape and size != known):
            raise ValueError(
                f"{name} takes examples of "
                + (f"a multiple of {known}" if -1 in shape else f"{known}")
                + f" elements, got {size} in shape {tuple(in_shape)}"
            )
        return tuple(size // known if n == -1 else n for n in shape)

    return Layer(init, forward, backward)
