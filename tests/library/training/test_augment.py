"""Augmentations against their equations, written out row by row in numpy."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft

import nnjax as nn

X = np.random.default_rng(0).normal(size=(5, 6))
LABELS = np.array([0, 2, 1, 1, 0])
KEY = jax.random.key(3)


# --- mixup ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("targets", [LABELS, np.eye(3)[LABELS]], ids=["labels", "distributions"])
def test_mixup_mixes_inputs_and_targets_alike(targets: np.ndarray) -> None:
    """The share and the partner of every row, recovered from x, explain the targets."""
    x, t = nn.augment.mixup(1.0, 3)(KEY, jnp.asarray(X), jnp.asarray(targets))
    hot, partners = np.eye(3)[LABELS], []
    for row in range(5):
        found = []
        for partner in range(5):
            toward = X[partner] - X[row]
            away = float((x[row] - X[row]) @ toward / max(toward @ toward, 1e-300))
            if np.allclose(x[row], X[row] + away * toward, atol=1e-12):
                found.append((partner, away))
        # A row that was mixed with itself is found at every partner, with share 0.
        partner, away = found[0] if len(found) == 1 else (row, 0.0)
        assert 0 <= away <= 0.5
        np.testing.assert_allclose(t[row], (1 - away) * hot[row] + away * hot[partner], atol=1e-12)
        partners.append(partner)
    assert sorted(partners) == list(range(5))
    assert partners != list(range(5))


def test_mixup_of_little_alpha_mixes_little() -> None:
    x, t = nn.augment.mixup(1e-6, 3)(KEY, jnp.asarray(X), jnp.asarray(LABELS))
    np.testing.assert_allclose(x, X, atol=1e-9)
    np.testing.assert_allclose(t, np.eye(3)[LABELS], atol=1e-9)


@pytest.mark.parametrize(
    ("alpha", "classes", "message"),
    [
        (0.0, 3, r"alpha"),
        (float("nan"), 3, r"alpha"),
        (True, 3, r"alpha"),
        (1.0, 1, r"classes"),
        (1.0, 2.5, r"classes"),
    ],
)
def test_mixup_refuses(alpha: float, classes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.augment.mixup(alpha, classes)


def test_mixup_refuses_targets() -> None:
    with pytest.raises(ValueError, match=r"labels \(5,\) or distributions \(5, 3\)"):
        nn.augment.mixup(1.0, 3)(KEY, jnp.asarray(X), jnp.asarray(X))
    with pytest.raises(ValueError, match="weighted rows"):
        nn.augment.mixup(1.0, 3)(KEY, jnp.asarray(X), nn.Weighted(jnp.asarray(LABELS), jnp.ones(5)))


# --- frequency_warp -------------------------------------------------------------------------------

SPECTRA = [[0, 2, 4], [5, 3, 1]]


def test_warp_is_interpolation_with_one_factor_a_row() -> None:
    """The factor of each row is drawn as the function draws it; the rest is `numpy.interp`."""
    x = np.random.default_rng(1).normal(size=(4, 7))
    y, targets = nn.augment.frequency_warp(SPECTRA, 0.4)(
        KEY, jnp.asarray(x), jnp.asarray(LABELS[:4])
    )
    u = np.asarray(jax.random.uniform(KEY, (4, 1, 1), jnp.asarray(x).dtype, -1, 1)).ravel()
    assert u.min() < 0 < u.max()
    for row in range(4):
        for columns in SPECTRA:
            expected = np.interp(np.arange(3) * (1 + 0.4 * u[row]), np.arange(3), x[row, columns])
            np.testing.assert_allclose(y[row, np.array(columns)], expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(y[:, 6], x[:, 6])
    np.testing.assert_array_equal(targets, LABELS[:4])


def test_warp_by_nothing_is_the_identity() -> None:
    y, _ = nn.augment.frequency_warp(SPECTRA, 0.0)(KEY, jnp.asarray(X), jnp.asarray(LABELS))
    np.testing.assert_array_equal(y, X)


@pytest.mark.parametrize(
    ("spectra", "amount", "message"),
    [
        ([0, 1, 2], 0.1, r"\(spectra, bins\), got \(3,\)"),
        ([[0], [1]], 0.1, r"\(spectra, bins\), got \(2, 1\)"),
        ([[0, 1], [1, 2]], 0.1, "occurs twice"),
        ([[0, 1]], 1.0, "amount"),
        ([[0, 1]], -0.1, "amount"),
        ([[0, 1]], float("nan"), "amount"),
        ([[0, 1]], True, "amount"),
    ],
)
def test_warp_refuses(spectra: Any, amount: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.augment.frequency_warp(spectra, amount)


# --- cepstral_noise -------------------------------------------------------------------------------


def test_cepstral_noise_is_a_sum_of_cosines() -> None:
    """Its cosine transform, by scipy, is the noise as drawn, and nothing beyond `order`."""
    x = np.random.default_rng(1).normal(size=(4, 7))
    y, _ = nn.augment.cepstral_noise(SPECTRA, 0.3, order=2)(KEY, jnp.asarray(x), None)
    added = np.asarray(y)[:, SPECTRA] - x[:, SPECTRA]
    # sum_f s cos(...) 2 / bins
    coefficients = np.asarray(scipy.fft.dct(added, type=2, axis=-1)) / 3
    z = np.asarray(jax.random.normal(KEY, (4, 2, 2), jnp.asarray(x).dtype))
    np.testing.assert_allclose(coefficients[..., 0] / 2, 0.3 * z[..., 0], rtol=1e-9)
    np.testing.assert_allclose(coefficients[..., 1], 0.3 * z[..., 1], rtol=1e-9)
    np.testing.assert_allclose(coefficients[..., 2], 0, atol=1e-12)
    np.testing.assert_array_equal(y[:, 6], x[:, 6])


@pytest.mark.parametrize(
    ("spectra", "amount", "order", "message"),
    [
        ([0, 1, 2], 0.1, 1, r"\(spectra, bins\), got \(3,\)"),
        ([[0, 1], [1, 2]], 0.1, 1, "occurs twice"),
        ([[0, 1]], -0.1, 1, "amount"),
        ([[0, 1]], float("inf"), 1, "amount"),
        ([[0, 1]], 0.1, 0, "order"),
        ([[0, 1]], 0.1, 3, r"order.*from 1 to 2"),
    ],
)
def test_cepstral_noise_refuses(spectra: Any, amount: float, order: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.augment.cepstral_noise(spectra, amount, order)


# --- chained --------------------------------------------------------------------------------------


def test_chained_keeps_the_order_and_draws_apart() -> None:
    """(x + a) * 2 + b with two different draws a and b."""

    def jitter(key: jax.Array, x: jax.Array, targets: Any) -> tuple[jax.Array, Any]:
        return x + jax.random.normal(key, x.shape, x.dtype), targets

    def double(key: jax.Array, x: jax.Array, targets: Any) -> tuple[jax.Array, Any]:
        return 2 * x, targets

    zero = jnp.zeros((2, 3))
    y, _ = nn.augment.chained([jitter, double, jitter])(KEY, zero, None)
    a, b = (jax.random.normal(jax.random.fold_in(KEY, i), (2, 3), zero.dtype) for i in (0, 2))
    np.testing.assert_allclose(y, 2 * a + b, rtol=1e-12)
    assert not np.allclose(a, b)


def test_chain_of_nothing_is_the_identity() -> None:
    assert nn.augment.chained([])(KEY, jnp.asarray(X), LABELS)[1] is LABELS
