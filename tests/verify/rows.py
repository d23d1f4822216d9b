"""Which rows of the table a test runs by default, and which are exhaustive."""

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import pytest

from nnjax.verify.case import Case, LayerCase, LossCase


def kind(case: Case) -> Hashable:
    """What decides which code runs: the block, its options but not their numbers, training or
    evaluation, and how inputs are drawn. Rows of one kind differ in sizes alone."""
    match case:
        case LayerCase():
            made, drawn = case.layer, (case.training, case.at_init, case.inputs)
        case LossCase():
            made, drawn = case.loss, (case.targets, case.scores)
        case _:
            made, drawn = case.penalty, ()
    return (case.of, re.sub(r"\d+(\.\d+)?", "#", repr(made)), *drawn)


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
