"""The compiled programs of a problem: the rule and the oracles, to be run at any point."""

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.verify import oracles
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

REFUSALS = (TypeError, ValueError, NotImplementedError)
"""The errors JAX raises if it cannot trace an oracle through a forward pass."""

NEARBY, AWAY, WIDER = 32, 1e-6, 0.25
"""How many points next to a kink are examined, how far away they are, and which part of the range
of the slopes there is added on both sides."""


class Programs:
    """What is compiled for a problem: one program in float64 for the rule and all oracles, one in
    low precision for the rule; the others only if they are needed.

    `silent` maps an oracle that cannot judge to the reason, `eps` is the unit roundoff of the
    forward pass.
    """

    def __init__(self, problem: Problem, inputs: Any, unsuited: dict[str, str], low: Any) -> None:
        self.silent, self.low = dict(unsuited), low
        self.inputs64 = cast(inputs, jnp.float64)
        self.nowhere = jax.tree.map(lambda leaf: np.zeros(np.shape(leaf), bool), inputs)
        with jax.enable_x64(True):
            terms = jax.jit(problem.terms, inline=True)  # traced once for all oracles
            jaxpr = jax.make_jaxpr(terms)(self.inputs64).jaxpr
            self.eps = coarsest(jaxpr)
            # Random numbers of 64 bits are not those of 32 bits rounded.
            self.wide = draws_random_numbers(jaxpr)
            self.terms_count = jax.eval_shape(terms, self.inputs64).size
        self.chosen = oracles.coordinates(inputs, self.terms_count)
        self.some = len(self.chosen) < sum(np.size(leaf) for leaf in jax.tree.leaves(inputs))
        self.problem = problem._replace(terms=plain(terms) if has_custom_rule(jaxpr) else terms)
        with jax.enable_x64(True):
            while True:
                try:
                    self.program = self._everything()
                    break
                except REFUSALS as error:  # some operations refuse an oracle only when compiled
                    self._leave_out_one(error)

    def run(
        self, inputs: Any, scale: float, chosen: np.ndarray, left_out: Any
    ) -> tuple[Any, Any, dict[str, Any]]:
        """The rule's gradient for an error signal scale times as large, the size of the terms, and
        what each oracle says; `chosen`: the coordinates in which steps are taken, `left_out`:
        entries that the dot test leaves out."""
        with jax.enable_x64(True):
            arguments = cast(inputs, jnp.float64), np.float64(scale), chosen, left_out
            while True:
                try:
                    return jax.device_get(self.program(*arguments))
                except jax.errors.JaxRuntimeError as error:  # a callback, only when it runs
                    self._leave_out_one(error)
                    self.program = self._everything()

    def rule_low(self, inputs: Any, scale: float) -> Any:
        """The rule's gradient in low precision."""
        try:
            with low_precision(self.wide):
                arguments = cast(inputs, self.low), jnp.asarray(scale, self.low)
                return jax.device_get(self._rule(*arguments))
        except ValueError:  # whole numbers of 64 bits that the function holds
            if self.wide:
                raise
            self.wide = True
            return self.rule_low(inputs, scale)

    def terms_low(self, inputs: Any) -> Any:
        """The terms of J in low precision."""
        with low_precision(self.wide):
            return jax.device_get(self._terms(cast(inputs, self.low)))

    def terms(self, inputs: Any) -> Any:
        """The terms of J."""
        with jax.enable_x64(True):
            return jax.device_get(self._terms(cast(inputs, jnp.float64)))

    def by_jax_low(self, inputs: Any) -> Any:
        """The gradient by automatic differentiation in low precision."""
        with low_precision(self.wide):
            return jax.device_get(self._by_jax(cast(inputs, self.low)))

    def by_jax(self, inputs: Any) -> Any:
        """The gradient by automatic differentiation."""
        with jax.enable_x64(True):
            return jax.device_get(self._by_jax(cast(inputs, jnp.float64)))

    def along(self, inputs: Any, v: Any) -> np.ndarray:
        """Differences of J along a direction."""
        with jax.enable_x64(True):
            return jax.device_get(self._along(cast(inputs, jnp.float64), v))

    def nearby(self, inputs: Any) -> tuple[Any, Any]:
        """The least and the largest slope of J in each coordinate next to the inputs, if each
        output is on whichever side of its kinks it likes."""
        found = self._slopes_nearby(inputs, [None] * NEARBY)
        both = jax.tree.map(lambda *slopes: np.stack(_ends(np.stack(slopes))), *found)
        return jax.tree.map(lambda x: x[0], both), jax.tree.map(lambda x: x[1], both)

    def nearby_along(self, inputs: Any, v: Any) -> tuple[float, float]:
        """The least and the largest slope of J along a direction, in the same sense."""
        # Of convex and concave outputs, the ends are met a little way ahead and behind.
        back = jax.tree.map(np.negative, v)
        found = self._slopes_nearby(inputs, [*[None] * NEARBY, *[v, back] * (NEARBY // 4)])
        low, high = _ends(np.stack([_along(slopes, v) for slopes in found]))
        return float(low), float(high)

    def _slopes_nearby(self, inputs: Any, ahead: Sequence[Any]) -> list[Any]:
        """The slopes of every term at points next to the inputs: random ones, or ahead along a
        direction."""
        rng = np.random.default_rng(10)

        def near(v: Any) -> Any:
            spread = 1.0 if v is None else 0.01
            v = jax.tree.map(np.zeros_like, inputs) if v is None else v
            return jax.tree.map(
                lambda x, v: (
                    x + AWAY * np.maximum(np.abs(x), 1) * (v + spread * rng.normal(size=x.shape))
                ),
                *(cast(inputs, np.float64), v),
            )

        with jax.enable_x64(True):
            return [jax.device_get(self._jacobian(near(v))) for v in ahead]

    @functools.cached_property
    def _rule(self) -> Any:
        return _compiled(self.problem.gradient)

    @functools.cached_property
    def _terms(self) -> Any:
        return _compiled(self.problem.terms)

    @functools.cached_property
    def _by_jax(self) -> Any:
        return _compiled(lambda inputs: oracles.by_jax(self.problem, inputs))

    @functools.cached_property
    def _along(self) -> Any:
        return _compiled(lambda inputs, v: oracles.by_differences_along(self.problem, inputs, v))

    @functools.cached_property
    def _jacobian(self) -> Any:
        return _compiled(jax.jacrev(lambda inputs: jnp.ravel(self.problem.terms(inputs))))

    def _everything(self) -> Any:
        """One program for all computations in float64."""

        def everything(inputs: Any, scale: Any, chosen: Any, left_out: Any) -> Any:
            """Runs during tracing; an oracle that cannot be traced is noted and skipped."""
            middle = self.problem.terms(inputs)
            said: dict[str, Any] = {}
            for name, oracle, more in (
                ("jax.grad", oracles.by_jax, ()),
                ("central differences", oracles.by_differences, (chosen, middle)),
                ("complex step", oracles.by_complex_step, (chosen,)),
                ("dot test", oracles.along, (left_out,)),
            ):
                if name not in self.silent:
                    try:
                        with warnings.catch_warnings():
                            # Of a function that drops the imaginary part; the step is then lost.
                            warnings.simplefilter("ignore", DeprecationWarning)
                            warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
                            said[name] = oracle(self.problem, inputs, *more)
                    except REFUSALS as error:
                        self.silent[name] = _refusal(name, error)
            return self.problem.gradient(inputs, scale), jnp.sum(jnp.abs(middle)), said

        arguments = self.inputs64, np.float64(1.0), self.chosen, self.nowhere
        return _compiled(everything).lower(*arguments).compile()

    def _leave_out_one(self, error: Exception) -> None:
        """Leave out the oracle that most likely raised the error."""
        asked = (o for o in ("complex step", "dot test", "jax.grad") if o not in self.silent)
        oracle = next(asked, None)
        if oracle is None:
            raise error
        self.silent[oracle] = _refusal(oracle, error)


def _ends(slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest sum over the terms, (points, terms, ...), each at its own point."""
    low, high = np.min(slopes, axis=0), np.max(slopes, axis=0)
    # If the slopes between the ends vary, these few points missed the ends; the two sides of a
    # single kink they meet exactly.
    margin = 1e-3 * (high - low)
    between = np.any((low + margin < slopes) & (slopes < high - margin), axis=0)
    more = np.where(between, WIDER * (high - low), 0.0)
    return (low - more).sum(axis=0), (high + more).sum(axis=0)


def _along(slopes: Any, v: Any) -> np.ndarray:
    """The slope of every term along a direction."""
    parts = jax.tree.map(lambda s, v: (s * v).reshape(len(s), -1).sum(axis=1), slopes, v)
    return np.sum(jax.tree.leaves(parts), axis=0)


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


def _refusal(oracle: str, error: Exception) -> str:
    """Why JAX could not run the oracle."""
    if oracle == "complex step":
        return "the forward pass does not accept complex numbers"
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"JAX cannot trace the forward pass: {first[:90]}"
