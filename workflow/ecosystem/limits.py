"""Disagreements in which the verifier errs, not the function: these cells are "cannot judge".

They were sorted by cause, with cases of each cause looked at by hand. A test fails if one of these
is no longer needed.
"""

from typing import NamedTuple

from workflow.ecosystem.finding import Places, cells


class Limit(NamedTuple):
    """A reason why the verifier errs, and the cells in which it does."""

    reason: str
    seen: Places

    def cells(self) -> set[tuple[str, str, str]]:
        """Package, function and point."""
        return cells(self.seen)


_NN, _NUMPY, _LINALG = "jax.nn", "jax.numpy", "jax.numpy.linalg"
_SCIPY, _SPECIAL, _STATS = "jax.scipy.linalg", "jax.scipy.special", "jax.scipy.stats"
_OPTAX, _EQUINOX, _FLAX = "optax.losses", "equinox.nn", "flax.nnx"

LIMITS: list[Limit] = [
    Limit(
        "three or more are equal: each slope along a coordinate exists, but no derivative",
        {
            (_NUMPY, "median"): ("zeros",),
            (_NUMPY, "nanmedian"): ("zeros",),
            (_NUMPY, "quantile, 0.3"): ("zeros",),
            (_LINALG, "vector_norm, ord -inf, axis 1"): ("zeros",),
        },
    ),
    Limit(
        "the slope is infinite here, and central differences find one as long as their step allows",
        {
            (_STATS, "gamma.logsf"): ("zeros",),
            (_STATS, "gennorm.logpdf"): ("zeros", "ties"),
        },
    ),
    Limit(
        "a parameter of 0, which the function does not allow, but has a value for",
        {
            (_SPECIAL, "hyp1f1"): ("zeros",),
            (_SPECIAL, "hyp2f1"): ("zeros",),
            (_STATS, "laplace.cdf"): ("zeros", "subnormal"),
            (_STATS, "logistic.cdf"): ("zeros", "subnormal"),
            (_STATS, "pareto.logsf"): ("zeros", "subnormal"),
            (_STATS, "uniform.cdf"): ("zeros", "subnormal"),
        },
    ),
    Limit(
        "the solution of a singular system jumps if its rank changes, and has no derivative",
        {
            (_LINALG, "lstsq, solution"): ("zeros",),
        },
    ),
    Limit(
        "eigenvectors of equal eigenvalues are not unique, and have no derivative",
        {
            (_LINALG, "eigh, absolute eigenvectors of a + aᵀ"): ("ties", "±1e4"),
        },
    ),
    Limit(
        "the function itself is computed with fewer digits than central differences assume",
        {
            (_STATS, "gaussian_kde, logpdf"): ("equal rows",),
        },
    ),
    Limit(
        "the derivative is infinite, and the dot test adds +∞ and -∞",
        {
            (_SPECIAL, "beta"): ("subnormal",),
            (_SPECIAL, "betaln"): ("subnormal",),
            (_STATS, "beta.logpdf"): ("subnormal",),
            (_STATS, "betabinom.logpmf, of a and b"): ("subnormal",),
        },
    ),
]

UNDECIDED = {
    (_EQUINOX, "MLP, relu", "±1e4"),
    (_LINALG, "cond", "ties"),
    (_LINALG, "cond", "±1e4"),
    (_LINALG, "cond", "±40"),
    (_LINALG, "cond, p fro", "axes of size 1"),
    (_LINALG, "det, 4 x 4", "±40"),
    (_LINALG, "qr", "equal rows"),
    (_SCIPY, "qr", "equal rows"),
    (_SPECIAL, "hyp2f1", "±40"),
}
"""Cells in which an oracle disagrees and that nobody has decided yet; the page has a ? there."""
