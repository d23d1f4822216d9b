"""What is known of a rule at one point: its gradient and those of the oracles, in few programs."""

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.verify import oracles
from nnjax.verify.compare import difference
from nnjax.verify.differences import Differences, contradicted, slopes, uncertain
from nnjax.verify.plain import coarsest, draws_random_numbers, has_custom_rule, plain
from nnjax.verify.problem import Problem, cast

QUICKLY: dict[str, bool | int] = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}
"""Compiler options. The programs are tiny and run once, so compiling dominates the time; splitting
them for parallel compilation would take 1.5 times as long."""

NOT_ANALYTIC = "contradicts the other oracles: not analytic, or step lost in complex arithmetic"

REFUSALS = (TypeError, ValueError, NotImplementedError)
"""The errors JAX raises if it cannot trace an oracle through a forward pass."""


class Point(NamedTuple):
    """Where a rule is judged: `inputs` of the problem, and the size of the error signal.

    `delicate`: a point at which an oracle, or float32 itself, may have no digits.
    """

    name: str
    inputs: Any
    scale: float = 1.0
    delicate: bool = False


class Evidence(NamedTuple):
    """The gradients by the rule, in both precisions, and by all oracles.

    `said` maps an oracle to its gradient, `uncertain` to its absolute error in each entry (NaN
    where it says nothing), `silent` maps an oracle that cannot judge to the reason. `size` is the
    sum of the absolute values of the terms of J, `eps` the unit roundoff of the forward pass.
    `lost_by_jax` gives the gradient of automatic differentiation in the low precision, `moved` the
    gradient where every input is changed by a given part of itself; None if JAX has none.
    """

    rule64: Any
    rule32: Any
    size: float
    eps: float
    said: dict[str, Any]
    uncertain: dict[str, Any]
    silent: dict[str, str]
    differences: Differences | None
    by_jax_low: Callable[[], Any]
    moved: Callable[[float], Any]


def instruments(
    problem: Problem, inputs: Any, unsuited: dict[str, str], low: Any = jnp.float32
) -> Callable[[Point], Evidence]:
    """Compile what measures the evidence at any point with inputs like the given ones.

    Args:
        problem: the scalar and its hand-derived gradient.
        inputs: inputs of the problem.
        unsuited: oracles that cannot judge this problem, with the reason; "kinks" if the mean of
            the slopes at a kink is the right one.
        low: the low precision in which the rule is judged.

    Returns:
        The evidence at a point.
    """
    silent = dict(unsuited)
    inputs64 = cast(inputs, jnp.float64)
    with jax.enable_x64(True):
        terms = jax.jit(problem.terms, inline=True)  # traced once for all oracles
        jaxpr = jax.make_jaxpr(terms)(inputs64).jaxpr
        eps = coarsest(jaxpr)  # of the oracles; the rule may have its own
        # Random numbers of 64 bits are not those of 32 bits rounded.
        wide = draws_random_numbers(jaxpr)
    problem = problem._replace(terms=plain(terms) if has_custom_rule(jaxpr) else terms)

    nowhere = jax.tree.map(lambda leaf: np.zeros(np.shape(leaf), bool), inputs)

    def compiled() -> Any:
        """One program for all computations in float64."""

        def everything(inputs: Any, scale: Any, left_out: Any) -> Any:
            """Runs during tracing; an oracle that cannot be traced is noted and skipped."""
            middle = problem.terms(inputs)
            said: dict[str, Any] = {}
            for name, oracle, more in (
                ("jax.grad", oracles.by_jax, ()),
                ("central differences", oracles.by_differences, (middle,)),
                ("complex step", oracles.by_complex_step, ()),
                ("dot test", oracles.along, (left_out,)),
            ):
                if name not in silent:
                    try:
                        with warnings.catch_warnings():
                            # Of a function that drops the imaginary part; the step is then lost.
                            warnings.simplefilter("ignore", DeprecationWarning)
                            said[name] = oracle(problem, inputs, *more)
                    except REFUSALS as error:
                        silent[name] = _refusal(name, error)
            return problem.gradient(inputs, scale), jnp.sum(jnp.abs(middle)), said

        return _compiled(everything).lower(inputs64, np.float64(1.0), nowhere).compile()

    def without_complex_step(error: Exception) -> Any:
        if "complex step" in silent:
            raise error
        silent["complex step"] = _refusal("complex step", error)
        return compiled()

    with jax.enable_x64(True):
        try:
            program = compiled()
        except REFUSALS as error:  # a few operations refuse complex numbers only when compiled
            program = without_complex_step(error)

    @functools.cache
    def in_low_precision() -> Any:
        return _compiled(problem.gradient)

    @functools.cache
    def by_jax() -> Any:
        return _compiled(lambda inputs: oracles.by_jax(problem, inputs))

    def measure(point: Point) -> Evidence:
        scale, inputs_low = point.scale, cast(point.inputs, low)

        def run(left_out: Any) -> Any:
            nonlocal program
            with jax.enable_x64(True):
                arguments = cast(point.inputs, jnp.float64), np.float64(scale), left_out
                try:
                    return jax.device_get(program(*arguments))
                except jax.errors.JaxRuntimeError as error:  # a callback, only when it runs
                    program = without_complex_step(error)
                    return jax.device_get(program(*arguments))

        def by_jax_low() -> Any:
            if "jax.grad" not in said:
                return None
            with low_precision(wide):
                return _times(jax.device_get(by_jax()(inputs_low)), scale)

        def moved(part: float) -> Any:
            if "jax.grad" not in said:
                return None
            rng = np.random.default_rng(9)
            near = jax.tree.map(
                lambda leaf: leaf * (1 + part * rng.choice([-1.0, 1.0], size=leaf.shape)),
                cast(point.inputs, np.float64),
            )
            with jax.enable_x64(True):
                return _times(jax.device_get(by_jax()(near)), scale)

        rule64, size, said = run(nowhere)
        differences, left_out, doubts = None, nowhere, {}
        if "central differences" in said:
            gaps, steps = said["central differences"]
            differences = slopes(gaps, steps, point.inputs, float(size), eps)
            if "kinks" in silent:
                differences = differences._replace(kink=nowhere)
            doubts["central differences"] = uncertain(differences, float(size))
            by_autodiff = said.get("jax.grad", differences.gradient)
            left_out = contradicted(differences, by_autodiff, float(size))
            said["central differences"] = differences.gradient
            differences = differences.times(scale)
        if "dot test" in said and any(leaf.any() for leaf in jax.tree.leaves(left_out)):
            said["dot test"] = run(left_out)[2]["dot test"]
        unsaid = jax.tree.map(lambda out: np.where(out, np.nan, 0.0), left_out)
        doubts["jax.grad"] = unsaid
        silent_here = dict(silent)
        if "complex step" in said:
            # Complex functions round relative to their value, which may be large beside the slope.
            lost = 8 * eps * float(size) + 1e-50
            doubts["complex step"] = jax.tree.map(
                lambda doubt, slope: np.where(np.isnan(slope), np.nan, doubt + lost),
                unsaid,
                said["complex step"],
            )
            silent_here |= _not_analytic(said, doubts, float(size))
        with low_precision(wide):
            rule32 = jax.device_get(in_low_precision()(inputs_low, jnp.asarray(scale, low)))
        return Evidence(
            rule64,
            rule32,
            size=float(size) * abs(scale),
            eps=max(eps, problem.eps),
            said={name: _scaled(name, found, scale) for name, found in said.items()},
            uncertain=_times(doubts, scale),
            silent=silent_here,
            differences=differences,
            by_jax_low=by_jax_low,
            moved=moved,
        )

    return measure


@contextmanager
def low_precision(wide: bool = False) -> Iterator[None]:
    """Run in low precision; `wide`: what is not computed from the inputs keeps 64 bits."""
    with warnings.catch_warnings(), jax.enable_x64(wide):
        # Of numbers of 64 bits that a function holds; they are rounded, as in its ordinary use.
        warnings.filterwarnings("ignore", "Explicitly requested dtype")
        yield


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


def _times(tree: Any, scale: float) -> Any:
    return tree if scale == 1.0 else jax.tree.map(lambda leaf: leaf * scale, tree)


def _scaled(oracle: str, found: Any, scale: float) -> Any:
    """What an oracle says of scale J; the direction of the dot test stays."""
    if oracle == "dot test":
        derivative, v = found
        return derivative * scale, v
    return _times(found, scale)


def _refusal(oracle: str, error: Exception) -> str:
    """Why JAX could not run the oracle."""
    if oracle == "complex step":
        return "the forward pass does not accept complex numbers"
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"JAX cannot trace the forward pass: {first[:90]}"


def _not_analytic(said: dict[str, Any], uncertain: dict[str, Any], size: float) -> dict[str, str]:
    """Discard the complex step if another oracle contradicts it: the forward is not analytic.

    The oracles are compared with each other, not with the rule, which may be wrong.
    """
    for other in ("central differences", "jax.grad"):
        if other not in said:
            continue
        doubt = jax.tree.map(np.add, uncertain[other], uncertain["complex step"])
        if all(np.isnan(leaf).all() for leaf in jax.tree.leaves(doubt)):
            continue
        gap = difference(said["complex step"], said[other], size, 1e-6, doubt)
        return {"complex step": NOT_ANALYTIC} if gap.place else {}
    return {}


def says_nothing(uncertain: Any) -> bool:
    """Whether an oracle has no digits in any entry."""
    leaves = [leaf for leaf in jax.tree.leaves(uncertain) if np.size(leaf)]
    return bool(leaves) and all(np.isnan(leaf).all() for leaf in leaves)
