"""The same training in other hands, and the tables of parity and timing."""

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import plot_parity
import plot_timing
import polars as pl
import pytest
import summarise_parity
import summarise_timing
import time_training
import train_parity
from autodiff import autodiff
from networks import multilayer_perceptron
from summarise_timing import median_interval
from train_parity import Task

import nnjax as nn
from nnjax.datasets.isolet import COLUMNS

PROGRAM: dict[str, Any] = {
    "units": 8,
    "layers": 1,
    "activation": "relu",
    "init": 0.1,
    "epochs": 2,
    "batch_size": 32,
    "seeds": 2,
}
SETTINGS: dict[str, Any] = {
    "optimizers": {
        "sgd": {"learning_rate": 0.01, "momentum": 0.9, "shuffle": False},
        "adam": {"learning_rate": 0.001, "shuffle": True},
    },
    "peer_seeds": 1,
    "margin": 0.005,
    "limit": 1e-8,
}
TIMING: dict[str, Any] = {
    "repeats": 6,
    "peer_batch_sizes": [64],
    "target": 0.94,
    "short": {"batch_size": 256, "epochs": 2},
}
pytestmark = pytest.mark.usefixtures("quick_compiler")
TORCH = importlib.util.find_spec("torch") is not None


def rows(split: str, count: int, speakers: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    letters = np.arange(count) % 26 + 1
    # Each letter has a place of its own, so that there is something to learn.
    x = (
        letters[:, None] * np.arange(1, 618) % 53 / 53 + 0.3 * rng.standard_normal((count, 617))
    ) / 2
    about = {"split": split, "speaker": np.arange(count) % speakers + 1, "letter": letters}
    return pl.DataFrame(about).hstack(pl.from_numpy(x.clip(-1, 1), schema=COLUMNS))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    rows("train", 200, 4, 0).write_parquet(folder / "train.parquet")
    rows("test", 60, 3, 1).write_parquet(folder / "test.parquet")
    (folder / "record.json").write_text(json.dumps({"data": "stand-in"}))
    return folder


@pytest.fixture(scope="module")
def trained(data: Path) -> Path:
    """The measurement without PyTorch."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    train_parity.main(
        data / "train.parquet",
        data / "test.parquet",
        PROGRAM,
        SETTINGS,
        None,
        data / "steps.parquet",
        data / "speakers.parquet",
    )
    jax.config.update("jax_disable_most_optimizations", before)
    return data


def task(optimizer: str) -> Task:
    rng = np.random.default_rng(0)
    choice = dict(SETTINGS["optimizers"][optimizer])
    shuffle = choice.pop("shuffle")
    x, labels = rng.standard_normal((100, 5)), rng.integers(0, 3, 100).astype(np.int32)
    return Task(
        x, labels, multilayer_perceptron(8, 1, 3, "relu", 0.5), PROGRAM, optimizer, choice, shuffle
    )


def test_the_batches_and_the_start_are_those_of_fit() -> None:
    """The last parameters of the step-by-step training are those of `nn.fit` from the same keys."""
    given = task("adam")
    init_key, fit_key = jax.random.split(jax.random.key(0))
    params, _ = nn.fit(
        given.network,
        nn.softmax_cross_entropy,
        optax.adam(0.001),
        given.network.init(init_key, (5,))[0],
        (given.x, given.labels),
        epochs=2,
        batch_size=32,
        key=fit_key,
    )
    *_, last = train_parity.jax_steps(given, given.network, nn.softmax_cross_entropy)
    for ours, theirs in zip(last, jax.tree.leaves(params), strict=True):
        assert ours.shape[0] == 3
        np.testing.assert_allclose(ours[-1], theirs, rtol=0, atol=1e-15)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_every_step_of_torch_is_the_same(optimizer: str) -> None:
    """Of the others too: see the measurement below."""
    pytest.importorskip("torch", reason="PyTorch is the extra 'torch'")
    given = task(optimizer)
    ours = train_parity.jax_steps(given, given.network, nn.softmax_cross_entropy)
    theirs = train_parity.torch_steps(given)
    worst = [train_parity.worst_difference(a, b) for a, b in zip(theirs, ours, strict=True)]
    assert len(worst) == 2
    assert max(worst) <= 1e-12


def test_scikit_learn_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match="file order"):
        train_parity.scikit_learn(task("adam"), 0)


def test_autodiff_is_value_and_grad_of_the_forward_pass(key: jax.Array) -> None:
    """And not the hand-derived backward pass, which is broken here."""
    net = nn.serial(nn.dense(4), nn.tanh(), nn.dense(3))
    broken = net._replace(backward=lambda *_: 1 / 0)  # type: ignore[arg-type]
    params, _ = net.init(key, (5,))
    x, labels = jax.random.normal(key, (7, 5)), jnp.arange(7) % 3

    def plain(params: Any) -> jax.Array:
        return nn.softmax_cross_entropy.forward(net.forward(params, x)[0], labels)[0]

    loss, grads = nn.value_and_grad(*autodiff(broken, nn.softmax_cross_entropy))(params, x, labels)
    expected = jax.value_and_grad(plain)(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-15), (loss, grads), expected)


def test_worst_difference() -> None:
    a = [np.array([[1.0, 2.0]]), np.array([3.0])]
    assert train_parity.worst_difference(a, [np.array([[1.0, 2.5]]), np.array([2.75])]) == 0.5
    assert math.isnan(
        train_parity.worst_difference(a, [np.array([[1.0, np.nan]]), np.array([9.0])])
    )


def test_the_measurement_without_torch(trained: Path) -> None:
    steps, speakers = (pl.read_parquet(trained / f"{n}.parquet") for n in ("steps", "speakers"))
    arms = [("sgd", "jax.grad", 2), ("sgd", "scikit-learn", 1), ("adam", "jax.grad", 2)]
    assert steps.group_by("optimizer", "arm", maintain_order=True).len().rows() == arms
    assert steps["worst"].max() <= 1e-12  # type: ignore[operator]
    seeds = speakers.group_by("optimizer", "arm").agg(
        pl.col("seed").n_unique(), pl.col("rows").sum()
    )
    assert sorted(seeds.rows()) == [
        ("adam", "hand-derived", 2, 120),
        ("adam", "jax.grad", 1, 60),
        ("sgd", "hand-derived", 2, 120),
        ("sgd", "jax.grad", 1, 60),
        ("sgd", "scikit-learn", 1, 60),
    ]
    assert (speakers["correct"] <= speakers["rows"]).all()


def test_the_table_says_that_torch_is_missing(trained: Path) -> None:
    table, svg, png = (trained / name for name in ("parity.csv", "parity.svg", "parity.png"))
    summarise_parity.main(
        trained / "steps.parquet",
        trained / "speakers.parquet",
        trained / "record.json",
        SETTINGS,
        None,
        table,
    )
    made = pl.read_csv(table).filter(epoch=2)
    absent = made.filter(pl.col("arm") == "PyTorch")
    assert absent["note"].to_list() == ["PyTorch is not installed"] * 2
    assert absent["n"].to_list() == [0, 0]
    assert absent["accuracy"].null_count() == 2
    assert made.filter(minus_arm="PyTorch")["note"].to_list() == ["PyTorch is not installed"]
    plot_parity.main(table, svg, png)
    drawn = svg.read_text()
    assert drawn.count("<!-- PyTorch is not installed -->") == 3
    assert "<!-- STAND-IN DATA -->" in drawn


def cell(arm: str, optimizer: str, correct: list[list[int]]) -> pl.DataFrame:
    """Counts by seed and speaker; each speaker has 10 rows."""
    return pl.DataFrame(
        [
            {"arm": arm, "optimizer": optimizer, "seed": s, "speaker": k, "rows": 10, "correct": c}
            for s, seed in enumerate(correct)
            for k, c in enumerate(seed)
        ]
    )


def test_differences_by_hand() -> None:
    """0.9 - 0.8 in every seed and speaker: no width, outside 0.05, inside 0.15."""
    speakers = pl.concat(
        [cell("PyTorch", "sgd", [[9, 9]]), cell("hand-derived", "sgd", [[8, 8], [1, 1]])]
    )
    steps = pl.DataFrame(
        {"optimizer": "sgd", "arm": "PyTorch", "epoch": [1, 2, 3], "worst": [1e-9, 3e-8, 2e-8]}
    )
    for margin, inside in ((0.05, False), (0.15, True)):
        settings = SETTINGS | {"optimizers": {"sgd": {}}, "margin": margin}
        table = summarise_parity.table(steps, speakers, settings, "2.0")
        row = table.filter(arm="PyTorch", epoch=3).row(0, named=True)
        assert row["difference"] == row["difference_lo"] == row["tost_hi"] == pytest.approx(0.1)
        assert (row["pairs"], row["equivalent"], row["tost_equivalent"]) == (1, inside, inside)
        assert (row["worst"], row["worst_so_far"]) == (2e-8, 3e-8)
        assert row["accuracy"] == pytest.approx(0.9)
        own = table.filter(arm="hand-derived", minus_arm="none").row(0, named=True)
        assert (own["accuracy"], own["n"], own["diverged"]) == (pytest.approx(0.45), 2, 0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 1, 2], (2, math.nan, math.nan, 3)),
        ([1, 2, 3, 4, 5, 6], (3.5, 1, 6, 6)),
        ([9, 8, 7, 6, 5, 4, 3, 2, 1], (5, 2, 8, 9)),  # P(Binomial(9, 1/2) < 2) = 0.0195
        ([math.inf] * 6, (math.inf, math.inf, math.inf, 6)),
    ],
)
def test_median_interval(values: list[float], expected: tuple[float, ...]) -> None:
    np.testing.assert_equal(tuple(median_interval(np.array(values))), expected)


def timed(torch: bool) -> pl.DataFrame:
    """Ours takes 2 s at 128 and 4 s at 2 rows, PyTorch half of ours, numpy three times."""
    arms = {"hand-derived": 1.0, "numpy": 3.0} | ({"PyTorch": 0.5} if torch else {})
    return pl.DataFrame(
        [
            {"arm": arm, "batch_size": size, "repeat": repeat, "seconds": factor * seconds * drift}
            for arm, factor in arms.items()
            for size, seconds in ((2, 4.0), (128, 2.0))
            for repeat, drift in enumerate((1.0, 1.5, 1.0, 1.0, 1.0, 1.0))
        ]
    ).with_columns(threads=pl.lit(2), machine=pl.lit("a processor"), torch=pl.lit("2.0"))


def test_ratios_are_taken_within_a_repeat() -> None:
    """The slow repeat slows all arms, so the ratio does not see it."""
    found = {(r["arm"], r["batch_size"]): r for r in summarise_timing.ratios(timed(True), "2.0")}
    assert set(found) == {("hand-derived", 2), ("hand-derived", 128), ("numpy", 2), ("numpy", 128)}
    for (arm, _), row in found.items():
        expected = 2.0 if arm == "hand-derived" else 6.0
        assert (row["value"], row["lo"], row["hi"], row["n"]) == (expected, expected, expected, 6)


def test_time_to_the_target(data: Path, tmp_path: Path) -> None:
    """Seeds 0 to 3 reach 0.94 after 3 epochs of 2 s, seeds 4 and 5 never; 2 x 128 is short."""
    accuracies = [[0.5, 0.9, 0.94]] * 4 + [[0.5, 0.9, 0.9]] * 2
    runs = pl.DataFrame(
        [
            {"batch_size": 128, "seed": seed, "epoch": epoch, "test_accuracy": value}
            for seed, curve in enumerate(accuracies)
            for epoch, value in enumerate(curve, start=1)
        ]
    )
    runs.cast({"test_accuracy": pl.Float32}).write_parquet(tmp_path / "epochs.parquet")
    runs.select(
        "seed",
        "epoch",
        correct=(100 * pl.col("test_accuracy")).round().cast(int),
        batch_size=128,
        rows=100,
        speaker=1,
    ).write_parquet(tmp_path / "speakers.parquet")
    timed(False).write_parquet(tmp_path / "timed.parquet")
    for size, missing in ((128, False), (256, True)):
        table = tmp_path / "timing.csv"
        settings = TIMING | {"short": {"batch_size": size, "epochs": 2}}
        summarise_timing.main(
            tmp_path / "timed.parquet",
            tmp_path,
            data / "record.json",
            settings,
            None,
            table,
        )
        made = pl.read_csv(table)
        target = made.row(by_predicate=pl.col("quantity") == "seconds_to_target", named=True)
        assert (target["value"], target["lo"], target["hi"]) == (6, 6, math.inf)
        assert (target["n"], target["never"]) == (6, 2)
        assert made.filter(quantity="over_PyTorch")["note"].unique().to_list() == [
            "PyTorch is not installed"
        ]
        slowest = made.row(by_predicate=pl.col("quantity") == "slowest_over_fastest", named=True)
        assert (slowest["value"], slowest["batch_size"]) == (2, 2)
        short = made.row(by_predicate=pl.col("quantity") == "short_accuracy", named=True)
        if missing:
            assert short["value"] is None
            assert short["note"] == "figure 6 was not run with batch size 256 for 2 epochs"
        else:
            seconds = made.row(by_predicate=pl.col("quantity") == "short_seconds", named=True)
            assert (short["value"], short["n"], seconds["value"]) == (0.9, 6, 4)
            gap = made.row(by_predicate=pl.col("quantity") == "best_minus_short", named=True)
            assert (gap["epochs"], gap["value"]) == (3, pytest.approx(0.16 / 6))
        svg = tmp_path / "timing.svg"
        plot_timing.main(table, svg, tmp_path / "timing.png")
        assert "<!-- 2/6 -->" in svg.read_text()


def test_the_numpy_loop_is_the_same_training() -> None:
    """Two steps with all rows in one batch end where `nn.fit` with optax does."""
    given = task("adam")
    params, _ = given.network.init(jax.random.key(0), (5,))
    leaves = [np.array(leaf) for leaf in jax.tree.leaves(params)]
    epoch = time_training.numpy_epoch(leaves, given.x, given.labels, 100, 0.001)
    epoch()
    epoch()
    trained, _ = nn.fit(
        given.network,
        nn.softmax_cross_entropy,
        optax.adam(0.001),
        params,
        (given.x, given.labels),
        epochs=2,
        batch_size=100,
    )
    for ours, theirs in zip(jax.tree.leaves(trained), leaves, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_timing_measures_every_arm(data: Path) -> None:
    program = {"units": 8, "layers": 1, "activation": "relu", "init": "uniform_fan_in"}
    program |= {"learning_rate": 0.001, "batch_sizes": [64, 8192]}
    out = data / "timed.parquet"
    torch = "installed" if TORCH else None
    time_training.main(data / "train.parquet", program, TIMING | {"repeats": 2}, torch, 1, out)
    made = pl.read_parquet(out)
    arms = ["hand-derived", "hand-derived", "jax.grad", "numpy", *(["PyTorch"] if TORCH else [])]
    assert made.filter(repeat=1)["arm"].to_list() == arms
    assert made["batch_size"].to_list() == 2 * [64, 8192, *[64] * (len(arms) - 2)]
    assert made["seconds"].min() > 0  # type: ignore[operator]
