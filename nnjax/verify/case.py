"""The rows of the table of cases: a rule, its options, and the inputs on which it is judged."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nnjax.core import Layer, Loss, Penalty, Shape

Draw = Callable[[np.random.Generator, Shape], np.ndarray]
"""`(rng, shape) -> inputs`; whole numbers are indices and are not differentiated."""


def normal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Independent standard normal inputs, the default."""
    return rng.normal(size=shape)


class LayerCase(NamedTuple):
    """A layer on inputs of shape (batch, *in_shape).

    `of` is the public name, `label` describes the options. `inputs` draws x. `training`: pass a key
    to forward. `at_init`: judge at the initial parameters, not at random ones. `unsuited` maps an
    oracle to the reason why it cannot judge this case.
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
    the scores, or probabilities for a loss of probabilities.
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
    """A penalty, on parameters drawn by `params`."""

    of: str
    label: str
    penalty: Penalty
    params: Callable[[np.random.Generator], Any]
    unsuited: dict[str, str] = {}  # noqa: RUF012 (never written to)

    def __str__(self) -> str:
        return f"{self.of}-{self.label}"


Case = LayerCase | LossCase | PenaltyCase


class Defect(NamedTuple):
    """A mistake found in real code or texts, or one that common checks miss.

    `seen` says where it occurred (project and issue, book, ...) or why it is easily missed; `case`
    is a row whose rule contains the mistake.
    """

    name: str
    seen: str
    case: Case
