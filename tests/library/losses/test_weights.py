"""Weights and masks: of examples, of elements, and in training."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from loss_problems import CLASSES, ELEMENTS, LABELS, LOSSES, X, both, problem, train
from promises import loss_by_hand

import nnjax as nn
from nnjax.losses import (
    Weighted,
    mean_squared_error,
    softmax_cross_entropy,
)

# --- losses ---------------------------------------------------------------------------------------


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
        lambda s, w: loss_by_hand(loss, s, Weighted(targets, w)),
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


@pytest.mark.parametrize(
    ("dtype", "rows", "weights", "expected"),
    [
        (jnp.float16, 70_000, lambda right: np.ones(len(right)), 0.5),
        (jnp.float16, 8, lambda right: np.full(len(right), 3e4), 0.5),
        (jnp.bfloat16, 2, lambda right: np.where(right, 257, 1), 257 / 258),
        (jnp.bfloat16, 2, lambda right: np.where(right, 1, 999), 1 / 1000),
    ],
)
def test_accuracy_in_half_precision_can_add_its_weights(
    dtype: Any, rows: int, weights: Callable[[Any], Any], expected: float
) -> None:
    """Every other row is right; the other half of the labels is wrong."""
    right = np.arange(rows) % 2 == 0
    scores = jnp.tile(jnp.asarray([[1.0, 0.0]], dtype), (rows, 1))
    targets: Any = Weighted(jnp.asarray(~right, int), weights(right))
    found = nn.accuracy(scores, targets)
    assert (found.dtype, found) == (dtype, jnp.asarray(expected, dtype))


@pytest.mark.parametrize("weigh", [False, True])
def test_squares_in_half_precision_may_pass_its_end(weigh: bool) -> None:
    """300² is above 65504; the mean of 4 such errors, three of them 0, is not."""
    scores, targets = np.array([[300], [0], [0], [0]], np.float16), np.zeros((4, 1))
    given: Any = Weighted(targets, np.ones(4)) if weigh else targets
    J, slopes = both(mean_squared_error, scores, given)
    np.testing.assert_allclose(J, 22_500, rtol=1e-3)
    np.testing.assert_allclose(slopes[:, 0], [150, 0, 0, 0])


@pytest.mark.parametrize("name", LOSSES)
def test_weights_in_half_precision_keep_their_digits(name: str) -> None:
    """bfloat16 has no 257: the weight would be rounded to 256."""
    loss, scores, targets = problem(name, rows=2)
    scores = np.asarray(jnp.asarray(scores, jnp.bfloat16))
    weights = np.array([257, 1])
    J, slopes = both(loss, scores, Weighted(targets, weights))
    wide = both(loss, scores.astype(np.float64), Weighted(targets, weights))
    np.testing.assert_allclose(J, wide[0], rtol=4e-3)
    np.testing.assert_allclose(slopes.astype(float), wide[1], rtol=6e-3, atol=1e-6)


# --- training -------------------------------------------------------------------------------------

REAL = np.arange(12) % 3 > 0
PADDED = np.where(REAL, LABELS, -1)


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
    weights = np.random.default_rng(7).uniform(0.5, 2, size=12)
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
