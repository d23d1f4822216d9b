"""The comparison of a rule with every oracle, and the tolerances with their reasons."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.verify import oracles
from nnjax.verify.problem import Problem, cast
from nnjax.verify.report import Row

TOLERANCE = {
    "jax.grad": 1e-10,
    "central differences": 1e-7,
    "complex step": 1e-10,
    "dot test": 1e-10,
}
"""Relative errors in float64. Two exact ways to the same number differ by a few hundred roundings
of 1e-16 at most; 1e-10 leaves room for terms that cancel and is far below any wrong rule. Central
differences are themselves wrong by about 1e-10, see `oracles.STEP`."""

ULPS = 32
"""float32 against float64, in units in the last place of a leaf's largest entry. A sum of a few
rounded products loses 2 or 3; behind a softmax or a normalisation, whose rules subtract nearly
equal numbers, a tenth of their size is left and the loss is tenfold."""

AS_JAX = 8
"""Where automatic differentiation in float32 itself loses more (deep networks), the rule may lose
up to so many times what it loses, but never more than `LOST`."""

LOST = 1e-3

QUICKLY = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
}
"""Options for the compiler: the programs are tiny and run once, so compiling is what takes time."""

EPS32 = float(np.finfo(np.float32).eps)


class Difference(NamedTuple):
    """The worst relative error between two trees and the first place that is off."""

    error: float
    place: str
    found: float
    expected: float


def difference(found: Any, expected: Any, size: float, tolerance: float) -> Difference:
    """Compare a gradient with what an oracle says.

    The error is relative to the leaf's largest entry, plus a hundredth of the tree's: a leaf whose
    true gradient is zero (a bias before a normalisation) holds only rounding. `size` is the size of
    the terms that the gradient is a derivative of; a tree far below it counts as zero.
    """
    leaves = jax.tree.leaves(expected)
    tree = max((_largest(leaf) for leaf in leaves), default=0.0)
    if tree <= 1e-12 * size:
        tree = size
    worst = Difference(0.0, "", 0.0, 0.0)
    first = None
    named = jax.tree_util.tree_leaves_with_path(found)
    for (path, a), b in zip(named, leaves, strict=True):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        if not a.size:
            continue
        # Infinite on both sides is agreement; anything else that is not finite is none.
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        with np.errstate(invalid="ignore", over="ignore"):
            gaps = np.where(same, 0.0, np.abs(a - b))
        scale = _largest(b) + 0.01 * tree
        errors = np.where(np.isnan(gaps), math.inf, gaps) / max(scale, 1e-300)
        off = np.argwhere(errors > tolerance)
        if len(off) and first is None:
            place = tuple(int(i) for i in off[0])
            index = f"[{', '.join(map(str, place))}]" if place else ""
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            first = Difference(0.0, f"{name}{index}", float(a[place]), float(b[place]))
        worst = worst._replace(error=max(worst.error, float(errors.max())))
    return first._replace(error=worst.error) if first else worst


def _largest(leaf: Any) -> float:
    """The largest finite entry."""
    return float(np.abs(leaf, where=np.isfinite(leaf), out=np.zeros(np.shape(leaf))).max(initial=0))


class Evidence(NamedTuple):
    """What all oracles say, and the rule in both precisions."""

    hand: Any
    hand32: Any
    lost_by_jax: Callable[[Any], float]
    size: float
    said: dict[str, Any]
    silent: dict[str, str]


def judge(
    problem: Problem, block: str, options: str, unsuited: dict[str, str] | None = None
) -> list[Row]:
    """Rows for every oracle.

    Args:
        problem: the scalar and its gradient by hand.
        block: name of what is verified.
        options: which options it has.
        unsuited: oracles that cannot judge this, with the reason.

    Returns:
        One row per oracle, after a row about form if trees, shapes or dtypes do not agree.
    """
    misfit = _form(problem)
    if misfit:
        return [Row(block, options, "form", math.nan, math.nan, "wrong", misfit)]
    evidence = _gather(problem, unsuited or {})
    rows = [_row(evidence, oracle, block, options) for oracle in TOLERANCE]
    return _without_analytic(rows)


def _row(evidence: Evidence, oracle: str, block: str, options: str) -> Row:
    if oracle in evidence.silent:
        reason = evidence.silent[oracle]
        return Row(block, options, oracle, math.nan, math.nan, "cannot judge", reason)
    tolerance = TOLERANCE[oracle]
    if oracle == "dot test":
        found, found32, expected = _dot_test(evidence)
    else:
        found, found32, expected = evidence.hand, evidence.hand32, evidence.said[oracle]
    if any(np.isnan(leaf).any() for leaf in jax.tree.leaves(expected)):
        return Row(block, options, oracle, math.nan, math.nan, "cannot judge", "it says NaN")
    wide = difference(found, expected, evidence.size, tolerance)
    bound = max(ULPS * EPS32, tolerance)
    narrow = difference(found32, expected, evidence.size, bound)
    if bound < narrow.error <= LOST and oracle != "dot test":
        bound = max(bound, min(AS_JAX * evidence.lost_by_jax(expected), LOST))
        narrow = difference(found32, expected, evidence.size, bound)
    detail = ""
    if wide.error > tolerance:
        detail = _disagreement(wide, oracle, "float64")
    elif narrow.error > bound:
        detail = _disagreement(narrow, oracle, "float32")
    verdict = "wrong" if detail else "right"
    return Row(block, options, oracle, wide.error, narrow.error, verdict, detail)


def _disagreement(at: Difference, oracle: str, precision: str) -> str:
    return f"{at.place}: rule {at.found:.9g}, {oracle} {at.expected:.9g} ({precision})"


def _without_analytic(rows: list[Row]) -> list[Row]:
    """A complex step that contradicts the differences says that the function is not analytic."""
    by_oracle = {row.oracle: row for row in rows}
    differences, step = by_oracle["central differences"], by_oracle["complex step"]
    if step.verdict == "wrong" and differences.verdict == "right":
        gap = step.error64
        if gap > 1e-6:
            silent = step._replace(
                error64=math.nan,
                error32=math.nan,
                verdict="cannot judge",
                detail="the forward is not analytic",
            )
            return [silent if row is step else row for row in rows]
    return rows


def _dot_test(evidence: Evidence) -> tuple[Any, Any, Any]:
    """<J' r, v> in both precisions and <r, J v>, as fractions of the size of their terms."""
    along, v = evidence.said["dot test"]

    def products(tree: Any) -> list[np.ndarray]:
        pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(v), strict=True)
        return [np.asarray(a, np.float64) * np.asarray(b, np.float64) for a, b in pairs]

    size = sum(float(np.nansum(np.abs(p))) for p in products(evidence.hand)) or 1.0
    # Where terms cancel, their size is what rounding is relative to: it stands beside as an entry.
    found, found32, expected = (
        {"along a random direction": np.array([value, size])}
        for value in (
            *(
                sum(float(p.sum()) for p in products(tree))
                for tree in (evidence.hand, evidence.hand32)
            ),
            float(along),
        )
    )
    return found, found32, expected


def _form(problem: Problem) -> str:
    """What is wrong with tree, shapes or dtypes of the gradient, in both precisions; or nothing."""
    for dtype in (jnp.float64, jnp.float32):
        inputs = cast(problem.inputs, dtype)
        try:
            with jax.enable_x64(dtype == jnp.float64):
                gradient = jax.eval_shape(problem.gradient, inputs)
        except Exception as error:  # whatever a rule under test may raise is a finding
            reason = (str(error).strip().splitlines() or [""])[0]
            return f"the rule cannot be traced: {type(error).__name__}: {reason}"
        if jax.tree.structure(gradient) != jax.tree.structure(inputs):
            return (
                f"expected gradients of the form {jax.tree.structure(inputs)}, "
                f"got {jax.tree.structure(gradient)}"
            )
        named = jax.tree_util.tree_leaves_with_path(gradient)
        for (path, a), b in zip(named, jax.tree.leaves(inputs), strict=True):
            if (a.shape, a.dtype) != (b.shape, b.dtype):
                name = jax.tree_util.keystr(path, simple=True, separator=".")
                return f"{name}: expected {b.dtype}{b.shape}, got {a.dtype}{a.shape}"
    return ""


def _compiled(f: Callable[..., Any]) -> Callable[..., Any]:
    return jax.jit(f, compiler_options=QUICKLY)


def _gather(problem: Problem, unsuited: dict[str, str]) -> Evidence:
    """Everything that is compared, from as few compiled programs as can be."""
    real: dict[str, Callable[[Problem, Any], Any]] = {
        "jax.grad": oracles.by_jax,
        "central differences": oracles.by_differences,
        "dot test": oracles.along,
    }
    silent = dict(unsuited)
    wide = cast(problem.inputs, jnp.float64)
    narrow = cast(problem.inputs, jnp.float32)
    with jax.enable_x64(True):
        for name, oracle in real.items():
            if name not in silent:
                silent |= _refusal(name, oracle, problem, wide)
        asked = {name: oracle for name, oracle in real.items() if name not in silent}

        def everything(inputs: Any) -> Any:
            size = jnp.sum(jnp.abs(problem.terms(inputs)))
            said = {name: oracle(problem, inputs) for name, oracle in asked.items()}
            return problem.gradient(inputs), size, said

        hand, size, said = jax.device_get(_compiled(everything)(wide))
        if "complex step" not in silent:
            refusal = _refusal("complex step", oracles.by_complex_step, problem, wide)
            silent |= refusal
            if not refusal:
                step = _compiled(lambda inputs: oracles.by_complex_step(problem, inputs))
                said["complex step"] = jax.device_get(step(wide))
    with jax.enable_x64(False):
        hand32 = jax.device_get(_compiled(problem.gradient)(narrow))

    def lost_by_jax(expected: Any) -> float:
        """What automatic differentiation loses in float32; rarely asked for."""
        if "jax.grad" not in asked:
            return 0.0
        with jax.enable_x64(False):
            found = _compiled(lambda inputs: oracles.by_jax(problem, inputs))(narrow)
        return difference(found, expected, float(size), 1.0).error

    return Evidence(hand, hand32, lost_by_jax, float(size), said, silent)


def _refusal(
    name: str, oracle: Callable[..., Any], problem: Problem, inputs: Any
) -> dict[str, str]:
    """The oracle's name and the reason, if it cannot even be traced."""
    try:
        jax.eval_shape(lambda inputs: oracle(problem, inputs), inputs)
    except (TypeError, ValueError, NotImplementedError) as error:
        if name == "complex step":
            return {name: "the forward does not take complex numbers"}
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return {name: f"JAX cannot differentiate this forward: {first[:90]}"}
    return {}
