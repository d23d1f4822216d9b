"""Mistakes in pooling layers."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nnjax.core import Layer, Shape
from nnjax.layers.avg_pool import avg_pool, global_avg_pool
from nnjax.layers.max_pool import global_max_pool, max_pool
from nnjax.verify.case import Defect, Draw, LayerCase, normal
from nnjax.verify.cases.pool import TIES, negative, tied

Rule = Callable[[jax.Array, jax.Array], jax.Array]
"""`(x, dy) -> dx`"""


def _with(
    of: str,
    label: str,
    layer: Layer,
    in_shape: Shape,
    rule: Rule,
    inputs: Draw = normal,
    unsuited: dict[str, str] | None = None,
) -> LayerCase:
    """The layer with `rule(x, dy)` as its backward pass."""
    wrong = layer._replace(
        forward=lambda params, x, key=None: (layer.forward(params, x)[0], x),
        backward=lambda params, x, dy: ((), rule(x, dy)),
    )
    return LayerCase(of, label, wrong, in_shape, 2, inputs, unsuited=unsuited or {})


def _of(layer: Layer, x: jax.Array, dy: jax.Array) -> jax.Array:
    """The correct dx of the layer."""
    return layer.backward((), layer.forward((), x)[1], dy)[1]


def _repeated(y: jax.Array, like: jax.Array) -> jax.Array:
    """Each element of y repeated in a tile of 2 x 2, and again in rows that no window covers."""
    tiles = jnp.repeat(jnp.repeat(y, 2, axis=1), 2, axis=2)
    left = [(0, n - m) for n, m in zip(like.shape, tiles.shape, strict=True)]
    return jnp.pad(tiles, left, mode="edge")


def _unpadded(x: jax.Array, dy: jax.Array) -> jax.Array:
    """Windows of the unpadded x, although forward uses the padded one."""
    cut = jnp.pad(x, ((0, 0), (0, 2), (0, 0)), constant_values=-jnp.inf)
    return _of(max_pool(3, 2), cut, dy)[:, : x.shape[1]]


def _zeros_win(x: jax.Array, dy: jax.Array) -> jax.Array:
    padded = jnp.pad(x, ((0, 0), (1, 1), (0, 0)))
    return _of(max_pool(3, 2), padded, dy)[:, 1:-1]


def _overwritten(x: jax.Array, dy: jax.Array) -> jax.Array:
    place = jnp.argmax(jnp.stack([x[:, :-1], x[:, 1:]]), axis=0)
    dx = jnp.zeros_like(x)
    for o in range(dy.shape[1]):
        hit = place[:, o, None] == jnp.arange(2).reshape(1, 2, 1)
        dx = dx.at[:, o : o + 2].set(jnp.where(hit, dy[:, o, None], dx[:, o : o + 2]))
    return dx


def _close_ones(x: jax.Array, dy: jax.Array) -> jax.Array:
    y = max_pool(2).forward((), x)[0]
    return jnp.where(jnp.abs(x - _repeated(y, x)) < 1e-2, _repeated(dy, x), 0.0)


def _one_dilation(x: jax.Array, dy: jax.Array) -> jax.Array:
    dx = _of(max_pool(2, 1), x[:, :, :-1], dy)
    return jnp.pad(dx, ((0, 0), (0, 0), (0, 1), (0, 0)))


_PADDED = max_pool(3, 2, (1, 1))
_EDGE = avg_pool(3, 1, "SAME")

DEFECTS = [
    Defect(
        "padded max pooling searches the maxima in the unpadded input",
        "numpy-ml: Pool2D.backward slices X, not X_pad; relative error 1, its test was disabled",
        _with("max_pool", "unpadded", _PADDED, (7, 2), _unpadded),
    ),
    Defect(
        "padding counts as 0 and exceeds negative inputs",
        "tt-metal pull request 28804; distdl issue 195; undetected after a ReLU",
        _with("max_pool", "zeros win", _PADDED, (7, 2), _zeros_win, negative),
    ),
    Defect(
        "at a tie every maximum gets the full error signal",
        "Theano issue 5248, on the CPU; the mask x == max of many networks from scratch",
        _with(
            "max_pool",
            "ties counted twice",
            max_pool(2),
            (4, 4, 2),
            lambda x, dy: jnp.where(
                x == _repeated(max_pool(2).forward((), x)[0], x), _repeated(dy, x), 0.0
            ),
            tied,
            TIES,
        ),
    ),
    Defect(
        "elements close to the maximum count as maxima",
        "mni-ml/framework pull request 22: a mask by is_close with tolerance 0.01",
        _with(
            "max_pool",
            "close ones",
            max_pool(2),
            (4, 4, 2),
            _close_ones,
            lambda rng, shape: rng.normal(size=shape) * 0.01,
        ),
    ),
    Defect(
        "overlapping windows overwrite each other's error signals",
        "Flux.jl issue 1197, ocannl issue 512: dx[index] = dy instead of dx[index] += dy",
        _with("max_pool", "overwritten", max_pool(2, 1), (6, 2), _overwritten),
    ),
    Defect(
        "the dilation of the first axis is used for the second too",
        "burn pull request 4466: dilation[0] twice, undetected while both were equal",
        _with(
            "max_pool",
            "dilation of one axis",
            max_pool(2, 1, dilation=(1, 2)),
            (3, 5, 2),
            _one_dilation,
        ),
    ),
    Defect(
        "padded windows: mean over the real elements in forward, over the window in backward",
        "the divisor of padded windows: cunn pull request 134, MIGraphX pull request 5007",
        _with(
            "avg_pool",
            "other divisor",
            _EDGE,
            (3, 4, 2),
            lambda x, dy: _of(avg_pool(3, 1, "SAME", count_padding=True), x, dy),
        ),
    ),
    Defect(
        "rows and columns that no window covers get the error signal of the last window",
        "upsampling by np.repeat with padding, in networks from scratch",
        _with(
            "avg_pool",
            "rest not zero",
            avg_pool(2),
            (5, 5, 2),
            lambda x, dy: _repeated(dy / 4, x),
        ),
    ),
    Defect(
        "the error signal of a mean is copied, not divided",
        "the 1/n of the mean is applied in the forward pass only",
        _with(
            "global_avg_pool",
            "not divided",
            global_avg_pool(),
            (3, 2, 2),
            lambda x, dy: jnp.broadcast_to(dy[:, None, None], x.shape),
        ),
    ),
    Defect(
        "a maximum over all positions: at a tie every one gets the full error signal",
        "MXNet issue 18563: the mask x == max without a count",
        _with(
            "global_max_pool",
            "ties counted twice",
            global_max_pool(),
            (3, 2, 2),
            lambda x, dy: jnp.where(
                x == x.max((1, 2), keepdims=True), dy[:, None, None], jnp.zeros_like(x)
            ),
            tied,
            TIES,
        ),
    ),
]
