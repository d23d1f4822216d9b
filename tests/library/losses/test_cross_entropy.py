"""Cross-entropies where rules go wrong in practice: sure predictions, infinities, wrong labels.

Expected numbers are closed forms evaluated in numpy, not by JAX.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from loss_problems import both
from points import logit_of_sure_prediction

import nnjax as nn

LOGITS = {
    "softmax_cross_entropy": nn.softmax_cross_entropy,
    "categorical_cross_entropy": nn.categorical_cross_entropy,
}
LOSSES = LOGITS | {
    "sigmoid_cross_entropy": nn.sigmoid_cross_entropy,
    "mean_squared_error": nn.mean_squared_error,
}


# --- softmax cross-entropy ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_of_huge_logits_is_exact(dtype: type) -> None:
    """Three rows: wrong by 2e4, right by 2e4, undecided. Loss (2e4 + 0 + log 2) / 3."""
    z = np.array([[1e4, -1e4], [-1e4, 1e4], [1e4, 1e4]], dtype)
    J, dz = both(nn.softmax_cross_entropy, z, np.array([1, 1, 0]))
    np.testing.assert_allclose(J, (2e4 + np.log(2)) / 3, rtol=2 * np.finfo(dtype).eps)
    expected = np.array([[1, -1], [0, 0], [-0.5, 0.5]]) / 3
    np.testing.assert_allclose(dz, expected, rtol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("gap", [0.0, 1e-8, 1.0, 100.0, 1e4])
@pytest.mark.parametrize("target", [0, 1])
def test_cross_entropy_over_a_gap(gap: float, target: int) -> None:
    """Scores (gap, 0): the loss of the upper class is log(1 + exp(-gap)), of the lower that + gap;
    the slope is exp(-gap) / (1 + exp(-gap)) less the target.

    Where the target is sure, the loss is log(1 + tiny), rounded to the eps of 1.
    """
    J, dz = both(nn.softmax_cross_entropy, np.array([[gap, 0.0]]), np.array([target]))
    q = np.exp(-gap) / (1 + np.exp(-gap))
    np.testing.assert_allclose(J, np.log1p(np.exp(-gap)) + gap * target, rtol=1e-14, atol=3e-16)
    slope = q if target == 0 else q - 1
    np.testing.assert_allclose(dz, [[-slope, slope]], rtol=1e-14, atol=3e-16)


def test_cross_entropy_of_a_class_that_cannot_be() -> None:
    """-inf on a class that is not the target costs nothing and gets no gradient."""
    z = np.array([[0.0, -np.inf, 0.0]])
    for targets in (np.array([0]), np.array([[1.0, 0.0, 0.0]])):
        J, dz = both(nn.softmax_cross_entropy, z, targets)
        np.testing.assert_allclose(J, np.log(2), rtol=1e-15)
        np.testing.assert_allclose(dz, [[-0.5, 0.0, 0.5]], rtol=1e-15)


def test_cross_entropy_of_an_impossible_target_is_infinite() -> None:
    J, dz = both(nn.softmax_cross_entropy, np.array([[0.0, -np.inf, 0.0]]), np.array([1]))
    assert np.isposinf(J)
    np.testing.assert_allclose(dz, [[0.5, -1.0, 0.5]], rtol=1e-15)


def test_cross_entropy_with_soft_labels() -> None:
    """z = (0, log 3), p = (1/4, 3/4), t = (0.3, 0.7): J = 0.3 log 4 + 0.7 log 4/3, dz = p - t."""
    J, dz = both(nn.softmax_cross_entropy, np.array([[0.0, np.log(3)]]), np.array([[0.3, 0.7]]))
    np.testing.assert_allclose(J, 0.3 * np.log(4) + 0.7 * np.log(4 / 3), rtol=1e-15)
    np.testing.assert_allclose(dz, [[-0.05, 0.05]], rtol=1e-14)


# --- labels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOGITS.values(), ids=LOGITS)
@pytest.mark.parametrize("label", [-1, 3, 100])
def test_label_out_of_range_is_nan(loss: nn.Loss, label: int) -> None:
    p = np.full((2, 3), 1 / 3)
    J, dp = both(loss, p, np.array([0, label]))
    assert np.isnan(J)
    assert np.isfinite(dp[0]).all()
    assert np.isnan(dp[1]).all()


@pytest.mark.parametrize("loss", LOGITS.values(), ids=LOGITS)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64])
@pytest.mark.parametrize("classes", [3, 300])
def test_label_of_any_whole_number_dtype(loss: nn.Loss, dtype: type, classes: int) -> None:
    """More classes than the labels' dtype can count are no reason to count wrongly."""
    p = np.full((2, classes), 1 / classes)
    J, dp = both(loss, p, np.array([0, 2], dtype))
    np.testing.assert_allclose(J, np.log(classes), rtol=1e-14)
    np.testing.assert_array_equal(dp.argmin(axis=1), [0, 2])


@pytest.mark.parametrize("loss", LOGITS.values(), ids=LOGITS)
def test_numpy_labels_are_taken_as_they_are(loss: nn.Loss) -> None:
    """numpy's default whole number has 64 bits, also where JAX runs with 32."""
    with jax.enable_x64(False):
        J, _ = loss.forward(jnp.full((2, 3), 1 / 3), np.array([0, 2]))  # pyright: ignore[reportArgumentType]
        np.testing.assert_allclose(J, np.log(3), rtol=1e-6)


@pytest.mark.parametrize("loss", LOGITS.values(), ids=LOGITS)
def test_labels_and_one_hot_rows_are_the_same(loss: nn.Loss) -> None:
    p = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]])
    by_label = both(loss, p, np.array([2, 0]))
    for dtype in (np.int32, np.uint8, np.float32, np.float64):
        J, dp = both(loss, p, np.eye(3, dtype=dtype)[[2, 0]])
        assert by_label[0] == J
        np.testing.assert_array_equal(by_label[1], dp)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize(
    "targets", [np.zeros((3, 2)), np.zeros((2, 4)), np.zeros((1, 2)), np.zeros(2), np.zeros((2, 1))]
)
def test_wrong_shape_names_both_shapes(loss: nn.Loss, targets: np.ndarray) -> None:
    with pytest.raises(ValueError, match="need") as error:
        loss.forward(jnp.ones((2, 3)), jnp.asarray(targets))
    assert "(2, 3)" in str(error.value)
    assert str(targets.shape) in str(error.value)


@pytest.mark.parametrize("loss", LOGITS.values(), ids=LOGITS)
@pytest.mark.parametrize("targets", [np.zeros(2), np.array([True, False])])
def test_labels_that_are_no_whole_numbers_name_their_dtype(
    loss: nn.Loss, targets: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=f"whole-number labels.*dtype {targets.dtype}"):
        loss.forward(jnp.ones((2, 3)), jnp.asarray(targets))


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_targets_are_not_rounded_to_whole_number_scores(loss: nn.Loss) -> None:
    """Whole-number scores are refused or give what the same floats give; never targets cut to 0."""
    targets = jnp.array([[0.5, 0.5]])
    expected = loss.forward(jnp.array([[1.0, 2.0]]), targets)[0]
    try:
        J = loss.forward(jnp.array([[1, 2]]), targets)[0]
    except (TypeError, ValueError):
        return
    np.testing.assert_allclose(J, expected)


# --- binary cross-entropy -------------------------------------------------------------------------


def test_binary_cross_entropy_of_sure_predictions() -> None:
    logit_of_sure_prediction(nn.sigmoid_cross_entropy)


@pytest.mark.parametrize("t", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("z", [0.0, 1e-8, 20.0, -20.0, 100.0, -100.0])
def test_binary_cross_entropy_with_soft_labels(z: float, t: float) -> None:
    J, dz = both(nn.sigmoid_cross_entropy, np.array([[z]]), np.array([[t]]))
    wide = np.longdouble(z)
    log_s, log_not = -np.log1p(np.exp(-wide)), -np.log1p(np.exp(wide))
    slope = (1 - np.longdouble(t)) / (1 + np.exp(-wide)) - t / (1 + np.exp(wide))
    np.testing.assert_allclose(J, float(-(t * log_s + (1 - t) * log_not)), rtol=1e-14)
    np.testing.assert_allclose(dz[0, 0], float(slope), rtol=1e-13, atol=1e-16)


def test_binary_cross_entropy_in_float32_at_100() -> None:
    z = np.array([[100.0, -100.0]], np.float32)
    J, dz = both(nn.sigmoid_cross_entropy, z, np.array([[0.0, 1.0]], np.float32))
    assert J == 100
    np.testing.assert_array_equal(dz, [[0.5, -0.5]])


def test_binary_cross_entropy_of_infinite_logits() -> None:
    """An infinitely sure prediction costs nothing if right and everything if wrong."""
    z = np.array([[np.inf], [-np.inf]])
    right = both(nn.sigmoid_cross_entropy, z, np.array([[1.0], [0.0]]))
    wrong = both(nn.sigmoid_cross_entropy, z, np.array([[0.0], [1.0]]))
    assert (right[0], wrong[0]) == (0, np.inf)
    np.testing.assert_array_equal(right[1], [[0.0], [0.0]])
    np.testing.assert_array_equal(wrong[1], [[0.5], [-0.5]])


# --- categorical cross-entropy --------------------------------------------------------------------


def test_categorical_cross_entropy_of_zero_probabilities() -> None:
    """0 on a class that is not the target costs nothing; on the target, everything."""
    p = np.array([[0.5, 0.5, 0.0]])
    J, dp = both(nn.categorical_cross_entropy, p, np.array([0]))
    np.testing.assert_allclose(J, np.log(2), rtol=1e-15)
    np.testing.assert_array_equal(dp, [[-2.0, 0.0, 0.0]])
    J, dp = both(nn.categorical_cross_entropy, p, np.array([2]))
    assert np.isposinf(J)
    np.testing.assert_array_equal(dp, [[0.0, 0.0, -np.inf]])


def test_categorical_cross_entropy_clips_nothing() -> None:
    J, dp = both(nn.categorical_cross_entropy, np.array([[1e-300, 1.0]]), np.array([0]))
    np.testing.assert_allclose(J, 300 * np.log(10), rtol=1e-15)
    np.testing.assert_allclose(dp[0, 0], -1e300, rtol=1e-15)
