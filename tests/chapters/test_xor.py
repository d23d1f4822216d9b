"""The chapter on XOR: a tiny run, its table by hand, the figure, and settings that are refused."""

from pathlib import Path

import jax
import numpy as np
import polars as pl
import pytest

from tests.chapters.conftest import load, settings
from workflow.lib.settings import SettingsError
from workflow.lib.tables import write_csv

train, summarise, plot = (load("xor", name) for name in ("train", "summarise", "plot_xor"))


def test_only_a_hidden_layer_gets_all_rows_right(tmp_path: Path) -> None:
    arms = settings("xor").arms
    with jax.enable_x64(False):
        train.main(["tanh"], 1.0, arms, 200, 20, tmp_path / "runs")
    runs = pl.read_parquet(tmp_path / "runs")
    last = runs.filter(pl.col("epoch") == 200)
    # Two networks, two learning rates, twenty seeds.
    assert last.height == 2 * 2 * 20
    solved = last.filter(network="2-3-2", learning_rate=1.0, rows_right=4)
    assert solved.height > 10
    linear = last.filter(network="2-2")
    assert linear["rows_right"].is_between(0, 3).all()
    assert linear["loss"].to_numpy() == pytest.approx(np.full(40, np.log(2)), abs=1e-3)
    # Only the last epoch is judged.
    assert runs.filter(pl.col("epoch") < 200)["rows_right"].null_count() == runs.height - 80


def test_the_table_by_hand() -> None:
    """Two of three seeds solve it; the quartiles of 1, 2, 4 are 1.5 and 3."""
    runs = pl.DataFrame(
        {
            "seed": [0, 1, 2] * 2,
            "epoch": [1] * 3 + [9] * 3,
            "loss": [1.0, 2.0, 4.0] + [0.0] * 3,
            "rows_right": [None] * 3 + [4, 3, 4],
        }
    ).with_columns(activation=pl.lit("relu"), learning_rate=pl.lit(0.1), momentum=pl.lit(0.9))
    runs = pl.concat([runs.with_columns(network=pl.lit(name)) for name in ("2-3-2", "2-2")])
    table = summarise.figure(runs, settings("xor").reference)
    first, last = table.filter(network="2-3-2").rows(named=True)
    assert [first[f"loss_{q}"] for q in ("q25", "median", "q75")] == [1.5, 2.0, 3.0]
    assert first["solved"] is None
    assert (last["solved"], last["n"], last["most_rows_right"]) == (2 / 3, 3, 4)
    assert last["setting"] == "relu, learning rate 0.1, momentum 0.9"
    assert last["reference"]
    numbers = {row["key"]: row for row in summarise.claimed(table)}
    assert set(numbers) == {"k1.solved_fraction", "k2.solved_fraction"}
    assert numbers["k1.solved_fraction"]["value"] == 2 / 3


def drawn(n: int) -> pl.DataFrame:
    """A figure's table: both networks in two settings; only 2-3-2 gets below the plateau."""
    epoch = np.arange(0, 1001, 50)
    parts = []
    for place, setting in enumerate(("sigmoid, learning rate 0.1", "tanh, learning rate 0.5")):
        for network, floor in (("2-3-2", 0.05), ("2-2", 0.69)):
            median = floor + (0.75 - floor) / (1 + np.exp((epoch - 400 / (place + 1)) / 80))
            solved = min(0.87 + 0.1 * place, 0.98) if network == "2-3-2" else 0.0
            columns = {"epoch": epoch, "loss_median": median, "solved": solved}
            columns |= {"loss_q25": 0.9 * median, "loss_q75": median * 1.08}
            columns |= {"lo": max(solved - 0.02, 0.0), "hi": solved + 0.02, "n": n}
            columns |= {"network": network, "setting": setting, "reference": place == 0}
            parts.append(pl.DataFrame(columns))
    return pl.concat(parts)


def draw(rows: pl.DataFrame, folder: Path) -> tuple[bytes, bytes]:
    """The bytes of SVG and PNG."""
    write_csv(rows.with_columns(data=pl.lit("xor")), folder / "xor.csv")
    svg, png = folder / "xor.svg", folder / "xor.png"
    plot.main(folder / "xor.csv", svg, png)
    return svg.read_bytes(), png.read_bytes()


def test_the_same_table_gives_the_same_figure(tmp_path: Path) -> None:
    svg, png = draw(drawn(10), tmp_path)
    assert (svg, png) == draw(drawn(10), tmp_path)
    assert b"n = 10 seeds; data: the four rows of XOR" in svg
    assert b"n = 1 seed;" in draw(drawn(1), tmp_path)[0]


@pytest.mark.parametrize("share", ["half", "all"])
def test_losses_that_diverged_leave_gaps(tmp_path: Path, share: str) -> None:
    rows = drawn(10)
    number = pl.int_range(pl.len())
    lost = number % 2 == 0 if share == "half" else pl.lit(True)
    bad = pl.when(number % 4 == 0).then(float("nan")).otherwise(None)
    names = ["loss_median", "loss_q25", "loss_q75"]
    spoilt = [pl.when(lost).then(bad).otherwise(pl.col(name)).alias(name) for name in names]
    svg, _ = draw(rows.with_columns(spoilt), tmp_path)
    assert (b"no finite value in any epoch" in svg) == (share == "all")


def test_the_reference_must_be_trained() -> None:
    with pytest.raises(SettingsError, match="reference must be one of the settings"):
        settings("xor", activations=["tanh"])
    with pytest.raises(SettingsError, match="reference must be one of the settings"):
        settings("xor", reference={"learning_rate": 0.5})
