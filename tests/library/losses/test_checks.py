"""Values of targets that a loss is not made for are refused where they are known."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from loss_problems import LOSSES, both, problem

import nnjax as nn
from nnjax.losses.checks import check_targets

SCORES = jax.ShapeDtypeStruct((2, 3), jnp.dtype("float32"))
SMOOTH = nn.label_smoothing(nn.softmax_cross_entropy, 0.1)
SMOOTH_BITS = nn.label_smoothing(nn.sigmoid_cross_entropy, 0.1)
PIXELS = [[0, 17, 255], [3, 0, 1]]


@pytest.mark.parametrize("name", LOSSES)
def test_targets_that_suit_pass(name: str) -> None:
    loss, scores, targets = problem(name)
    check_targets("data", loss, scores, jnp.asarray(targets))
    check_targets("data", loss, scores, targets)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64])
@pytest.mark.parametrize("classes", [2, 26, 1000])
def test_rounded_distributions_pass(classes: int, dtype: Any) -> None:
    t = np.random.default_rng(0).exponential(size=(50, classes))
    t = jnp.asarray(t / t.sum(-1, keepdims=True), dtype)
    for loss in (nn.softmax_cross_entropy, nn.categorical_cross_entropy, SMOOTH):
        check_targets("data", loss, t, t)


@pytest.mark.parametrize(
    ("loss", "targets", "message"),
    [
        (nn.sigmoid_cross_entropy, PIXELS, "takes targets from 0 to 1, but row 0, column 1 has 17"),
        (nn.binary_cross_entropy, PIXELS, "takes targets from 0 to 1, but row 0, column 1 has 17"),
        (SMOOTH_BITS, PIXELS, r"sigmoid_cross_entropy, 0.1\) takes targets from 0 to 1"),
        (nn.sigmoid_cross_entropy, [[0, 1, 0.5], [1, -0.25, 0]], "row 1, column 1 has -0.25"),
        (nn.binary_cross_entropy, [[0, 1, 0.5], [1, 0, np.inf]], "row 1, column 2 has inf"),
        (nn.softmax_cross_entropy, [[1, 0, 0], [2, -1, 0]], "row 1, column 1 has -1"),
        (nn.categorical_cross_entropy, [[1.5, -0.5, 0], [1, 0, 0]], "row 0, column 1 has -0.5"),
        (SMOOTH, [[1, 0, 0], [1, 1, 0]], "row 1 sums to 2; divide each row"),
        (nn.softmax_cross_entropy, [[0.5, 0.4, 0], [1, 0, 0]], "row 0 sums to 0.9"),
        (nn.softmax_cross_entropy, [[0, 0, 0], [1, 0, 0]], "row 0 sums to 0;"),
        (nn.hinge, [[1, 0, 1], [0, 1, 1]], "takes targets -1 and .1, but row 0, column 1 has 0"),
        (nn.softmax_cross_entropy, [0, 3], "labels go from 0 to 2 .* but row 1 has 3"),
        (nn.multiclass_hinge, [-1, 2], "labels go from 0 to 2 .* but row 0 has -1"),
        (nn.codes.coded_cross_entropy(np.eye(4)[:, :3]), [3, 4], "from 0 to 3 .* row 1 has 4"),
    ],
)
@pytest.mark.parametrize("on", [np.asarray, jnp.asarray])
def test_other_values_are_refused(loss: nn.Loss, targets: Any, message: str, on: Any) -> None:
    t = on(np.asarray(targets))
    with pytest.raises(ValueError, match="^validation: .*" + message):
        check_targets("validation", loss, SCORES, t)
    weighted: Any = nn.Weighted(t, np.array([0.5, 2.0]))
    with pytest.raises(ValueError, match="^validation: .*" + message):
        check_targets("validation", loss, SCORES, weighted)
    check_targets("validation", loss, SCORES, nn.Weighted(t, np.zeros(2)))  # nothing of them counts


def test_rows_of_a_sequence_are_named() -> None:
    scores = jax.ShapeDtypeStruct((2, 2, 2), jnp.dtype("float32"))
    t = np.full((2, 2, 2), 0.5)
    t[1, 0] = [0.25, 0.5]
    with pytest.raises(ValueError, match=r"row 1 sums to 0.75"):
        check_targets("data", nn.softmax_cross_entropy, scores, t)
    t[1, 1, 1] = 7
    with pytest.raises(ValueError, match=r"row 1, column 1, 1 has 7.0"):
        check_targets("data", nn.sigmoid_cross_entropy, scores, t)
    mask = np.ones((2, 2))
    mask[1] = 0
    for loss in (nn.softmax_cross_entropy, nn.sigmoid_cross_entropy):
        check_targets("data", loss, scores, nn.Weighted(t, mask))


def test_weights_of_elements_excuse_elements() -> None:
    t, weights = np.array([[0.5, 9.0, 0.0], [1.0, 1.0, 8.0]]), np.array([[1, 0, 1], [1, 1, 1]])
    with pytest.raises(ValueError, match=r"row 1, column 2 has 8.0"):
        check_targets("data", nn.sigmoid_cross_entropy, SCORES, nn.Weighted(t, weights))


def test_what_is_not_known_passes() -> None:
    """Traced targets, losses of others, NaN (which other checks refuse), any numbers where they
    are meant."""
    far = jnp.full((2, 3), 9.0)
    own = nn.Loss(nn.sigmoid_cross_entropy.forward.__call__, nn.sigmoid_cross_entropy.backward)

    def traced(t: jax.Array) -> jax.Array:
        check_targets("data", nn.sigmoid_cross_entropy, SCORES, t)
        return t

    jax.jit(traced)(far)
    check_targets("data", own, SCORES, far)
    for loss in (nn.mean_squared_error, nn.mean_absolute_error, nn.huber(1.0)):
        check_targets("data", loss, SCORES, far)
    for loss in (nn.sigmoid_cross_entropy, nn.softmax_cross_entropy, nn.hinge):
        check_targets("data", loss, SCORES, jnp.full((2, 3), jnp.nan))


@pytest.mark.parametrize("label", [2**32, 2**32 + 1, -(2**32), 2**33 + 2])
@pytest.mark.parametrize(
    "name", ["softmax_cross_entropy", "multiclass_hinge", "coded_cross_entropy"]
)
def test_labels_of_64_bits_do_not_become_others(name: str, label: int) -> None:
    """In 32 bits 2**32 would be class 0."""
    loss, scores, labels = problem(name)
    labels[2] = label
    assert np.isnan(both(loss, scores, labels)[0])
    with pytest.raises(ValueError, match=f"labels go from 0 to 2 .* row 2 has {label}"):
        check_targets("data", loss, scores, labels)
    with jax.enable_x64(False), pytest.raises(ValueError, match=r"targets|labels: expected whole"):
        loss.forward(jnp.asarray(scores, jnp.float32), labels)
