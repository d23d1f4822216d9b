"""The chapter on labels: equations by hand, folds that leak nothing, numbers of a made-up run."""

from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import polars as pl
import pytest

import nnjax as nn
from tests.chapters.conftest import load, settings

train, summarise, le, gradients, crossfit, peers = (
    load("labels", name)
    for name in ("train", "summarise", "equations", "gradients", "crossfit", "peers")
)
equation_numbers, gradient_numbers, accuracy_numbers = (
    load("labels", f"{name}_numbers") for name in ("equation", "gradient", "accuracy")
)
SETTINGS = settings(
    "labels",
    equations={"reach": 5.0, "networks": 2, "points": 20, "draws": 20},
    binary={
        "hidden_units": 4, "seeds": 2, "epochs": 60, "penalties": [1.0], "peer_seeds": 1
    },
    gradients={
        "networks": [["sigmoid", "4 x glorot"]], "hidden_layers": [1, 2], "hidden_units": 3,
        "seeds": 2,
    },
)  # fmt: skip
FIGURES = ("labels", "labels_equations", "gradient_depth", "coding")
RNG = np.random.default_rng(0)
NETWORKS = [le.network(RNG) for _ in range(3)]


@pytest.fixture(autouse=True)
def as_a_job_runs() -> Iterator[None]:
    """float32, as in the workflow's jobs."""
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        yield


def test_printed_equations_are_told_from_those_that_are_meant() -> None:
    agree = dict(le.checked(NETWORKS).select("check", "agree").iter_rows())
    wrong = {"3.11 printed", "3.16 printed"}
    assert {name for name, n in agree.items() if n < len(NETWORKS)} == wrong
    assert set(le.library(NETWORKS, 0.1)["agree"]) == {len(NETWORKS)}
    held = dict(le.identities(RNG, 1000).select("check", "agree").iter_rows())
    # -log p <= 1 where p >= 1/e; three standard errors are 46 of 1000 draws.
    assert held.pop("uniform in [0, 1]") == pytest.approx(1000 * (1 - np.exp(-1)), abs=46)
    assert held == {"proportions": 0, "order": 1000, "sum": 1000, "two classes": 1000,
                    "sigmoid of two": 1000}  # fmt: skip
    held["uniform in [0, 1]"] = 0
    assert set(agree) | {"nnjax", "2.5, 2.6"} | set(held) == set(equation_numbers.CHECKS)


def test_slopes_at_zero_by_hand() -> None:
    row = le.slopes(np.array([0.0])).row(0, named=True)
    assert (row["printed"], row["corrected"], row["complex_step"]) == (1.0, 0.25, 0.25)
    assert row["differences"] == pytest.approx(0.25, abs=1e-9)


def test_the_unfused_product_fails_where_the_sigmoid_rounds_to_one() -> None:
    # 1 - s < 2^-25, half a rounding of 1, from 25 log 2 = 17.33 on; float32's exp is a bit early.
    assert 16 < le.unfused_failure() < 17.5
    with pytest.raises(IndexError):
        le.unfused_failure(limit=5.0)


def test_folds_hold_every_row_out_once_and_keep_it_out() -> None:
    x, labels = RNG.normal(size=(43, 2)), np.arange(43) % 2
    given = crossfit.problem(x, labels, 4, 0)
    held_out = np.concatenate([fold.held_out for fold in given.folds])
    assert sorted(held_out) == list(range(43))
    for fold in given.folds:
        parts = [set(rows.tolist()) for rows in fold]
        assert len(set.union(*parts)) == sum(map(len, parts))
        assert len(fold.train) == len(given.folds[0].train)


@pytest.mark.parametrize(
    ("accuracy", "loss", "expected"),
    [([0.9, 0.8], [0.5, 0.1], 0), ([0.9, 0.9], [0.5, 0.1], 1), ([0.9, 0.9], [0.5, np.nan], 0)],
)
def test_the_best_rate(accuracy: list[float], loss: list[float], expected: int) -> None:
    assert crossfit.best(np.array(accuracy), np.array(loss)) == expected


def test_a_separable_problem_is_solved_by_ours_and_by_the_peers() -> None:
    labels = (np.arange(40) % 2).astype(np.int32)
    x = RNG.normal(size=(40, 2)) * 0.1 + labels[:, None]
    given = crossfit.problem(x, labels, 2, 0)
    task = crossfit.Task(
        nn.serial(nn.dense(4, nn.initializers.glorot()), nn.relu(), nn.dense(1)),
        nn.sigmoid_cross_entropy,
        labels[:, None].astype(np.float32),
        lambda scores: scores[..., 0] > 0,
    )
    trials, predicted = crossfit.crossfit(given, task, [1e-9, 1.0], SETTINGS.binary)
    assert predicted["correct"].all()
    assert set(predicted["learning_rate"]) == {1.0}
    assert predicted.height == 2 * 40
    assert set(trials.filter(pl.col("accuracy").is_not_null())["epoch"]) == {60}
    others = peers.peers(given, {0: 1.0, 1: 1.0}, SETTINGS.binary)
    right = dict(others.group_by("classifier").agg(pl.col("correct").mean()).iter_rows())
    assert right == {"majority": 0.5, "logistic regression": 1.0, "MLPClassifier": 1.0}


def test_every_layer_has_a_norm() -> None:
    x, labels = RNG.normal(size=(16, 3)), np.arange(16) % 2
    norms = gradients.norms(x, labels, SETTINGS.gradients)
    # Two seeds; one hidden layer and the output, then two and the output.
    assert norms.height == 2 * (2 + 3)
    assert (norms["norm"] > 0).all()
    key = jax.random.key(0)
    once, four = (gradients.initializer(name)(key, (3, 3)) for name in ("glorot", "4 x glorot"))
    assert np.allclose(np.asarray(four), 4 * np.asarray(once))


def test_counter_example() -> None:
    assert gradients.counter_example(0.1, 10) == pytest.approx(np.log(10), rel=1e-6)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of a made-up run: equations computed, everything else invented."""
    folder = tmp_path_factory.mktemp("labels")
    runs = train.check_equations(SETTINGS.equations)
    two = pl.DataFrame({"seed": [0, 1]})

    def crossed(**columns: list[object]) -> pl.DataFrame:
        table = two
        for name, values in columns.items():
            table = table.join(pl.DataFrame({name: values}), how="cross")
        return table

    rows = crossed(row=list(range(6)), fold=[0])
    problems = rows.join(pl.DataFrame({"problem": ["breast cancer", "odd digits"]}), how="cross")
    right = (pl.col("row") + pl.col("seed")) % 3 > 0
    runs["binary"] = problems.with_columns(correct=right, learning_rate=pl.lit(0.3))
    runs["peers"] = problems.join(
        pl.DataFrame({"classifier": accuracy_numbers.CLASSIFIERS[1:]}), how="cross"
    ).with_columns(correct=pl.col("row") > 2)
    # No seeds: one model.
    without = pl.col("classifier") == "logistic regression"
    runs["peers"] = runs["peers"].filter(~without | (pl.col("seed") == 0))
    trials = crossed(fold=[0], learning_rate=[0.1, 0.3], epoch=[1, 2]).with_columns(
        loss=1.0 / (pl.col("epoch") + pl.col("seed")), chosen=pl.col("learning_rate") == 0.3
    )
    runs["binary_trials"] = trials.join(problems.select("problem").unique(), how="cross")
    runs["losses"] = rows.with_columns(loss=0.4 * (pl.col("row") + 1.0))
    runs["counter"] = pl.DataFrame({"probability": [0.1], "loss": [2.302585]})
    pairs = pl.DataFrame(
        [*gradient_numbers.KEPT.values()], schema=["activation", "init"], orient="row"
    )
    nets = pl.DataFrame({"hidden_layers": [1, 1, 2, 2, 2], "layer": [1, 2, 1, 2, 3]})
    runs["gradients"] = (
        two.join(pairs, how="cross")
        .join(nets, how="cross")
        .with_columns(norm=0.1 ** pl.col("hidden_layers") * (1.0 + 0.1 * pl.col("seed")))
    )
    runs["training"] = (
        crossed(hidden_layers=[1, 2], learning_rate=[0.1, 0.3], epoch=[1, 2])
        .join(pairs.head(2), how="cross")
        .with_columns(
            loss=pl.when(learning_rate=0.3, seed=1).then(np.nan).otherwise(1.0 + pl.col("seed")),
            accuracy=pl.lit(0.5),
        )
    )
    names = ["one-hot, cross-entropy", "one-hot, squared error", "label number",
             "label number, renumbered"]  # fmt: skip
    runs["coding"] = rows.join(pl.DataFrame({"coding": names}), how="cross").with_columns(
        digit=pl.col("row") % 2, correct=(pl.col("row") > 2) | (pl.col("coding") == names[0])
    )
    runs["coding_trials"] = trials.join(pl.DataFrame({"coding": names}), how="cross")
    for name, table in runs.items():
        table.write_parquet(folder / f"{name}.parquet")
    summarise.main(folder, *(folder / f"{name}.csv" for name in (*FIGURES, "numbers_labels")))
    return folder


def test_numbers_of_a_made_up_run(tables: Path) -> None:
    numbers = pl.read_csv(tables / "numbers_labels.csv")
    assert set(numbers["data"]) == {"bundled"}
    assert numbers["key"].is_unique().all()
    value = dict(numbers.select("key", "value").iter_rows())
    # Losses 0.4, 0.8, 1.2, ...: two of six lie in [0, 1].
    assert value["s2.inside_fraction"] == pytest.approx(1 / 3)
    assert value["s3.sigmoid_kept"] == pytest.approx(0.1)
    assert value["s3.diverged"] == 4
    assert value["s3.diverged_chosen"] == value["s5.diverged_chosen"] == 0
    assert (value["s3.relu_2_rate"], value["s5.at_an_end"], value["labels.at_an_end"]) == (
        0.1,
        4,
        2,
    )
    assert value["s1.printed_over_true"] == 4
    assert value["s5.one_hot_minus_number"] == pytest.approx(0.5)
    assert value["labels.odd_digits_accuracy"] == pytest.approx(4 / 6)
    n = dict(numbers.select("key", "n").iter_rows())
    assert n["labels.odd_digits_logistic_regression_accuracy"] == 6
    assert value["labels.odd_digits_minus_mlpclassifier"] == pytest.approx(4 / 6 - 0.5)


def test_a_rate_at_which_any_seed_diverged_is_not_the_best(tables: Path) -> None:
    best = gradient_numbers.best_rates(pl.read_parquet(tables / "training.parquet"))
    assert set(best["learning_rate"]) == {0.1}


@pytest.mark.parametrize("name", FIGURES)
def test_figures(tables: Path, tmp_path: Path, name: str) -> None:
    svg, png = tmp_path / "f.svg", tmp_path / "f.png"
    load("labels", f"plot_{name}").main(tables / f"{name}.csv", svg, png)
    assert svg.stat().st_size > 1000
    assert png.read_bytes()[:4] == b"\x89PNG"
    # The chapter is about the bundled data: no stand-in mark.
    assert "STAND-IN" not in svg.read_text()


def test_a_rate_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"labels.training.rates: .*has a value twice"):
        settings("labels", training={"rates": [0.1, 0.1]})
