"""Cases of `jax.scipy.stats`: the logarithms of densities and of cumulative distributions."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.scipy import stats

from workflow.ecosystem.case import FieldCase, P, Q, U, V, X, Y, normal, shares

PACKAGE = "jax.scipy.stats"
_COUNTS = np.array([[0, 1, 2, 3], [4, 0, 1, 2], [1, 5, 0, 2]], np.int32)
_DENSITIES: dict[str, tuple[Any, ...]] = {
    "beta": (U, P, Q),
    "cauchy": (X, Y, P),
    "chi2": (P, Q),
    "expon": (P,),
    "gamma": (P, Q),
    "gennorm": (X, P),
    "gumbel_l": (X, Y, P),
    "gumbel_r": (X, Y, P),
    "laplace": (X, Y, P),
    "logistic": (X, Y, P),
    "norm": (X, Y, P),
    "pareto": (1 + P, Q),
    "t": (X, P),
    "truncnorm": (U / 2, -P, P),
    "uniform": (U / 2, np.zeros((3, 4)), P),
    "vonmises": (X, P),
    "wrapcauchy": (P, U),
}
_CUMULATIVE: dict[str, tuple[Any, ...]] = {
    "cauchy": (X, Y, P),
    "expon": (P,),
    "gamma": (P, Q),
    "gumbel_l": (X, Y, P),
    "gumbel_r": (X, Y, P),
    "norm": (X, Y, P),
    "pareto": (1 + P, Q),
    "truncnorm": (U / 2, -P, P),
}
_COUNTED: dict[str, tuple[Any, ...]] = {
    "bernoulli": (U,),
    "geom": (U,),
    "nbinom": (P, U),
    "poisson": (P,),
}


def _counted(name: str) -> Any:
    def logpmf(*parameters: Any) -> Any:
        counts = _COUNTS % 2 if name == "bernoulli" else _COUNTS + (name == "geom")
        return getattr(stats, name).logpmf(counts, *parameters)

    return logpmf


def _covariance(a: Any) -> Any:
    return a @ a.mT + jnp.eye(a.shape[0], dtype=a.dtype)


CASES = [
    *(
        FieldCase(PACKAGE, f"{name}.logpdf", getattr(stats, name).logpdf, args)
        for name, args in _DENSITIES.items()
    ),
    *(
        FieldCase(PACKAGE, f"{name}.{f}", getattr(getattr(stats, name), f), args)
        for name, args in _CUMULATIVE.items()
        for f in ("logcdf", "logsf")
    ),
    *(
        FieldCase(PACKAGE, f"{name}.cdf", getattr(stats, name).cdf, args)
        for name, args in (
            ("beta", (U, P, Q)),
            ("chi2", (P, Q)),
            ("gennorm", (X, P)),
            ("laplace", (X, Y, P)),
            ("logistic", (X, Y, P)),
            ("uniform", (U / 2, np.zeros((3, 4)), P)),
        )
    ),
    *(
        FieldCase(PACKAGE, f"{name}.ppf", getattr(stats, name).ppf, args)
        for name, args in (
            ("cauchy", (U, X, P)),
            ("expon", (U,)),
            ("gumbel_r", (U, X, P)),
            ("logistic", (U, X, P)),
            ("norm", (U, X, P)),
        )
    ),
    *(
        FieldCase(PACKAGE, f"{name}.logpmf", _counted(name), args, "of the parameters")
        for name, args in _COUNTED.items()
    ),
    FieldCase(
        PACKAGE,
        "binom.logpmf",
        lambda p: stats.binom.logpmf(_COUNTS, 6, p),
        (U,),
        "of the probability",
    ),
    FieldCase(
        PACKAGE,
        "betabinom.logpmf",
        lambda a, b: stats.betabinom.logpmf(_COUNTS, 6, a, b),
        (P, Q),
        "of a and b",
    ),
    FieldCase(
        PACKAGE,
        "multinomial.logpmf",
        lambda p: stats.multinomial.logpmf(np.array([2, 0, 1, 3], np.int32), 6, p),
        (shares(4),),
        "of the probabilities",
    ),
    FieldCase(
        PACKAGE,
        "dirichlet.logpdf",
        lambda x, alpha: stats.dirichlet.logpdf(x / x.sum(), alpha),
        (shares(4), 1 + shares(4)),
        "of x / Σ x",
    ),
    FieldCase(
        PACKAGE,
        "multivariate_normal.logpdf",
        lambda x, mean, a: stats.multivariate_normal.logpdf(x, mean, _covariance(a)),
        (normal(4, 3), normal(3), normal(3, 3)),
        "covariance a aᵀ + I",
    ),
    FieldCase(
        PACKAGE,
        "gaussian_kde",
        lambda data, x: stats.gaussian_kde(data).logpdf(x),
        (normal(2, 6), normal(2, 3)),
        "logpdf",
    ),
    FieldCase(PACKAGE, "sem", stats.sem, (V,)),
]

LEFT_OUT = {
    "pdf and pmf": "the exponentials of the functions above",
    "mode, rankdata": "whole numbers",
}
