"""Significance: the paired sign-flip test, and Holm's adjustment for families of tests."""

import numpy as np
from numpy.typing import ArrayLike

EXACT_FLIPS = 16
"""The most differences for which `sign_flip_test` enumerates all signs: 2**16 = 65,536."""


def sign_flip_test(
    differences: ArrayLike, rng: np.random.Generator | None = None, resamples: int = 99_999
) -> float:
    """Two-sided p value of paired differences: are they symmetric about zero?

    If A and B are exchangeable within each pair, each difference d[k] is equally likely to have
    either sign. Over all signs e in {-1, 1}ⁿ,

        p = fraction of e with |Σ_k e[k] d[k]| ≥ |Σ_k d[k]|

    where sums that differ by rounding only count as equal. Zero differences do not affect p. All
    signs are enumerated if at most `EXACT_FLIPS` differences are not zero. Otherwise signs are
    drawn at random and p = (k + 1) / (resamples + 1) if k draws are at least as extreme as the
    observed signs; this p is never zero and the test never rejects too often.

    To compare two programs, pass one difference per speaker, the mean over seeds of
    correct_a - correct_b: rows of the same speaker are correlated, so the speaker is the
    exchangeable unit. The test generalises over speakers, conditional on the seeds.

    Args:
        differences: one per pair, (n,).
        rng: the random generator for the signs; may be None if all signs are enumerated.
        resamples: number of random draws if the signs are not enumerated.

    Returns:
        The p value, in (0, 1].

    Raises:
        ValueError: if the differences are not a non-empty vector of finite numbers, if resamples
            is not positive, or if signs must be drawn but rng is None.

    Example:
        >>> from nnjax import stats
        >>> stats.sign_flip_test([1.0, 2.0, 3.0])  # only + + + and - - - reach 6: 2 of 8
        0.25

    Source: Good, Permutation, Parametric, and Bootstrap Tests of Hypotheses, 2005; Ojala &
    Garriga, Permutation tests for studying classifier performance, JMLR 11, 2010. Counting the
    observed signs: Phipson & Smyth, Permutation p-values should never be zero, Statistical
    Applications in Genetics and Molecular Biology 9, 2010.
    """
    d = np.asarray(differences, dtype=float)
    if d.ndim != 1 or not len(d) or not np.isfinite(d).all():
        raise ValueError(
            f"sign_flip_test: expected finite differences of shape (n,), got {d.shape}, "
            f"{int((~np.isfinite(d)).sum())} not finite"
        )
    if resamples < 1:
        raise ValueError(f"sign_flip_test: resamples must be positive, got {resamples}")
    signed = d[d != 0]
    n = len(signed)
    least = abs(signed.sum()) - 1e-12 * np.abs(signed).sum()
    if n <= EXACT_FLIPS:
        signs = 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
        return float(np.mean(np.abs(signs @ signed) >= least))
    if rng is None:
        raise ValueError(
            f"sign_flip_test: {n} differences have too many signs to enumerate; pass a generator"
        )
    signs = rng.choice([-1.0, 1.0], size=(resamples, n))
    return float((np.sum(np.abs(signs @ signed) >= least) + 1) / (resamples + 1))


def holm(p_values: ArrayLike) -> np.ndarray:
    """Adjust the p values of a family of tests to control the family-wise error rate.

    With p sorted in ascending order, p[1] ≤ ... ≤ p[m],

        adjusted[i] = min(1, max_(j ≤ i) (m - j + 1) p[j])

    If every test with adjusted p ≤ α is rejected, the probability of rejecting any true hypothesis
    is at most α, however the tests depend on each other.

    Args:
        p_values: one per test of the family, (m,), in any order.

    Returns:
        The adjusted p values, (m,), in the order given.

    Raises:
        ValueError: if p_values is not a non-empty vector of numbers in [0, 1]. If a test has no
            p value (NaN), the caller must leave it out of the family or count it as 1.

    Example:
        >>> from nnjax import stats
        >>> stats.holm([0.01, 0.04, 0.03]).round(3).tolist()
        [0.03, 0.06, 0.06]

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 6, 1979.
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not len(p) or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"holm: expected p values of shape (m,), in [0, 1] and not NaN, got {p}")
    order = np.argsort(p)
    steps = np.maximum.accumulate(np.arange(len(p), 0, -1) * p[order])
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1)
    return adjusted
