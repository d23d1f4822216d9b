"""Disagreements in which the verifier errs, not the function: these cells are "cannot judge".

Each was looked at by hand. The exhaustive tests fail if one of these is no longer needed.
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
_BENDS = ("zeros", "ties", "subnormal")
_TINY = ("subnormal",)
_TIED = ("zeros", "ties", "±40", "±1e4", "subnormal")

LIMITS: list[Limit] = [
    Limit(
        "the second derivative jumps here, and central differences have an error of first order",
        {
            (_NN, "celu"): _BENDS,
            (_NN, "elu"): _BENDS,
            (_NN, "soft_sign"): _BENDS,
            (_NN, "celu, alpha = a² + 1/2"): _BENDS,
            (_NN, "elu, alpha differentiated too"): ("ties",),
            (_SPECIAL, "i1e"): _BENDS,
            (_OPTAX, "huber_loss"): ("ties",),
            (_STATS, "laplace.cdf"): ("ties",),
        },
    ),
    Limit(
        "the function bends on the scale of its argument, far below the step of central "
        "differences",
        {
            (_NUMPY, "divide"): _TINY,
            (_NUMPY, "mod"): _TINY,
            (_NUMPY, "remainder"): _TINY,
            (_NUMPY, "average, weights"): _TINY,
            (_NUMPY, "clip, bounds differentiated too"): _TINY,
            (_LINALG, "vector_norm, ord 0.5, axis 1"): _TINY,
            (_LINALG, "lstsq, solution"): _TINY,
            (_LINALG, "eigvals, of a + aᵀ"): _TINY,
            (_LINALG, "cond"): _TINY,
            (_LINALG, "cond, p 1"): _TINY,
            (_LINALG, "cond, p fro"): _TINY,
            (_SCIPY, "companion"): _TINY,
            (_SCIPY, "fiedler_companion"): _TINY,
            (_EQUINOX, "WeightNorm, of Linear"): _TINY,
            (_STATS, "norm.logpdf"): _TINY,
            (_STATS, "gaussian_kde, logpdf"): _TINY,
            (_STATS, "norm.logcdf"): _TINY,
            (_STATS, "norm.logsf"): _TINY,
        },
    ),
    Limit(
        "the complex step, 1e-30, is longer than the argument",
        {
            (_NN, "logsumexp, weights"): _TINY,
            (_NUMPY, "power"): _TINY,
            (_NUMPY, "float_power"): _TINY,
            (_NUMPY, "geomspace"): _TINY,
            (_LINALG, "norm, ord -1"): _TINY,
            (_LINALG, "vector_norm, ord -inf, axis 1"): _TINY,
            (_SPECIAL, "xlogy"): _TINY,
            (_SPECIAL, "xlogy, x of both signs"): _TINY,
            (_STATS, "cauchy.logpdf"): _TINY,
            (_STATS, "logistic.ppf"): _TINY,
        },
    ),
    Limit(
        "the function jumps here, and the complex step takes the other side",
        {
            (_NUMPY, "arctan2"): ("zeros", "subnormal"),
            (_NUMPY, "where, x where x > 0, else y"): ("zeros", "ties"),
        },
    ),
    Limit(
        "three or more are equal: each slope along a coordinate exists, but no derivative",
        {
            (_NUMPY, "median"): ("zeros", "ties"),
            (_NUMPY, "nanmedian"): ("zeros", "ties"),
            (_NUMPY, "median, axis 1"): ("zeros",),
            (_NUMPY, "quantile, 0.3"): ("zeros",),
            (_NUMPY, "clip, bounds differentiated too"): ("zeros",),
            (_LINALG, "norm, ord -1"): ("zeros",),
            (_LINALG, "norm, ord -2"): ("zeros",),
            (_LINALG, "norm, ord -inf"): ("zeros",),
            (_LINALG, "vector_norm, ord -inf, axis 1"): ("zeros", "ties"),
        },
    ),
    Limit(
        "several outputs have a kink here, and take slopes of different sides",
        {
            (_NUMPY, "sort"): _TIED,
            (_NUMPY, "sort, axis 1"): _TIED,
            (_LINALG, "eigvalsh, of a + aᵀ"): ("zeros", "subnormal"),
            (_LINALG, "eigh, eigenvalues of a + aᵀ"): ("zeros", "subnormal"),
            (_LINALG, "svdvals"): ("zeros", "±40", "±1e4", "subnormal"),
            (_LINALG, "svd, singular values alone"): ("zeros", "±40", "±1e4", "subnormal"),
            (_LINALG, "svd, absolute values, full_matrices=False"): ("ties",),
            (_SCIPY, "eigh, of a + aᵀ"): ("zeros", "subnormal"),
            (_SCIPY, "svd, singular values alone"): ("zeros", "±40", "±1e4", "subnormal"),
            (_SCIPY, "fiedler"): ("zeros", "ties", "equal rows", "±40", "±1e4", "subnormal"),
            (_EQUINOX, "MaxPool2d, overlapping"): ("zeros", "±40", "±1e4", "subnormal"),
            (_FLAX, "max_pool, window 2, overlapping"): ("zeros",),
        },
    ),
    Limit(
        "the slope is infinite here, and central differences find one as long as their step allows",
        {
            (_STATS, "gamma.logsf"): ("zeros", "subnormal"),
            (_STATS, "gennorm.logpdf"): _BENDS,
        },
    ),
    Limit(
        "a parameter of 0, which the function does not allow, but has a value for",
        {
            (_SPECIAL, "hyp1f1"): ("zeros", "subnormal"),
            (_SPECIAL, "hyp2f1"): ("zeros", "subnormal"),
            (_STATS, "gennorm.cdf"): _TINY,
            (_STATS, "laplace.cdf"): ("zeros", "subnormal"),
            (_STATS, "logistic.cdf"): ("zeros", "subnormal"),
            (_STATS, "pareto.logsf"): ("zeros", "subnormal"),
            (_STATS, "uniform.cdf"): ("zeros", "subnormal"),
        },
    ),
    Limit(
        "the solution of a singular system jumps if its rank changes, and has no derivative",
        {(_LINALG, "lstsq, solution"): ("zeros", "equal rows")},
    ),
    Limit(
        "eigenvectors of equal eigenvalues are not unique, and have no derivative",
        {(_LINALG, "eigh, absolute eigenvectors of a + aᵀ"): ("ties", "±40", "±1e4")},
    ),
    Limit(
        "the function itself is computed with fewer digits than central differences assume",
        {
            (_LINALG, "cholesky, of a aᵀ + I"): ("±40",),
            (_SCIPY, "cho_solve, of a aᵀ + I"): ("±40",),
            (_SCIPY, "solve, of a aᵀ + I, assume_a='pos'"): ("±40",),
            (_SPECIAL, "gammainc"): ("±1e4",),
            (_SPECIAL, "rel_entr"): ("±1e4",),
            (_STATS, "gamma.logcdf"): ("±1e4",),
            (_STATS, "gaussian_kde, logpdf"): ("equal rows",),
            (_STATS, "multivariate_normal.logpdf, covariance a aᵀ + I"): ("±40",),
            (_OPTAX, "triplet_margin_loss"): ("±1e4",),
        },
    ),
    Limit(
        "the Cholesky factor of a complex matrix is not analytic, and no other oracle has digits",
        {
            (_SCIPY, "cho_solve, of a aᵀ + I"): ("±1e4",),
            (_SCIPY, "solve, of a aᵀ + I, assume_a='pos'"): ("±1e4",),
        },
    ),
    Limit(
        "in float32 the function is not finite, or another one: numbers of 1e-40 are rounded to 0",
        {
            (_NUMPY, "fmod"): _TINY,
            (_NUMPY, "heaviside"): _TINY,
            (_SPECIAL, "gammainc"): _TINY,
            (_SPECIAL, "gammaincc"): _TINY,
            (_SPECIAL, "poch"): ("wide inputs", "±40", "subnormal"),
            (_FLAX, "MultiHeadAttention"): ("±1e4",),
            (_STATS, "chi2.cdf"): _TINY,
            (_STATS, "gamma.logcdf"): ("wide inputs", "subnormal"),
            (_STATS, "gamma.logsf"): ("wide inputs",),
            (_STATS, "multivariate_normal.logpdf, covariance a aᵀ + I"): ("±1e4",),
        },
    ),
    Limit(
        "the derivative is 0, and all oracles see rounding errors",
        {(_LINALG, "norm, ord -2"): ("equal rows",), (_STATS, "logistic.logpdf"): ("±1e4",)},
    ),
    Limit(
        "the derivative is infinite, and the dot test adds +∞ and -∞",
        {
            (_SPECIAL, "entr"): ("zeros", "subnormal"),
            (_SPECIAL, "beta"): _TINY,
            (_SPECIAL, "betaln"): _TINY,
            (_STATS, "beta.logpdf"): _TINY,
            (_STATS, "betabinom.logpmf, of a and b"): _TINY,
        },
    ),
    Limit(
        "log 0 is -1e5 in this loss, which takes the digits of central differences; without the "
        "rule "
        "of logaddexp the other oracles are wrong at ties",
        {
            (_OPTAX, "ctc_loss, 5 steps, the last one padded"): ("zeros", "subnormal"),
            (_OPTAX, "ctc_loss_with_forward_probs, the loss"): ("zeros", "subnormal"),
        },
    ),
]

UNDECIDED = {
    (_SPECIAL, "hyp2f1", "wide inputs"),
    (_SPECIAL, "hyp2f1", "±40"),
}
"""Cells in which an oracle disagrees and that nobody has decided yet; the page has a ? there."""
