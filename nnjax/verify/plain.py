"""A function without the custom derivative rules inside it, so that an oracle never uses the rule.

JAX records a call of a `custom_vjp` or `custom_jvp` function as one equation that holds the primal
function beside its rule. `plain` runs the recorded equations and puts the primal in the place of
each such call, also inside `jit`, `scan`, `cond`, `while_loop` and `checkpoint`. Rules that come
with JAX stay, since they repair what automatic differentiation gets wrong (`logaddexp` at a tie),
unless the whole function is one of them.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import eval_jaxpr
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

CUSTOM = ("custom_vjp_call", "custom_jvp_call")
INLINED = (*CUSTOM, "jit", "pjit", "closed_call", "core_call", "remat2", "checkpoint")


def plain(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function without its custom derivative rules: the same values, JAX's own derivative.

    Args:
        f: a function of arrays that JAX can trace.

    Returns:
        A function of the same arguments.

    Example:
        >>> import jax
        >>> @jax.custom_jvp
        ... def double(x):
        ...     return 2 * x
        >>> double.defjvps(lambda dx, y, x: 3 * dx)
        >>> print(jax.grad(double)(1.0), jax.grad(plain(double))(1.0))
        3.0 2.0
    """

    def without_rules(*args: Any) -> Any:
        closed, shapes = jax.make_jaxpr(f, return_shape=True)(*args)
        if not has_custom_rule(closed.jaxpr):
            return f(*args)
        outputs = _evaluate(closed.jaxpr, closed.consts, jax.tree.leaves(args), whole=True)
        return jax.tree.unflatten(jax.tree.structure(shapes), outputs)

    return without_rules


def has_custom_rule(jaxpr: Jaxpr, whole: bool = True) -> bool:
    """Whether a custom derivative rule is called anywhere inside, other than a rule of JAX.

    `whole`: the function may itself be a rule of JAX.
    """
    return bool(custom_rules(jaxpr, whole))


def custom_rules(jaxpr: Jaxpr, whole: bool = True) -> set[str]:
    """Which kinds of custom rules are called anywhere inside: some of `CUSTOM`."""
    whole = whole and len(jaxpr.eqns) == 1
    return {name for eqn in jaxpr.eqns for name in _custom_rules(eqn, whole)}


def _custom_rules(eqn: JaxprEqn, whole: bool) -> set[str]:
    name = eqn.primitive.name
    found = {name} if name in CUSTOM and (whole or not _comes_with_jax(eqn)) else set[str]()
    return found.union(*(custom_rules(i, whole and name in INLINED) for i in _inside(eqn)))


def has_sizes_of_its_own(jaxpr: Jaxpr) -> bool:
    """Whether a function of arrays whose axes have size 1 computes with any longer axis."""
    variables = [*jaxpr.constvars, *(v for eqn in jaxpr.eqns for v in eqn.outvars)]
    return any(math.prod(getattr(v.aval, "shape", ())) > 1 for v in variables) or any(
        has_sizes_of_its_own(inner) for eqn in jaxpr.eqns for inner in _inside(eqn)
    )


def _comes_with_jax(eqn: JaxprEqn) -> bool:
    """Whether both the function and its rule are of JAX's own source."""
    rule = eqn.params.get("bwd", eqn.params.get("jvp_jaxpr_fun"))
    sources = [
        getattr(getattr(part, "debug_info", None), "func_src_info", "")
        for part in (eqn.params["call_jaxpr"].jaxpr, rule)
    ]
    return all(f" at {Path(jax.__file__).parent}" in source for source in sources)


def draws_random_numbers(jaxpr: Jaxpr) -> bool:
    """Whether a random number is drawn anywhere inside."""
    return any(
        eqn.primitive.name.startswith(("random_", "threefry"))
        or any(draws_random_numbers(inner) for inner in _inside(eqn))
        for eqn in jaxpr.eqns
    )


def coarsest(jaxpr: Jaxpr) -> float:
    """The unit roundoff of the coarsest floats that are computed from floats among the inputs."""
    return _coarsest(jaxpr, {v for v in jaxpr.invars if jnp.issubdtype(_dtype(v), jnp.inexact)})


def _coarsest(jaxpr: Jaxpr, dependent: set[Any]) -> float:
    eps = 0.0
    for eqn in jaxpr.eqns:
        if not any(v in dependent for v in eqn.invars if not isinstance(v, Literal)):
            continue
        # Whole numbers and booleans carry no derivative.
        floats = [v for v in eqn.outvars if jnp.issubdtype(_dtype(v), jnp.inexact)]
        dependent.update(floats)
        if floats:
            found = [float(jnp.finfo(_dtype(v)).eps) for v in floats]
            eps = max([eps, *found, *(coarsest(inner) for inner in _inside(eqn))])
    return eps


def _dtype(v: Any) -> Any:
    return getattr(v.aval, "dtype", jnp.int32)


def _inside(eqn: JaxprEqn) -> Iterator[Jaxpr]:
    """The recorded functions that an equation calls."""
    for value in eqn.params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            if isinstance(item, ClosedJaxpr):
                yield item.jaxpr
            elif isinstance(item, Jaxpr):
                yield item


def _evaluate(
    jaxpr: Jaxpr, consts: Sequence[Any], args: Sequence[Any], whole: bool = False
) -> list[Any]:
    values: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
    values |= zip(jaxpr.invars, args, strict=True)
    whole = whole and len(jaxpr.eqns) == 1

    def value(v: Any) -> Any:
        return v.val if isinstance(v, Literal) else values[v]

    for eqn in jaxpr.eqns:
        used = {v: values[v] for v in eqn.invars if not isinstance(v, Literal)}
        ruled = bool(_custom_rules(eqn, whole))
        if eqn.primitive.name in INLINED and ruled:
            inner: Any = eqn.params.get("call_jaxpr", eqn.params.get("jaxpr"))
            closed = inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ())
            inputs = [value(v) for v in eqn.invars]
            outputs = _evaluate(closed.jaxpr, closed.consts, inputs, whole)
        else:
            if ruled:
                params = {name: _rewritten(found) for name, found in eqn.params.items()}
                eqn = eqn.replace(params=params)
            names = jaxpr.debug_info._replace(arg_names=None, result_paths=None)
            alone = Jaxpr([], [*used], eqn.outvars, [eqn], jaxpr.effects, names)
            outputs = eval_jaxpr(alone, (), *used.values())
        values |= zip(eqn.outvars, outputs, strict=True)
    return [value(v) for v in jaxpr.outvars]


def _rewritten(value: Any) -> Any:
    """A recorded function (or several) without its custom rules; anything else as it is."""
    if isinstance(value, tuple | list):
        return type(value)(_rewritten(item) for item in value)
    if not isinstance(value, ClosedJaxpr) or not has_custom_rule(value.jaxpr, whole=False):
        return value
    like = [
        jax.ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type)
        for aval in value.in_avals
    ]
    return jax.make_jaxpr(lambda *args: _evaluate(value.jaxpr, value.consts, args))(*like)
