"""The figure of a history has what was measured, and nothing else."""

from typing import Any

import jax
import numpy as np
import pytest
from training_problem import HELD_OUT, replicate, train

import nnjax as nn


def curves(figure: Any) -> dict[str, dict[str, np.ndarray]]:
    return {
        panel.get_ylabel(): {line.get_label(): line.get_ydata() for line in panel.lines}
        for panel in figure.axes
    }


def test_curves_are_the_history() -> None:
    _, history = train(
        validation=HELD_OUT,
        metrics={"certain": lambda scores, labels: jax.nn.softmax(scores).max(axis=1).mean()},
        train_metrics=True,
    )
    found = curves(nn.plot_history(history))
    expected = {
        "loss": {"training": history.train_loss, "validation": history.validation_loss},
        "accuracy": {
            "training": history.train_metrics["accuracy"],
            "validation": history.validation_accuracy,
        },
        "certain": {
            "training": history.train_metrics["certain"],
            "validation": history.validation_metrics["certain"],
        },
    }
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    first = nn.plot_history(history).axes[0].lines[0]
    assert list(np.asarray(first.get_xdata())) == [1, 2, 3]


def test_what_was_not_measured_is_left_out() -> None:
    _, history = train()
    assert {name: list(lines) for name, lines in curves(nn.plot_history(history)).items()} == {
        "loss": ["training"]
    }


def test_one_replica_of_a_sweep() -> None:
    _, history = replicate(validation=HELD_OUT)
    with pytest.raises(ValueError, match=r"got arrays of shape \(2, 2, 3\)"):
        nn.plot_history(history)
    one = jax.tree.map(lambda column: column[1, 0], history)
    assert set(curves(nn.plot_history(one))) == {"loss", "accuracy"}


def test_what_cannot_be_drawn_is_refused() -> None:
    params, history = train()
    others: list[Any] = [(params, history), params, None]
    for other in others:
        with pytest.raises(ValueError, match="plot_history: expected the history that fit returns"):
            nn.plot_history(other)
    nothing = jax.tree.map(lambda column: np.full(3, np.nan), history)
    with pytest.raises(ValueError, match="plot_history: no value is finite"):
        nn.plot_history(nothing)


def test_one_epoch_is_seen() -> None:
    """A line through one point is no line."""
    _, history = train()
    one = jax.tree.map(lambda column: column[:1], history)
    assert [line.get_marker() for line in nn.plot_history(one).axes[0].lines] == ["o"]
    assert nn.plot_history(history).axes[0].lines[0].get_marker() in ("", "None")
