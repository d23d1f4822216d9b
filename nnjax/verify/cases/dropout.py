"""Cases of dropout, in training and in evaluation."""

import numpy as np

from nnjax.core import Shape
from nnjax.layers.dropout import dropout
from nnjax.verify.case import LayerCase


def zeros(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """All zeros: the output does not reveal the mask."""
    return np.zeros(shape)


LAYERS = [
    LayerCase("dropout", "evaluation", dropout(0.5), (3,)),
    LayerCase("dropout", "rate 0.5", dropout(0.5), (3,), training=True),
    LayerCase("dropout", "rate 0.2", dropout(0.2), (5,), training=True),
    LayerCase("dropout", "rate 0.9", dropout(0.9), (5,), batch=6, training=True),
    LayerCase("dropout", "rate 0", dropout(0.0), (3,), training=True),
    LayerCase("dropout", "batch 1", dropout(0.5), (5,), batch=1, training=True),
    LayerCase("dropout", "middle axis", dropout(0.5), (2, 3), batch=3, training=True),
    LayerCase("dropout", "inputs are 0", dropout(0.5), (3,), inputs=zeros, training=True),
]
