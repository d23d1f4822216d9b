"""Which rows of the table a test runs by default, and which are exhaustive."""

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import numpy as np
import pytest

from nnjax.verify.case import Case, LayerCase, LossCase


def kind(case: Case) -> Hashable:
    """What decides which code runs: the block, its options but not their numbers, training or
    evaluation, and the tree of the inputs. Rows of one kind differ in sizes and values alone."""
    rng = np.random.default_rng(0)
    match case:
        case LayerCase():
            made, shape = case.layer, (case.batch, *case.in_shape)
            inputs = case.inputs(rng, shape)
        case LossCase():
            made, shape = case.loss, case.shape
            inputs = case.targets(rng, shape)
        case _:
            made, shape, inputs = case.penalty, (), None
    leaves, tree = jax.tree.flatten(inputs)
    arrays = [(np.asarray(leaf).dtype.kind, np.ndim(leaf) - len(shape)) for leaf in leaves]
    options = re.sub(r"\d+(\.\d+)?", "#", repr(made))
    return (case.of, options, isinstance(case, LayerCase) and case.training, tree, *arrays)


def block(case: Case) -> Hashable:
    """The block alone."""
    return case.of


def rows(cases: Sequence[Any], alike: Callable[[Any], Hashable]) -> list[Any]:
    """Parameters of a test: the first of the rows that are alike, and as exhaustive the others."""
    first: dict[Hashable, Case] = {}
    for case in cases:
        first.setdefault(alike(case), case)
    return [
        pytest.param(
            case,
            id=str(case),
            marks=() if case is first[alike(case)] else pytest.mark.exhaustive,
        )
        for case in cases
    ]
