"""Verify the derivative of any JAX function: a custom rule of one's own, or what JAX makes of it."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.verify import also as on_request
from nnjax.verify.arguments import check_function
from nnjax.verify.compare import difference
from nnjax.verify.evidence import REFUSALS, Point
from nnjax.verify.form import rule_misfit, said, same_outputs
from nnjax.verify.judge import TOLERANCE, ULPS, judge_points
from nnjax.verify.plain import coarsest, plain
from nnjax.verify.points import delicate_points, merged
from nnjax.verify.problem import Problem, cast, to_float32
from nnjax.verify.report import Report, Row

ALSO = ("second order", "vmap", "jit", "cotangents", "bfloat16", "float16")

Rule = tuple[Callable[..., Any], Callable[..., Any]]


def verify_function(
    f: Callable[..., Any],
    *args: Any,
    rule: Rule | None = None,
    reference: Callable[..., Any] | None = None,
    nondiff_argnums: Sequence[int] = (),
    delicate: bool = True,
    also: Sequence[str] = (),
    unsuited: Mapping[str, str] | None = None,
    name: str = "",
    show: bool = True,
) -> Report:
    """Compare the derivative rule of any JAX function with independent oracles.

        J = Σ r ⊙ f(args)        rule: dJ/dargs by jax.vjp(f), with f's own rule

    for a random r. The oracles are those of `verify`; they see the function without any custom
    derivative rule inside it. Each gives its own error: central differences from three step sizes,
    the others from what a change of the inputs in the last place does. Where an oracle has no
    digits it abstains and says why. Where the function has a kink, the report says which slope the
    rule takes, and only a slope outside the two sides is wrong.

    The derivative is judged at the given arguments, and at points made from them (see
    `nnjax/verify/points.py`): wide inputs, zeros, ties, equal rows, saturation, subnormal numbers,
    tiny and huge error signals, and arrays with axes of size 1 if the function accepts them. If the
    function's value belongs to the rule (the forward function of a `custom_vjp`, a reference), the
    values are compared too; of a `custom_jvp` function also the tangents.

    Args:
        f: a `jax.custom_vjp` or `jax.custom_jvp` function, or any function of arrays that JAX can
            trace; with `rule` the function that the rule is for.
        *args: where to judge: pytrees of arrays. Floats of any precision, Python's too, are
            differentiated, and are rounded to float32 first. Whole numbers, booleans, keys and
            anything that is not an array are passed on as they are.
        rule: `(forward, backward)` as for `jax.custom_vjp.defvjp`: forward(*args) returns
            (y, residuals), backward(residuals, dy) a gradient for each argument (None if it has
            none).
        reference: a plain function of the same values, for the oracles; if JAX cannot
            differentiate f without its rule (a kernel, a callback).
        nondiff_argnums: the positions of static arguments, as for `jax.custom_vjp`; those of a
            `custom_vjp` function are known.
        delicate: judge at the delicate points too.
        also: any of "second order" (the derivative of the rule), "vmap", "jit" (the rule without
            compilation against the rule with it), "cotangents" (each output alone), "bfloat16",
            "float16" (the rule in that precision against the oracles in float64).
        unsuited: oracles that cannot judge this function, with the reason, such as
            {"central differences": "the function rounds"}; "kinks" if the mean of the slopes is the
            right one.
        name: name of the rows; default the name of f.
        show: print the table.

    Returns:
        A `Report`; `report.check()` raises an AssertionError with the table if the rule is wrong.

    Raises:
        TypeError: if no argument or no output has a derivative, or if one is complex.
        ValueError: if an argument is not finite, if f raises an error, if the outputs of the
            reference differ in shape from those of f, or if `also` names an unknown check.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> @jax.custom_vjp
        ... def scale(x, w):
        ...     return x * w
        >>> scale.defvjp(lambda x, w: (x * w, (x, w)), lambda saved, dy: (dy * saved[1], dy))
        >>> report = nn.verify_function(scale, jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0]), show=False)
        >>> print(report.wrong[0].detail)
        w[1]: rule -0.125, jax.grad -0.25 (float64)

    Source: see `nnjax/verify/oracles.py` for each oracle.
    """
    check_function(f, args, rule, reference, nondiff_argnums, also, ALSO)
    static = (*nondiff_argnums, *getattr(f, "nondiff_argnums", ()))
    ruled = f if rule is None else _with_rule(f, rule, nondiff_argnums)
    called = name or getattr(f, "__name__", "") or "function"
    primal = reference or f
    function = _Function(ruled, primal, args, static)
    if reference is not None:
        same_outputs(function.of(f), function.of(reference), function.inputs)
    forward, backward = rule or (getattr(f, "fwd", None), getattr(f, "bwd", None))
    problem, excused = function.problem(), dict(unsuited or {})
    if forward is not None and backward is not None:
        given = f, forward, backward, static, function.labels
        problem = problem._replace(broken=lambda: rule_misfit(function.of, function.inputs, *given))

    points = [Point("", problem.inputs)]
    if delicate:
        points += delicate_points(problem.inputs, tuple(problem.inputs))
    rows = merged(judge_points(problem, points, called, excused))
    traced = len({row.options for row in rows}) == len({point.name for point in points})
    if traced:
        rows = function.values(called, own_forward=bool(rule or reference)) + rows
    if traced and delicate:
        rows += _one_of_each(ruled, primal, args, static, called, excused)
    for check in also if traced else ():
        rows += _on_request(check, function, problem, called, excused)
    report = Report(tuple(rows))
    if show:
        print(report)
    return report


def _with_rule(f: Callable[..., Any], rule: Rule, nondiff_argnums: Sequence[int]) -> Any:
    forward, backward = rule
    ruled = jax.custom_vjp(lambda *args: f(*args), nondiff_argnums=tuple(nondiff_argnums))
    ruled.defvjp(forward, backward)
    return ruled


class _Function:
    """A function of its differentiable arguments only, with and without its rule."""

    def __init__(
        self, ruled: Callable[..., Any], primal: Callable[..., Any], args: Any, static: Any
    ) -> None:
        # Whole numbers of 64 bits exist in one of the two precisions only.
        self.args = [
            arg if i in static else jax.tree.map(lambda x: to_float32(x) if _ids(x) else x, arg)
            for i, arg in enumerate(args)
        ]
        self.static = static
        names = _names(primal, len(args))
        self.names = [n for i, n in enumerate(names) if i not in static]
        self.inputs: dict[str, Any] = {}
        for i, (arg, label) in enumerate(zip(args, names, strict=True)):
            if i not in static:
                kept = jax.tree.map(lambda leaf: leaf if _is_float(leaf, label) else None, arg)
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

    def problem(self, only: int | None = None) -> Problem:
        """J = Σ r ⊙ f(args); `only`: r is 0 for all other outputs."""
        ruled, primal = self.ruled, self.primal
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
            ys = [y for y in jax.tree.leaves(primal(inputs)) if _differentiable(y)]
            widest = max((y.dtype for y in ys), key=lambda dtype: jnp.finfo(dtype).bits)
            weighted = [y * jnp.asarray(part, y.dtype) for y, part in zip(ys, r, strict=True)]
            return jnp.concatenate([jnp.ravel(part).astype(widest) for part in weighted])

        def gradient(inputs: Any, scale: Any = 1.0) -> Any:
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

        return Problem(terms, gradient, self.inputs, eps=self.eps)

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
            custom = {eqn.primitive.name for eqn in jaxpr.eqns}
            bound = max(TOLERANCE["jax.grad"], ULPS * max(coarsest(jaxpr), self.eps))
            v = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape), x.dtype), inputs)
            rows: list[Row] = []
            if own_forward or "custom_vjp_call" in custom:
                found = jax.jit(lambda inputs: jax.vjp(ruled, inputs)[0])(inputs)
                rows.append(_same(found, jax.jit(primal)(inputs), "value", block, bound))
            if "custom_jvp_call" in custom:
                try:
                    expected = jax.jit(lambda i, v: jax.jvp(primal, (i,), (v,))[1])(inputs, v)
                except REFUSALS:
                    return rows
                found = jax.jit(lambda i, v: jax.jvp(ruled, (i,), (v,))[1])(inputs, v)
                rows.append(_same(found, expected, "tangents", block, bound))
        return rows


def _same(found: Any, expected: Any, what: str, block: str, bound: float) -> Row:
    """Compare outputs: the rule's against the function's."""
    trees = [
        {what: [np.asarray(y) for y in jax.tree.leaves(tree) if _differentiable(y)]}
        for tree in (found, expected)
    ]
    size = max((float(np.abs(y).max(initial=0)) for y in trees[1][what]), default=0.0)
    at = difference(*trees, size, bound)
    detail = f"{at.place}: rule {at.found:.9g}, function {at.expected:.9g}" if at.place else ""
    verdict = "wrong" if detail else "right"
    return Row(block, "", what, at.error, math.nan, verdict, detail)


def _one_of_each(
    ruled: Any, primal: Any, args: Any, static: Any, block: str, unsuited: dict[str, str]
) -> list[Row]:
    """Judge at arrays whose axes have size 1, if the function accepts them."""
    where = "axes of size 1"

    def first(leaf: Any) -> Any:
        return leaf[(slice(1),) * np.ndim(leaf)] if _array(leaf) else leaf

    small = [arg if i in static else jax.tree.map(first, arg) for i, arg in enumerate(args)]
    if jax.tree.map(np.shape, small) == jax.tree.map(np.shape, [*args]):
        return []
    try:
        problem = _Function(ruled, primal, small, static).problem()
        return judge_points(problem, [Point(where, problem.inputs, delicate=True)], block, unsuited)
    except Exception as error:  # whatever the function says of shapes it was not made for
        reason = f"not tried: {(str(error).strip().splitlines() or [type(error).__name__])[0]}"
        return [Row(block, where, "form", math.nan, math.nan, "cannot judge", reason)]


def _on_request(
    check: str, function: _Function, problem: Problem, block: str, unsuited: dict[str, str]
) -> list[Row]:
    if check in on_request.TRANSFORMED:
        problem = on_request.TRANSFORMED[check](problem)
        return judge_points(problem, [Point(check, problem.inputs)], block, unsuited)
    if check == "cotangents":
        count = len(function.outputs())
        problems = [function.problem(only=i) for i in range(count)] if count > 1 else []
        return [
            row
            for i, problem in enumerate(problems)
            for row in judge_points(problem, [Point(f"output {i} alone", problem.inputs)], block, unsuited)
        ]
    if check == "jit":
        with jax.enable_x64(True):
            inputs = jax.tree.map(jnp.asarray, cast(problem.inputs, jnp.float64))
            found, expected = problem.gradient(inputs), jax.jit(problem.gradient)(inputs)
        size = sum(float(np.abs(leaf).sum()) for leaf in jax.tree.leaves(expected))
        at = difference(found, expected, size, TOLERANCE["jax.grad"])
        detail = f"{at.place}: {at.found:.9g}, compiled {at.expected:.9g}" if at.place else ""
        return [Row(block, check, check, at.error, math.nan, "wrong" if detail else "right", detail)]
    low = on_request.LOW[check]
    inputs = jax.tree.map(lambda leaf: np.asarray(leaf.astype(low), np.float64), problem.inputs)
    problem = problem._replace(inputs=inputs)
    return judge_points(problem, [Point(check, inputs)], block, unsuited, low)


def _names(f: Callable[..., Any], count: int) -> list[str]:
    """The names of the arguments; positions where a signature has none."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ][:count]
    return named + [f"args[{i}]" for i in range(len(named), count)]


def _array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray) and not _is_key(leaf)


def _ids(leaf: Any) -> bool:
    return _array(leaf) and jnp.issubdtype(leaf.dtype, jnp.integer)


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _is_float(leaf: Any, label: str) -> bool:
    if isinstance(leaf, complex) or (_array(leaf) and jnp.iscomplexobj(leaf)):
        raise TypeError(
            f"verify_function: {label} is complex; pass its real and imaginary parts as arguments "
            "of a function that puts them together"
        )
    if isinstance(leaf, float | np.floating):
        return True
    return _array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating)


def _differentiable(y: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(y), jnp.inexact)


def _cast_floats(tree: Any, dtype: Any) -> Any:
    """Convert the floats of any outputs."""
    return jax.tree.map(lambda y: y.astype(dtype) if _differentiable(y) else y, tree)


def _merge(arg: Any, kept: Any) -> Any:
    """The argument with its floats replaced by those of `kept`, which has None for all others."""
    floats = iter(jax.tree.leaves(kept))
    missing = jax.tree.leaves(kept, is_leaf=lambda leaf: leaf is None)
    leaves, tree = jax.tree.flatten(arg)
    return tree.unflatten([
        leaf if place is None else next(floats) for leaf, place in zip(leaves, missing, strict=True)
    ])


def _leaves(inputs: dict[str, Any]) -> list[tuple[str, str, Any]]:
    return [
        (label, jax.tree_util.keystr(path), leaf)
        for label, tree in inputs.items()
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    ]
