"""Cases of the embeddings of ids and of positions."""

from typing import Any

import numpy as np

from nnjax.core import Shape
from nnjax.initializers import normal
from nnjax.layers.embedding import embedding, position_embedding
from nnjax.verify.case import Draw, LayerCase


def ids(vocabulary: int, dtype: Any = np.int32) -> Draw:
    """Random ids below `vocabulary`; the first three are equal."""

    def draw(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        drawn = rng.integers(vocabulary, size=shape).astype(dtype)
        drawn.flat[:3] = vocabulary - 1
        return drawn

    return draw


def same(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """The id 1 everywhere."""
    return np.ones(shape, np.int32)


LAYERS = [
    LayerCase("embedding", "sequence", embedding(5, 3), (4,), batch=2, inputs=ids(5)),
    LayerCase("embedding", "one id each", embedding(5, 3), (), batch=4, inputs=ids(5)),
    LayerCase("embedding", "middle axis", embedding(4, 2), (3, 2), batch=2, inputs=ids(4)),
    LayerCase("embedding", "batch 1", embedding(3, 2), (4,), batch=1, inputs=ids(3)),
    LayerCase("embedding", "one id everywhere", embedding(3, 2), (4,), batch=2, inputs=same),
    LayerCase("embedding", "ids that are absent", embedding(9, 2), (2,), batch=2, inputs=ids(9)),
    LayerCase("embedding", "vocabulary 1", embedding(1, 3), (2,), batch=3, inputs=ids(1)),
    LayerCase("embedding", "one feature", embedding(4, 1), (3,), batch=2, inputs=ids(4)),
    LayerCase("embedding", "square", embedding(3, 3), (3,), batch=3, inputs=ids(3)),
    LayerCase("embedding", "8-bit ids", embedding(4, 2), (3,), inputs=ids(4, np.uint8)),
    LayerCase(
        "embedding",
        "given init",
        embedding(4, 2, init=normal(1.0)),
        (3,),
        inputs=ids(4),
        at_init=True,
    ),
    LayerCase("position_embedding", "full length", position_embedding(3), (3, 2)),
    LayerCase("position_embedding", "shorter", position_embedding(5), (3, 2)),
    LayerCase("position_embedding", "batch 1", position_embedding(4), (3, 2), batch=1),
    LayerCase("position_embedding", "time 1", position_embedding(3), (1, 2), batch=3),
    LayerCase("position_embedding", "square", position_embedding(3), (3, 3), batch=3),
    LayerCase("position_embedding", "one of all", position_embedding(1), (1, 1), batch=2),
    LayerCase(
        "position_embedding",
        "given init",
        position_embedding(4, init=normal(1.0)),
        (3, 2),
        at_init=True,
    ),
]
