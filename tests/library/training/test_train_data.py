"""Data that `fit`, `sweep` and `predict` refuse in one sentence, or convert without loss."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from loss_problems import LABELS, X, train

import nnjax as nn

NAMES = np.array(["cat", "dog", "hen"])[LABELS]


@pytest.mark.parametrize(
    ("x", "targets", "message"),
    [
        (X, NAMES, r"targets: expected numbers, got text such as '\w+' \(dtype <U3\)"),
        (X, NAMES.astype(object), r"targets: expected numbers, got text .*\(dtype object\)"),
        (X, list(NAMES), r"targets: expected numbers, got text"),
        (X.astype(str), LABELS, r"inputs: expected numbers, got text"),
        (X.astype(object), LABELS, r"inputs: expected numbers, got Python objects"),
        (X, nn.Weighted(NAMES, np.ones(12)), r"targets: expected numbers, got text"),
    ],
)
def test_what_is_no_number_is_named(x: Any, targets: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^data: " + message):
        train(nn.softmax_cross_entropy, (x, targets))
    with pytest.raises(ValueError, match="^validation: " + message):
        train(nn.softmax_cross_entropy, (X, LABELS), validation=(x, targets))
    with pytest.raises(ValueError, match="^data: " + message):
        nn.sweep(
            *(nn.dense(3), nn.softmax_cross_entropy, optax.sgd, (x, targets)),
            **{"seeds": [0], "arms": {"learning_rate": [0.1]}, "epochs": 1, "batch_size": 4},
        )


def test_big_endian_data_train_as_others() -> None:
    one, other = (
        train(nn.softmax_cross_entropy, data)
        for data in ((X, LABELS), (X.astype(">f8"), LABELS.astype(">i8")))
    )
    jax.tree.map(np.testing.assert_array_equal, one, other)
    params = nn.dense(3).init(jax.random.key(0), (2,))[0]
    expected = nn.predict(nn.dense(3), params, X)
    np.testing.assert_array_equal(nn.predict(nn.dense(3), params, X.astype(">f8")), expected)


@pytest.mark.parametrize("number", [2**31, 2**32, 3 * 10**12])
def test_whole_numbers_beyond_32_bits_are_refused(number: int) -> None:
    x, labels = np.ones((12, 2), np.int64), LABELS.copy()
    x[5, 1] = labels[3] = number
    with jax.enable_x64(False):
        with pytest.raises(ValueError, match=rf"^data: inputs: .* got 1 to {number} .*float32"):
            train(nn.softmax_cross_entropy, (x, LABELS))
        with pytest.raises(ValueError, match=rf"^data: targets: .* to {number} \(dtype int64\)"):
            train(nn.softmax_cross_entropy, (X, labels))
        params = nn.dense(3).init(jax.random.key(0), (2,))[0]
        with pytest.raises(ValueError, match=rf"^predict: inputs: .* got 1 to {number}"):
            nn.predict(nn.dense(3), params, x)
    with pytest.raises(ValueError, match=f"^data: labels go from 0 to 2 .* row 3 has {number}"):
        train(nn.softmax_cross_entropy, (X, labels))


@pytest.mark.parametrize(
    ("loss", "targets", "message"),
    [
        (nn.sigmoid_cross_entropy, np.full((12, 3), 255), "row 0, column 0 has 255"),
        (nn.binary_cross_entropy, np.full((12, 3), -0.5), "row 0, column 0 has -0.5"),
        (nn.softmax_cross_entropy, np.tile([2.0, -1.0, 0.0], (12, 1)), "row 0, column 1 has -1"),
        (nn.softmax_cross_entropy, np.full((12, 3), 0.5), "row 0 sums to 1.5"),
        (nn.hinge, np.zeros((12, 3)), "row 0, column 0 has 0"),
    ],
)
def test_targets_that_a_loss_is_not_made_for(loss: nn.Loss, targets: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^data: {loss!r} takes .*{message}"):
        train(loss, (X, targets), metric=None)
    with pytest.raises(ValueError, match=f"^data: {loss!r} takes .*{message}"):
        train(loss, (jnp.asarray(X), nn.Weighted(targets, np.ones(12))), metric=None)
