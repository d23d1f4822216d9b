"""Output codes: what makes a code, its loss, decoding, and a network with a score per bit."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from loss_problems import X, both, train

import nnjax as nn
from nnjax.codes import coded_cross_entropy, decode, output_codes
from nnjax.losses import (
    Weighted,
    sigmoid_cross_entropy,
)


def distances(rows: np.ndarray) -> np.ndarray:
    return (rows[:, None] != rows[None]).sum(-1)[np.triu_indices(len(rows), 1)]


@pytest.mark.parametrize(
    ("classes", "bits"),
    [(2, 1), (3, 2), (3, 3), (4, 2), (4, 7), (5, 3), (5, 15), (8, 3), (9, 8), (10, 15), (26, 5)],
)
def test_output_codes_keep_the_rules(classes: int, bits: int) -> None:
    """Rows differ; columns differ, also from complements, and none is constant. The tightest
    numbers of bits are among these: as few as words need, and all ways to divide the classes."""
    codes = np.asarray(output_codes(classes, bits, jax.random.key(classes)))
    assert codes.shape == (classes, bits)
    assert set(codes.flat) == {0, 1}
    assert distances(codes).min() >= 1
    columns = np.vstack([codes.T, np.zeros((1, classes), int)])
    apart = distances(columns)
    assert apart.min() >= 1
    assert apart.max() <= classes - 1


def test_output_codes_are_far_apart() -> None:
    """The exhaustive code of 4 classes has all distances 4. For 26 words of 30 bits Plotkin's bound
    on the mean distance is 15.6, so no code has more than 15; random ones have 5 or 6."""
    assert distances(np.asarray(output_codes(4, 7, jax.random.key(0)))).tolist() == [4] * 6
    for seed in range(3):
        codes = np.asarray(output_codes(26, 30, jax.random.key(seed)))
        assert distances(codes).min() >= 13


def test_output_codes_depend_on_the_key_alone() -> None:
    one, same, other = (np.asarray(output_codes(10, 15, jax.random.key(s))) for s in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.parametrize(
    ("classes", "bits", "message"),
    [
        (5, 2, "2 bits make 4 different words, got 5 classes"),
        (3, 4, "3 classes allow 3 different columns, got 4 bits"),
        (1, 3, r"output_codes\(classes\).*at least 2, got 1"),
        (4, 0, r"output_codes\(bits\).*positive whole number, got 0"),
        (4, 3.0, "whole number"),
    ],
)
def test_output_codes_say_what_cannot_be(classes: int, bits: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        output_codes(classes, bits, jax.random.key(0))


CODES = np.array([[0, 0, 0, 0, 0], [1, 1, 1, 0, 0], [0, 0, 1, 1, 1]])


def test_coded_cross_entropy_is_that_of_the_words() -> None:
    rng = np.random.default_rng(0)
    z, labels, weights = (
        rng.normal(size=(4, 2, 5)),
        rng.integers(3, size=(4, 2)),
        rng.random((4, 2)),
    )
    loss = coded_cross_entropy(CODES)
    for wrap in (lambda t: t, lambda t: Weighted(t, weights)):
        J, dz = both(loss, z, wrap(labels))
        expected = both(sigmoid_cross_entropy, z, wrap(CODES[labels].astype(float)))
        assert expected[0] == J
        np.testing.assert_array_equal(dz, expected[1])


@pytest.mark.parametrize("label", [-1, 3])
def test_coded_cross_entropy_of_an_unknown_label_is_nan(label: int) -> None:
    J, dz = both(coded_cross_entropy(CODES), np.zeros((2, 5)), [1, label])
    assert np.isnan(J)
    assert np.isfinite(dz[0]).all()
    assert np.isnan(dz[1]).all()


def test_losses_of_equal_codes_are_equal() -> None:
    """So that what was compiled for one serves the other."""
    one, same = coded_cross_entropy(CODES), coded_cross_entropy(jnp.asarray(CODES))
    assert one == same
    assert hash(one) == hash(same)
    assert one != coded_cross_entropy(CODES[:, ::-1])


@pytest.mark.parametrize("codes", [np.zeros(3), np.full((2, 2), 2), np.full((2, 2), 0.5)])
def test_codes_are_zeros_and_ones(codes: np.ndarray) -> None:
    with pytest.raises(ValueError, match="0s and 1s"):
        coded_cross_entropy(codes)


@pytest.mark.parametrize(
    ("scores", "labels"), [((4, 3), (4,)), ((4, 5), (4, 5)), ((4, 5), (3,)), ((4, 5), (4, 1))]
)
def test_coded_cross_entropy_names_the_shapes(scores: Any, labels: Any) -> None:
    with pytest.raises(ValueError, match=r"coded_cross_entropy.*\(3, 5\)") as error:
        both(coded_cross_entropy(CODES), np.zeros(scores), np.zeros(labels, int))
    assert str(scores) in str(error.value)
    assert str(labels) in str(error.value)


def test_decode_in_a_loop() -> None:
    z = np.random.default_rng(0).normal(size=(4, 2, 5))
    p = 1 / (1 + np.exp(-z))
    soft, hard = (
        [[[-np.abs(q[b, m] - word).sum() for word in CODES] for m in range(2)] for b in range(4)]
        for q in (p, (z > 0).astype(float))
    )
    np.testing.assert_allclose(decode(CODES, jnp.asarray(z)), soft, rtol=1e-14)
    np.testing.assert_array_equal(decode(CODES, jnp.asarray(z), "hamming"), hard)


def test_decode_mends_as_many_bits_as_the_code_promises() -> None:
    """Smallest distance 3 mends any 1 bit."""
    for c, word in enumerate(CODES):
        for k in range(5):
            written = 2.0 * word - 1
            written[k] *= -1
            z = jnp.asarray(9 * written)[None]
            for distance in ("l1", "hamming"):
                assert decode(CODES, z, distance).argmax() == c


def test_accuracy_of_decoded_scores() -> None:
    z = jnp.asarray(5.0 * (2 * CODES - 1))
    assert nn.accuracy(decode(CODES, z), jnp.array([0, 1, 0])) == 2 / 3


def test_decode_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"\(3, 5\).*\(2, 4\)"):
        decode(CODES, jnp.zeros((2, 4)))
    with pytest.raises(ValueError, match='"l1" or "hamming"'):
        decode(CODES, jnp.zeros((2, 5)), "l2")


def test_fit_with_more_classes_than_outputs() -> None:
    """An output code knows its classes; the network has a score per bit."""
    codes = output_codes(6, 4, jax.random.key(0))
    labels, loss = np.random.default_rng(7).integers(6, size=12), coded_cross_entropy(codes)
    labels[0] = 5

    def metric(scores: jax.Array, targets: Any) -> jax.Array:
        return nn.accuracy(decode(codes, scores), targets)

    data = (X, Weighted(labels, np.ones(12)))
    _, history = train(loss, data, outputs=4, validation=data, metric=metric)
    assert np.isfinite(history.train_loss).all()
    assert np.isfinite(history.validation_accuracy).all()
    with pytest.raises(ValueError, match=r"labels go from 0 to 5 .*4 outputs, but row 0 has 6"):
        train(loss, (X, labels + 1), outputs=4)
    with pytest.raises(ValueError, match=r"labels go from 0 to 2 .*5 outputs, but row 0 has 3"):
        train(coded_cross_entropy(CODES), (X, np.full(12, 3)), outputs=5)
