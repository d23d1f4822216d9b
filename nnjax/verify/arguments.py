"""A function of its differentiable arguments alone, as the verifier needs it."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.verify.compare import difference
from nnjax.verify.form import said
from nnjax.verify.judge import TOLERANCE, ULPS
from nnjax.verify.oracles import STEP
from nnjax.verify.plain import coarsest, custom_rules, plain
from nnjax.verify.problem import Problem, cast, to_float32
from nnjax.verify.programs import REFUSALS
from nnjax.verify.report import Row

SLOPE = 1e-4
"""Relative error of a slope over one step, which is `oracles.STEP` long."""


class Function:
    """A function of its differentiable arguments only, with and without its rule."""

    def __init__(
        self,
        ruled: Callable[..., Any],
        primal: Callable[..., Any],
        args: Any,
        static: Any,
        tolerance: float = 0.0,
    ) -> None:
        self.tolerance = tolerance
        # Whole numbers of 64 bits exist in one of the two precisions only.
        self.args = [
            arg if i in static else jax.tree.map(lambda x: to_float32(x) if is_ids(x) else x, arg)
            for i, arg in enumerate(args)
        ]
        self.static = static
        names = _names(primal, len(args))
        self.names = [n for i, n in enumerate(names) if i not in static]
        self.inputs: dict[str, Any] = {}
        for i, (arg, label) in enumerate(zip(args, names, strict=True)):
            if i not in static:
                kept = _floats(arg, label)
                if jax.tree.leaves(kept):
                    self.inputs[label] = to_float32(jax.tree.map(np.asarray, kept))
        self.labels = names
        if not any(np.size(leaf) for _, _, leaf in _leaves(self.inputs)):
            raise TypeError(
                "verify_function: no argument has a derivative; expected an array of floats among "
                f"{', '.join(names) or 'the arguments'}"
            )
        for label, path, leaf in _leaves(self.inputs):
            if not np.isfinite(leaf).all():
                raise ValueError(f"verify_function: {label}{path} is not finite")
        self.ruled, self.eps = self._in_any_precision(ruled)
        self.primal, _ = self._in_any_precision(primal)

    def _in_any_precision(self, f: Callable[..., Any]) -> tuple[Callable[[Any], Any], float]:
        """f as a function of the differentiable arguments; one that accepts float32 alone (a
        kernel, a callback) is given float32, and its roundoff returned."""
        call = self.of(f)

        def in_float32(inputs: Any) -> Any:
            dtype = jax.tree.leaves(inputs)[0].dtype
            if not jnp.issubdtype(dtype, jnp.floating):
                raise TypeError("the function accepts float32 alone")
            return _cast_floats(call(cast(inputs, jnp.float32)), dtype)

        with jax.enable_x64(True):
            inputs = jax.tree.map(jnp.asarray, self.inputs)
            try:
                y, accepted = jax.block_until_ready(jax.jit(call)(inputs)), call
            except Exception:  # whatever a kernel says of float64
                y, accepted = None, in_float32
            if y is None:  # what the function says of float32 is for the user
                try:
                    jax.block_until_ready(jax.jit(in_float32)(inputs))
                except Exception as error:
                    raise ValueError(f"verify_function: f raises {said(error)}") from None
                return accepted, float(jnp.finfo(jnp.float32).eps)
        floats = [leaf.dtype for leaf in jax.tree.leaves(y) if _differentiable(leaf)]
        return call, max((float(jnp.finfo(dtype).eps) for dtype in floats), default=0.0)

    def of(self, f: Callable[..., Any]) -> Callable[[Any], Any]:
        """f as a function of the differentiable arguments."""

        def call(inputs: Any) -> Any:
            args = [
                _merge(arg, inputs[label]) if label in inputs and i not in self.static else arg
                for i, (arg, label) in enumerate(zip(self.args, self.labels, strict=True))
            ]
            return f(*args)

        return call

    def problem(self, only: int | None = None, argument: str | None = None) -> Problem:
        """J = Σ r ⊙ f(args); `only`: of one output, `argument`: as a function of one argument, the
        others being no inputs at all, as JAX tells a rule that asks for it."""
        own = {argument: self.inputs[argument]} if argument else self.inputs

        def with_others(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
            def call(inputs: Any) -> Any:
                real = jnp.finfo(jax.tree.leaves(inputs)[0].dtype).dtype
                others = {key: tree for key, tree in self.inputs.items() if key not in own}
                return f(cast(jax.tree.map(jnp.asarray, others), real) | inputs)

            return call if argument else f

        ruled, primal = with_others(self.ruled), with_others(self.primal)
        rng = np.random.default_rng(7)
        outputs = self.outputs()
        if not outputs:
            raise TypeError("verify_function: no output has a derivative: none is of floats")
        # Entries of very different sizes, so that a rule that is not linear in dy cannot pass.
        r = [
            to_float32(rng.normal(size=y.shape) * 2.0 ** rng.integers(-5, 6, size=y.shape))
            for y in outputs
        ]
        if only is not None:
            r = [part * (i == only) for i, part in enumerate(r)]

        def terms(inputs: Any) -> jax.Array:
            ys = _floats_of(primal(inputs))
            widest = max((y.dtype for y in ys), key=lambda dtype: jnp.finfo(dtype).bits)
            weighted = [y * jnp.asarray(part, y.dtype) for y, part in zip(ys, r, strict=True)]
            return jnp.concatenate([jnp.ravel(part).astype(widest) for part in weighted])

        def gradient(inputs: Any, scale: Any = 1.0) -> Any:
            if only is not None:  # the others get no cotangent at all, not zeros
                number = only
                y, backward = jax.vjp(lambda inputs: _floats_of(ruled(inputs))[number], inputs)
                return backward(jnp.asarray(r[number], y.dtype) * jnp.asarray(scale, y.dtype))[0]
            y, backward = jax.vjp(ruled, inputs)
            leaves, tree = jax.tree.flatten(y)
            parts = iter(r)
            dy = [
                jnp.asarray(next(parts), leaf.dtype) * jnp.asarray(scale, leaf.dtype)
                if _differentiable(leaf)
                else np.zeros(np.shape(leaf), jax.dtypes.float0)
                for leaf in leaves
            ]
            return backward(tree.unflatten(dy))[0]

        return Problem(terms, gradient, own, eps=self.eps, tolerance=self.tolerance)

    def outputs(self) -> list[jax.ShapeDtypeStruct]:
        """The outputs that have a derivative."""
        with jax.enable_x64(True):
            shapes = jax.eval_shape(self.primal, self.inputs)
        if any(jnp.issubdtype(leaf.dtype, jnp.complexfloating) for leaf in jax.tree.leaves(shapes)):
            raise TypeError(
                "verify_function: an output is complex; verify a function that returns its real "
                "and imaginary parts"
            )
        return [leaf for leaf in jax.tree.leaves(shapes) if _differentiable(leaf)]

    def values(self, block: str, own_forward: bool) -> list[Row]:
        """Compare the value that the rule's forward function gives with that of the function, and
        the tangents of a rule for forward mode."""
        ruled, primal = self.ruled, plain(self.primal)
        rng = np.random.default_rng(12)
        with jax.enable_x64(True):
            inputs = jax.tree.map(jnp.asarray, cast(self.inputs, jnp.float64))
            jaxpr = jax.make_jaxpr(ruled)(inputs).jaxpr
            custom = custom_rules(jaxpr)
            rounding = ULPS * max(coarsest(jaxpr), self.eps)
            bound = max(TOLERANCE["jax.grad"], self.tolerance, rounding)
            v = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape), x.dtype), inputs)
            rows: list[Row] = []
            if own_forward or "custom_vjp_call" in custom:
                found = jax.jit(lambda inputs: jax.vjp(ruled, inputs)[0])(inputs)
                rows.append(_same(found, jax.jit(primal)(inputs), "value", block, bound))
            if custom == {"custom_jvp_call"}:  # forward mode cannot go through the other kind
                rows += self._tangents(block, inputs, v, bound)
        return rows

    def _tangents(self, block: str, inputs: Any, v: Any, bound: float) -> list[Row]:
        """Compare the tangents of a rule for forward mode with those of the plain function, or,
        where those are wrong (ties), with the slopes of the function along the direction."""
        ruled, primal = self.ruled, plain(self.primal)
        found = jax.jit(lambda i, v: jax.jvp(ruled, (i,), (v,))[1])(inputs, v)
        row = None
        try:
            expected = jax.jit(lambda i, v: jax.jvp(primal, (i,), (v,))[1])(inputs, v)
            row = _same(found, expected, "tangents", block, bound)
        except REFUSALS:
            pass
        if row and row.verdict == "right":
            return [row]
        middle, ahead, behind = (
            jax.jit(primal)(jax.tree.map(lambda x, v: x + step * v, inputs, v))  # noqa: B023
            for step in (0.0, STEP, -STEP)
        )
        pairs = zip(*map(jax.tree.leaves, (middle, ahead, behind)), strict=True)
        sides = [((b - a) / STEP, (a - c) / STEP) for a, b, c in pairs if _differentiable(a)]
        tangents = [y for y in jax.tree.leaves(found) if _differentiable(y)]
        nearest = [
            np.clip(t, np.minimum(f, b), np.maximum(f, b))
            for t, (f, b) in zip(tangents, sides, strict=True)
        ]
        return [_same(tangents, nearest, "tangents", block, max(bound, SLOPE))]


def _same(found: Any, expected: Any, what: str, block: str, bound: float) -> Row:
    """Compare outputs: the rule's against the function's."""

    def floats(tree: Any) -> list[np.ndarray]:
        return [np.asarray(y) for y in jax.tree.leaves(tree) if _differentiable(y)]

    size = max((float(np.abs(y).max(initial=0)) for y in floats(expected)), default=0.0)
    at = difference({what: floats(found)}, {what: floats(expected)}, size, bound)
    detail = f"{at.place}: rule {at.found:.9g}, function {at.expected:.9g}" if at.place else ""
    verdict = "wrong" if detail else "right"
    return Row(block, "", what, at.error, math.nan, verdict, detail)


def _names(f: Callable[..., Any], count: int) -> list[str]:
    """The names of the arguments; positions where a signature has none."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][
        :count
    ]
    return named + [f"args[{i}]" for i in range(len(named), count)]


def is_array(leaf: Any) -> bool:
    """Whether it is an array of numbers; a key is not."""
    return isinstance(leaf, jax.Array | np.ndarray) and not _is_key(leaf)


def is_ids(leaf: Any) -> bool:
    """Whether it is an array of whole numbers."""
    return is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.integer)


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _floats(arg: Any, label: str) -> Any:
    """The argument with None in the place of everything that is not a float."""
    return jax.tree.map(lambda leaf: leaf if _is_float(leaf, label) else None, arg)


def _is_float(leaf: Any, label: str) -> bool:
    if isinstance(leaf, complex) or (is_array(leaf) and jnp.iscomplexobj(leaf)):
        raise TypeError(
            f"verify_function: {label} is complex; pass its real and imaginary parts as arguments "
            "of a function that puts them together"
        )
    if isinstance(leaf, float | np.floating):
        return True
    return is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating)


def _floats_of(tree: Any) -> list[Any]:
    return [y for y in jax.tree.leaves(tree) if _differentiable(y)]


def _differentiable(y: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(y), jnp.inexact)


def _cast_floats(tree: Any, dtype: Any) -> Any:
    """Convert the floats of any outputs."""
    return jax.tree.map(lambda y: y.astype(dtype) if _differentiable(y) else y, tree)


def _merge(arg: Any, kept: Any) -> Any:
    """The argument with its floats replaced by those of `kept`."""
    floats = iter(jax.tree.leaves(kept))
    return jax.tree.map(lambda leaf: next(floats) if _is_float(leaf, "") else leaf, arg)


def _leaves(inputs: dict[str, Any]) -> list[tuple[str, str, Any]]:
    return [
        (label, jax.tree_util.keystr(path), leaf)
        for label, tree in inputs.items()
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    ]
