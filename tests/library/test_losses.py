"""Losses at their delicate points, weights and masks, smoothing, and output codes.

Expected numbers are closed forms or loops in numpy, or worked by hand.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import nnjax as nn
from nnjax.codes import coded_cross_entropy, decode, output_codes
from nnjax.losses import (
    Weighted,
    binary_cross_entropy,
    categorical_cross_entropy,
    hinge,
    huber,
    label_smoothing,
    mean_absolute_error,
    mean_squared_error,
    multiclass_hinge,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)

CLASSES = {
    "softmax_cross_entropy": softmax_cross_entropy,
    "categorical_cross_entropy": categorical_cross_entropy,
    "multiclass_hinge": multiclass_hinge,
    "label_smoothing": label_smoothing(softmax_cross_entropy, 0.1),
    "coded_cross_entropy": coded_cross_entropy(np.eye(3)),
}
ELEMENTS = {
    "sigmoid_cross_entropy": sigmoid_cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "mean_squared_error": mean_squared_error,
    "mean_absolute_error": mean_absolute_error,
    "huber": huber(0.1),
    "hinge": hinge,
}
LOSSES = CLASSES | ELEMENTS


@functools.partial(jax.jit, static_argnums=0)
def _compiled(loss: nn.Loss, scores: Any, targets: Any) -> Any:
    J, residuals = loss.forward(scores, targets)
    return J, loss.backward(residuals)


def both(loss: nn.Loss, scores: Any, targets: Any) -> tuple[float, np.ndarray]:
    """J and dscores."""
    J, dscores = _compiled(loss, np.asarray(scores), jax.tree.map(np.asarray, targets))
    return float(J), np.asarray(dscores)


def problem(name: str, rows: int = 6, seed: int = 0) -> tuple[nn.Loss, np.ndarray, np.ndarray]:
    """A loss with scores and targets (rows, ...) that suit it."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.1, 0.9, size=(rows, 3))
    if name in CLASSES:
        return LOSSES[name], p / p.sum(-1, keepdims=True), rng.integers(3, size=rows)
    if name == "hinge":
        return hinge, p, rng.choice([-1.0, 1.0], size=(rows, 3))
    return LOSSES[name], p, rng.uniform(size=(rows, 3))


# --- binary cross-entropy from probabilities ------------------------------------------------------


def test_binary_cross_entropy_of_sure_probabilities() -> None:
    """0 log 0 = 0: right costs nothing with the slopes 1 and -1, wrong costs everything."""
    p, t = [[0.0], [1.0]], [[0.0], [1.0]]
    J, dp = both(binary_cross_entropy, p, t)
    assert J == 0
    np.testing.assert_array_equal(dp, [[0.5], [-0.5]])
    J, dp = both(binary_cross_entropy, p, t[::-1])
    assert np.isposinf(J)
    np.testing.assert_array_equal(dp, [[-np.inf], [np.inf]])


def test_binary_cross_entropy_clips_nothing_and_keeps_small_digits() -> None:
    """-log 1e-300 = 300 log 10; -log(1 - 1e-20) = 1e-20, of which 1 - p keeps nothing."""
    J, dp = both(binary_cross_entropy, [[1e-300]], [[1.0]])
    np.testing.assert_allclose(J, 300 * np.log(10), rtol=1e-15)
    np.testing.assert_allclose(dp, [[-1e300]], rtol=1e-15)
    J, dp = both(binary_cross_entropy, [[1e-20]], [[0.0]])
    np.testing.assert_allclose(J, 1e-20, rtol=1e-15)
    np.testing.assert_array_equal(dp, [[1.0]])


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_fused_and_composed_binary_cross_entropy_are_the_same(t: float) -> None:
    z = np.array([[-3.0, 0.0, 0.5, 8.0]])
    targets = np.full_like(z, t)
    p, residuals = nn.sigmoid().forward((), jnp.asarray(z))
    J, dp = both(binary_cross_entropy, p, targets)
    _, dz = nn.sigmoid().backward((), residuals, jnp.asarray(dp))
    fused = both(sigmoid_cross_entropy, z, targets)
    np.testing.assert_allclose(J, fused[0], rtol=1e-12)
    np.testing.assert_allclose(dz, fused[1], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_autodiff_of_binary_cross_entropy_is_right_at_zero(zero: float) -> None:
    """The usual formula gives 0 or -1 there instead of 1/2 - t."""
    z, t = jnp.full((1, 3), zero), jnp.array([[0.0, 0.3, 1.0]])
    slope = jax.jit(jax.grad(lambda z: sigmoid_cross_entropy.forward(z, t)[0]))(z)
    np.testing.assert_allclose(slope, [[0.5 / 3, 0.2 / 3, -0.5 / 3]], rtol=1e-15)
    np.testing.assert_allclose(both(sigmoid_cross_entropy, z, t)[1], slope, rtol=1e-15)


# --- regression -----------------------------------------------------------------------------------


def test_absolute_error_by_hand() -> None:
    """|3 - 1| + |-2 - 1| + 0 = 5 over 3 elements; signs 1, -1 and 0 for the hit."""
    J, dy = both(mean_absolute_error, [[3.0, -2.0, 4.0]], [[1.0, 1.0, 4.0]])
    np.testing.assert_allclose(J, 5 / 3, rtol=1e-15)
    np.testing.assert_allclose(dy, [[1 / 3, -1 / 3, 0.0]], rtol=1e-15)


def test_huber_by_hand() -> None:
    """delta = 2: d = 1 costs 1/2, d = -2 costs 2 either way, d = 5 costs 2 (5 - 1) = 8."""
    J, dy = both(huber(2), [[1.0, -2.0, 5.0, 0.0]], np.zeros((1, 4)))
    np.testing.assert_allclose(J, (0.5 + 2 + 8) / 4, rtol=1e-15)
    np.testing.assert_allclose(dy * 4, [[1.0, -2.0, 2.0, 0.0]], rtol=1e-15)


@pytest.mark.parametrize("d", [np.inf, -np.inf, 1e300])
def test_huber_of_an_outlier_pulls_with_delta(d: float) -> None:
    J, dy = both(huber(0.5), [[d]], [[0.0]])
    assert np.abs(d) * 0.5 == J
    np.testing.assert_array_equal(dy, [[np.sign(d) * 0.5]])


def test_huber_lies_between_squared_and_absolute_error() -> None:
    y, t = np.random.default_rng(0).normal(size=(2, 5, 3))
    squared, absolute = both(mean_squared_error, y, t), both(mean_absolute_error, y, t)
    np.testing.assert_allclose(2 * both(huber(100), y, t)[1], squared[1], rtol=1e-14)
    np.testing.assert_allclose(both(huber(1e-9), y, t)[0] / 1e-9, absolute[0], rtol=1e-8)
    np.testing.assert_allclose(both(huber(1e-9), y, t)[1] / 1e-9, absolute[1], rtol=1e-14)


@pytest.mark.parametrize("delta", [0, -1.0, np.inf, np.nan, True])
def test_huber_needs_a_positive_number(delta: float) -> None:
    with pytest.raises(ValueError, match="positive finite number"):
        huber(delta)


# --- margins --------------------------------------------------------------------------------------


def test_hinge_by_hand() -> None:
    """t s = 0.5, -2, 1, 3: costs 0.5, 3, 0 and 0; at the margin nothing pulls."""
    s, t = [[0.5, 2.0, 1.0, -3.0]], [[1, -1, 1, -1]]
    J, ds = both(hinge, s, t)
    assert J == 3.5 / 4
    np.testing.assert_array_equal(ds, [[-0.25, 0.25, 0.0, 0.0]])


@pytest.mark.parametrize("t", [0.0, 0.5, 2.0])
def test_hinge_of_other_targets_is_nan(t: float) -> None:
    J, ds = both(hinge, [[0.5], [0.5]], [[1.0], [t]])
    assert np.isnan(J)
    np.testing.assert_array_equal(ds, [[-0.5], [np.nan]])


def test_multiclass_hinge_in_a_loop() -> None:
    rng = np.random.default_rng(0)
    s, labels = rng.normal(size=(6, 4)), rng.integers(4, size=6)
    cost, slope = 0.0, np.zeros_like(s)
    for b, y in enumerate(labels):
        for j in set(range(4)) - {y}:
            if 1 + s[b, j] - s[b, y] > 0:
                cost += 1 + s[b, j] - s[b, y]
                slope[b, j] += 1
                slope[b, y] -= 1
    J, ds = both(multiclass_hinge, s, labels)
    np.testing.assert_allclose(J, cost / 6, rtol=1e-14)
    np.testing.assert_allclose(ds, slope / 6, rtol=1e-15)


def test_multiclass_hinge_at_the_margin_does_not_pull() -> None:
    J, ds = both(multiclass_hinge, [[2.0, 1.0, 0.5]], [0])
    assert J == 0
    np.testing.assert_array_equal(ds, [[0.0, 0.0, 0.0]])


@pytest.mark.parametrize("label", [-1, 3])
def test_multiclass_hinge_of_an_unknown_label_is_nan(label: int) -> None:
    J, ds = both(multiclass_hinge, np.ones((2, 3)), [0, label])
    assert np.isnan(J)
    assert np.isfinite(ds[0]).all()
    assert np.isnan(ds[1]).all()


def test_multiclass_hinge_of_a_class_that_cannot_be() -> None:
    J, ds = both(multiclass_hinge, [[0.0, -np.inf, 0.5]], [0])
    assert J == 1.5
    np.testing.assert_array_equal(ds, [[-1.0, 0.0, 1.0]])


@pytest.mark.parametrize("targets", [np.eye(3)[[0, 1]], np.zeros(2), np.zeros((2, 1), int)])
def test_multiclass_hinge_takes_labels_only(targets: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"multiclass_hinge.*\(2, 3\).*whole-number labels"):
        both(multiclass_hinge, np.zeros((2, 3)), targets)


# --- weights and masks ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
def test_equal_weights_change_nothing(name: str) -> None:
    loss, scores, targets = problem(name)
    plain = both(loss, scores, targets)
    weighted = both(loss, scores, Weighted(targets, np.full(6, 7)))
    np.testing.assert_allclose(weighted[0], plain[0], rtol=1e-14)
    np.testing.assert_allclose(weighted[1], plain[1], rtol=1e-13, atol=1e-17)


@pytest.mark.parametrize("name", LOSSES)
def test_a_weight_counts_like_that_many_examples(name: str) -> None:
    loss, scores, targets = problem(name)
    times = np.array([1, 3, 0, 2, 0, 1])
    J, slopes = both(loss, scores, Weighted(targets, times))
    repeated = both(loss, np.repeat(scores, times, axis=0), np.repeat(targets, times, axis=0))
    np.testing.assert_allclose(J, repeated[0], rtol=1e-14)
    firsts = np.searchsorted(np.repeat(np.arange(6), times), [0, 1, 3, 5])
    np.testing.assert_allclose(
        slopes[[0, 1, 3, 5]], repeated[1][firsts] * np.array([[1], [3], [2], [1]]), rtol=1e-13
    )
    np.testing.assert_array_equal(slopes[[2, 4]], np.zeros((2, 3)))


@pytest.mark.parametrize("name", ELEMENTS)
def test_weights_of_elements(name: str) -> None:
    loss, scores, targets = problem(name)
    mask = np.random.default_rng(1).integers(2, size=scores.shape)
    J, slopes = both(loss, scores, Weighted(targets, mask))
    kept = mask.astype(bool)
    alone = both(loss, scores[kept][:, None], targets[kept][:, None])
    np.testing.assert_allclose(J, alone[0], rtol=1e-14)
    np.testing.assert_allclose(slopes[kept], alone[1][:, 0], rtol=1e-13)
    np.testing.assert_array_equal(slopes[~kept], 0)


@pytest.mark.parametrize("name", LOSSES)
def test_padding_cannot_poison(name: str) -> None:
    """A row that does not exist may hold anything: label -1, NaN, infinite scores."""
    loss, scores, targets = problem(name, rows=8)
    alone = both(loss, scores[:4], targets[:4])
    scores[4:] = [[np.nan], [np.inf], [-np.inf], [0.0]]
    targets[4:] = -1 if name in CLASSES else np.nan
    mask = np.arange(8) < 4
    J, slopes = both(loss, scores, Weighted(targets, mask))
    np.testing.assert_allclose(J, alone[0], rtol=1e-14)
    np.testing.assert_allclose(slopes[:4], alone[1], rtol=1e-14)
    np.testing.assert_array_equal(slopes[4:], 0)


def test_autodiff_through_padding_is_not_poisoned() -> None:
    targets: Any = Weighted(np.array([0, -1]), np.array([True, False]))
    z = jnp.array([[0.0, 0.0], [jnp.nan, jnp.inf]])
    slope = jax.jit(jax.grad(lambda z: softmax_cross_entropy.forward(z, targets)[0]))(z)
    np.testing.assert_allclose(slope, [[-0.5, 0.5], [0.0, 0.0]], rtol=1e-15)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("rows", [0, 6])
def test_loss_without_weight_is_nan_and_pulls_nothing(name: str, rows: int) -> None:
    """The mean of nothing, as the loss of no examples."""
    loss, scores, targets = problem(name)
    J, slopes = both(loss, scores[:rows], Weighted(targets[:rows], np.zeros(rows)))
    assert np.isnan(J)
    np.testing.assert_array_equal(slopes, np.zeros((rows, 3)))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shape", [(), (5,), (6, 1), (1, 6), (6, 3, 1)])
def test_weights_of_a_wrong_shape_name_both_shapes(name: str, shape: tuple[int, ...]) -> None:
    loss, scores, targets = problem(name)
    with pytest.raises(ValueError, match=r"\(6, 3\) need weights of shape \(6,\)") as error:
        both(loss, scores, Weighted(targets, np.ones(shape)))
    assert str(shape) in str(error.value)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "multiclass_hinge"])
def test_classes_take_no_weights_of_elements(name: str) -> None:
    loss, scores, targets = problem(name)
    with pytest.raises(ValueError, match="need weights"):
        both(loss, scores, Weighted(targets, np.ones((6, 3))))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
@pytest.mark.parametrize("name", LOSSES)
def test_weighted_loss_keeps_the_dtype_of_scores(name: str, dtype: Any) -> None:
    loss, scores, targets = problem(name)
    J, slopes = jax.eval_shape(
        lambda s, w: _compiled(loss, s, Weighted(targets, w)),
        *(jnp.asarray(scores, dtype), np.ones(6, np.int32)),
    )
    assert (J.dtype, slopes.dtype) == (dtype, dtype)


@pytest.mark.parametrize("weigh", [False, True])
@pytest.mark.parametrize("name", ["softmax_cross_entropy", "sigmoid_cross_entropy"])
def test_half_precision_can_count_its_examples(name: str, weigh: bool) -> None:
    """float16 ends at 65504: neither the sum of the costs nor n may pass through it."""
    loss, scores, targets = problem(name, rows=70_000)
    given: Any = Weighted(targets, np.ones(70_000)) if weigh else targets
    wide = both(loss, scores, given)
    J, slopes = both(loss, scores.astype(np.float16), given)
    np.testing.assert_allclose(J, wide[0], rtol=5e-3)
    np.testing.assert_allclose(slopes, wide[1], rtol=0.05, atol=2e-7)  # 6e-8 is float16's least
    assert np.abs(slopes).max() > 0


# --- label smoothing ------------------------------------------------------------------------------


def test_smoothed_softmax_cross_entropy_by_hand() -> None:
    """z = (0, log 3): p = (1/4, 3/4). Label 1 smoothed by 0.2: t = (0.1, 0.9)."""
    J, dz = both(label_smoothing(softmax_cross_entropy, 0.2), [[0.0, np.log(3)]], [1])
    np.testing.assert_allclose(J, 0.1 * np.log(4) + 0.9 * np.log(4 / 3), rtol=1e-14)
    np.testing.assert_allclose(dz, [[0.15, -0.15]], rtol=1e-14)


def test_smoothed_sigmoid_cross_entropy_by_hand() -> None:
    """At z = 0: J = log 2 whatever t; slopes 1/2 - t with t = 0.05 and 0.95."""
    J, dz = both(label_smoothing(sigmoid_cross_entropy, 0.1), np.zeros((1, 2)), [[0.0, 1.0]])
    np.testing.assert_allclose(J, np.log(2), rtol=1e-15)
    np.testing.assert_allclose(dz, [[0.225, -0.225]], rtol=1e-14)


def test_smoothing_is_least_at_a_finite_gap() -> None:
    """At the gap log(0.95 / 0.05) the slope is 0; without smoothing it never is."""
    z = [[0.0, np.log(0.95 / 0.05)]]
    dz = both(label_smoothing(softmax_cross_entropy, 0.1), z, [1])[1]
    np.testing.assert_allclose(dz, [[0.0, 0.0]], atol=1e-15)


@pytest.mark.parametrize("loss", [softmax_cross_entropy, categorical_cross_entropy])
def test_smoothed_labels_and_smoothed_rows_are_the_same(loss: nn.Loss) -> None:
    p = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]])
    smooth = label_smoothing(loss, 0.1)
    J, dp = both(smooth, p, [2, 0])
    for targets in (np.eye(3)[[2, 0]], np.eye(3, dtype=int)[[2, 0]]):
        other = both(smooth, p, targets)
        assert other[0] == J
        np.testing.assert_array_equal(other[1], dp)
    by_hand = both(loss, p, 0.9 * np.eye(3)[[2, 0]] + 0.1 / 3)
    np.testing.assert_allclose(dp, by_hand[1], rtol=1e-14)


@pytest.mark.parametrize("amount", [-0.1, 1.0, np.nan, True])
def test_smoothing_needs_an_amount(amount: float) -> None:
    with pytest.raises(ValueError, match=r"label_smoothing\(amount\).*\[0, 1\)"):
        label_smoothing(softmax_cross_entropy, amount)


@pytest.mark.parametrize("name", ["mean_squared_error", "hinge", "huber", "label_smoothing"])
def test_smoothing_is_for_cross_entropies(name: str) -> None:
    with pytest.raises(ValueError, match="expected softmax_"):
        label_smoothing(LOSSES[name], 0.1)


# --- output codes ---------------------------------------------------------------------------------


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


# --- training -------------------------------------------------------------------------------------

RNG = np.random.default_rng(7)
X, LABELS = RNG.normal(size=(12, 2)), RNG.integers(3, size=12)
REAL = np.arange(12) % 3 > 0
PADDED = np.where(REAL, LABELS, -1)


def train(
    loss: nn.Loss, data: Any, outputs: int = 3, **settings: Any
) -> tuple[nn.Dense, nn.History]:
    params, _ = nn.dense(outputs).init(jax.random.key(0), (2,))
    optimizer = optax.sgd(0.5)
    settings = {"epochs": 3, "batch_size": 12} | settings
    return nn.fit(nn.dense(outputs), loss, optimizer, params, data, **settings)


def test_fit_on_padded_rows_is_fit_on_the_real_ones() -> None:
    validation = (X[:6], Weighted(PADDED[:6], REAL[:6]))
    padded = train(softmax_cross_entropy, (X, Weighted(PADDED, REAL)), validation=validation)
    kept = train(
        *(softmax_cross_entropy, (X[REAL], LABELS[REAL])),
        validation=(X[:6][REAL[:6]], LABELS[:6][REAL[:6]]),
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), padded, kept)


def test_sweep_takes_weights() -> None:
    settings: Any = {"seeds": [0, 1], "arms": {"learning_rate": [0.1, 0.5]}, "epochs": 2}
    padded, kept = (
        nn.sweep(
            *(nn.dense(3), softmax_cross_entropy, optax.sgd, data),
            **settings,
            batch_size=12,
            shuffle=False,
        )
        for data in ((X, Weighted(PADDED, REAL)), (X[REAL], LABELS[REAL]))
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), padded, kept)


def test_weights_go_with_their_rows_into_shuffled_batches() -> None:
    """Batches of 1: every real row gives the loss of weight 1, whatever its weight."""
    weights = RNG.uniform(0.5, 2, size=12)
    one, other = (
        train(softmax_cross_entropy, data, batch_size=1, key=jax.random.key(1))
        for data in ((X, LABELS), (X, Weighted(LABELS, weights)))
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), one, other)


def test_a_batch_without_weight_does_not_poison_the_parameters() -> None:
    params, history = train(
        softmax_cross_entropy, (X, Weighted(LABELS, np.arange(12) < 1)), batch_size=6
    )
    assert np.isnan(history.train_loss).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (Weighted(PADDED, np.ones(12)), "data: labels go from 0 to 2 .* but row 0 has -1"),
        (Weighted(PADDED, REAL.astype(float) - 0.5), "at least 0, but row 0 has -0.5"),
        (Weighted(LABELS, np.full(12, np.nan)), "data: expected finite weights .* row 0 has nan"),
        (Weighted(LABELS, np.zeros(12)), "data: all weights are 0"),
        (Weighted(LABELS, np.ones(11)), r"data: .*targets=\(12,\), weights=\(11,\)"),
        (Weighted(LABELS, np.ones((12, 3))), r"data: softmax_cross_entropy: .* need weights"),
        (Weighted(LABELS, 1.0), r"data: .*targets=\(12,\), weights=\(\)"),
        (None, "data: expected inputs"),
    ],
)
def test_fit_says_what_is_wrong_with_weights(targets: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(softmax_cross_entropy, (X, targets))


@pytest.mark.parametrize("kind", [list, tuple])
def test_lists_and_tuples_of_labels_are_arrays(kind: Callable[[Any], Any]) -> None:
    one, other = (
        train(softmax_cross_entropy, (X, t)) for t in (LABELS, kind(int(y) for y in LABELS))
    )
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_fit_takes_a_tree_of_targets_for_a_loss_that_does() -> None:
    def forward(scores: jax.Array, targets: Any) -> Any:
        return mean_squared_error.forward(scores, targets["a"] + targets["b"])

    tree = {"a": X, "b": X[:, ::-1]}
    loss = nn.Loss(forward, mean_squared_error.backward)
    one = train(loss, (X, tree), outputs=2, batch_size=5)
    other = train(mean_squared_error, (X, X + X[:, ::-1]), outputs=2, batch_size=5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14), one, other)


def test_fit_with_more_classes_than_outputs() -> None:
    """An output code knows its classes; the network has a score per bit."""
    codes = output_codes(6, 4, jax.random.key(0))
    labels, loss = RNG.integers(6, size=12), coded_cross_entropy(codes)
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


def test_accuracy_is_the_weighted_mean_of_hits() -> None:
    """Hits of weight 1 and 2, a miss of weight 5, padding: 3 / 8."""
    scores = jnp.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    targets = Weighted(jnp.array([0, 1, 1, -1]), jnp.array([1, 2, 5, 0]))
    assert nn.accuracy(scores, targets) == 3 / 8
    assert nn.accuracy(scores, Weighted(targets.targets, np.zeros(4, bool))) != 0  # NaN
    rows = Weighted(jnp.eye(2)[jnp.array([0, 1, 1, 0])], targets.weights)
    assert nn.accuracy(scores, rows) == 3 / 8
    with pytest.raises(ValueError, match=r"accuracy.*\(4, 2\).*weights \(4,\), got \(4, 2\)"):
        nn.accuracy(scores, Weighted(targets.targets, jnp.ones((4, 2))))


# --- an independent implementation ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "of_optax"),
    [
        (mean_absolute_error, lambda y, t: jnp.abs(y - t)),
        (huber(0.5), lambda y, t: optax.huber_loss(y, t, delta=0.5)),
        (sigmoid_cross_entropy, optax.sigmoid_binary_cross_entropy),
        (mean_squared_error, optax.squared_error),
    ],
)
def test_losses_of_optax(loss: nn.Loss, of_optax: Callable[..., jax.Array]) -> None:
    rng = np.random.default_rng(0)
    y, t, w = rng.normal(size=(5, 3)), rng.uniform(size=(5, 3)), rng.uniform(size=(5, 3))
    J, slopes = both(loss, y, Weighted(t, w))
    expected = jax.value_and_grad(lambda y: jnp.sum(w * of_optax(y, t)) / w.sum())(jnp.asarray(y))
    np.testing.assert_allclose(J, expected[0], rtol=1e-13)
    np.testing.assert_allclose(slopes, expected[1], rtol=1e-12)


def test_losses_of_torch() -> None:
    """Masks and smoothing together, where others went wrong (pytorch issue 73205)."""
    torch = pytest.importorskip("torch", reason="PyTorch is the extra 'torch'")
    F = torch.nn.functional
    rng = np.random.default_rng(0)
    z, p, t = rng.normal(size=(6, 4)), rng.uniform(0.1, 0.9, size=(6, 4)), rng.random((6, 4))
    mask = np.array([1, 1, 0, 1, 0, 1], bool)
    labels = np.where(mask, rng.integers(4, size=6), -1)
    known = np.abs(labels)
    T = torch.tensor
    rows: list[tuple[nn.Loss, Any, Any, Callable[[Any], Any]]] = [
        (binary_cross_entropy, p, t, lambda s: F.binary_cross_entropy(s, T(t))),
        (mean_absolute_error, z, t, lambda s: F.l1_loss(s, T(t))),
        (huber(0.5), z, t, lambda s: F.huber_loss(s, T(t), delta=0.5)),
        (multiclass_hinge, z, known, lambda s: 4 * F.multi_margin_loss(s, T(known))),
        (
            label_smoothing(softmax_cross_entropy, 0.1),
            z,
            Weighted(labels, mask),
            lambda s: F.cross_entropy(s, T(labels), ignore_index=-1, label_smoothing=0.1),
        ),
    ]
    for loss, scores, targets, of_torch in rows:
        s = T(scores, requires_grad=True)
        expected = of_torch(s)
        expected.backward()
        J, slopes = both(loss, scores, targets)
        np.testing.assert_allclose(J, expected.item(), rtol=1e-13)
        np.testing.assert_allclose(slopes, s.grad.numpy(), rtol=1e-12, atol=1e-16)
