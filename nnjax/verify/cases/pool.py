"""Cases of the pooling layers."""

import numpy as np

from nnjax.core import Shape
from nnjax.layers.avg_pool import avg_pool, global_avg_pool
from nnjax.layers.max_pool import global_max_pool, max_pool
from nnjax.verify.case import LayerCase


def negative(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Below zero everywhere, so that zero padding would be the maximum."""
    return -1 - rng.uniform(size=shape)


def tied(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Whole numbers, many of them equal."""
    return rng.integers(-2, 0, size=shape).astype(float)


TIES = {
    "central differences": "at a tie the function has no derivative",
    "complex step": "at a tie the function has no derivative",
}

_MAX = [
    LayerCase("max_pool", "tiles", max_pool(2), (4, 6, 2), batch=2),
    LayerCase("max_pool", "overlapping", max_pool((3, 2), 1), (5, 4, 2), batch=2),
    LayerCase("max_pool", "same, all negative", max_pool(3, 2, "SAME"), (5, 4, 2), 2, negative),
    LayerCase(
        "max_pool", "padded, all negative", max_pool(3, 2, ((2, 1), (0, 2))), (4, 5, 2), 2, negative
    ),
    LayerCase("max_pool", "stride over window", max_pool(2, (3, 4)), (6, 7, 2), batch=1),
    LayerCase("max_pool", "rows and columns unused", max_pool((3, 2)), (5, 5, 2), batch=2),
    LayerCase("max_pool", "dilation 2", max_pool((3, 2), 1, dilation=2), (6, 5, 1), batch=2),
    LayerCase(
        "max_pool",
        "dilation 2 with everything",
        max_pool((2, 3), (2, 1), ((1, 0), (2, 1)), (3, 2)),
        (6, 5, 2),
        1,
        negative,
    ),
    LayerCase("max_pool", "window 1, stride 2", max_pool(1, 2), (3, 4, 2), batch=2),
    LayerCase("max_pool", "sequence", max_pool(2), (7, 3), batch=2),
    LayerCase("max_pool", "sequence, causal", max_pool(3, 1, (2, 0)), (6, 2), 2, negative),
    LayerCase("max_pool", "volume", max_pool((2, 1, 2), 1), (3, 2, 3, 2), batch=1),
    LayerCase("max_pool", "one pixel same", max_pool(2, padding="SAME"), (1, 1, 3), batch=1),
    LayerCase("max_pool", "ties", max_pool(3, 1, "SAME"), (4, 5, 2), 2, tied, unsuited=TIES),
    LayerCase(
        "max_pool",
        "ties, dilation 2",
        max_pool(2, 1, dilation=2),
        (4, 5, 2),
        2,
        tied,
        unsuited=TIES,
    ),
    LayerCase("global_max_pool", "image", global_max_pool(), (3, 4, 2), batch=3),
    LayerCase("global_max_pool", "sequence", global_max_pool(), (5, 2), batch=2),
    LayerCase("global_max_pool", "one pixel", global_max_pool(), (1, 1, 3), batch=1),
    LayerCase("global_max_pool", "ties", global_max_pool(), (3, 4, 2), 2, tied, unsuited=TIES),
]

_MEAN = [
    LayerCase("avg_pool", "tiles", avg_pool(2), (4, 6, 2), batch=2),
    LayerCase("avg_pool", "overlapping, same", avg_pool(3, 1, "SAME"), (3, 4, 2), batch=2),
    LayerCase(
        "avg_pool",
        "padding counted",
        avg_pool(3, 1, "SAME", count_padding=True),
        (3, 4, 2),
        batch=2,
    ),
    LayerCase(
        "avg_pool", "asymmetric padding", avg_pool(3, 2, ((2, 1), (0, 2))), (4, 5, 2), batch=2
    ),
    LayerCase(
        "avg_pool",
        "windows of padding, counted",
        avg_pool(2, 2, ((3, 0), (2, 4)), count_padding=True),
        (3, 4, 2),
    ),
    LayerCase("avg_pool", "stride over window", avg_pool(2, (3, 4)), (6, 7, 2), batch=1),
    LayerCase("avg_pool", "rows and columns unused", avg_pool((3, 2)), (5, 5, 2), batch=2),
    LayerCase(
        "avg_pool", "dilation 2", avg_pool((3, 2), (1, 2), ((1, 1), (0, 1)), 2), (5, 4, 1), batch=2
    ),
    LayerCase("avg_pool", "sequence, causal", avg_pool(3, 1, (2, 0)), (6, 2), batch=2),
    LayerCase("avg_pool", "one pixel same", avg_pool(3, padding="SAME"), (1, 1, 3), batch=1),
    LayerCase("global_avg_pool", "image", global_avg_pool(), (3, 4, 2), batch=3),
    LayerCase("global_avg_pool", "sequence", global_avg_pool(), (5, 2), batch=2),
    LayerCase("global_avg_pool", "one pixel", global_avg_pool(), (1, 1, 3), batch=1),
]

LAYERS = [*_MAX, *_MEAN]
