"""Compare a rule with every oracle; the tolerances and their reasons."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.verify import oracles
from nnjax.verify.compare import Difference, difference, largest
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
any wrong rule. Central differences have an error of 1e-10 times the third derivative (see
`oracles.STEP`), which reaches hundreds after a few normalisations or gates."""

ULPS = 32
"""Error in float32, in units in the last place of a leaf's largest entry. A sum of a few rounded
products loses 2 or 3; the rules of softmax and normalisations subtract nearly equal numbers, which
leaves a tenth of their size and makes the loss ten times as large."""

AS_JAX = 8
"""If automatic differentiation in float32 loses more (deep networks), the rule may lose up to this
multiple of its loss, but never more than `LOST`."""

LOST = 1e-3
"""Relative error in float32 beyond which too few digits are left to be useful."""

QUICKLY: dict[str, bool | int] = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}
"""Compiler options. The programs are tiny and run once, so compiling dominates the time; splitting
them for parallel compilation would take 1.5 times as long."""

ORACLES: dict[str, Callable[[Problem, Any], Any]] = {
    "jax.grad": oracles.by_jax,
    "central differences": oracles.by_differences,
    "complex step": oracles.by_complex_step,
    "dot test": oracles.along,
}

EPS32 = float(np.finfo(np.float32).eps)
LARGEST32 = 1e-3 * float(np.finfo(np.float32).max)  # sums of a few such overflow


class Evidence(NamedTuple):
    """The gradients by the rule, in both precisions, and by all oracles.

    `said` maps an oracle to its gradient, `silent` maps an oracle that cannot judge to the reason;
    `size` is the sum of the absolute values of the terms of J.
    """

    rule64: Any
    rule32: Any
    lost_by_jax: Callable[[Any], float]
    size: float
    said: dict[str, Any]
    silent: dict[str, str]


def judge(
    problem: Problem, block: str, options: str, unsuited: dict[str, str] | None = None
) -> list[Row]:
    """Compare a rule with every oracle.

    Args:
        problem: the scalar and its hand-derived gradient.
        block: name of the rule.
        options: its options.
        unsuited: oracles that cannot judge this problem, with the reason.

    Returns:
        One row per oracle; or a single row "form" if the rule violates the contract (a shape, a
        dtype), if the forward pass is not finite, or if no oracle can judge.
    """

    def form(misfit: str) -> list[Row]:
        return [Row(block, options, "form", math.nan, math.nan, "wrong", misfit)]

    # Traced once per precision, for the check of the form and for the numbers.
    problem = problem._replace(gradient=jax.jit(problem.gradient, inline=True))
    misfit = _form(problem)
    if misfit:
        return form(misfit)
    evidence = _gather(problem, unsuited or {})
    if not math.isfinite(evidence.size):
        return form("the forward pass is not finite on these inputs; pass other `inputs`")
    rows = [_row(evidence, oracle, block, options) for oracle in TOLERANCE]
    if all(row.verdict == "cannot judge" for row in rows):
        return form("; ".join(f"{row.oracle}: {row.detail}" for row in rows))
    return rows


def _row(evidence: Evidence, oracle: str, block: str, options: str) -> Row:
    def cannot(reason: str) -> Row:
        return Row(block, options, oracle, math.nan, math.nan, "cannot judge", reason)

    if oracle in evidence.silent:
        return cannot(evidence.silent[oracle])
    tolerance = TOLERANCE[oracle]
    found, found32, expected = evidence.rule64, evidence.rule32, evidence.said[oracle]
    if oracle == "dot test":
        found, found32, expected = _dot_test(evidence)
    if any(np.isnan(leaf).any() for leaf in jax.tree.leaves(expected)):
        return cannot("the oracle gives NaN here")
    error64 = difference(found, expected, evidence.size, tolerance)
    if max(map(largest, jax.tree.leaves(expected)), default=0.0) > LARGEST32:
        found32 = found  # too large for float32, whatever the rule
    bound = max(ULPS * EPS32, tolerance)
    error32 = difference(found32, expected, evidence.size, bound)
    if bound < error32.error <= LOST and oracle != "dot test":
        bound = max(bound, min(AS_JAX * evidence.lost_by_jax(expected), LOST))
        error32 = difference(found32, expected, evidence.size, bound)
    detail = ""
    if error64.error > tolerance:
        detail = _disagreement(error64, oracle, "float64")
    elif error32.error > bound:
        detail = _disagreement(error32, oracle, "float32")
    verdict = "wrong" if detail else "right"
    return Row(block, options, oracle, error64.error, error32.error, verdict, detail)


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

    def products(tree: Any) -> list[np.ndarray]:
        pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(v), strict=True)
        return [np.asarray(a, np.float64) * np.asarray(b, np.float64) for a, b in pairs]

    size = sum(float(np.nansum(np.abs(p))) for p in products(evidence.rule64)) or 1.0
    with np.errstate(invalid="ignore"):  # inf - inf of a wrong rule gives NaN, judged as wrong
        sums = [
            sum(float(p.sum()) for p in products(g)) for g in (evidence.rule64, evidence.rule32)
        ]
    found, found32, expected = (np.array([value, size]) for value in (*sums, float(along)))
    return found, found32, expected


def _form(problem: Problem) -> str:
    """How trees, shapes or dtypes violate the contract in either precision; else empty."""
    for dtype in (jnp.float64, jnp.float32):
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


@functools.cache
def quick_options() -> dict[str, bool | int]:
    """The options that the installed version of the compiler supports; it refuses others."""
    known = {}
    for name, value in QUICKLY.items():
        try:
            jax.jit(lambda x: x, compiler_options={name: value})(0.0)
        except jax.errors.JaxRuntimeError:
            continue
        known[name] = value
    return known


def _compiled(f: Callable[..., Any]) -> Any:
    return jax.jit(f, compiler_options=quick_options())


def _gather(problem: Problem, unsuited: dict[str, str]) -> Evidence:
    """Compute everything to compare with as few compiled programs as possible."""
    silent = dict(unsuited)
    inputs64 = cast(problem.inputs, jnp.float64)
    inputs32 = cast(problem.inputs, jnp.float32)

    def lowered() -> Any:
        """One program for all computations in float64."""

        def everything(inputs: Any) -> Any:
            """Runs during tracing; an oracle that cannot be traced is noted and skipped."""
            size = jnp.sum(jnp.abs(problem.terms(inputs)))
            said = {}
            for name, oracle in ORACLES.items():
                if name in silent:
                    continue
                try:
                    said[name] = oracle(problem, inputs)
                except REFUSALS as error:
                    silent[name] = _refusal(name, error)
            return problem.gradient(inputs), size, said

        return _compiled(everything).lower(inputs64)

    with jax.enable_x64(True):
        try:
            program = lowered()
        except REFUSALS as error:  # a few operations refuse complex numbers only here
            silent["complex step"] = _refusal("complex step", error)
            program = lowered()
        rule64, size, said = jax.device_get(program.compile()(inputs64))
    if "complex step" in said:
        silent |= _not_analytic(said, float(size))
    with jax.enable_x64(False):
        rule32 = jax.device_get(_compiled(problem.gradient)(inputs32))

    def lost_by_jax(expected: Any) -> float:
        """The error of automatic differentiation in float32; rarely needed."""
        if "jax.grad" not in said:
            return 0.0
        with jax.enable_x64(False):
            found = _compiled(lambda inputs: oracles.by_jax(problem, inputs))(inputs32)
        return difference(found, expected, float(size), 1.0).error

    return Evidence(rule64, rule32, lost_by_jax, float(size), said, silent)


REFUSALS = (TypeError, ValueError, NotImplementedError)
"""The errors JAX raises if it cannot trace an oracle through a forward pass."""

NOT_ANALYTIC = "contradicts the other oracles: not analytic, or step lost in complex arithmetic"


def _refusal(oracle: str, error: Exception) -> str:
    """Why JAX could not run the oracle."""
    if oracle == "complex step":
        return "the forward pass does not accept complex numbers"
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"JAX cannot trace the forward pass: {first[:90]}"


def _not_analytic(said: dict[str, Any], size: float) -> dict[str, str]:
    """Discard the complex step if another oracle contradicts it: the forward is not analytic.

    The oracles are compared with each other, not with the rule, which may be wrong.
    """
    for other in ("central differences", "jax.grad"):
        if other in said:
            gap = difference(said["complex step"], said[other], size, 1.0).error
            return {} if gap <= 1e-6 else {"complex step": NOT_ANALYTIC}
    return {}
