"""Cases of the normalisations: all kinds of axes, both modes, and zero variances."""

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.core import Layer, Shape
from nnjax.layers.batch_norm import BatchNorm, batch_norm
from nnjax.layers.norm import group_norm, layer_norm, rms_norm
from nnjax.verify.case import LayerCase


def with_population(layer: Layer) -> Layer:
    """Batch normalisation with random initial parameters and positive variances."""

    def init(key: jax.Array, in_shape: Shape) -> tuple[BatchNorm, Shape]:
        like, out_shape = layer.init(key, in_shape)
        random = (
            jax.random.normal(jax.random.fold_in(key, i), p.shape) for i, p in enumerate(like)
        )
        params = BatchNorm(*random)
        return params._replace(variance=0.3 + jnp.square(params.variance)), out_shape

    return layer._replace(init=init)


def constant(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """The same number everywhere: zero variance."""
    return np.full(shape, 0.75)


def zero(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Zeros everywhere: zero root mean square."""
    return np.zeros(shape)


def tiny(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """A variance below eps."""
    return 1e-3 * rng.normal(size=shape)


def far(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Mean 8192 and deviation about 1; multiples of 1/4 whose means are exact in float32.

    Along every axis the deviations cancel in groups of two or four.
    """
    sign = np.where(np.indices(shape).sum(0) % 2, -1.0, 1.0)
    size = rng.integers(1, 8, [(n + 1) // 2 if n > 1 else 1 for n in shape]) / 4
    for axis, n in enumerate(shape):
        size = np.repeat(size, 2, axis=axis).take(range(n), axis=axis)
    return 8192 + sign * size


FAR = {"central differences": "a step of 1e-5 added to 8192 is rounded in its seventh digit"}
BENT = {"central differences": "the curvature is too large for the step if deviation < sqrt(eps)"}
POPULATION = with_population(batch_norm())

LAYERS = [
    LayerCase("batch_norm", "training", batch_norm(), (3,), training=True),
    LayerCase("batch_norm", "training, one channel", batch_norm(), (1,), batch=5, training=True),
    LayerCase("batch_norm", "training, sequence", batch_norm(), (3, 2), batch=2, training=True),
    LayerCase("batch_norm", "training, image", batch_norm(), (2, 3, 2), batch=3, training=True),
    LayerCase("batch_norm", "training, batch 1", batch_norm(), (3,), batch=1, training=True),
    LayerCase(
        "batch_norm", "training, batch 1, image", batch_norm(), (2, 3, 2), batch=1, training=True
    ),
    LayerCase("batch_norm", "training, eps 0.5", batch_norm(eps=0.5), (3,), training=True),
    LayerCase(
        "batch_norm",
        "training, constant",
        batch_norm(),
        (3,),
        inputs=constant,
        training=True,
        unsuited=BENT,
    ),
    LayerCase(
        "batch_norm",
        "training, tiny",
        batch_norm(),
        (3,),
        inputs=tiny,
        training=True,
        unsuited=BENT,
    ),
    LayerCase(
        "batch_norm", "training, far", batch_norm(), (2,), inputs=far, training=True, unsuited=FAR
    ),
    LayerCase("batch_norm", "evaluation", POPULATION, (3,), at_init=True),
    LayerCase("batch_norm", "evaluation, image", POPULATION, (2, 3, 2), batch=2, at_init=True),
    LayerCase("batch_norm", "evaluation, batch 1", POPULATION, (3,), batch=1, at_init=True),
    LayerCase(
        "batch_norm",
        "evaluation, eps 0.5",
        with_population(batch_norm(eps=0.5)),
        (3,),
        at_init=True,
    ),
    LayerCase("layer_norm", "rows", layer_norm(), (3,)),
    LayerCase("layer_norm", "batch 1", layer_norm(), (5,), batch=1),
    LayerCase("layer_norm", "one feature", layer_norm(), (1,)),
    LayerCase("layer_norm", "sequence", layer_norm(), (2, 5), batch=3),
    LayerCase("layer_norm", "image", layer_norm(), (2, 1, 4), batch=2),
    LayerCase("layer_norm", "eps 0.5", layer_norm(eps=0.5), (3,)),
    LayerCase(
        "layer_norm", "constant", layer_norm(), (3,), batch=2, inputs=constant, unsuited=BENT
    ),
    LayerCase("layer_norm", "tiny", layer_norm(), (5,), inputs=tiny, unsuited=BENT),
    LayerCase("layer_norm", "far", layer_norm(), (4,), batch=3, inputs=far, unsuited=FAR),
    LayerCase("group_norm", "one group, image", group_norm(1), (2, 3, 4), batch=2),
    LayerCase("group_norm", "two groups, image", group_norm(2), (2, 3, 4), batch=2),
    LayerCase("group_norm", "instance, image", group_norm(4), (2, 3, 4), batch=2),
    LayerCase("group_norm", "instance, one place", group_norm(3), (1, 1, 3), batch=2),
    LayerCase("group_norm", "rows", group_norm(2), (6,), batch=3),
    LayerCase("group_norm", "sequence", group_norm(3), (2, 6), batch=1),
    LayerCase("group_norm", "eps 0.5", group_norm(2, eps=0.5), (3, 4), batch=2),
    LayerCase(
        "group_norm", "constant", group_norm(2), (2, 4), batch=2, inputs=constant, unsuited=BENT
    ),
    LayerCase("group_norm", "far", group_norm(2), (2, 4), batch=2, inputs=far, unsuited=FAR),
    LayerCase("rms_norm", "rows", rms_norm(), (3,)),
    LayerCase("rms_norm", "batch 1", rms_norm(), (5,), batch=1),
    LayerCase("rms_norm", "one feature", rms_norm(), (1,)),
    LayerCase("rms_norm", "sequence", rms_norm(), (2, 5), batch=3),
    LayerCase("rms_norm", "eps 0.5", rms_norm(eps=0.5), (3,)),
    LayerCase("rms_norm", "zero", rms_norm(), (3,), batch=2, inputs=zero, unsuited=BENT),
    LayerCase("rms_norm", "tiny", rms_norm(), (5,), inputs=tiny, unsuited=BENT),
]
