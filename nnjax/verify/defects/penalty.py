"""Mistakes in penalties."""

import jax

from nnjax.penalty import l2
from nnjax.verify.case import Defect, PenaltyCase
from nnjax.verify.cases.penalty import PENALTIES


def _with(label: str, factor: float) -> PenaltyCase:
    """The gradient times a factor."""
    case = next(case for case in PENALTIES if case.label == label)
    right = case.penalty
    return case._replace(
        penalty=right._replace(
            backward=lambda r: jax.tree.map(lambda g: factor * g, right.backward(r))
        )
    )


def _every_leaf() -> PenaltyCase:
    """Forward includes the weights only, backward the biases too."""
    case = PENALTIES[0]
    return case._replace(penalty=case.penalty._replace(backward=l2(0.1, biases=True).backward))


DEFECTS = [
    Defect(
        "λ W in place of 2 λ W",
        "texts differ in the factor 1/2 of the penalty: forward from one, backward from another",
        _with("weights alone", 0.5),
    ),
    Defect(
        "biases decay although the penalty does not include them",
        "an optimizer's weight decay applies to all parameters by default",
        _every_leaf(),
    ),
]
