"""Cases of `jax.numpy.linalg`.

Matrices are random. Where a function needs a symmetric or positive definite one, the label says
what is made of the argument a before; aᵀ is its transpose, I the identity.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.numpy import linalg

from workflow.ecosystem.case import A, B, FieldCase, X, Y, normal

PACKAGE = "jax.numpy.linalg"


def symmetric(a: Any) -> Any:
    """a + aᵀ."""
    return a + a.mT


def definite(a: Any) -> Any:
    """A aᵀ + I."""
    return a @ a.mT + jnp.eye(a.shape[0], dtype=a.dtype)


def regular(a: Any) -> Any:
    """A + 4 I: the eigenvalues of small random matrices stay away from 0."""
    return a + 4 * jnp.eye(a.shape[0], dtype=a.dtype)


def repeated(a: Any) -> Any:
    """Diag(1, 1, 2) + (a + aᵀ) / 2."""
    return jnp.diag(jnp.array([1.0, 1.0, 2.0], a.dtype)) + symmetric(a) / 2


def after(f: Callable[..., Any], made: Callable[..., Any]) -> Callable[..., Any]:
    """f(made(a), ...)."""

    def composed(a: Any, *args: Any) -> Any:
        return f(made(a), *args)

    return composed


def _case(name: str, *args: Any, label: str = "", **options: Any) -> FieldCase:
    f = getattr(linalg, name)
    return FieldCase(PACKAGE, name, lambda *args: f(*args, **options), args, label)


def _of(name: str, made: Callable[..., Any], label: str, *args: Any, **options: Any) -> FieldCase:
    f = getattr(linalg, name)
    args = args or (A,)
    return FieldCase(PACKAGE, name, after(lambda *a: f(*a, **options), made), args, label)


CASES = [
    _case("norm", X),
    *(_case("norm", X, label=f"ord {order}", ord=order) for order in (1, -1, np.inf, -np.inf)),
    *(_case("norm", X, label=f"ord {order}", ord=order) for order in (2, -2, "nuc", "fro")),
    *(
        _case("vector_norm", X, label=f"ord {order}, axis 1", ord=order, axis=1)
        for order in (0, 1, 2, 3, 2.5, 0.5, -1, -2, np.inf, -np.inf)
    ),
    *(_case("matrix_norm", X, label=f"ord {order}", ord=order) for order in ("fro", "nuc", 2, 1)),
    _case("det", A),
    _case("det", normal(2, 2), label="2 x 2"),
    _case("det", normal(4, 4), label="4 x 4"),
    _of("slogdet", regular, "of a + 4 I"),
    _case("slogdet", A),
    _of("inv", regular, "of a + 4 I"),
    _case("inv", A),
    _of("solve", regular, "of a + 4 I", A, X),
    FieldCase(
        PACKAGE, "lstsq", lambda a, b: linalg.lstsq(a, b)[0], (normal(4, 3), normal(4)), "solution"
    ),
    _of("cholesky", definite, "of a aᵀ + I"),
    _of("eigvalsh", symmetric, "of a + aᵀ"),
    _of("eigvalsh", repeated, "of diag(1, 1, 2) + (a + aᵀ)/2 at a = 0", np.zeros((3, 3))),
    FieldCase(
        PACKAGE, "eigh", lambda a: linalg.eigh(symmetric(a))[0], (A,), "eigenvalues of a + aᵀ"
    ),
    FieldCase(
        PACKAGE,
        "eigh",
        lambda a: jnp.abs(linalg.eigh(symmetric(a))[1]),
        (A,),
        "absolute eigenvectors of a + aᵀ",
    ),
    FieldCase(
        PACKAGE,
        "eigh",
        lambda a: (lambda w, v: (v * jnp.exp(w)) @ v.mT)(*linalg.eigh(symmetric(a))),
        (A,),
        "exp(a + aᵀ) by its eigenvalues",
    ),
    FieldCase(
        PACKAGE,
        "eigh",
        lambda a: (lambda w, v: (v * jnp.exp(w)) @ v.mT)(*linalg.eigh(repeated(a))),
        (np.zeros((3, 3)),),
        "exp(diag(1, 1, 2) + (a + aᵀ)/2) by its eigenvalues, at a = 0",
    ),
    FieldCase(
        PACKAGE, "eig", lambda a: linalg.eig(symmetric(a))[0].real, (A,), "eigenvalues of a + aᵀ"
    ),
    FieldCase(PACKAGE, "eigvals", lambda a: linalg.eigvals(symmetric(a)).real, (A,), "of a + aᵀ"),
    _case("svdvals", X),
    FieldCase(
        PACKAGE,
        "svd",
        lambda a: tuple(map(jnp.abs, linalg.svd(a, full_matrices=False))),
        (X,),
        "absolute values, full_matrices=False",
    ),
    _case("svd", X, label="singular values alone", compute_uv=False),
    _case("qr", normal(4, 3)),
    _case("qr", A, label="square"),
    _case("pinv", X),
    _case("cond", A),
    *(_case("cond", A, label=f"p {p}", p=p) for p in (1, "fro")),
    *(
        FieldCase(
            PACKAGE, "matrix_power", lambda a, n=n: linalg.matrix_power(a, n), (A,), f"power {n}"
        )
        for n in (0, 1, 3)
    ),
    FieldCase(
        PACKAGE,
        "matrix_power",
        lambda a: linalg.matrix_power(regular(a), -2),
        (A,),
        "power -2 of a + 4 I",
    ),
    FieldCase(PACKAGE, "multi_dot", lambda a, b, c: linalg.multi_dot([a, b, c]), (A, B, X)),
    _case("cross", A, B),
    _case("diagonal", A),
    _case("matmul", A, X),
    _case("matrix_transpose", X),
    _case("outer", normal(3), normal(4)),
    _case("tensordot", A, X, label="axes 1", axes=1),
    FieldCase(
        PACKAGE,
        "tensorinv",
        lambda a: linalg.tensorinv(regular(a).reshape(2, 2, 4)),
        (normal(4, 4),),
        "of a + 4 I as (2, 2, 4)",
    ),
    FieldCase(
        PACKAGE,
        "tensorsolve",
        lambda a, b: linalg.tensorsolve(regular(a).reshape(2, 2, 4), b.reshape(2, 2)),
        (normal(4, 4), normal(4)),
        "of a + 4 I as (2, 2, 4)",
    ),
    _case("trace", A),
    _case("vecdot", X, Y),
]

LEFT_OUT = {"matrix_rank": "a whole number"}
