"""The effects behind the claims on made-up runs: the right cells, and the right sign."""

import itertools
from typing import Any

import cells
import measure_effects
import polars as pl
import pytest
from choices import Choices

ROWS = 1000


def made_up(accuracy: Any, epochs: tuple[int, ...] = (1,), **grid: Any) -> cells.Runs:
    """Runs over a grid whose accuracy is a function of the cell: of two speakers and some seeds."""
    counts = []
    for values in itertools.product(*grid.values(), epochs):
        cell = dict(zip([*grid, "epoch"], values, strict=True))
        for seed, speaker in itertools.product((0, 1), (1, 2)):
            correct = round(ROWS * accuracy(**cell))
            counts.append(
                {**cell, "seed": seed, "speaker": speaker, "rows": ROWS, "correct": correct}
            )
    runs = object.__new__(cells.Runs)
    runs.speakers = pl.DataFrame(counts)
    runs.epochs = (
        runs.speakers.group_by(*grid, "epoch", "seed", maintain_order=True)
        .agg(test_accuracy=pl.col("correct").sum() / pl.col("rows").sum())
        .with_columns(train_loss=pl.lit(0.1), test_loss=pl.lit(0.1))
    )
    return runs


def chosen(epoch: int = 1, **grid: Any) -> pl.DataFrame:
    """Choices for a grid: the rate 0.001, the later cells a little better."""
    names = list(grid)
    rows = [dict(zip(names, values, strict=True)) for values in itertools.product(*grid.values())]
    given = {"learning_rate": 0.001, "trials": 2, "edge": False}
    return pl.DataFrame(
        [
            {**row, "epoch": row.get("epoch", epoch), **given, "cv_accuracy": 0.9 + i / 1000}
            for i, row in enumerate(rows)
        ]
    )


def values(rows: Any) -> dict[str, float]:
    return {row["key"]: row["value"] for row in rows}


def test_momentum() -> None:
    def with_momentum(epoch: int, momentum: float = 0.0, **_: Any) -> float:
        return 0.8 + 0.1 * momentum / 0.9 + 0.01 * epoch

    grid = {"learning_rate": [0.01], "momentum": [0.0, 0.9]}
    published = {
        "momentum": made_up(with_momentum, (1, 2), **grid),
        "long": made_up(lambda **_: 0.93),
        "high_rate": made_up(lambda **_: 0.91),
        "standard_normal": made_up(lambda **_: 0.5),
        "sigmoid": made_up(
            lambda learning_rate, **_: 0.7 + learning_rate, learning_rate=[0.01, 0.1]
        ),
    }
    clean = {
        "momentum": made_up(
            lambda momentum, **_: 0.9 + momentum / 100, momentum=[0.0, 0.9], judged=[1]
        ),
        "sigmoid": made_up(lambda **_: 0.85, judged=[1]),
    }
    choices = Choices({"momentum": chosen(momentum=[0.0, 0.9]), "sigmoid": chosen()})
    found = values(measure_effects.momentum(published, clean, choices))
    # Momentum 0.9 ends at 0.8 + 0.1 + 0.02.
    assert found["k3.same_speakers_accuracy"] == pytest.approx(0.92)
    assert found["k4.difference"] == pytest.approx(-0.1)
    assert found["k5.difference"] == pytest.approx(0.01)
    assert found["k5.high_rate_difference"] == pytest.approx(-0.01)
    assert found["k16.difference"] == pytest.approx(-0.42)
    assert found["k7.difference"] == pytest.approx(0.71 - 0.92)
    assert found["k7.best_rate_difference"] == pytest.approx(0.8 - 0.92)
    assert found["k4.clean_difference"] == pytest.approx(-0.009)
    assert found["k7.clean_difference"] == pytest.approx(0.85 - 0.909)
    assert found["k7.optimism"] == pytest.approx(0.8 - 0.85)


def test_units() -> None:
    def accuracy(learning_rate: float, units: int, **_: Any) -> float:
        return {(1e-5, 16): 0.1, (1e-5, 64): 0.3, (0.001, 16): 0.9, (0.001, 64): 0.95}[
            (learning_rate, units)
        ]

    published = {"fig5": made_up(accuracy, learning_rate=[1e-5, 0.001], units=[16, 64])}
    clean = {"units": made_up(lambda units, **_: 0.9 + units / 1000, units=[16, 64], judged=[1])}
    found = values(
        measure_effects.units(published, clean, Choices({"units": chosen(units=[16, 64])}))
    )
    assert found["k8.few_units_difference"] == pytest.approx(-0.05)
    assert found["k8.worst_difference"] == pytest.approx(-0.2)
    assert found["k8.clean_accuracy"] == pytest.approx(0.964)
    assert found["k8.clean_few_units_difference"] == pytest.approx(-0.048)
    assert found["k8.optimism"] == pytest.approx(0.95 - 0.964)


def test_batches() -> None:
    def accuracy(batch_size: int, epoch: int, judged: int = 0, **_: Any) -> float:
        # 0.01 better a doubling, 0.1 worse from the early to the late epoch.
        return 0.6 + 0.01 * (batch_size.bit_length() - 1) - 0.1 * (epoch == 3) + 0.2 * (judged == 1)

    published = {"fig6": made_up(accuracy, epochs=(1, 3), batch_size=[2, 8, 1024])}
    clean = {"batch_size": made_up(accuracy, epochs=(1, 2, 3), batch_size=[4, 8], judged=[1, 2])}
    choices = Choices({"batch_size": chosen(epoch=2, batch_size=[4, 8])})
    at_one = chosen(batch_size=[4, 8]).with_columns(epoch=pl.lit(1, pl.Int64))
    choices.tables["batch_size"] = pl.concat([choices.tables["batch_size"], at_one])
    found = values(measure_effects.batches(published, clean, choices))
    assert found["k9.one_epoch_accuracy"] == pytest.approx(0.7)  # the batch of 1024
    assert found["k9.clean_one_epoch_accuracy"] == pytest.approx(0.83)
    assert found["k10.difference"] == pytest.approx(-0.1)
    assert "k10.difference_1024" not in found
    assert found["k10.clean_difference"] == pytest.approx(-0.1)
    assert found["k11.slope"] == pytest.approx(0.01)
    assert found["k11.clean_slope"] == pytest.approx(0.01)


def test_depth() -> None:
    def accuracy(layers: int, b1: float, **_: Any) -> float:
        return 0.9 - 0.02 * layers - 0.1 * b1

    grid: dict[str, Any] = {"layers": [0, 1], "b1": [0.0, 0.5, 0.9]}
    published = {"fig7": made_up(accuracy, **grid)}
    clean = {"depth": made_up(accuracy, **grid, judged=[1])}
    found = values(measure_effects.depth(published, clean, Choices({"depth": chosen(**grid)})))
    for arm in ("", "clean_"):
        assert found[f"k13.{arm}difference"] == pytest.approx(0.02)
        assert found[f"k14.{arm}slope"] == pytest.approx(-0.1)
        assert found[f"k14.{arm}slope_1"] == pytest.approx(-0.1)
        assert found[f"k14.{arm}default_difference"] == pytest.approx(-0.09)


def test_optimizers() -> None:
    order = measure_effects.OPTIMIZERS
    published = {
        "fig8": made_up(lambda optimizer, **_: 0.5 + order.index(optimizer) / 10, optimizer=order)
    }
    clean = {
        "optimizers": made_up(
            lambda optimizer, **_: 0.9 - order.index(optimizer) / 100, optimizer=order, judged=[1]
        )
    }
    choices = Choices({"optimizers": chosen(optimizer=order)})
    found = values(measure_effects.optimizers(published, clean, choices))
    assert found["k15.adam_minus_sgd"] == pytest.approx(0.4)
    assert found["k15.p_adam_above_sgd"] == 1
    assert found["k15.clean_adam_minus_sgd"] == pytest.approx(-0.04)
    assert found["k15.clean_p_adam_above_sgd"] == 0
    assert found["k15.clean_rmsprop_minus_adagrad"] == pytest.approx(-0.01)


def test_diverged_refits_are_counted() -> None:
    lost = {"sgd": 0.04, "adam": 0.9}
    runs = made_up(lambda optimizer, **_: lost[optimizer], optimizer=list(lost))
    row = measure_effects.diverged("clean.x_diverged", "x", runs)
    assert (row["value"], row["n"]) == (2, 4)
