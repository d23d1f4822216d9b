"""Verify the derivative of any JAX function, with or without a custom rule."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from nnjax.verify import oracles
from nnjax.verify.arguments import Function, is_array, is_ids
from nnjax.verify.checks import check_function, check_points
from nnjax.verify.compare import difference
from nnjax.verify.evidence import Point
from nnjax.verify.form import rule_misfit, same_outputs
from nnjax.verify.judge import TOLERANCE, judge_points
from nnjax.verify.plain import has_sizes_of_its_own, plain
from nnjax.verify.points import POINTS, delicate_points, merged
from nnjax.verify.problem import Problem, cast
from nnjax.verify.report import Report, Row

ALSO = ("second order", "vmap", "jit", "cotangents", "arguments", "bfloat16", "float16")

Rule = tuple[Callable[..., Any], Callable[..., Any]]


def verify_function(
    f: Callable[..., Any],
    *args: Any,
    rule: Rule | None = None,
    reference: Callable[..., Any] | None = None,
    nondiff_argnums: Sequence[int] = (),
    tolerance: float = 0.0,
    delicate: bool | Sequence[str] = True,
    also: Sequence[str] = (),
    unsuited: Mapping[str, str] | None = None,
    name: str = "",
    show: bool = True,
) -> Report:
    """Compare the derivative rule of any JAX function with independent oracles.

        J = Σ r ⊙ f(args)        rule: dJ/dargs by jax.vjp(f), with f's own rule

    for a random r. The oracles and the relative error are those of `verify`: an error is relative
    to the largest entry of the argument's gradient. The oracles see the function without any custom
    derivative rule inside it. Central differences estimate their error from three step sizes; where
    another oracle disagrees, what a change of the inputs in the last place does is no mistake.
    Where an oracle has no digits it abstains and says why. Where the function has a kink, the
    report says which slope the rule takes ("convention"), and only a slope that none of its sides
    has is wrong.

    The table has a line for each point: the relative errors in float64 against each oracle ("-" if
    it abstains; the reason is printed once), then the error of the rule in float32. Only "wrong"
    fails.

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
            anything that is not an array are passed on as they are: give indices that repeat.
        rule: `(forward, backward)` as for `jax.custom_vjp.defvjp`: forward(*args) returns
            (y, residuals), backward(residuals, dy) a gradient for each argument (None if it has
            none).
        reference: a plain function of the same values, for the oracles; if JAX cannot
            differentiate f without its rule (a kernel, a callback).
        nondiff_argnums: the positions of static arguments, as for `jax.custom_vjp`; those of a
            `custom_vjp` function are known.
        tolerance: relative error in float64 to allow beyond rounding, for a function that iterates
            until it is close enough, or that its reference computes in a higher precision.
        delicate: judge at the delicate points too: all, none, or those named, such as
            ("wide inputs", "ties"); for a function that is not defined at the others.
        also: any of "second order" (the derivative of the rule), "vmap", "jit" (the rule without
            compilation against the rule with it), "cotangents" (each output alone), "arguments"
            (each argument alone), "bfloat16", "float16" (the rule in that precision against the
            oracles in float64).
        unsuited: oracles that cannot judge this function, with the reason, such as
            {"central differences": "the function rounds"}; "kinks" if the mean of the slopes is the
            right one, "value" if the reference is meant to have other values.
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
        >>> x, w = jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0])
        >>> report = nn.verify_function(scale, x, w, show=False)
        >>> print(report.wrong[0].detail)
        w[1]: rule 2.38996434, jax.grad 4.77992868 (float64)

    Source: see `nnjax/verify/oracles.py` for each oracle.
    """
    check_function(f, args, rule, reference, nondiff_argnums, also, ALSO)
    check_points(delicate, tolerance)
    static = (*nondiff_argnums, *getattr(f, "nondiff_argnums", ()))
    ruled = f if rule is None else _with_rule(f, rule, nondiff_argnums)
    called = name or getattr(f, "__name__", "") or "function"
    primal = reference or f
    function = Function(ruled, primal, args, static, tolerance)
    if reference is not None:
        same_outputs(function.of(f), function.of(reference), function.inputs)
    forward, backward = rule or (getattr(f, "fwd", None), getattr(f, "bwd", None))
    problem, excused = function.problem(), dict(unsuited or {})
    if forward is not None and backward is not None:
        given = f, forward, backward, static, function.labels
        problem = problem._replace(broken=lambda: rule_misfit(function.of, function.inputs, *given))

    points = [Point("", problem.inputs)]
    if delicate:
        named = POINTS if delicate is True else delicate
        around = delicate_points(problem.inputs, tuple(problem.inputs))
        points += [point for point in around if point.name in named]
    rows = merged(judge_points(problem, points, called, excused))
    traced = len({row.options for row in rows}) == len({point.name for point in points})
    if traced and "value" not in excused:
        rows = function.values(called, own_forward=bool(rule or reference)) + rows
    if traced and delicate is True:
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


def _one_of_each(
    ruled: Any, primal: Any, args: Any, static: Any, block: str, unsuited: dict[str, str]
) -> list[Row]:
    """Judge at arrays whose axes have size 1, if the function accepts them."""
    where = "axes of size 1"

    def first(leaf: Any) -> Any:
        if not is_array(leaf):
            return leaf
        small = leaf[(slice(1),) * np.ndim(leaf)]
        # 0 is a valid index into an axis of size 1.
        return small * 0 if is_ids(leaf) else small

    small = [arg if i in static else jax.tree.map(first, arg) for i, arg in enumerate(args)]
    if jax.tree.map(np.shape, small) == jax.tree.map(np.shape, [*args]):
        return []
    try:
        problem = Function(ruled, primal, small, static).problem()
        rows = judge_points(problem, [Point(where, problem.inputs, delicate=True)], block, unsuited)
        with jax.enable_x64(True):
            inputs = cast(problem.inputs, jnp.float64)
            fixed = has_sizes_of_its_own(jax.make_jaxpr(problem.terms)(inputs).jaxpr)
        if not (fixed and [row.oracle for row in rows if row.verdict == "wrong"] == ["form"]):
            return rows
        reason = "not tried: the function contains arrays, for which these inputs are too small"
        return [Row(block, where, "form", math.nan, math.nan, "cannot judge", reason)]
    except Exception as error:  # whatever the function says of shapes it was not made for
        reason = f"not tried: {(str(error).strip().splitlines() or [type(error).__name__])[0]}"
        return [Row(block, where, "form", math.nan, math.nan, "cannot judge", reason)]


def _judge_each(problems: Mapping[str, Problem], block: str, unsuited: dict[str, str]) -> list[Row]:
    return [
        row
        for name, problem in problems.items()
        for row in judge_points(problem, [Point(name, problem.inputs)], block, unsuited)
    ]


# --- on request: problems made from a problem, and judged like any other -------------------------


def _second_order(problem: Problem) -> Problem:
    """J = Σ w ⊙ g with the gradient g and a random w; the rule's gradient is that of the rule.

    The oracles differentiate the gradient by `jax.grad` of the plain forward pass once more.
    """
    first = problem._replace(terms=plain(problem.terms))
    rng = np.random.default_rng(11)
    w = jax.tree.map(lambda leaf: rng.normal(size=np.shape(leaf)), problem.inputs)

    def weighted(gradient: Any) -> jax.Array:
        flat = ravel_pytree(gradient)[0]
        weights = ravel_pytree(cast(jax.tree.map(np.asarray, w), np.float64))[0]
        return flat * jnp.asarray(weights, jnp.finfo(flat.dtype).dtype)

    def gradient(inputs: Any, scale: Any = 1.0) -> Any:
        return jax.grad(lambda inputs: weighted(problem.gradient(inputs, scale)).sum())(inputs)

    return Problem(lambda inputs: weighted(oracles.by_jax(first, inputs)), gradient, problem.inputs)


def _vmapped(problem: Problem) -> Problem:
    """The rule under `vmap` over two points, against the plain function at each of them."""
    inputs = jax.tree.map(lambda leaf: np.stack([leaf, leaf / 2]), problem.inputs)

    def terms(inputs: Any) -> jax.Array:
        def at(i: int) -> jax.Array:
            return jnp.ravel(problem.terms(jax.tree.map(lambda leaf: leaf[i], inputs)))

        return jnp.concatenate([at(0), at(1)])

    def gradient(inputs: Any, scale: Any = 1.0) -> Any:
        return jax.vmap(lambda inputs: problem.gradient(inputs, scale))(inputs)

    return Problem(terms, gradient, inputs)


_TRANSFORMED: dict[str, Callable[[Problem], Problem]] = {
    "second order": _second_order,
    "vmap": _vmapped,
}

_LOW = {"bfloat16": jnp.bfloat16, "float16": jnp.float16}


def _on_request(
    check: str, function: Function, problem: Problem, block: str, unsuited: dict[str, str]
) -> list[Row]:
    if check in _TRANSFORMED:
        problem = _TRANSFORMED[check](problem)
        return judge_points(problem, [Point(check, problem.inputs)], block, unsuited)
    if check == "cotangents":
        count = len(function.outputs())
        problems = [function.problem(only=i) for i in range(count)] if count > 1 else []
        return _judge_each(
            {f"output {i} alone": p for i, p in enumerate(problems)}, block, unsuited
        )
    if check == "arguments":
        names = [*function.inputs] if len(function.inputs) > 1 else []
        problems = {f"{name} alone": function.problem(argument=name) for name in names}
        return _judge_each(problems, block, unsuited)
    if check == "jit":
        with jax.enable_x64(True):
            inputs = jax.tree.map(jnp.asarray, cast(problem.inputs, jnp.float64))
            found, expected = problem.gradient(inputs), jax.jit(problem.gradient)(inputs)
        size = sum(float(np.abs(leaf).sum()) for leaf in jax.tree.leaves(expected))
        at = difference(found, expected, size, TOLERANCE["jax.grad"])
        detail = f"{at.place}: {at.found:.9g}, compiled {at.expected:.9g}" if at.place else ""
        return [
            Row(block, check, check, at.error, math.nan, "wrong" if detail else "right", detail)
        ]
    low = _LOW[check]
    inputs = jax.tree.map(lambda leaf: np.asarray(leaf.astype(low), np.float64), problem.inputs)
    problem = problem._replace(inputs=inputs)
    return judge_points(problem, [Point(check, inputs)], block, unsuited, low)
