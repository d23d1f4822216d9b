"""Cases of `jax.scipy.special`."""

from typing import Any

import jax.numpy as jnp
from jax.scipy import special

from workflow.ecosystem.case import FieldCase, P, Q, U, V, X, Y, positive

PACKAGE = "jax.scipy.special"


def _case(name: str, *args: Any, label: str = "", **options: Any) -> FieldCase:
    f = getattr(special, name)
    if not options:
        return FieldCase(PACKAGE, name, f, args, label)
    return FieldCase(PACKAGE, name, lambda *args: f(*args, **options), args, label)


_OF_ANY = (
    "dawsn", "erf", "erfc", "erfcx", "expit", "fresnel", "i0", "i0e", "i1", "i1e",
    "log_ndtr", "log_softmax", "logsumexp", "ndtr", "sici", "softmax",
)  # fmt: skip
_OF_POSITIVE = ("digamma", "entr", "factorial", "gamma", "gammaln", "loggamma", "spence")

CASES = [
    *(_case(name, X) for name in _OF_ANY),
    *(_case(name, P) for name in _OF_POSITIVE),
    *(_case(name, X, label="of both signs") for name in ("digamma", "gamma", "gammaln")),
    *(_case(name, U) for name in ("logit", "ndtri")),
    _case("erfinv", 2 * U - 1),
    *(_case(name, P, Q) for name in ("beta", "betaln", "gammainc", "gammaincc", "kl_div")),
    *(_case(name, P, Q) for name in ("poch", "rel_entr", "xlogy", "xlog1py", "comb")),
    _case("xlogy", X, Q, label="x of both signs"),
    _case("betainc", P, Q, U),
    FieldCase(PACKAGE, "betainc", lambda x: special.betainc(P, Q, x), (U,), "of x"),
    _case("boxcox", P, Y),
    _case("boxcox1p", P, Y),
    _case("owens_t", X, Y),
    _case("zeta", 1 + P, Q),
    _case("hyp1f1", P, Q + 1, X),
    _case("hyp2f1", P, Q, Q + 1, V / 2),
    _case("logsumexp", X, label="axis 1", axis=1),
    *(
        FieldCase(PACKAGE, "polygamma", lambda x, n=n: special.polygamma(n, x), (P,), f"order {n}")
        for n in (0, 1, 2)
    ),
    FieldCase(
        PACKAGE, "multigammaln", lambda a: special.multigammaln(a, 2), (1 + P,), "dimension 2"
    ),
    FieldCase(
        PACKAGE, "bessel_jn", lambda z: special.bessel_jn(z, v=3), (positive(4),), "orders 0 to 3"
    ),
    FieldCase(
        PACKAGE,
        "sph_harm_y",
        lambda theta, phi: (
            special.sph_harm_y(jnp.array([2, 1, 3]), jnp.array([1, 0, 2]), theta, phi, n_max=3).real
        ),
        (positive(3), positive(3, seed=1)),
        "real part, degrees 2, 1, 3 and orders 1, 0, 2",
    ),
]

LEFT_OUT = {
    **dict.fromkeys(
        ("exp1", "expi", "expn"), "its run did not end within the time; the cause was not found"
    ),
    "bernoulli": "takes a whole number",
    "gammasgn": "is 1 or -1",
    "wofz": "takes complex numbers",
}
