"""The chapter on digits: what it trains, what it says of that, and how it draws it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import mnist_networks
import numpy as np
import optax
import plot_mnist
import plot_mnist_errors
import plot_mnist_filters
import polars as pl
import pytest
import search_mnist
import summarise_mnist
import train_mnist
import train_mnist_perceptrons
import yaml
from figtable import STAND_INS, TableError
from tables import write_csv

import nnjax as nn

SETTINGS: dict[str, Any] = {
    "rows": 64,
    "digits_times": 2,
    "units": 4,
    "slope": 0.1,
    "filters": [2, 3],
    "kernel": 3,
    "pool": 2,
    "training": {
        "sample_by_sample": {"seeds": 2, "epochs": 1, "batch_size": 1, "learning_rate": 0.05},
        "perceptron": {"seeds": 2, "epochs": 1, "batch_size": 16, "learning_rate": 0.01},
        "convolutional": {"seeds": 2, "epochs": 1, "batch_size": 16, "learning_rate": 0.01},
    },
    "peers": {
        "logistic_regression": {"C": 0.01, "max_iter": 3},
        "mlp_classifier": {"seeds": 2, "epochs": 1, "batch_size": 16, "learning_rate": 0.01},
    },
    "shown_errors": 5,
    "resamples": 200,
    "search": {
        "held_out": 16,
        "seeds": {"perceptron": 2, "convolutional": 1},
        "tried": {"perceptron": [{"epochs": 2}], "convolutional": [{"learning_rate": 0.1}]},
    },
}


@pytest.fixture(scope="module", autouse=True)
def as_in_a_job() -> Iterator[None]:
    """JAX's defaults, but few optimisations: the programs are tiny and compiling takes longest."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(autouse=True)
def float32(strict_float64: None) -> Iterator[None]:
    """Jobs compute in float32 and mix dtypes as JAX does by default."""
    with (
        jax.enable_x64(False),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        yield


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of random grey, 80 to learn and 30 to test, in the form of MNIST."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("digits") / "mnist.npz"
    labels = np.arange(110, dtype=np.uint8) % 10
    x = rng.integers(0, 256, (110, 28, 28), dtype=np.uint8)
    np.savez(path, x_train=x[:80], y_train=labels[:80], x_test=x[80:], y_test=labels[80:])
    return path


def record(folder: Path, data: str = "mnist") -> Path:
    path = folder / "mnist.json"
    path.write_text(json.dumps({"data": data}))
    return path


def test_pixels_are_scaled_by_the_training_rows(arrays: Path) -> None:
    data = mnist_networks.read(arrays, 64)
    assert data.x_train.shape == (64, 28, 28, 1)
    assert data.x_train.dtype == np.float32
    assert data.x_train.mean() == pytest.approx(0, abs=1e-5)
    assert data.x_train.std() == pytest.approx(1, abs=1e-5)
    with np.load(arrays) as file:
        first, tested = file["x_train"][:64].astype(np.float64), file["x_test"]
    expected = (tested - first.mean()) / first.std()
    assert data.x_test[..., 0] == pytest.approx(expected, abs=1e-4)


def test_held_out_rows_are_the_last_training_rows_and_no_test_rows(arrays: Path) -> None:
    data, held = mnist_networks.read(arrays, 80), mnist_networks.read(arrays, 80, held_out=10)
    assert (held.y_train.tolist(), held.y_test.tolist()) == (
        data.y_train[:70].tolist(),
        data.y_train[70:].tolist(),
    )
    assert held.x_train.shape == (70, 28, 28, 1)


def test_the_stand_in_is_trained_for_more_epochs(tmp_path: Path) -> None:
    training = SETTINGS["training"]["perceptron"]
    assert mnist_networks.epochs_of(training, SETTINGS, record(tmp_path)) == 1
    assert mnist_networks.epochs_of(training, SETTINGS, record(tmp_path, "digits")) == 2


def test_the_rate_falls_to_zero() -> None:
    seen: list[Any] = []

    def optimizer(rate: Any) -> optax.GradientTransformation:
        seen.append(rate)
        return optax.identity()

    mnist_networks.falling(optimizer, rows=64, epochs=2, batch_size=16)(0.1)
    assert [seen[0](step) for step in (0, 4, 8)] == pytest.approx([0.1, 0.05, 0.0])


def test_a_diverged_network_is_wrong_everywhere() -> None:
    scores = np.array([[0.0, 1.0], [np.nan, 1.0], [2.0, 1.0]])
    rows = mnist_networks.prediction_rows("n", 3, scores, np.array([1, 1, 1]))
    assert rows["predicted"].to_list() == [1, -1, 0]
    assert rows["correct"].to_list() == [True, False, False]
    assert rows["probability"][2] == pytest.approx(1 / (1 + np.exp(-1)))


def test_softmax_keeps_differences_not_proportions() -> None:
    assert train_mnist.softmax_ratio() == pytest.approx(np.e, rel=1e-6)


def test_filters_are_rows_in_their_places() -> None:
    kernel = np.arange(12.0).reshape(2, 3, 1, 2)
    rows = train_mnist.filter_rows(kernel)
    assert rows.filter(filter=1, row=1, column=2)["weight"].to_list() == [kernel[1, 2, 0, 1]]
    assert rows.height == 12


@pytest.fixture(scope="module")
def trained(arrays: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both training jobs, run on very little."""
    folder = tmp_path_factory.mktemp("trained")
    files = {"epochs", "predictions", "checks", "filters"}
    paths = {
        job: {name: folder / job / f"{name}.parquet" for name in files}
        for job in ("convolutional", "perceptrons")
    }
    (folder / "convolutional").mkdir()
    (folder / "perceptrons").mkdir()
    train_mnist.main(arrays, record(folder), SETTINGS, **paths["convolutional"])
    del paths["perceptrons"]["filters"]
    train_mnist_perceptrons.main(
        arrays, record(folder), SETTINGS, threads=1, **paths["perceptrons"]
    )
    return folder


def summarise(trained: Path, arrays: Path, output: Path, data: str = "mnist") -> dict[str, Path]:
    names = ("curves", "errors", "filters", "confusions", "numbers")
    outputs = {name: output / f"{name}.csv" for name in names}
    jobs = ("convolutional", "perceptrons")
    summarise_mnist.main(
        [trained / job / "epochs.parquet" for job in jobs],
        [trained / job / "predictions.parquet" for job in jobs],
        [trained / job / "checks.parquet" for job in jobs],
        trained / "convolutional" / "filters.parquet",
        arrays,
        record(output, data),
        SETTINGS,
        outputs,
    )
    return outputs


def test_jobs_write_every_seed_and_classifier(trained: Path) -> None:
    jobs = ("convolutional", "perceptrons")
    said = pl.concat([pl.read_parquet(trained / job / "predictions.parquet") for job in jobs])
    counted = said.group_by("network").agg(pl.col("seed").n_unique(), pl.len())
    assert set(counted.rows()) == {
        ("convolutional", 2, 60),
        ("sample_by_sample", 2, 60),
        ("perceptron", 2, 60),
        ("logistic_regression", 1, 30),
        ("mlp_classifier", 2, 60),
    }
    epochs = pl.concat([pl.read_parquet(trained / job / "epochs.parquet") for job in jobs])
    last = said.group_by("network", "seed").agg(pl.col("correct").mean().alias("counted"))
    both = epochs.join(last, on=["network", "seed"])
    assert both.height == 6
    assert both["accuracy"].to_numpy() == pytest.approx(both["counted"].to_numpy(), abs=1e-6)


def test_gradients_of_the_network_are_those_of_its_forward_pass(trained: Path) -> None:
    checks = dict(pl.read_parquet(trained / "convolutional" / "checks.parquet").iter_rows())
    assert 0 <= checks["gradient_difference"] < 1e-12


def test_summary_and_figures(trained: Path, arrays: Path, tmp_path: Path) -> None:
    outputs = summarise(trained, arrays, tmp_path)
    numbers = pl.read_csv(outputs["numbers"])
    assert set(numbers["data"]) == {"mnist"}
    assert numbers["key"].is_unique().all()
    assert {"s4.mnist_accuracy", "m4.mnist_accuracy"} <= set(numbers["key"])
    parameters = numbers.filter(key="m4.parameters")["value"].item()
    assert parameters == 784 * 4 + 4 + 4 * 10 + 10
    for plot, name in (
        (plot_mnist, "curves"),
        (plot_mnist_errors, "errors"),
        (plot_mnist_filters, "filters"),
    ):
        plot.main(outputs[name], tmp_path / "f.svg", tmp_path / "f.png")
        assert STAND_INS["digits"] not in (tmp_path / "f.svg").read_text()
        assert (tmp_path / "f.png").stat().st_size > 1000


def test_a_stand_in_is_marked(trained: Path, arrays: Path, tmp_path: Path) -> None:
    outputs = summarise(trained, arrays, tmp_path, "digits")
    for plot, name in (
        (plot_mnist, "curves"),
        (plot_mnist_errors, "errors"),
        (plot_mnist_filters, "filters"),
    ):
        plot.main(outputs[name], tmp_path / "f.svg", tmp_path / "f.png")
        assert STAND_INS["digits"] in (tmp_path / "f.svg").read_text()


def made_up(network: str, right: list[list[bool]]) -> pl.DataFrame:
    """Predictions of some seeds: the label is 1, a wrong one says 2, ever less sure."""
    rows = []
    for seed, of_seed in enumerate(right):
        for image, correct in enumerate(of_seed):
            rows.append(
                {
                    "network": network,
                    "seed": seed,
                    "image": image,
                    "label": 1,
                    "predicted": 1 if correct else 2,
                    "probability": 0.9 - 0.1 * image,
                    "correct": correct,
                }
            )
    return pl.DataFrame(rows)


def test_errors_are_the_first_seeds_surest_first() -> None:
    said = made_up("convolutional", [[False, True, False], [False, False, True]])
    images = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    found = summarise_mnist.errors(said, images, shown=5)
    assert found.select("rank", "image", "wrong_seeds", "n", "pixels").rows() == [
        (0, 0, 2, 2, "00010203"),
        (1, 2, 1, 2, "08090a0b"),
    ]
    assert summarise_mnist.errors(said, images, shown=1).height == 1


def test_confusions_are_means_over_the_seeds() -> None:
    said = made_up("convolutional", [[False, True, False], [False, False, False]])
    assert summarise_mnist.confusions(said).rows() == [(1, 2, 2.5, 2)]


def test_differences_are_paired() -> None:
    a = np.array([[True, True, False, True]])
    b = np.array([[True, False, False, True]])
    found = summarise_mnist.difference(np.repeat(a, 3, 0), np.repeat(b, 2, 0), 100)
    assert (found.value, found.n) == (0.25, 2)
    alone = summarise_mnist.difference(np.repeat(a, 3, 0), b, 100)
    assert (alone.value, alone.n) == (0.25, 3)
    same = summarise_mnist.difference(a, a, 100)
    assert (same.value, same.lo, same.hi) == (0, 0, 0)


def test_pixels_that_are_no_image_are_refused(tmp_path: Path) -> None:
    said = made_up("convolutional", [[False]])
    images = np.zeros((1, 2, 2), np.uint8)
    table = summarise_mnist.errors(said, images, 1).with_columns(data=pl.lit("mnist"))
    write_csv(table.with_columns(pixels=pl.lit("00zz")), tmp_path / "t.csv")
    with pytest.raises(TableError, match="rank 0 are not an image of 2 rows"):
        plot_mnist_errors.main(tmp_path / "t.csv", tmp_path / "f.svg", tmp_path / "f.png")


def test_the_search_never_sees_the_test_rows(
    arrays: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with np.load(arrays) as file:
        blind = {name: file[name] for name in ("x_train", "y_train")}
    np.savez(tmp_path / "blind.npz", allow_pickle=False, **blind)

    def pretend(training: dict[str, Any], rows: int) -> tuple[None, nn.History, None]:
        """An accuracy that is the rate, plus one more for each seed; a tenth before the end."""
        assert rows == 64
        rates = training["learning_rate"] + np.arange(training["seeds"])
        columns = [rates / 10] * (training["epochs"] - 1) + [rates]
        accuracy = jax.numpy.stack(columns, axis=1)
        return None, nn.History(accuracy, accuracy, accuracy, accuracy), None

    monkeypatch.setattr(
        train_mnist, "train", lambda data, s, training, epochs: pretend(training, len(data.y_train))
    )
    monkeypatch.setattr(
        train_mnist_perceptrons,
        "train",
        lambda name, data, s, training, epochs: pretend(training, len(data.y_train)),
    )
    search_mnist.main(tmp_path / "blind.npz", SETTINGS, tmp_path / "trials.csv")
    assert pl.read_csv(tmp_path / "trials.csv").rows() == [
        ("perceptron", 2, 16, 0.01, 0.51, 2),
        ("convolutional", 1, 16, 0.1, 0.1, 1),
    ]


def test_the_settings_are_the_best_that_were_tried() -> None:
    root = Path(__file__).parents[2]
    config = yaml.safe_load((root / "workflow/config/chapters/mnist.yaml").read_text())
    trials = pl.read_csv(root / "reports/mnist/search.csv")
    for network, training in config["chapters"]["mnist"]["training"].items():
        tried = trials.filter(network=network)
        same = [pl.col(k) == training[k] for k in ("epochs", "batch_size", "learning_rate")]
        assert tried.filter(*same)["accuracy"].to_list() == [tried["accuracy"].max()]


def test_an_unknown_network_is_refused(tmp_path: Path) -> None:
    row = {"kind": "epoch", "network": "other", "epoch": 1, "mean": 0.5, "lo": 0.4, "hi": 0.6}
    write_csv(pl.DataFrame([{**row, "n": 3, "data": "mnist"}]), tmp_path / "t.csv")
    with pytest.raises(TableError, match="unknown networks"):
        plot_mnist.main(tmp_path / "t.csv", tmp_path / "f.svg", tmp_path / "f.png")
