"""The default rows leave no code out: rows of one kind differ in sizes alone."""

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import jax
import pytest
from rows import kind

import nnjax
from nnjax.verify.case import Case, LayerCase
from nnjax.verify.cases import CASES
from nnjax.verify.problem import problem_of

LIBRARY = str(Path(nnjax.__file__).parent)
VERIFIER = str(Path(LIBRARY) / "verify")

Step = tuple[str, int, int]
"""A file, a line (or minus the line of a function that begins), and the line that ran next."""


def steps(case: Case) -> set[Step]:
    """The steps of the library's code when a row is made, run forward and backward."""
    found: set[Step] = set()

    def begin(frame: FrameType, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(LIBRARY) or file.startswith(VERIFIER):
            return None
        last = -frame.f_lineno

        def step(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal last
            if event == "line":
                found.add((file, last, frame.f_lineno))
                last = frame.f_lineno
            return step

        return step

    problem = problem_of(case)
    sys.settrace(begin)
    try:
        if isinstance(case, LayerCase):
            jax.eval_shape(lambda key: case.layer.init(key, case.in_shape)[0], jax.random.key(0))
        jax.eval_shape(problem.gradient, problem.inputs)
    finally:
        sys.settrace(None)
    return found


@pytest.mark.exhaustive
def test_the_first_of_each_kind_runs_all_steps_that_its_block_runs() -> None:
    seen: set[Any] = set()
    by_default: set[tuple[str, Step]] = set()
    others: dict[tuple[str, Step], str] = {}
    for case in CASES:
        each = {(case.of, step) for step in steps(case)}
        if kind(case) in seen:
            others |= dict.fromkeys(each - others.keys(), str(case))
        else:
            by_default |= each
        seen.add(kind(case))
    assert by_default
    missed = {place: case for place, case in others.items() if place not in by_default}
    assert not missed
