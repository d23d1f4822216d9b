"""Compare a rule with every oracle; the tolerances and their reasons."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.verify.compare import Difference, difference, largest
from nnjax.verify.differences import LOST
from nnjax.verify.evidence import Evidence, Point, instruments, says_nothing
from nnjax.verify.problem import Problem, cast
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
    misfit = _form(problem, low)
    if misfit:
        return [Row(block, points[0].name, "form", math.nan, math.nan, "wrong", misfit)]
    measure = instruments(problem, points[0].inputs, unsuited or {}, low)
    return [row for point in points for row in _judge_point(measure(point), point, block, low)]


def _judge_point(evidence: Evidence, point: Point, block: str, low: Any) -> list[Row]:
    def form(misfit: str) -> list[Row]:
        verdict = "cannot judge" if point.delicate else "wrong"
        return [Row(block, point.name, "form", math.nan, math.nan, verdict, misfit)]

    if not math.isfinite(evidence.size):
        here = "here" if point.delicate else "on these inputs; pass other `inputs`"
        return form(f"the forward pass is not finite {here}")
    rows = [_row(evidence, oracle, point, block, low) for oracle in TOLERANCE]
    rows += _at_kinks(evidence, point, block)
    if all(row.verdict == "cannot judge" for row in rows):
        return form("; ".join(f"{row.oracle}: {row.detail}" for row in rows))
    return rows


def _row(evidence: Evidence, oracle: str, point: Point, block: str, low: Any) -> Row:
    def cannot(reason: str) -> Row:
        return Row(block, point.name, oracle, math.nan, math.nan, "cannot judge", reason)

    if oracle in evidence.silent:
        return cannot(evidence.silent[oracle])
    expected, uncertain = evidence.said[oracle], evidence.uncertain.get(oracle)
    if uncertain is not None and says_nothing(uncertain):
        return cannot(_no_digits(oracle, evidence))
    found, found32 = evidence.rule64, evidence.rule32
    if oracle == "dot test":
        found, found32, expected = _dot_test(evidence)
    if _is_nan(expected, uncertain):
        return cannot("the oracle gives NaN here")
    eps_low = float(jnp.finfo(low).eps)

    def compared(gradient: Any, bound: float) -> Difference:
        return difference(gradient, expected, evidence.size, bound, uncertain)

    def inherent(eps: float) -> float:
        """The error that a change of every input in its last place makes."""
        return AS_JAX * _apart(evidence, evidence.moved(eps), oracle)

    bound = TOLERANCE[oracle]
    if evidence.eps > EPS64:  # the forward pass itself computes in a lower precision
        bound = max(bound, ULPS * evidence.eps)
    error64 = compared(found, bound)
    if error64.place:
        bound = max(bound, inherent(max(evidence.eps, EPS64)))
        error64 = compared(found, bound)
    if bound > 0.1:
        return cannot("no digits: a change of the inputs in the last place changes the gradient")
    if error64.place:
        detail = _disagreement(error64, oracle, "float64")
        error32 = compared(found32, bound)
        return Row(block, point.name, oracle, error64.error, error32.error, "wrong", detail)

    if max(map(largest, jax.tree.leaves(expected)), default=0.0) > LARGEST32:
        found32 = found  # too large for float32, whatever the rule
    bound = max(ULPS * eps_low, bound)
    error32 = compared(found32, bound)
    if error32.place:
        lost = AS_JAX * _apart(evidence, evidence.by_jax_low(), oracle)
        bound = max(bound, min(lost, LOST))
        error32 = compared(found32, bound)
        if error32.place:
            bound = max(bound, inherent(eps_low))
            error32 = compared(found32, bound)
        if bound > 0.1 or (point.delicate and not lost <= LOST):
            error32 = Difference(math.nan, "", 0.0, 0.0)  # nobody has digits here
    detail = _disagreement(error32, oracle, jnp.dtype(low).name) if error32.place else ""
    verdict = "wrong" if detail else "right"
    return Row(block, point.name, oracle, error64.error, error32.error, verdict, detail)


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


def _apart(evidence: Evidence, other: Any, oracle: str) -> float:
    """How far another gradient by JAX is from its gradient in float64, as the oracle would see it;
    0 if JAX gives none."""
    if other is None or "jax.grad" not in evidence.said:
        return 0.0
    expected, uncertain = evidence.said["jax.grad"], evidence.uncertain["jax.grad"]
    if oracle != "dot test":
        return difference(other, expected, evidence.size, 1.0, uncertain).error
    v = evidence.said["dot test"][1]
    gaps = jax.tree.map(lambda a, b: np.abs(np.asarray(a, np.float64) - b), other, expected)
    gap, size = _total(_products(gaps, v)), _total(_products(evidence.rule64, v))
    return gap / (1.01 * size) if size else 0.0


def _disagreement(at: Difference, oracle: str, precision: str) -> str:
    if oracle == "dot test":
        return f"<Jᵀr, v> {at.found:.9g}, <r, Jv> {at.expected:.9g} ({precision})"
    return f"{at.place}: rule {at.found:.9g}, {oracle} {at.expected:.9g} ({precision})"


def _dot_test(evidence: Evidence) -> tuple[Any, Any, Any]:
    """<Jᵀr, v> in both precisions and <r, Jv>.

    The size of the terms is added as a second entry, because rounding errors are relative to it if
    the terms cancel.
    """
    along, v = evidence.said["dot test"]
    size = _total(_products(evidence.rule64, v)) or 1.0
    with np.errstate(invalid="ignore"):  # inf - inf of a wrong rule gives NaN, judged as wrong
        sums = [
            sum(float(p.sum()) for p in _products(g, v)) for g in (evidence.rule64, evidence.rule32)
        ]
    found, found32, expected = (np.array([value, size]) for value in (*sums, float(along)))
    return found, found32, expected


def _products(tree: Any, v: Any) -> list[np.ndarray]:
    """Entry by entry; 0 where v is left out, whatever the tree holds there."""
    pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(v), strict=True)
    return [np.where(b == 0, 0.0, np.asarray(a, np.float64)) * np.asarray(b) for a, b in pairs]


def _total(products: list[np.ndarray]) -> float:
    return sum(float(np.nansum(np.abs(p))) for p in products)


def _at_kinks(evidence: Evidence, point: Point, block: str) -> list[Row]:
    """What the rule takes where the slopes on the two sides differ, if there are such places."""
    differences = evidence.differences
    if differences is None:
        return []
    named = jax.tree_util.tree_leaves_with_path(evidence.rule64)
    taken: dict[str, list[str]] = {}
    outside = ""
    for (path, rule), error, left, right, kink in zip(
        named, *map(jax.tree.leaves, differences[1:]), strict=True
    ):
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        for index in map(tuple, np.argwhere(kink)):
            at = f"{name}[{', '.join(map(str, index))}]" if index else name
            slope, *sides = (float(array[index]) for array in (rule, left, right))
            low, high = min(sides), max(sides)
            margin = float(error[index]) + 1e-4 * (high - low)
            numbers = f"rule {slope:.6g}, slopes {sides[0]:.6g} and {sides[1]:.6g} on either side"
            if not low - margin <= slope <= high + margin:
                outside = outside or f"{at}: {numbers} of a kink"
            taken.setdefault(_side(slope, *sides, margin), []).append(f"{at}, {numbers}")
    if not taken:
        return []
    nan = math.nan
    if outside:
        return [Row(block, point.name, "kinks", nan, nan, "wrong", outside)]
    detail = "; ".join(
        f"{side} at {len(places)} {'kinks' if len(places) > 1 else 'kink'} ({places[0]})"
        for side, places in taken.items()
    )
    return [Row(block, point.name, "kinks", nan, nan, "convention", detail)]


def _side(slope: float, left: float, right: float, margin: float) -> str:
    sides = {"left slope": left, "right slope": right, "mean of the slopes": (left + right) / 2}
    return next((n for n, s in sides.items() if abs(slope - s) <= margin), "between the slopes")


def _form(problem: Problem, low: Any) -> str:
    """How trees, shapes or dtypes violate the contract in either precision; else empty."""
    for dtype in (jnp.float64, low):
        inputs = cast(problem.inputs, dtype)
        try:
            with jax.enable_x64(dtype == jnp.float64):
                broken = problem.broken()
                gradient = jax.eval_shape(problem.gradient, inputs)
        except Exception as error:  # any error raised by a rule under test is a finding
            reason = (str(error).strip().splitlines() or [""])[0]
            return f"the rule cannot be traced: {type(error).__name__}: {reason}"
        if broken:
            return broken
        if jax.tree.structure(gradient) != jax.tree.structure(inputs):
            return (
                f"expected gradients with the tree {jax.tree.structure(inputs)}, "
                f"got {jax.tree.structure(gradient)}"
            )
        named = jax.tree_util.tree_leaves_with_path(gradient)
        for (path, a), b in zip(named, jax.tree.leaves(inputs), strict=True):
            if (a.shape, a.dtype) != (b.shape, b.dtype):
                name = jax.tree_util.keystr(path, simple=True, separator=".")
                return f"{name}: expected {b.dtype}{b.shape}, got {a.dtype}{a.shape}"
    return ""
