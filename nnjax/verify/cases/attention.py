"""Cases of attention: heads, the causal mask, padded keys, and queries without any keys."""

from collections.abc import Sequence

import numpy as np

from nnjax.core import Shape
from nnjax.layers.attention import attention, multi_head_attention
from nnjax.verify.case import Draw, LayerCase


def padded(*lengths: int, first: bool = False) -> Draw:
    """Sequences of the given lengths; the last channel is a mask of ones and zeros.

    The padding comes last, or `first`.
    """

    def draw(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        x = rng.normal(size=shape)
        order: Sequence[int] = range(shape[1])
        real = np.array([[t < n for t in order] for n in lengths], float)
        x[..., -1] = real[:, ::-1] if first else real
        return x

    return draw


def sharp(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Queries and keys so large that the softmax saturates."""
    return 4 * rng.normal(size=shape)


LAYERS = [
    LayerCase("attention", "one head", attention(), (4, 6), batch=2),
    LayerCase("attention", "two heads", attention(heads=2), (3, 12), batch=2),
    LayerCase("attention", "heads of one channel", attention(heads=3), (4, 9), batch=1),
    LayerCase("attention", "causal", attention(causal=True), (4, 6), batch=2),
    LayerCase("attention", "causal, two heads", attention(2, causal=True), (3, 12), batch=2),
    LayerCase("attention", "one position", attention(), (1, 6), batch=3),
    LayerCase("attention", "one position, causal", attention(2, causal=True), (1, 6), batch=1),
    LayerCase("attention", "batch 1", attention(), (3, 9), batch=1),
    LayerCase("attention", "saturated", attention(), (3, 6), batch=2, inputs=sharp),
    LayerCase("attention", "masked", attention(masked=True), (4, 7), batch=2, inputs=padded(4, 2)),
    LayerCase(
        "attention",
        "masked, two heads",
        attention(2, masked=True),
        (3, 13),
        batch=2,
        inputs=padded(1, 2),
    ),
    LayerCase(
        "attention",
        "masked, an empty sequence",
        attention(2, masked=True),
        (3, 7),
        batch=2,
        inputs=padded(0, 2),
    ),
    LayerCase(
        "attention",
        "masked, causal, first queries without keys",
        attention(causal=True, masked=True),
        (4, 7),
        batch=2,
        inputs=padded(3, 1, first=True),
    ),
    LayerCase("multi_head_attention", "one head", multi_head_attention(2, 1), (3, 3), batch=2),
    LayerCase(
        "multi_head_attention",
        "two heads, causal",
        multi_head_attention(4, 2, causal=True),
        (3, 2),
        batch=2,
    ),
    LayerCase(
        "multi_head_attention",
        "masked",
        multi_head_attention(2, 2, masked=True),
        (4, 4),
        batch=2,
        inputs=padded(4, 2),
    ),
    LayerCase(
        "multi_head_attention",
        "masked, causal, an empty sequence",
        multi_head_attention(2, 1, causal=True, masked=True),
        (3, 3),
        batch=2,
        inputs=padded(0, 2),
    ),
    LayerCase(
        "multi_head_attention", "initial", multi_head_attention(4, 2), (3, 2), batch=1, at_init=True
    ),
]
