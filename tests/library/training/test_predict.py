"""`accuracy` and `predict`: hits counted, batches, and what they refuse."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from training_problem import NETWORK, X, start

import nnjax as nn


def test_accuracy_counts_hits() -> None:
    scores = jnp.array([[3.0, 1.0], [0.0, 2.0], [1.0, 1.0], [0.0, -1.0]])  # 0, 1, tie: 0, 0
    labels = jnp.array([0, 0, 0, 1])
    assert nn.accuracy(scores, labels) == 0.5
    assert nn.accuracy(scores, jnp.eye(2)[labels]) == 0.5
    assert nn.accuracy(scores.reshape(2, 2, 2), labels.reshape(2, 2)) == 0.5


@pytest.mark.parametrize("targets", [jnp.zeros(3), jnp.zeros((4, 3)), jnp.zeros((4, 1))])
def test_accuracy_names_both_shapes(targets: jax.Array) -> None:
    with pytest.raises(
        ValueError, match=re.escape("(4, 2)") + ".*" + re.escape(str(targets.shape))
    ):
        nn.accuracy(jnp.zeros((4, 2)), targets)


@pytest.mark.parametrize("batch_size", [1, 3, 5, 10, 99])
def test_predict_in_batches_is_predict_at_once(batch_size: int) -> None:
    at_once = nn.predict(NETWORK, start(), X)
    np.testing.assert_allclose(at_once, NETWORK.forward(start(), jnp.asarray(X))[0], rtol=1e-14)
    in_batches = nn.predict(NETWORK, start(), X, batch_size=batch_size)
    np.testing.assert_allclose(in_batches, at_once, rtol=1e-14)


@pytest.mark.parametrize("batch_size", [None, 3])
def test_predict_of_nothing_is_nothing(batch_size: int | None) -> None:
    assert nn.predict(NETWORK, start(), X[:0], batch_size=batch_size).shape == (0, 2)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5])
def test_predict_refuses(batch_size: int) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        nn.predict(NETWORK, start(), X, batch_size=batch_size)


def test_predict_names_the_features_it_takes() -> None:
    with pytest.raises(ValueError, match=re.escape("(batch, ..., 3), got (10, 2)")):
        nn.predict(NETWORK, start(), X[:, :2])
