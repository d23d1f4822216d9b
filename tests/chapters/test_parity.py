"""The same training by other implementations, and the tables of parity and timing."""

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import polars as pl
import pytest

import nnjax as nn
from nnjax.datasets.isolet import COLUMNS
from tests.chapters.conftest import load, settings
from workflow.lib.estimates import median_interval
from workflow.lib.runs.autodiff import autodiff
from workflow.lib.runs.counts import Runs
from workflow.lib.runs.experiments import Arms, Experiment, Program
from workflow.lib.runs.networks import multilayer_perceptron

train, measure, agreement, times, plot_parity, plot_timing = (
    load("parity", name)
    for name in ("train", "measure", "agreement", "times", "plot_parity", "plot_timing")
)
NETWORK: dict[str, Any] = {"hidden_units": 8, "hidden_layers": 1, "activation": "relu"}
PROGRAM = Program(
    **NETWORK,
    init=0.1,
    optimizer="sgd",
    arms=Arms(learning_rate=[0.01]),
    epochs=2,
    batch_size=32,
    shuffle=False,
    seeds=2,
)
SETTINGS = settings(
    "parity",
    parity={"peer_seeds": 1},
    timing={"repeats": 6, "peer_batch_sizes": [64, 128], "short": {"batch_size": 256, "epochs": 2}},
)
TORCH = importlib.util.find_spec("torch") is not None


def rows(split: str, count: int, speakers: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    letters = np.arange(count) % 26 + 1
    # Each letter has its own place, so that there is something to learn.
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
    (folder / "origin.json").write_text(json.dumps({"data": "stand-in"}))
    return folder


@pytest.fixture(scope="module")
def trained(data: Path) -> Path:
    """The measurement without PyTorch."""
    train.main(
        data / "train.parquet",
        data / "test.parquet",
        PROGRAM,
        SETTINGS.parity,
        None,
        data / "steps.parquet",
        data / "speakers.parquet",
    )
    return data


def task(optimizer: str) -> Any:
    rng = np.random.default_rng(0)
    descent = getattr(SETTINGS.parity.optimizers, optimizer)
    x, labels = rng.standard_normal((100, 5)), rng.integers(0, 3, 100).astype(np.int32)
    network = multilayer_perceptron(8, 1, 3, "relu", 0.5)
    choice = (optimizer, descent.hyperparams(), descent.shuffle)
    return train.Task(x, labels, network, PROGRAM, *choice)


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
        drop_last=True,
    )
    *_, last = train.jax_steps(given, given.network, nn.softmax_cross_entropy)
    for ours, theirs in zip(last, jax.tree.leaves(params), strict=True):
        assert ours.shape[0] == 3
        np.testing.assert_allclose(ours[-1], theirs, rtol=0, atol=1e-15)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_every_step_of_torch_is_the_same(optimizer: str) -> None:
    """Of the others too: see the measurement below."""
    pytest.importorskip("torch", reason="PyTorch is the extra 'torch'")
    given = task(optimizer)
    ours = train.jax_steps(given, given.network, nn.softmax_cross_entropy)
    theirs = train.torch_steps(given)
    worst = [train.worst_difference(a, b) for a, b in zip(theirs, ours, strict=True)]
    assert len(worst) == 2
    assert max(worst) <= 1e-12


def test_scikit_learn_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match="file order"):
        train.scikit_learn(task("adam"), 0)


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
    assert train.worst_difference(a, [np.array([[1.0, 2.5]]), np.array([2.75])]) == 0.5
    assert math.isnan(train.worst_difference(a, [np.array([[1.0, np.nan]]), np.array([9.0])]))


def test_the_measurement_without_torch(trained: Path) -> None:
    steps, speakers = (pl.read_parquet(trained / f"{n}.parquet") for n in ("steps", "speakers"))
    arms = [("sgd", "jax.grad", 2), ("sgd", "scikit-learn", 1), ("adam", "jax.grad", 2)]
    assert steps.group_by("optimizer", "implementation", maintain_order=True).len().rows() == arms
    assert steps["worst"].max() <= 1e-12  # type: ignore[operator]
    seeds = speakers.group_by("optimizer", "implementation").agg(
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
    steps, speakers = (pl.read_parquet(trained / f"{n}.parquet") for n in ("steps", "speakers"))
    made = agreement.table(steps, speakers, SETTINGS.parity, None)
    made.with_columns(data=pl.lit("stand-in")).write_csv(table)
    keys = [number["key"] for number in agreement.numbers(made)]
    assert "k6.nnjax_sgd_minus_jax_grad_adam" in keys
    assert not [key for key in keys if "torch" in key]
    made = pl.read_csv(table).filter(epoch=2)
    absent = made.filter(pl.col("implementation") == "PyTorch")
    assert absent["note"].to_list() == ["PyTorch is not installed"] * 2
    assert absent["n"].to_list() == [0, 0]
    assert absent["accuracy"].null_count() == 2
    assert made.filter(minus_implementation="PyTorch")["note"].to_list() == [
        "PyTorch is not installed"
    ]
    plot_parity.main(table, svg, png)
    drawn = svg.read_text()
    assert drawn.count("<!-- PyTorch is not installed -->") == 3
    assert "<!-- STAND-IN DATA -->" in drawn


def cell(implementation: str, optimizer: str, correct: list[list[int]]) -> pl.DataFrame:
    """Counts by seed and speaker; each speaker has 10 rows."""
    return pl.DataFrame(
        [
            {
                "implementation": implementation,
                "optimizer": optimizer,
                "seed": s,
                "speaker": k,
                "rows": 10,
                "correct": c,
            }
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
        {
            "optimizer": "sgd",
            "implementation": "PyTorch",
            "epoch": [1, 2, 3],
            "worst": [1e-9, 3e-8, 2e-8],
        }
    )
    for margin, inside in ((0.05, False), (0.15, True)):
        parity = SETTINGS.parity.model_copy(update={"margin": margin})
        table = agreement.table(steps, speakers, parity, "2.0").filter(optimizer="sgd")
        row = table.filter(implementation="PyTorch", epoch=3).row(0, named=True)
        assert row["difference"] == row["difference_lo"] == row["tost_hi"] == pytest.approx(0.1)
        assert (row["pairs"], row["equivalent"], row["tost_equivalent"]) == (1, inside, inside)
        assert (row["worst"], row["worst_so_far"]) == (2e-8, 3e-8)
        assert row["accuracy"] == pytest.approx(0.9)
        own = table.filter(implementation="hand-derived", minus_implementation="none").row(
            0, named=True
        )
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
    """Ours takes 2 s at 128 and 4 s at 2 rows, PyTorch half as long, numpy three times."""
    factors = {"hand-derived": 1.0, "numpy": 3.0} | ({"PyTorch": 0.5} if torch else {})
    return pl.DataFrame(
        [
            {
                "implementation": implementation,
                "batch_size": size,
                "repeat": repeat,
                "seconds": factor * seconds * drift,
            }
            for implementation, factor in factors.items()
            for size, seconds in ((2, 4.0), (128, 2.0))
            for repeat, drift in enumerate((1.0, 1.5, 1.0, 1.0, 1.0, 1.0))
        ]
    ).with_columns(threads=pl.lit(2), machine=pl.lit("a processor"), torch=pl.lit("2.0"))


def test_ratios_are_taken_within_a_repeat() -> None:
    """The slow repeat slows all implementations, so the ratio does not see it."""
    rows = times.ratios(timed(True), "2.0")
    found = {(row["implementation"], row["batch_size"]): row for row in rows}
    assert set(found) == {("hand-derived", 2), ("hand-derived", 128), ("numpy", 2), ("numpy", 128)}
    for (implementation, _), row in found.items():
        expected = 2.0 if implementation == "hand-derived" else 6.0
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
    for size, missing in ((128, False), (256, True)):
        table = tmp_path / "timing.csv"
        short = SETTINGS.timing.short.model_copy(update={"batch_size": size})
        timing = SETTINGS.timing.model_copy(update={"short": short})
        made = times.table(timed(False), Runs(tmp_path), timing, None)
        made.with_columns(data=pl.lit("isolet")).write_csv(table)
        numbers = {number["key"]: number for number in times.numbers(made)}
        assert numbers["k12.seconds_to_target_128"]["value"] == 6
        assert ("k12.best_minus_short" in numbers) == (not missing)
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
    epoch = measure.numpy_epoch(leaves, given.x, given.labels, 100, 0.001)
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


def test_timing_measures_every_implementation(data: Path) -> None:
    experiment = Experiment(
        **NETWORK,
        init="uniform_fan_in",
        optimizer="adam",
        arms=Arms(learning_rate=[0.001]),
        epochs=1,
        shuffle=True,
        seeds=1,
        vary={"batch_size": [64, 8192]},
    )
    timing = SETTINGS.timing.model_copy(update={"repeats": 2, "peer_batch_sizes": [64]})
    out = data / "timed.parquet"
    torch = "installed" if TORCH else None
    measure.main(data / "train.parquet", experiment, timing, torch, out)
    made = pl.read_parquet(out)
    expected = ["hand-derived"] * 2 + ["jax.grad", "numpy", *(["PyTorch"] if TORCH else [])]
    assert made.filter(repeat=1)["implementation"].to_list() == expected
    assert made["batch_size"].to_list() == 2 * [64, 8192, *[64] * (len(expected) - 2)]
    assert made["seconds"].min() > 0  # type: ignore[operator]
