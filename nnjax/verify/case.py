"""What a row of the table of cases is: a rule with its options, and the inputs it is judged on."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nnjax.core import Layer, Loss, Penalty, Shape

Draw = Callable[[np.random.Generator, Shape], np.ndarray]
"""`(rng, shape) -> inputs`; whole numbers are indices, of which no derivative is taken."""


def normal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Independent standard normal inputs, the default."""
    return rng.normal(size=shape)


class LayerCase(NamedTuple):
    """A layer on inputs of shape (batch, *in_shape).

    `of` is the public name, `label` says which options. `inputs` draws x. `training`: forward gets
    a key. `at_init`: judged at the parameters that `init` gives, not at random ones. `unsuited`
    maps an oracle to the reason why it cannot judge this case.
    """

    of: str
    label: str
    layer: Layer
    in_shape: Shape
    batch: int = 4
    inputs: Draw = normal
    training: bool = False
    at_init: bool = False
    unsuited: dict[str, str] = {}  # noqa: RUF012 (never written to)

    def __str__(self) -> str:
        return f"{self.of}-{self.label}"


class LossCase(NamedTuple):
    """A loss on scores of shape (batch, ..., outputs).

    `targets` draws the targets for a shape of scores: an array, or a tree of arrays. `scores` draws
    the scores; probabilities, for instance, where a loss takes those.
    """

    of: str
    label: str
    loss: Loss
    shape: Shape
    targets: Callable[[np.random.Generator, Shape], Any]
    scores: Draw = normal
    unsuited: dict[str, str] = {}  # noqa: RUF012 (never written to)

    def __str__(self) -> str:
        return f"{self.of}-{self.label}"


class PenaltyCase(NamedTuple):
    """A penalty on parameters that `params` draws."""

    of: str
    label: str
    penalty: Penalty
    params: Callable[[np.random.Generator], Any]
    unsuited: dict[str, str] = {}  # noqa: RUF012 (never written to)

    def __str__(self) -> str:
        return f"{self.of}-{self.label}"


Case = LayerCase | LossCase | PenaltyCase


class Defect(NamedTuple):
    """A mistake made in real code, a book or a text, or that usual checks let through.

    It is planted into a right case. `seen` says where it happened (project and issue, book, ...) or
    what lets it through; `case` is a row whose rule has the mistake in it.
    """

    name: str
    seen: str
    case: Case
