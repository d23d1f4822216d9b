"""Cases of `jax.scipy.linalg`."""

from typing import Any

import jax.numpy as jnp
from jax.scipy import linalg

from workflow.ecosystem.case import A, B, FieldCase, X, normal
from workflow.ecosystem.cases.linear_algebra import after, definite, regular, symmetric

PACKAGE = "jax.scipy.linalg"


def _case(name: str, *args: Any, label: str = "", **options: Any) -> FieldCase:
    f = getattr(linalg, name)
    return FieldCase(PACKAGE, name, lambda *args: f(*args, **options), args, label)


def _of(name: str, made: Any, label: str, *args: Any, **options: Any) -> FieldCase:
    f = getattr(linalg, name)
    args = args or (A,)
    return FieldCase(PACKAGE, name, after(lambda *a: f(*a, **options), made), args, label)


def _solve_cholesky(a: Any, b: Any) -> Any:
    return linalg.cho_solve(linalg.cho_factor(definite(a)), b)


def _solve_lu(a: Any, b: Any) -> Any:
    return linalg.lu_solve(linalg.lu_factor(regular(a)), b)


CASES = [
    _of("cholesky", definite, "of a aᵀ + I"),
    FieldCase(
        PACKAGE,
        "cho_factor",
        lambda a: jnp.triu(linalg.cho_factor(definite(a))[0]),
        (A,),
        "of a aᵀ + I",
    ),
    FieldCase(PACKAGE, "cho_solve", _solve_cholesky, (A, X), "of a aᵀ + I"),
    _case("det", A),
    FieldCase(
        PACKAGE, "eigh", lambda a: linalg.eigh(symmetric(a), eigvals_only=True), (A,), "of a + aᵀ"
    ),
    FieldCase(
        PACKAGE,
        "eigh_tridiagonal",
        lambda d, e: linalg.eigh_tridiagonal(d, e, eigvals_only=True),
        (normal(4), normal(3)),
    ),
    _case("expm", A),
    _case("expm_frechet", A, B),
    _of("inv", regular, "of a + 4 I"),
    _of("lu", regular, "of a + 4 I"),
    FieldCase(PACKAGE, "lu_factor", lambda a: linalg.lu_factor(regular(a))[0], (A,), "of a + 4 I"),
    FieldCase(PACKAGE, "lu_solve", _solve_lu, (A, X), "of a + 4 I"),
    _of("polar", regular, "of a + 4 I", method="svd"),
    _case("qr", normal(4, 3), mode="economic"),
    _of("solve", regular, "of a + 4 I", A, X),
    FieldCase(
        PACKAGE,
        "solve",
        lambda a, b: linalg.solve(definite(a), b, assume_a="pos"),
        (A, X),
        "of a aᵀ + I, assume_a='pos'",
    ),
    FieldCase(
        PACKAGE,
        "solve_sylvester",
        lambda a, b, q: linalg.solve_sylvester(regular(a), regular(b), q),
        (A, B, normal(3, 3, seed=2)),
        "of a + 4 I and b + 4 I",
    ),
    _of("solve_triangular", regular, "of a + 4 I, lower", A, X, lower=True),
    _of("solve_triangular", regular, "of a + 4 I, unit diagonal", A, X, unit_diagonal=True),
    FieldCase(
        PACKAGE, "sqrtm", lambda a: linalg.sqrtm(definite(a)).real, (A,), "of a aᵀ + I, real part"
    ),
    _of("schur", definite, "of a aᵀ + I"),
    _of("hessenberg", definite, "of a aᵀ + I"),
    FieldCase(
        PACKAGE,
        "funm",
        lambda a: jnp.asarray(linalg.funm(definite(a), jnp.exp)).real,
        (A,),
        "exp of a aᵀ + I, real part",
    ),
    FieldCase(PACKAGE, "qr_multiply", lambda a, c: linalg.qr_multiply(a, c, mode="right"), (A, B)),
    _case("svd", X, label="singular values alone", compute_uv=False),
    FieldCase(PACKAGE, "block_diag", linalg.block_diag, (A, B)),
    *(_case(name, normal(4)) for name in ("circulant", "toeplitz", "hankel", "fiedler")),
    *(_case(name, normal(4)) for name in ("companion", "fiedler_companion")),
    _case("leslie", normal(4), normal(3)),
    _case("convolution_matrix", normal(4), n=3),
]

_CONSTANT = "makes a constant matrix"
LEFT_OUT = {
    **dict.fromkeys(
        ("dft", "hadamard", "helmert", "hilbert", "invhilbert", "invpascal", "pascal"), _CONSTANT
    ),
    "rsf2csf": "complex",
}
