"""Compare a rule with every oracle; the tolerances and their reasons."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from nnjax.verify.compare import Difference, difference, largest, products, total
from nnjax.verify.differences import LOST
from nnjax.verify.evidence import Evidence, Point, measure, says_nothing
from nnjax.verify.form import misfit
from nnjax.verify.kinks import at_kinks
from nnjax.verify.problem import Problem
from nnjax.verify.programs import Programs
from nnjax.verify.report import Row

TOLERANCE = {
    "jax.grad": 1e-10,
    "central differences": 1e-7,
    "complex step": 1e-10,
    "dot test": 1e-10,
}
"""Relative errors in float64. Two exact computations of the same number differ by at most a few
hundred rounding errors of 1e-16; 1e-10 allows for cancelling terms and is far below the error of
any wrong rule. Central differences have their own estimate of their error on top."""

ULPS = 32
"""Error in float32, in units in the last place of a leaf's largest entry. A sum of a few rounded
products loses 2 or 3; the rules of softmax and normalisations subtract nearly equal numbers, which
leaves a tenth of their size and makes the loss ten times as large."""

AS_JAX = 8
"""If automatic differentiation in float32 loses more (deep networks), the rule may lose up to this
multiple of its loss, but never more than `LOST`; and up to this multiple of the change of the
gradient if every input is changed in its last place, which no rule can avoid."""

HALF_ULPS, HALF_LOST = 8, 32
"""The same for bfloat16 and float16, which have too few digits for `ULPS`; in their own ulps."""

NOTHING_LEFT = 0.1
"""If no rule can avoid a relative error of this size, nothing is left to judge by."""

EPS64 = float(np.finfo(np.float64).eps)
EPS32 = float(np.finfo(np.float32).eps)
LARGEST32 = 1e-3 * float(np.finfo(np.float32).max)  # sums of a few such overflow


def judge(
    problem: Problem, block: str, options: str, unsuited: dict[str, str] | None = None
) -> list[Row]:
    """Compare a rule with every oracle at the inputs of the problem.

    Args:
        problem: the scalar and its hand-derived gradient.
        block: name of the rule.
        options: its options.
        unsuited: oracles that cannot judge this problem, with the reason.

    Returns:
        One row per oracle, and one for kinks if there are any; or a single row "form" if the rule
        violates the contract (a shape, a dtype), if the forward pass is not finite, or if no oracle
        can judge.
    """
    return judge_points(problem, [Point(options, problem.inputs)], block, unsuited)


def judge_points(
    problem: Problem,
    points: Sequence[Point],
    block: str,
    unsuited: dict[str, str] | None = None,
    low: Any = jnp.float32,
) -> list[Row]:
    """Compare a rule with every oracle at several points, with programs compiled once.

    Args:
        problem: the scalar and its hand-derived gradient.
        points: where to judge; inputs of the same shapes. A delicate point at which the forward
            pass is not finite, or no oracle can judge, is noted and not held against the rule.
        block: name of the rule.
        unsuited: oracles that cannot judge this problem, with the reason.
        low: the low precision.

    Returns:
        The rows of `judge` for each point.
    """
    # Traced once per precision, for the check of the form and for the numbers.
    problem = problem._replace(gradient=jax.jit(problem.gradient, inline=True))
    broken = misfit(problem, low)
    if broken:
        return [Row(block, points[0].name, "form", math.nan, math.nan, "wrong", broken)]
    programs = Programs(problem, points[0].inputs, unsuited or {}, low)
    rows: list[Row] = []
    usual = None
    # For tqdm, disable=None means "only in a terminal"; delay keeps quick rules quiet.
    for point in tqdm(points, desc=f"verify {block}", disable=None, delay=5, leave=False):
        evidence = measure(programs, point)
        if usual is None:
            usual = jax.tree.map(largest, evidence.rule64)
        rows += _judge_point(evidence, usual, point, block, low)
        if rows[0].oracle == "form" and rows[0].verdict == "wrong":
            break  # not finite, or nothing can judge, even at the first point
    return rows


def _judge_point(evidence: Evidence, usual: Any, point: Point, block: str, low: Any) -> list[Row]:
    def form(reason: str) -> list[Row]:
        verdict = "cannot judge" if point.delicate else "wrong"
        return [Row(block, point.name, "form", math.nan, math.nan, verdict, reason)]

    if not math.isfinite(evidence.size):
        here = "here" if point.delicate else "on these inputs; pass other `inputs`"
        return form(f"the forward pass is not finite {here}")
    rows = [_row(_Oracle(name, evidence, usual, point), block, low) for name in TOLERANCE]
    rows += at_kinks(evidence, usual, point, block)
    if all(row.verdict == "cannot judge" for row in rows):
        return form("; ".join(f"{row.oracle}: {row.detail}" for row in rows))
    return rows


class _Oracle(NamedTuple):
    """One oracle at one point, and how far a gradient is from it."""

    name: str
    evidence: Evidence
    usual: Any
    point: Point

    def off(self, gradient: Any, bound: float, eps: float, strict: bool = False) -> Difference:
        """Compare a gradient that was computed with the unit roundoff eps.

        At a delicate point the last digits of the gradient's usual size are not counted, unless
        `strict`: where a function has saturated, its rule may round a tiny derivative to zero.
        """
        evidence, expected = self.evidence, self.evidence.said[self.name]
        uncertain = evidence.uncertain.get(self.name)
        part = 0.0 if strict or not self.point.delicate else ULPS * eps * self.point.scale
        floor = jax.tree.map(lambda size: part * size, self.usual)
        if self.name != "dot test":
            return difference(gradient, expected, evidence.size, bound, uncertain, floor)
        along, v = expected
        sizes = jax.tree.map(lambda size, leaf: np.full(np.shape(leaf), size), floor, v)
        # The size of the terms is a second entry, because rounding errors are relative to it if
        # the terms cancel.
        size = total(products(evidence.rule64, v)) or 1.0
        with np.errstate(invalid="ignore"):  # inf - inf of a wrong rule gives NaN, judged as wrong
            found = np.array([sum(float(p.sum()) for p in products(gradient, v)), size])
        least = np.array([total(products(sizes, v)), 0.0])
        return difference(found, np.array([float(along), size]), evidence.size, bound, None, least)

    def lost_by_jax(self) -> float:
        """The error of automatic differentiation in low precision, times `AS_JAX`."""
        found = self.evidence.by_jax_low()
        if found is None:
            return 0.0
        doubts = self.evidence.uncertain["jax.grad"]
        return AS_JAX * self._apart(found, self.evidence.said["jax.grad"], doubts)

    def unavoidable(self, eps: float) -> float:
        """The error that a change of every input in its last place makes, times `AS_JAX`."""
        found = self.evidence.unavoidable(eps)
        differences = self.evidence.differences
        if found is None:
            return 0.0
        doubts = None
        if differences:
            nowhere = jax.tree.map(np.logical_or, differences.kink, differences.torn)
            doubts = jax.tree.map(lambda out: np.where(out, np.nan, 0.0), nowhere)
        return AS_JAX * self._apart(*found, doubts)

    def _apart(self, found: Any, expected: Any, doubts: Any) -> float:
        """How far two gradients are from each other, as this oracle would see it."""
        evidence = self.evidence
        if self.name != "dot test":
            return difference(found, expected, evidence.size, 1.0, doubts).error
        v = evidence.said["dot test"][1]
        gaps = jax.tree.map(lambda a, b: np.abs(np.asarray(a, np.float64) - b), found, expected)
        gap, size = total(products(gaps, v)), total(products(evidence.rule64, v))
        return gap / (1.01 * size) if size else 0.0

    def detail(self, at: Difference, precision: str) -> str:
        """The first disagreement; empty if there is none."""
        if not at.place:
            return ""
        if self.name == "dot test":
            return f"<Jᵀr, v> {at.found:.9g}, <r, Jv> {at.expected:.9g} ({precision})"
        return f"{at.place}: rule {at.found:.9g}, {self.name} {at.expected:.9g} ({precision})"


def _row(oracle: _Oracle, block: str, low: Any) -> Row:
    name, evidence, point = oracle.name, oracle.evidence, oracle.point

    def row(error64: float, error32: float, verdict: str, detail: str) -> Row:
        return Row(block, point.name, name, error64, error32, verdict, detail)

    def cannot(reason: str) -> Row:
        return row(math.nan, math.nan, "cannot judge", reason)

    if name in evidence.silent:
        return cannot(evidence.silent[name])
    uncertain = evidence.uncertain.get(name)
    if uncertain is not None and says_nothing(uncertain):
        return cannot(_no_digits(name, evidence))
    if _is_nan(evidence.said[name], uncertain):
        return cannot("the oracle gives NaN here")

    bound = max(TOLERANCE[name], evidence.programs.problem.tolerance)
    eps = max(evidence.eps, EPS64)
    if eps > EPS64:  # the forward pass itself computes in a lower precision
        bound = max(bound, ULPS * eps)
    error64 = oracle.off(evidence.rule64, bound, eps)
    if error64.place:
        bound = max(bound, oracle.unavoidable(eps))
        error64 = oracle.off(evidence.rule64, bound, eps)
    if bound > NOTHING_LEFT:
        return cannot("no digits: a change of the inputs in the last place changes the gradient")
    error32 = _in_low_precision(oracle, bound, low)
    detail = oracle.detail(error64, "float64") or oracle.detail(error32, jnp.dtype(low).name)
    if detail:
        return row(error64.error, error32.error, "wrong", detail)
    note = ""
    if name == "jax.grad":  # the one that keeps the digits of tiny slopes
        note = oracle.detail(oracle.off(evidence.rule64, bound, eps, strict=True), "float64")
        note = note and f"the rule loses the digits of a tiny gradient: {note}"
    return row(error64.error, error32.error, "right", note)


def _in_low_precision(oracle: _Oracle, bound64: float, low: Any) -> Difference:
    """How far the rule in low precision is from the oracle; NaN where neither has digits."""
    evidence, eps = oracle.evidence, float(jnp.finfo(low).eps)
    said = evidence.said[oracle.name]
    found = evidence.rule32
    if max(map(largest, jax.tree.leaves(said)), default=0.0) > LARGEST32:
        found = evidence.rule64  # too large for float32, whatever the rule
    half = eps > EPS32
    lost = HALF_LOST * eps if half else LOST
    bound = max((HALF_ULPS if half else ULPS) * eps, bound64)
    error = oracle.off(found, bound, eps)
    if not error.place:
        return error
    by_jax = oracle.lost_by_jax()
    bound = max(bound, min(by_jax, lost))
    error = oracle.off(found, bound, eps)
    if error.place:
        bound = max(bound, oracle.unavoidable(eps))
        error = oracle.off(found, bound, eps)
    delicate = oracle.point.delicate and error.place
    if delicate:  # where automatic differentiation has no digits either, a rule needs none
        bound = max(bound, by_jax if by_jax >= 0 else math.inf)
        error = oracle.off(found, bound, eps)
    # Inputs that are rounded to zero, or beyond the numbers of this precision.
    if bound > max(NOTHING_LEFT, lost) or (
        error.place and delicate and not evidence.forward_lost() <= lost
    ):
        return Difference(math.nan, "", 0.0, 0.0)
    return error


def _no_digits(oracle: str, evidence: Evidence) -> str:
    differences = evidence.differences
    if differences and all(np.all(leaf) for leaf in jax.tree.leaves(differences.kink)):
        return "every input is at a kink"
    if oracle == "central differences":
        return "no digits: the function bends within a step, or is large beside its slope"
    return "not the derivative here: contradicts central differences"


def _is_nan(expected: Any, uncertain: Any) -> bool:
    """Whether an entry that the oracle ought to know is NaN."""
    leaves = jax.tree.leaves(expected)
    doubts = jax.tree.leaves(uncertain) or [0.0] * len(leaves)
    return any(
        (np.isnan(leaf) & ~np.isnan(doubt)).any()
        for leaf, doubt in zip(leaves, doubts, strict=True)
    )
