"""The loop over epochs: early stopping, callbacks, interruption, checkpoints, the bar."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from training_problem import DATA, HELD_OUT, LABELS, LOSS, NETWORK, X, start, train
from trees import assert_close

import nnjax as nn

DROPOUT = nn.serial(nn.dense(6), nn.batch_norm(), nn.relu(), nn.dropout(0.3), nn.dense(2))


def settings(epochs: int, **changed: Any) -> dict[str, Any]:
    given = {"data": DATA, "epochs": epochs, "batch_size": 4, "key": jax.random.key(1)}
    return given | {"validation": HELD_OUT} | changed


def fit(params: Any, epochs: int, **changed: Any) -> tuple[Any, nn.History]:
    optimizer = optax.adam(optax.cosine_decay_schedule(0.1, 40))
    return nn.fit(DROPOUT, LOSS, optimizer, params, **settings(epochs, **changed))


def initial() -> Any:
    return start(DROPOUT)


def equal(one: Any, other: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, one, other)


# --- early stopping -------------------------------------------------------------------------------


@pytest.mark.parametrize("monitor", ["validation_loss", "validation_accuracy", "-error", "certain"])
@pytest.mark.parametrize("patience", [1, 3])
def test_early_stopping_is_what_the_history_says(patience: int, monitor: str) -> None:
    """It ends `patience` epochs after the best, whose parameters are returned."""
    metrics: Any = {
        "error": lambda scores, labels: 1 - nn.accuracy(scores, labels),
        "certain": lambda scores, labels: jax.nn.softmax(scores).max(axis=1).mean(),
    }
    seen: list[nn.Checkpoint] = []
    _, full = fit(initial(), 40, metrics=metrics, callback=seen.append)
    params, history = fit(initial(), 40, metrics=metrics, patience=patience, monitor=monitor)
    name = monitor.removeprefix("-")
    values = np.asarray(full.validation_metrics.get(name, getattr(full, name, None)))
    worth = -values if monitor in ("validation_loss", "-error") else values
    best, ended = 0, len(worth)
    for epoch, value in enumerate(worth):
        best = epoch if value > worth[best] else best
        if epoch - best == patience:
            ended = epoch + 1
            break
    equal(history, jax.tree.map(lambda column: column[:ended], full))
    equal(params, seen[best].params)


def test_best_parameters_are_returned_also_without_stopping() -> None:
    seen: list[nn.Checkpoint] = []
    params, history = fit(initial(), 20, patience=1000, callback=seen.append)
    assert len(history.train_loss) == 20
    equal(params, seen[int(history.validation_loss.argmin())].params)
    equal(seen[-1].best, params)


def test_nothing_finite_to_monitor_returns_the_last_parameters() -> None:
    nan: Any = {"nothing": lambda scores, labels: scores.mean() * jnp.nan}
    seen: list[nn.Checkpoint] = []
    params, history = fit(
        initial(), 9, metrics=nan, patience=2, monitor="nothing", callback=seen.append
    )
    assert len(history.train_loss) == 3
    equal(params, seen[-1].params)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"patience": 0}, r"fit\(patience\): expected a positive whole number, got 0"),
        ({"patience": 1, "validation": None}, "'validation_loss' is not measured.*validation="),
        ({"patience": 1, "monitor": "f1"}, "'f1' is not measured"),
        ({"patience": 1, "monitor": "validation_accuracy", "metric": None}, "is not measured"),
        (
            {"patience": 1, "monitor": "scores", "metrics": {"scores": lambda s, t: s.sum(axis=0)}},
            r"scores is not one number but \(2,\)",
        ),
        ({"metrics": {"loss": nn.accuracy}}, "has a 'loss' already"),
        ({"metrics": nn.accuracy}, "metrics: expected functions"),
        ({"metric": 3}, "metric: expected a function"),
    ],
)  # fmt: skip
def test_early_stopping_refuses(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(initial(), 3, **changed)


# --- callbacks and interruption -------------------------------------------------------------------


def test_callback_sees_every_epoch_and_changes_nothing() -> None:
    seen: list[nn.Checkpoint] = []
    params, history = fit(initial(), 4, callback=seen.append)
    plain = fit(initial(), 4)
    equal((params, history), plain)
    assert [checkpoint.epoch for checkpoint in seen] == [1, 2, 3, 4]
    equal((seen[-1].params, seen[-1].history), plain)
    equal(seen[1].history, jax.tree.map(lambda column: column[:2], history))
    assert int(optax.tree_utils.tree_get(seen[2].optimizer_state[0], "count")) == 9


@pytest.mark.parametrize("wrap", [bool, np.bool, jnp.bool])
def test_callback_that_returns_true_stops(wrap: Any) -> None:
    _, history = fit(initial(), 9, callback=lambda now: wrap(now.epoch == 3))
    assert history.train_loss.shape == (3,)


def test_other_values_of_a_callback_do_not_stop() -> None:
    _, history = fit(initial(), 3, callback=lambda now: now.epoch)
    assert history.train_loss.shape == (3,)


def test_interruption_returns_what_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(now: nn.Checkpoint) -> None:
        if now.epoch == 2:
            raise KeyboardInterrupt

    equal(fit(initial(), 9, callback=interrupt), fit(initial(), 2))
    assert "interrupted; returned after 2 of 9 epochs" in capsys.readouterr().err


def test_interruption_during_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The epoch in progress is given up; without a finished one there is nothing to return."""
    import nnjax.train as module

    epoch, calls = module._fit_epoch, []

    def slow(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == left:
            raise KeyboardInterrupt
        return epoch(*arguments)

    expected = fit(initial(), 3)
    monkeypatch.setattr(module, "_fit_epoch", slow)
    left = 4
    equal(fit(initial(), 9), expected)
    left = len(calls) + 1
    with pytest.raises(KeyboardInterrupt):
        fit(initial(), 9)


# --- checkpoints ----------------------------------------------------------------------------------


@pytest.mark.parametrize("patience", [None, 4])
@pytest.mark.parametrize("epoch", [1, 4])
def test_resumed_training_is_uninterrupted_training(epoch: int, patience: int | None) -> None:
    """To the last bit: shuffling, dropout, population statistics, schedule, the best parameters."""
    seen: list[nn.Checkpoint] = []
    whole = fit(initial(), 12, patience=patience, callback=seen.append)
    assert len(seen) > epoch
    equal(fit(seen[epoch - 1], 12, patience=patience), whole)


def test_checkpoint_from_a_file(tmp_path: Path) -> None:
    """Parameters, the optimizer's state and the epoch are enough."""
    seen: list[nn.Checkpoint] = []
    params, history = fit(initial(), 5, callback=seen.append)
    nn.save(tmp_path / "two.npz", seen[1][:3])
    optimizer = optax.adam(optax.cosine_decay_schedule(0.1, 40))
    like = (initial(), optimizer.init(initial()), 0)
    again, rest = fit(nn.Checkpoint(*nn.load(tmp_path / "two.npz", like=like)), 5)
    equal(again, params)
    equal(rest, jax.tree.map(lambda column: column[2:], history))


def test_stopped_training_stays_stopped() -> None:
    seen: list[nn.Checkpoint] = []
    whole = fit(initial(), 40, patience=2, callback=seen.append)
    assert len(seen) < 40
    equal(fit(seen[-1], 40, patience=2), whole)


def test_nothing_left_to_do_is_refused() -> None:
    seen: list[nn.Checkpoint] = []
    fit(initial(), 2, callback=seen.append)
    with pytest.raises(ValueError, match=r"epochs=2\): the checkpoint already has 2 epochs"):
        fit(seen[-1], 2)


def test_checkpoint_with_other_metrics_is_refused() -> None:
    seen: list[nn.Checkpoint] = []
    fit(initial(), 2, callback=seen.append)
    with pytest.raises(ValueError, match="the checkpoint's history has other metrics"):
        fit(seen[-1], 3, metrics={"again": nn.accuracy})


# --- what is measured -----------------------------------------------------------------------------


def test_metrics_are_those_of_the_parameters_after_the_epoch() -> None:
    seen: list[nn.Checkpoint] = []
    metrics: Any = {"mean": lambda scores, labels: scores.mean(axis=0)}
    _, history = fit(initial(), 3, metrics=metrics, train_metrics=True, callback=seen.append)
    for epoch, now in enumerate(seen):
        on_training = nn.predict(DROPOUT, now.params, X)
        held_out = nn.predict(DROPOUT, now.params, HELD_OUT[0])
        hits = nn.accuracy(on_training, jnp.asarray(LABELS))
        np.testing.assert_allclose(history.train_metrics["accuracy"][epoch], hits)
        for found, scores in (
            (history.train_metrics["mean"], on_training),
            (history.validation_metrics["mean"], held_out),
        ):
            np.testing.assert_allclose(found[epoch], scores.mean(axis=0), rtol=1e-12)


def test_the_bar_shows_loss_and_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    fit(initial(), 3, metrics={"top": nn.accuracy}, progress=True)
    shown = capsys.readouterr().err
    assert all(f"{name}=" in shown for name in ("loss", "validation loss", "accuracy", "top"))


def test_without_key_batches_normalise_themselves() -> None:
    """Training is training: with a key that nothing uses, the numbers are the same."""
    network = nn.serial(nn.dense(4), nn.batch_norm(), nn.relu(), nn.dense(2))
    runs = [
        nn.fit(
            network, LOSS, optax.sgd(0.5), start(network), DATA, epochs=60, batch_size=5,
            key=key, shuffle=False,
        )
        for key in (None, jax.random.key(7))
    ]  # fmt: skip
    equal(*runs)
    assert (runs[0][0][1].variance > 0).all()
    assert np.isfinite(runs[0][1].train_loss).all()


def test_random_layers_need_a_key() -> None:
    with pytest.raises(ValueError, match=r"draws random numbers in training.*needs a key"):
        fit(initial(), 1, key=None)


def test_healthy_training_under_debug_nans() -> None:
    with jax.debug_nans(True):
        params, history = train(metric=None)
        swept, of_sweep = nn.sweep(
            NETWORK, LOSS, optax.sgd, DATA, seeds=[0],
            arms={"momentum": [0.5], "learning_rate": [0.1]}, epochs=2, batch_size=4,
        )  # fmt: skip
    for record in (history, of_sweep):
        assert np.isfinite(record.train_loss).all()
        assert np.isnan(record.validation_loss).all()
    assert_close(params, train()[0], 0, 0)
    assert jax.tree.leaves(swept)[0].shape[:2] == (1, 1)
