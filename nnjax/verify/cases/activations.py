"""Cases of the activation functions."""

import numpy as np

from nnjax.core import Shape
from nnjax.layers.activations import (
    elu,
    gelu,
    leaky_relu,
    relu,
    sigmoid,
    silu,
    softplus,
    tanh,
)
from nnjax.verify.case import Draw, LayerCase

_LAYERS = {
    "relu": relu(),
    "leaky_relu": leaky_relu(),
    "sigmoid": sigmoid(),
    "tanh": tanh(),
    "elu": elu(),
    "softplus": softplus(),
    "silu": silu(),
}
_GELU = {"exact": gelu(), "tanh": gelu(approximate=True)}


def between(low: float, high: float) -> Draw:
    """Numbers of either sign with absolute values in [low, high), including `low`.

    The signs alternate, so that even a small array has both.
    """

    def draw(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        sizes = low + (high - low) * rng.uniform(size=shape)
        sizes.flat[:2] = low
        return sizes * np.where(np.arange(sizes.size).reshape(shape) % 2, -1, 1)

    return draw


def at_zero(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """0 and -0, the smallest normal float32 numbers of either sign, and 1 and -1."""
    tiny = float(np.finfo(np.float32).tiny)
    return np.resize([0.0, -0.0, tiny, -tiny, 1.0, -1.0], shape)


KINK = {
    "central differences": "they average the slopes on both sides of the kink",
    "complex step": "0 + ih compares as larger than 0, so it uses the right-hand slope",
}
_BEND = {"central differences": "f″ jumps at 0, so their error is of first order in the step"}
ROUNDED = {"central differences": "they subtract outputs that are rounded to the same number"}
_JAX_SATURATES = ROUNDED | {
    "jax.grad": "its rule computes 1 - y, which loses its digits when y is rounded to 1",
    "dot test": "forward mode uses the same rule as jax.grad",
}

LAYERS = [
    *(LayerCase(name, "row", layer, (3,)) for name, layer in _LAYERS.items()),
    *(
        LayerCase(name, "batch 1, middle axis", layer, (2, 3), batch=1)
        for name, layer in _LAYERS.items()
    ),
    *(LayerCase("gelu", label, layer, (3,)) for label, layer in _GELU.items()),
    *(
        LayerCase("gelu", f"{label}, batch 1, middle axis", layer, (2, 3), batch=1)
        for label, layer in _GELU.items()
    ),
    LayerCase("leaky_relu", "slope 0.1", leaky_relu(0.1), (3,)),
    LayerCase("leaky_relu", "slope -0.5", leaky_relu(-0.5), (3,)),
    LayerCase("leaky_relu", "slope 0", leaky_relu(0.0), (3,)),
    LayerCase("elu", "alpha 2", elu(2.0), (3,)),
    LayerCase("elu", "alpha -0.5", elu(-0.5), (3,)),
    LayerCase("relu", "at zero", relu(), (3,), inputs=at_zero, unsuited=KINK),
    LayerCase("leaky_relu", "at zero", leaky_relu(0.1), (3,), inputs=at_zero, unsuited=KINK),
    LayerCase("elu", "alpha 2, at zero", elu(2.0), (3,), inputs=at_zero, unsuited=KINK),
    LayerCase("elu", "at zero", elu(), (3,), inputs=at_zero, unsuited=_BEND),
    LayerCase("softplus", "at zero", softplus(), (3,), inputs=at_zero),
    LayerCase("sigmoid", "saturated", sigmoid(), (3,), inputs=between(18, 40), unsuited=ROUNDED),
    LayerCase("tanh", "saturated", tanh(), (3,), inputs=between(9, 40), unsuited=_JAX_SATURATES),
    LayerCase("softplus", "saturated", softplus(), (3,), inputs=between(10, 40)),
    LayerCase("silu", "saturated", silu(), (3,), inputs=between(10, 40)),
    *(
        LayerCase("gelu", f"{label}, saturated", layer, (3,), inputs=between(4, 40))
        for label, layer in _GELU.items()
    ),
    LayerCase("softplus", "far out", softplus(), (3,), inputs=between(200, 1000)),
    LayerCase("silu", "far out", silu(), (3,), inputs=between(200, 1000)),
]
