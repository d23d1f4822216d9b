"""The points where rules go wrong in practice: zeros, saturation, ties, infinities, wrong input.

Expected numbers are closed forms evaluated in numpy, not by JAX.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from checks import compiled, compiled_loss
from points import at_zero, far_out, logit_of_sure_prediction

import nnjax as nn

SOFTMAX = nn.softmax()
LOGITS = {
    "softmax_cross_entropy": nn.softmax_cross_entropy,
    "categorical_cross_entropy": nn.categorical_cross_entropy,
}
LOSSES = LOGITS | {
    "sigmoid_cross_entropy": nn.sigmoid_cross_entropy,
    "mean_squared_error": nn.mean_squared_error,
}


def loss_and_gradient(loss: nn.Loss, scores: object, targets: object) -> tuple[float, np.ndarray]:
    J, dscores = compiled_loss(loss, scores, targets)
    return float(J), np.asarray(dscores)


# --- activations ----------------------------------------------------------------------------------


def test_relu_at_zero() -> None:
    at_zero(nn.relu(), 0.0)


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.1, -0.5, 1.5])
def test_leaky_relu_at_zero_has_its_slope(slope: float) -> None:
    at_zero(nn.leaky_relu(slope), slope)


@pytest.mark.parametrize("layer", [nn.relu(), nn.leaky_relu(), nn.sigmoid(), nn.tanh()])
def test_nan_stays_nan(layer: nn.Layer) -> None:
    assert jnp.isnan(layer.forward((), jnp.array([[jnp.nan]]))[0]).all()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_relu_of_the_smallest_numbers(dtype: jnp.dtype) -> None:
    """Subnormal numbers may count as 0 on some processors, so the least normal one is tested, and
    of subnormal ones only that their gradient is 0 or 1 as their output says."""
    tiny = jnp.finfo(dtype).tiny
    x = jnp.array([[tiny, -tiny, tiny / 4, -tiny / 4]], dtype)
    y, mask = nn.relu().forward((), x)
    dx = nn.relu().backward((), mask, jnp.ones_like(x))[1]
    np.testing.assert_array_equal(y[0, :2], np.array([tiny, 0.0], dtype))
    np.testing.assert_array_equal(dx[0, [0, 1, 3]], [1.0, 0.0, 0.0])
    assert dx[0, 2] == 1 or y[0, 2] == 0


def test_relu_of_infinities() -> None:
    y, mask = nn.relu().forward((), jnp.array([[jnp.inf, -jnp.inf]]))
    np.testing.assert_array_equal(y, [[np.inf, 0.0]])
    np.testing.assert_array_equal(nn.relu().backward((), mask, jnp.ones((1, 2)))[1], [[1.0, 0.0]])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize(
    ("layer", "derivative"),
    [
        (nn.sigmoid(), lambda x: 1 / (2 + np.exp(x) + np.exp(-x))),
        (nn.tanh(), lambda x: 4 / (2 + np.exp(2 * x) + np.exp(-2 * x))),
    ],
    ids=["sigmoid", "tanh"],
)
def test_saturated_derivative_keeps_its_digits(
    layer: nn.Layer, derivative: Callable[[np.ndarray], np.ndarray], dtype: jnp.dtype
) -> None:
    far_out(layer, derivative, dtype)


@pytest.mark.parametrize("layer", [nn.sigmoid(), nn.tanh(), nn.softmax()])
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64])
def test_activation_is_finite_far_out(layer: nn.Layer, dtype: jnp.dtype) -> None:
    x = jnp.array([[1e4, -1e4, 0.0]], dtype)
    y, (_, dx) = compiled(layer, (), x, x)
    assert y.dtype == dx.dtype == dtype
    assert jnp.isfinite(y).all()
    assert jnp.isfinite(dx).all()


@pytest.mark.parametrize("gap", [0.0, 1e-8, 100.0, 700.0])
def test_softmax_over_a_gap(gap: float) -> None:
    """p = 1 / (1 + exp(-gap)), 1 / (1 + exp(gap)); the rule's slope is their product."""
    y, (_, dx) = compiled(SOFTMAX, (), np.array([[gap, 0.0]]), np.array([[1.0, 0.0]]))
    p, q = 1 / (1 + np.exp(-gap)), 1 / (1 + np.exp(gap))
    np.testing.assert_allclose(y[0], [p, q], rtol=1e-14)
    np.testing.assert_allclose(dx[0, 1], -p * q, rtol=1e-14)


def test_softmax_of_a_class_that_cannot_be() -> None:
    scores, dy = np.array([[0.0, -np.inf, 0.0]]), np.array([[1.0, 5.0, 0.0]])
    y, (_, dx) = compiled(SOFTMAX, (), scores, dy)
    np.testing.assert_array_equal(y, [[0.5, 0.0, 0.5]])
    np.testing.assert_array_equal(dx, [[0.25, 0.0, -0.25]])


def test_softmax_does_not_change_under_a_shift() -> None:
    """Up to the rounding of the shifted scores themselves, 1e4 eps."""
    x = np.random.default_rng(0).normal(size=(5, 4))
    a, b = (nn.softmax().forward((), jnp.asarray(x + shift))[0] for shift in (0.0, 1e4))
    np.testing.assert_allclose(a, b, rtol=1e-11)


# --- softmax cross-entropy ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_of_huge_logits_is_exact(dtype: type) -> None:
    """Three rows: wrong by 2e4, right by 2e4, undecided. Loss (2e4 + 0 + log 2) / 3."""
    z = np.array([[1e4, -1e4], [-1e4, 1e4], [1e4, 1e4]], dtype)
    J, dz = loss_and_gradient(nn.softmax_cross_entropy, z, np.array([1, 1, 0]))
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
    J, dz = loss_and_gradient(nn.softmax_cross_entropy, np.array([[gap, 0.0]]), np.array([target]))
    q = np.exp(-gap) / (1 + np.exp(-gap))
    np.testing.assert_allclose(J, np.log1p(np.exp(-gap)) + gap * target, rtol=1e-14, atol=3e-16)
    slope = q if target == 0 else q - 1
    np.testing.assert_allclose(dz, [[-slope, slope]], rtol=1e-14, atol=3e-16)


def test_cross_entropy_of_a_class_that_cannot_be() -> None:
    """-inf on a class that is not the target costs nothing and gets no gradient."""
    z = np.array([[0.0, -np.inf, 0.0]])
    for targets in (np.array([0]), np.array([[1.0, 0.0, 0.0]])):
        J, dz = loss_and_gradient(nn.softmax_cross_entropy, z, targets)
        np.testing.assert_allclose(J, np.log(2), rtol=1e-15)
        np.testing.assert_allclose(dz, [[-0.5, 0.0, 0.5]], rtol=1e-15)


def test_cross_entropy_of_an_impossible_target_is_infinite() -> None:
    J, dz = loss_and_gradient(
        nn.softmax_cross_entropy, np.array([[0.0, -np.inf, 0.0]]), np.array([1])
    )
    assert np.isposinf(J)
    np.testing.assert_allclose(dz, [[0.5, -1.0, 0.5]], rtol=1e-15)


def test_cross_entropy_with_soft_labels() -> None:
    """z = (0, log 3), p = (1/4, 3/4), t = (0.3, 0.7): J = 0.3 log 4 + 0.7 log 4/3, dz = p - t."""
    J, dz = loss_and_gradient(
        nn.softmax_cross_entropy, np.array([[0.0, np.log(3)]]), np.array([[0.3, 0.7]])
    )
    np.testing.assert_allclose(J, 0.3 * np.log(4) + 0.7 * np.log(4 / 3), rtol=1e-15)
    np.testing.assert_allclose(dz, [[-0.05, 0.05]], rtol=1e-14)


# --- labels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOGITS.values(), ids=LOGITS)
@pytest.mark.parametrize("label", [-1, 3, 100])
def test_label_out_of_range_is_nan(loss: nn.Loss, label: int) -> None:
    p = np.full((2, 3), 1 / 3)
    J, dp = loss_and_gradient(loss, p, np.array([0, label]))
    assert np.isnan(J)
    assert np.isfinite(dp[0]).all()
    assert np.isnan(dp[1]).all()


@pytest.mark.parametrize("loss", LOGITS.values(), ids=LOGITS)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64])
@pytest.mark.parametrize("classes", [3, 300])
def test_label_of_any_whole_number_dtype(loss: nn.Loss, dtype: type, classes: int) -> None:
    """More classes than the labels' dtype can count are no reason to count wrongly."""
    p = np.full((2, classes), 1 / classes)
    J, dp = loss_and_gradient(loss, p, np.array([0, 2], dtype))
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
    by_label = loss_and_gradient(loss, p, np.array([2, 0]))
    for dtype in (np.int32, np.uint8, np.float32, np.float64):
        J, dp = loss_and_gradient(loss, p, np.eye(3, dtype=dtype)[[2, 0]])
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
    J, dz = loss_and_gradient(nn.sigmoid_cross_entropy, np.array([[z]]), np.array([[t]]))
    wide = np.longdouble(z)
    log_s, log_not = -np.log1p(np.exp(-wide)), -np.log1p(np.exp(wide))
    slope = (1 - np.longdouble(t)) / (1 + np.exp(-wide)) - t / (1 + np.exp(wide))
    np.testing.assert_allclose(J, float(-(t * log_s + (1 - t) * log_not)), rtol=1e-14)
    np.testing.assert_allclose(dz[0, 0], float(slope), rtol=1e-13, atol=1e-16)


def test_binary_cross_entropy_in_float32_at_100() -> None:
    z = np.array([[100.0, -100.0]], np.float32)
    J, dz = loss_and_gradient(nn.sigmoid_cross_entropy, z, np.array([[0.0, 1.0]], np.float32))
    assert J == 100
    np.testing.assert_array_equal(dz, [[0.5, -0.5]])


def test_binary_cross_entropy_of_infinite_logits() -> None:
    """An infinitely sure prediction costs nothing if right and everything if wrong."""
    z = np.array([[np.inf], [-np.inf]])
    right = loss_and_gradient(nn.sigmoid_cross_entropy, z, np.array([[1.0], [0.0]]))
    wrong = loss_and_gradient(nn.sigmoid_cross_entropy, z, np.array([[0.0], [1.0]]))
    assert (right[0], wrong[0]) == (0, np.inf)
    np.testing.assert_array_equal(right[1], [[0.0], [0.0]])
    np.testing.assert_array_equal(wrong[1], [[0.5], [-0.5]])


# --- categorical cross-entropy --------------------------------------------------------------------


def test_categorical_cross_entropy_of_zero_probabilities() -> None:
    """0 on a class that is not the target costs nothing; on the target, everything."""
    p = np.array([[0.5, 0.5, 0.0]])
    J, dp = loss_and_gradient(nn.categorical_cross_entropy, p, np.array([0]))
    np.testing.assert_allclose(J, np.log(2), rtol=1e-15)
    np.testing.assert_array_equal(dp, [[-2.0, 0.0, 0.0]])
    J, dp = loss_and_gradient(nn.categorical_cross_entropy, p, np.array([2]))
    assert np.isposinf(J)
    np.testing.assert_array_equal(dp, [[0.0, 0.0, -np.inf]])


def test_categorical_cross_entropy_clips_nothing() -> None:
    J, dp = loss_and_gradient(
        nn.categorical_cross_entropy, np.array([[1e-300, 1.0]]), np.array([0])
    )
    np.testing.assert_allclose(J, 300 * np.log(10), rtol=1e-15)
    np.testing.assert_allclose(dp[0, 0], -1e300, rtol=1e-15)


def test_loss_of_no_examples_is_nan_not_zero() -> None:
    """The mean of nothing; training never gets there, as `fit` refuses empty data."""
    for loss in LOSSES.values():
        J, dscores = loss_and_gradient(loss, np.zeros((0, 3)), np.zeros((0, 3)))
        assert np.isnan(J)
        assert dscores.shape == (0, 3)


# --- dense and serial: wrong input ----------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 2), (4,), (3,), (4, 3, 5), (0, 2)])
def test_dense_names_both_shapes(shape: tuple[int, ...]) -> None:
    params, _ = nn.dense(5).init(jax.random.key(0), (3,))
    with pytest.raises(ValueError, match=r"dense\(5\).*\(3, 5\).*\(batch, \.\.\., 3\)") as error:
        nn.dense(5).forward(params, jnp.zeros(shape))
    assert str(shape) in str(error.value)


def test_gradient_of_no_examples_is_zero() -> None:
    params, _ = nn.dense(5).init(jax.random.key(0), (3,))
    y, residuals = nn.dense(5).forward(params, jnp.zeros((0, 3)))
    grads, dx = nn.dense(5).backward(params, residuals, y)
    assert (grads.weights == 0).all()
    assert (grads.bias == 0).all()
    assert dx.shape == (0, 3)


@pytest.mark.parametrize("n_out", [0, -1, 2.0, "2", True, None])
def test_dense_needs_a_positive_whole_number(n_out: int) -> None:
    with pytest.raises(ValueError, match="positive whole number"):
        nn.dense(n_out)


def test_dense_takes_a_whole_number_of_numpy() -> None:
    assert nn.dense(np.int64(3)).init(jax.random.key(0), (2,))[1] == (3,)  # pyright: ignore[reportArgumentType]


def test_serial_names_the_layer() -> None:
    network = nn.serial(nn.relu(), nn.serial(nn.tanh(), nn.dense(2)))
    with pytest.raises(ValueError, match=r"layer 1 of serial: layer 1 of serial: dense\(2\)"):
        network.init(jax.random.key(0), ())


def test_serial_with_params_of_another_network_says_so() -> None:
    network = nn.serial(nn.dense(2), nn.relu())
    params, _ = network.init(jax.random.key(0), (3,))
    with pytest.raises(ValueError, match=r"serial.*2.*1"):
        network.forward(params[:1], jnp.zeros((1, 3)))


def test_serial_of_a_layer_that_was_not_called_says_so() -> None:
    with pytest.raises((TypeError, ValueError), match="layer 1 of serial"):
        nn.serial(nn.dense(2), nn.relu)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("slope", [float("nan"), float("inf")])
def test_leaky_relu_needs_a_finite_slope(slope: float) -> None:
    with pytest.raises(ValueError, match=r"leaky_relu.*finite"):
        nn.leaky_relu(slope)


# --- dtypes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_precision_stays_half(dtype: jnp.dtype) -> None:
    network = nn.serial(nn.dense(4), nn.tanh(), nn.leaky_relu(), nn.dense(3))
    params, _ = network.init(jax.random.key(0), (2,))
    params = jax.tree.map(lambda a: a.astype(dtype), params)
    J, grads = jax.eval_shape(
        nn.value_and_grad(network, nn.softmax_cross_entropy),
        *(params, jnp.ones((5, 2), dtype), jnp.zeros(5, jnp.int32)),
    )
    assert {leaf.dtype for leaf in jax.tree.leaves((J, grads))} == {jnp.dtype(dtype)}


@pytest.mark.parametrize("x_dtype", [jnp.float32, jnp.int32, jnp.uint8])
@pytest.mark.parametrize("params_dtype", [jnp.bfloat16, jnp.float32])
def test_gradients_have_the_dtype_of_params_whatever_x_is(
    params_dtype: jnp.dtype, x_dtype: jnp.dtype
) -> None:
    """Pixels may be whole numbers, weights half precision; JAX promotes both by default."""
    params, _ = nn.dense(3).init(jax.random.key(0), (2,))
    params = jax.tree.map(lambda a: a.astype(params_dtype), params)
    with jax.numpy_dtype_promotion("standard"):
        _, grads = jax.eval_shape(
            nn.value_and_grad(nn.dense(3), nn.softmax_cross_entropy),
            *(params, jnp.ones((5, 2), x_dtype), jnp.zeros(5, jnp.int32)),
        )
    assert {leaf.dtype for leaf in jax.tree.leaves(grads)} == {jnp.dtype(params_dtype)}
