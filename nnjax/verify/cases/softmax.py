"""Cases of softmax and log_softmax."""

import numpy as np

from nnjax.core import Layer, Shape
from nnjax.layers.softmax import log_softmax, softmax
from nnjax.verify.case import Draw, LayerCase


def gap(size: float) -> Draw:
    """Equal scores except the first, which is larger by `size`; 0 is a tie."""

    def draw(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        return size * (np.arange(shape[-1]) == 0) * np.ones(shape)

    return draw


def _rows(name: str, layer: Layer) -> list[LayerCase]:
    return [
        LayerCase(name, "row", layer, (3,)),
        LayerCase(name, "batch 1", layer, (5,), batch=1),
        LayerCase(name, "middle axis", layer, (2, 3), batch=3),
        LayerCase(name, "square", layer, (3,), batch=3),
        LayerCase(name, "two classes", layer, (2,)),
        LayerCase(name, "one class", layer, (1,), batch=2),
        LayerCase(name, "tie", layer, (3,), inputs=gap(0)),
        LayerCase(name, "gap 1e-8", layer, (3,), inputs=gap(1e-8)),
        LayerCase(name, "gap 100", layer, (3,), inputs=gap(100)),
        LayerCase(
            name,
            "gap 1e4",
            layer,
            (3,),
            inputs=gap(1e4),
            unsuited={"central differences": "the difference of outputs of 1e4 has too few digits"},
        ),
    ]


LAYERS = [*_rows("softmax", softmax()), *_rows("log_softmax", log_softmax())]
