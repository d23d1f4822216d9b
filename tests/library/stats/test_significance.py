"""The sign-flip test and Holm's adjustment on cases whose answer is known."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats

from nnjax import stats

NAN = float("nan")


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


FLIPS: dict[str, tuple[list[float], float]] = {
    # 1, 2 and 4 have the sums 7, 5, 3 and 1, each with either sign
    "the largest sum": ([1, 2, 4], 2 / 8),
    "the largest sum, negative": ([-1, -2, -4], 2 / 8),
    "in the middle": ([1, -2, 4], 6 / 8),
    "the smallest sum": ([-1, -2, 4], 1),
    "a zero changes nothing": ([1, 0, 2, 4], 2 / 8),
    "only zeros": ([0, 0, 0], 1),
    "one pair": ([3], 1),
    "all equal": ([2, 2, 2, 2, 2], 2 / 2**5),
    "all equal but one sign": ([2, 2, 2, 2, -2], (2 + 2 * 5) / 2**5),
    "all sums tie": ([1, 1, -1], 1),
    # +-1 +-2 +-3 is 6, 4, 2, 0, 0, -2, -4 or -6: five of eight do not lower the 10
    "sums that tie but for rounding": ([0.1, 0.2, -0.3, 1.0], 2 * 5 / 16),
}


@pytest.mark.parametrize("case", FLIPS)
def test_sign_flips_by_hand(case: str) -> None:
    differences, p = FLIPS[case]
    assert stats.sign_flip_test(differences) == p


def test_sign_flips_of_means_over_seeds_are_those_of_the_counts() -> None:
    """Divided by 10 or 7 seeds the counts are no longer exact, and sums that tie must still tie."""
    for seed in range(100):
        counts = generator(seed).integers(-4, 5, size=10)
        p = stats.sign_flip_test(counts)
        assert stats.sign_flip_test(counts / 10) == p
        assert stats.sign_flip_test(counts[::-1] / 7) == p


@pytest.mark.parametrize("sizes", [[1, 2, 4, 8, 16, 32], [1, 1, 2, 3, 3, 5], [0, 0, 1, 2, 2, 7]])
def test_under_the_null_every_p_value_has_its_own_probability(sizes: list[int]) -> None:
    """The type I error is exact: of all signs, equally likely, the fraction u has p <= u."""
    signs = itertools.product([-1, 1], repeat=len(sizes))
    p = np.array([stats.sign_flip_test(np.multiply(sizes, s)) for s in signs])
    assert all(np.mean(p <= u) == u for u in p)
    assert len(set(p)) > 4


def test_sign_flips_agree_with_scipy() -> None:
    for seed in range(5):
        differences = generator(seed).normal(0.4, 1, size=8)
        flips = scipy.stats.permutation_test(
            (differences,), np.sum, permutation_type="samples", vectorized=True
        )
        assert stats.sign_flip_test(differences) == pytest.approx(flips.pvalue, abs=1e-12)
        ranks = scipy.stats.rankdata(abs(differences)) * np.sign(differences)
        signed_rank = scipy.stats.wilcoxon(differences, method="exact")
        assert stats.sign_flip_test(ranks) == pytest.approx(signed_rank[1], abs=1e-12)


def test_drawn_signs_agree_with_all_signs() -> None:
    """17 differences are drawn; all 2^17 signs here. Four standard errors of 99,999 draws."""
    for seed in range(3):
        differences = generator(seed).normal(0.3, 1, size=17)
        signs = np.array(list(itertools.product([-1, 1], repeat=17)))
        exact = np.mean(abs(signs @ differences) >= abs(differences.sum()) - 1e-9)
        drawn = stats.sign_flip_test(differences, generator(1))
        assert drawn != exact
        assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 99_999))
        assert drawn == stats.sign_flip_test(differences, generator(1))


def test_zeros_do_not_make_the_test_draw() -> None:
    assert stats.sign_flip_test([1, 2, 4] + [0] * 40) == 2 / 8
    assert stats.sign_flip_test(np.ones(16)) == 2 / 2**16


def test_the_observed_signs_count_among_the_drawn_ones() -> None:
    """30 equal differences: no other signs drawn reach the sum, and p is still not zero."""
    assert stats.sign_flip_test(np.ones(30), generator(), resamples=999) == 1 / 1000


def test_drawn_signs_reject_a_true_null_as_often_as_they_say() -> None:
    """With 20 draws p <= 2/21 in 2/21 = 0.095 of 1000 cases, +- four standard errors of 0.0093."""
    draw = generator()
    scale = np.linspace(0.1, 2, 18)
    p = [stats.sign_flip_test(scale * draw.normal(size=18), draw, 20) for _ in range(1000)]
    assert np.mean(np.array(p) <= 2 / 21) == pytest.approx(2 / 21, abs=0.037)
    assert min(p) == 1 / 21


FAMILIES: dict[str, tuple[list[float], list[float]]] = {
    # sorted 0.005 * 4, 0.01 * 3, 0.03 * 2, 0.04 * 1, the last below the one before it
    "four tests": ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
    "clipped": ([0.5, 0.9, 0.6], [1, 1, 1]),
    "one test": ([0.03], [0.03]),
    "ties": ([0.02, 0.02, 0.5], [0.06, 0.06, 0.5]),
    "the ends": ([0.0, 1.0], [0, 1]),
}


@pytest.mark.parametrize("case", FAMILIES)
def test_holm_by_hand_in_any_order(case: str) -> None:
    p, adjusted = map(np.array, FAMILIES[case])
    for order in map(list, itertools.permutations(range(len(p)))):
        np.testing.assert_allclose(stats.holm(p[order]), adjusted[order], rtol=0, atol=1e-12)


def test_holm_rejects_what_the_steps_reject() -> None:
    """Step down: go on while the i-th smallest of m is at most alpha / (m - i + 1)."""
    for seed in range(50):
        p = generator(seed).beta(0.3, 2, size=6)
        for alpha in (0.01, 0.05, 0.2):
            rejected = set()
            for step, k in enumerate(np.argsort(p)):
                if p[k] > alpha / (6 - step):
                    break
                rejected.add(k)
            assert set(np.flatnonzero(stats.holm(p) <= alpha)) == rejected


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "flips: none": (lambda: stats.sign_flip_test([]), "finite differences"),
    "flips: two axes": (lambda: stats.sign_flip_test([[1, 2]]), r"\(n,\)"),
    "flips: NaN": (lambda: stats.sign_flip_test([1, NAN]), "1 not finite"),
    "flips: no generator": (lambda: stats.sign_flip_test(np.ones(17)), "pass a generator"),
    "flips: no draws": (lambda: stats.sign_flip_test([1], generator(), 0), "positive"),
    "holm: none": (lambda: stats.holm([]), "p values"),
    "holm: NaN": (lambda: stats.holm([0.1, NAN]), "NaN"),
    "holm: above 1": (lambda: stats.holm([0.1, 1.1]), r"\[0, 1\]"),
    "holm: two axes": (lambda: stats.holm([[0.1]]), r"\(m,\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_invalid_arguments_are_refused(case: str) -> None:
    call, sentence = REFUSED[case]
    with pytest.raises(ValueError, match=sentence):
        call()
