"""Cases of `jax.numpy`: functions with delicate points."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from workflow.ecosystem.case import FieldCase, P, Q, U, X, Y, normal, unit

PACKAGE = "jax.numpy"


def _case(name: str, *args: Any, label: str = "", **options: Any) -> FieldCase:
    f = getattr(jnp, name)
    if not options:
        return FieldCase(PACKAGE, name, f, args, label)
    return FieldCase(PACKAGE, name, lambda *args: f(*args, **options), args, label)


_OF_ANY = (
    "abs", "arcsinh", "arctan", "cbrt", "cosh", "exp", "exp2", "expm1", "fabs", "i0", "nan_to_num",
    "reciprocal", "sign", "sin", "sinc", "sinh", "square", "tan", "tanh",
)  # fmt: skip
_OF_POSITIVE = ("log", "log10", "log1p", "log2", "sqrt")
_OF_UNIT = ("arccos", "arcsin", "arctanh")
_REDUCTIONS = (
    "cumprod", "cumsum", "diff", "max", "mean", "median", "min", "nanmax", "nanmedian", "nanprod",
    "nanstd", "prod", "ptp", "sort", "std", "trapezoid", "unwrap", "var",
)  # fmt: skip
_OF_TWO = (
    "arctan2", "copysign", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2", "maximum", "minimum",
)  # fmt: skip
_DIVISIONS = ("divide", "fmod", "mod", "remainder")

CASES = [
    *(_case(name, X) for name in _OF_ANY),
    *(_case(name, P) for name in _OF_POSITIVE),
    *(_case(name, U) for name in _OF_UNIT),
    _case("arccosh", 1 + P),
    *(_case(name, X) for name in _REDUCTIONS if name not in ("std", "var")),
    *(_case(name, X) for name in ("std", "var")),
    *(
        _case(name, X, label="axis 1", axis=1)
        for name in ("max", "median", "prod", "sort", "std", "var")
    ),
    *(_case(name, X, Y) for name in _OF_TWO),
    *(_case(name, X, Q) for name in _DIVISIONS),
    _case("power", P, Y),
    _case("float_power", P, Y),
    *(
        FieldCase(PACKAGE, "power", lambda x, n=n: jnp.power(x, n), (X,), f"exponent {n}")
        for n in (0, 1, 2, 3, -1)
    ),
    *(
        FieldCase(PACKAGE, "power", lambda x, p=p: jnp.power(x, p), (P,), f"exponent {p}")
        for p in (0.5, 1.5, 0.0, 1.0, 2.0)
    ),
    FieldCase(PACKAGE, "clip", lambda x: jnp.clip(x, -1, 1), (X,), "to [-1, 1]"),
    FieldCase(PACKAGE, "clip", jnp.clip, (X, -P, Q), "bounds differentiated too"),
    FieldCase(
        PACKAGE, "where", lambda x, y: jnp.where(x > 0, x, y), (X, Y), "x where x > 0, else y"
    ),
    FieldCase(
        PACKAGE,
        "where",
        lambda x: jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1)), 0),
        (X,),
        "sqrt(x) where x > 0, else 0, guarded twice",
    ),
    FieldCase(
        PACKAGE,
        "where",
        lambda x: jnp.where(x > 0, jnp.sqrt(x), 0),
        (X,),
        "sqrt(x) where x > 0, else 0, guarded once",
    ),
    FieldCase(PACKAGE, "quantile", lambda x: jnp.quantile(x, 0.3), (X,), "0.3"),
    FieldCase(PACKAGE, "average", lambda x, w: jnp.average(x, weights=w), (X, P), "weights"),
    FieldCase(PACKAGE, "interp", jnp.interp, (unit(4), np.array([0.0, 0.3, 1.0]), normal(3))),
    _case("cov", X),
    _case("corrcoef", X),
    _case("convolve", normal(4), normal(3)),
    _case("cross", normal(2, 3), normal(2, 3, seed=1)),
    _case("heaviside", X, Y),
    _case("polyval", normal(3), normal(4)),
    _case("vander", normal(4)),
    FieldCase(PACKAGE, "geomspace", lambda a, b: jnp.geomspace(a, b, 4), (P[0, 0], Q[0, 0])),
    FieldCase(PACKAGE, "logspace", lambda a, b: jnp.logspace(a, b, 4), (U[0, 0], U[0, 1])),
    FieldCase(PACKAGE, "linspace", lambda a, b: jnp.linspace(a, b, 4), (U[0, 0], U[0, 1])),
]

LEFT_OUT = {"all other functions": "chosen are those with points where a derivative is delicate"}
