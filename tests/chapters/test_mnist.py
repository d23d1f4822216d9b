"""The chapter on digits: what it trains, its tables and its figures."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import polars as pl
import pytest

import nnjax as nn
from tests.chapters.conftest import load, settings
from workflow.lib.tables import STAND_INS

networks, search, summarise, train_convolutional, train_perceptrons = (
    load("mnist", name)
    for name in (
        "networks",
        "search",
        "summarise",
        "train_convolutional",
        "train_perceptrons",
    )
)
FIGURES = {
    "accuracies": load("mnist", "plot_mnist"),
    "errors": load("mnist", "plot_mnist_errors"),
    "filters": load("mnist", "plot_mnist_filters"),
}
SMALL: dict[str, Any] = {"seeds": 2, "epochs": 1, "batch_size": 16, "learning_rate": 0.01}
CHANGES: dict[str, Any] = {
    "sample_by_sample": [{"learning_rate": 0.2}],
    "perceptron": [{"epochs": 2}],
    "convolutional": [{"learning_rate": 0.1}],
}
SETTINGS = settings(
    "mnist",
    perceptron={"hidden_units": 4},
    convolutional={"filters": [2, 3], "kernel": 3},
    training={
        "sample_by_sample": SMALL | {"batch_size": 1},
        "perceptron": SMALL,
        "convolutional": SMALL,
    },
    peers={"logistic_regression": {"max_iter": 3}, "mlp_classifier": SMALL},
    search={
        "held_out": 16,
        "seeds": {"sample_by_sample": 1, "perceptron": 2, "convolutional": 1},
        "changes": CHANGES,
    },
)
TRAINING = {name: getattr(SETTINGS.training, name) for name in ("sample_by_sample", "perceptron")}
ROWS = 64


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


def origin(folder: Path, data: str = "mnist") -> Path:
    path = folder / "mnist.json"
    path.write_text(json.dumps({"data": data}))
    return path


def test_pixels_are_scaled_by_the_training_rows(arrays: Path) -> None:
    data = networks.read(arrays, 64)
    assert data.x_train.shape == (64, 28, 28, 1)
    assert data.x_train.dtype == np.float32
    assert data.x_train.mean() == pytest.approx(0, abs=1e-5)
    assert data.x_train.std() == pytest.approx(1, abs=1e-5)
    with np.load(arrays) as file:
        first, tested = file["x_train"][:64].astype(np.float64), file["x_test"]
    expected = (tested - first.mean()) / first.std()
    assert data.x_test[..., 0] == pytest.approx(expected, abs=1e-4)


def test_held_out_rows_are_the_last_training_rows_and_no_test_rows(arrays: Path) -> None:
    data, held = networks.read(arrays, 80), networks.read(arrays, 80, held_out=10)
    assert (held.y_train.tolist(), held.y_test.tolist()) == (
        data.y_train[:70].tolist(),
        data.y_train[70:].tolist(),
    )
    assert held.x_train.shape == (70, 28, 28, 1)


def test_the_stand_in_is_trained_for_more_epochs(tmp_path: Path) -> None:
    training = SETTINGS.training.perceptron
    assert networks.adapted(training, 20, origin(tmp_path)).epochs == 1
    assert networks.adapted(training, 20, origin(tmp_path, "digits")).epochs == 20


def test_the_rate_falls_to_zero() -> None:
    seen: list[Any] = []

    def optimizer(rate: Any) -> optax.GradientTransformation:
        seen.append(rate)
        return optax.identity()

    networks.falling(optimizer, rows=64, epochs=2, batch_size=16)(0.1)
    assert [seen[0](step) for step in (0, 4, 8)] == pytest.approx([0.1, 0.05, 0.0])


def test_a_diverged_network_is_wrong_everywhere() -> None:
    scores = np.array([[0.0, 1.0], [np.nan, 1.0], [2.0, 1.0]])
    rows = networks.prediction_rows("n", 3, scores, np.array([1, 1, 1]))
    assert rows["predicted"].to_list() == [1, -1, 0]
    assert rows["correct"].to_list() == [True, False, False]
    assert rows["probability"][2] == pytest.approx(1 / (1 + np.exp(-1)))


def test_softmax_keeps_differences_not_proportions() -> None:
    assert train_convolutional.softmax_ratio() == pytest.approx(np.e, rel=1e-6)


def test_filters_are_rows_in_their_places() -> None:
    kernel = np.arange(12.0).reshape(2, 3, 1, 2)
    rows = train_convolutional.filter_rows(kernel)
    assert rows.filter(filter=1, row=1, column=2)["weight"].to_list() == [kernel[1, 2, 0, 1]]
    assert rows.height == 12


@pytest.fixture(scope="module")
def trained(arrays: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both training jobs, run on very little."""
    folder = tmp_path_factory.mktemp("trained")
    train_convolutional.main(
        arrays,
        origin(folder),
        ROWS,
        SETTINGS.digits_times,
        SETTINGS.convolutional,
        SETTINGS.training.convolutional,
        folder / "convolutional",
    )
    train_perceptrons.main(
        arrays,
        origin(folder),
        ROWS,
        SETTINGS.digits_times,
        SETTINGS.perceptron,
        TRAINING,
        SETTINGS.peers,
        folder / "perceptrons",
    )
    return folder


def summarised(trained: Path, arrays: Path, output: Path, data: str = "mnist") -> dict[str, Path]:
    """The tables of the tiny run."""
    names = ("accuracies", "errors", "filters", "confusions", "numbers")
    tables = {name: output / f"{name}.csv" for name in names}
    folders = (trained / "convolutional", trained / "perceptrons")
    summarise.main(*folders, arrays, origin(output, data), 5, 200, **tables)
    return tables


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
    outputs = summarised(trained, arrays, tmp_path)
    numbers = pl.read_csv(outputs["numbers"])
    assert set(numbers["data"]) == {"mnist"}
    assert numbers["key"].is_unique().all()
    assert {"s4.mnist_accuracy", "m4.mnist_accuracy"} <= set(numbers["key"])
    parameters = numbers.filter(key="m4.parameters")["value"].item()
    assert parameters == 784 * 4 + 4 + 4 * 10 + 10
    for name, plot in FIGURES.items():
        plot.main(outputs[name], tmp_path / "f.svg", tmp_path / "f.png")
        assert STAND_INS["digits"] not in (tmp_path / "f.svg").read_text()
        assert (tmp_path / "f.png").stat().st_size > 1000


def test_a_stand_in_is_marked(trained: Path, arrays: Path, tmp_path: Path) -> None:
    outputs = summarised(trained, arrays, tmp_path, "digits")
    for name, plot in FIGURES.items():
        plot.main(outputs[name], tmp_path / "f.svg", tmp_path / "f.png")
        assert STAND_INS["digits"] in (tmp_path / "f.svg").read_text()


def made_up(network: str, right: list[list[bool]]) -> pl.DataFrame:
    """Predictions of some seeds: the label is 1, a wrong answer 2, the confidence falls."""
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
    found = summarise.confident_errors(said, images, shown=5)
    assert found.select("rank", "image", "wrong_seeds", "n", "pixels").rows() == [
        (0, 0, 2, 2, "00010203"),
        (1, 2, 1, 2, "08090a0b"),
    ]
    assert summarise.confident_errors(said, images, shown=1).height == 1


def test_confusions_are_means_over_the_seeds() -> None:
    said = made_up("convolutional", [[False, True, False], [False, False, False]])
    assert summarise.confusion_rows(said).rows() == [(1, 2, 2.5, 2)]


def test_differences_are_paired() -> None:
    a = np.array([[True, True, False, True]])
    b = np.array([[True, False, False, True]])
    found = summarise.difference(np.repeat(a, 3, 0), np.repeat(b, 2, 0), 100)
    assert (found.value, found.n) == (0.25, 2)
    alone = summarise.difference(np.repeat(a, 3, 0), b, 100)
    assert (alone.value, alone.n) == (0.25, 3)
    same = summarise.difference(a, a, 100)
    assert (same.value, same.lo, same.hi) == (0, 0, 0)


def test_the_search_never_sees_the_test_rows(
    arrays: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with np.load(arrays) as file:
        blind = {name: file[name] for name in ("x_train", "y_train")}
    np.savez(tmp_path / "blind.npz", allow_pickle=False, **blind)

    def pretend(data: Any, training: Any) -> nn.History:
        """An accuracy that is the rate, plus one more for each seed; a tenth before the end."""
        assert len(data.y_train) == 64
        rates = training.learning_rate + np.arange(training.seeds)
        columns = [rates / 10] * (training.epochs - 1) + [rates]
        accuracy = jax.numpy.stack(columns, axis=1)
        return nn.History(accuracy, accuracy, accuracy, accuracy)

    monkeypatch.setattr(
        train_convolutional, "train", lambda network, *given: (None, pretend(*given), None)
    )
    monkeypatch.setattr(
        train_perceptrons, "train", lambda name, network, *given: (pretend(*given), None)
    )
    search.main(
        tmp_path / "blind.npz",
        ROWS,
        SETTINGS.perceptron,
        SETTINGS.convolutional,
        SETTINGS.training,
        SETTINGS.search,
        tmp_path / "trials.csv",
    )
    assert pl.read_csv(tmp_path / "trials.csv").rows() == [
        ("sample_by_sample", 1, 1, 0.2, 0.2, 1),
        ("perceptron", 2, 16, 0.01, 0.51, 2),
        ("convolutional", 1, 16, 0.1, 0.1, 1),
    ]


def test_the_settings_are_the_best_of_the_search() -> None:
    trials = pl.read_csv(Path(__file__).parents[2] / "reports/mnist/search.csv")
    for network, training in settings("mnist").training:
        of_network = trials.filter(network=network)
        chosen = training.model_dump(include={"epochs", "batch_size", "learning_rate"})
        accuracy = of_network.filter(**chosen)["accuracy"].to_list()
        assert accuracy == [of_network["accuracy"].max()]
