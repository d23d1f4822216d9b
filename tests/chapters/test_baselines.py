"""The baselines: chosen without the test, counted by speaker, beside the literature."""

import inspect
import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from isolet_files import REAL, rows
from sklearn.svm import SVC

from nnjax.datasets import isolet
from tests.chapters.conftest import load, settings
from workflow.lib import chapters
from workflow.lib.runs import classifiers
from workflow.lib.tables import write_parquet, write_text

tune, fit, summarise, plot = (
    load("baselines", name) for name in ("tune", "fit", "summarise", "plot_baselines")
)
LITERATURE = chapters.FOLDER / "baselines/literature.yaml"


def letters_in_plain_sight(speakers: int) -> pl.DataFrame:
    """Every speaker says A, B and C four times; one feature a letter, with a little noise."""
    ids = np.repeat(np.arange(1, speakers + 1), 12)
    letters = np.tile(np.repeat([1, 2, 3], 4), speakers)
    noise = np.random.default_rng(0).normal(0, 0.02, (len(ids), 3))
    return rows(ids, letters, 0.8 * np.eye(3)[letters - 1] + noise)


EASY = {"lda": {"shrinkage": 0.1}, "k_nn": {"n_neighbors": 3}, "linear_svm": {"C": 1.0}} | {
    "logistic_regression": {"C": 1.0},
    "rbf_svm": {"C": 1.0, "gamma": 0.3},
}


@pytest.mark.parametrize("model", classifiers.CLASSIFIERS)
def test_every_classifier_learns_what_is_plain(model: str) -> None:
    data = isolet.examples(letters_in_plain_sight(4))
    x = data.x[:, :3]
    assert classifiers.hits(model, EASY[model], (x, data.labels), (x, data.labels)).all()
    wrong = (data.labels + 1) % 3
    assert not classifiers.hits(model, EASY[model], (x, data.labels), (x, wrong)).any()


@pytest.mark.parametrize(("model", "kernel"), [("linear_svm", "linear"), ("rbf_svm", "rbf")])
def test_svms_are_those_of_scikit_learn(model: str, kernel: str) -> None:
    rng = np.random.default_rng(1)
    x, labels, other = rng.normal(size=(80, 5)), rng.integers(0, 4, 80), rng.normal(size=(60, 5))
    point = {"C": 2.0} | ({"gamma": 0.2} if kernel == "rbf" else {})
    reference = SVC(kernel=kernel).set_params(**point).fit(x, labels).predict(other)
    fitted = classifiers.CLASSIFIERS[model](**point).fit(x, labels)
    assert (fitted.predict(other) == reference).all()
    assert len(set(reference)) > 1


def test_best_trial_is_the_first_of_equals() -> None:
    trials = pl.DataFrame(
        {"model": "m", "trial": [0, 1, 2, 0, 1, 2], "correct": [3, 5, 4, 3, 2, 3], "rows": 6}
    )
    assert classifiers.best(trials, {"m": {"C": [0.1, 1, 10]}}) == {"m": {"C": 1}}


def test_tuning_holds_every_speaker_out_once_and_reads_only_training_rows(tmp_path: Path) -> None:
    table = letters_in_plain_sight(6)
    write_parquet(table, tmp_path / "train.parquet")
    grids = {
        "k_nn": {"n_neighbors": [3, 48]},
        "rbf_svm": {"C": [1.0], "gamma": [1e-9, 0.01]},
        "lda": {"shrinkage": [0.1]},
        "logistic_regression": {"C": [1.0]},
        "linear_svm": {"C": [1.0]},
    }
    trials, choices = tmp_path / "trials.parquet", tmp_path / "choices.json"
    given = settings("baselines", grids=grids).grids
    tune.main(tmp_path / "train.parquet", given, 3, trials, choices)

    counted = pl.read_parquet(trials)
    assert counted.select("model", "trial", "speaker").is_duplicated().sum() == 0
    assert counted.height == (2 + 2 + 1 + 1 + 1) * 6
    assert (counted["rows"] == 12).all()
    # 48 neighbours are all the rows of a fold, 16 of each letter.
    chosen = json.loads(choices.read_text())
    assert chosen["k_nn"] == {"n_neighbors": 3}
    assert chosen["rbf_svm"] == {"C": 1.0, "gamma": 0.01}
    assert "test" not in inspect.signature(tune.main).parameters


def test_fitting_scales_by_the_training_rows_and_counts_by_speaker(tmp_path: Path) -> None:
    train = letters_in_plain_sight(4)
    # Speaker 9 says the letters as trained; speaker 10 says A and means B.
    cues = 0.8 * np.eye(3)[[0, 1, 2, 0, 0]]
    test = rows(np.array([9, 9, 9, 10, 10]), np.array([1, 2, 3, 1, 2]), cues)
    write_parquet(train, tmp_path / "train.parquet")
    write_parquet(test, tmp_path / "test.parquet")
    write_text(json.dumps({"lda": {"shrinkage": 0.1}}), tmp_path / "choices.json")
    fit.main(
        *(tmp_path / name for name in ("train.parquet", "test.parquet", "choices.json", "out"))
    )
    found = pl.read_parquet(tmp_path / "out")
    assert found.rows() == [
        ("lda", "shrinkage 0.1", 0, 9, 3, 3),
        ("lda", "shrinkage 0.1", 0, 10, 2, 1),
    ]


SPEAKERS = pl.DataFrame(
    {"model": "lda", "setting": "shrinkage 0.3", "seed": 0, "speaker": [121, 122], "rows": 10}
).with_columns(correct=pl.Series([10, 8]))


def test_a_baselines_row_is_worked_out_over_speakers() -> None:
    (row,) = summarise.fitted(SPEAKERS)
    # Two speakers: a resample holds the first twice (1 in 4), the second twice, or both.
    assert (row["accuracy"], row["lo"], row["hi"]) == (0.9, 0.8, 1.0)
    assert (row["errors"], row["rows"], row["n"], row["speakers"]) == (2, 20, 1, 2)
    # Wilson for 18 of 20 is 0.699 ... 0.972.
    assert row["design_effect"] == pytest.approx((0.2 / (0.97213 - 0.69896)) ** 2, rel=1e-3)


def test_intervals_of_the_literature_are_wilsons() -> None:
    content = yaml.safe_load(LITERATURE.read_text(encoding="utf-8"))
    rows = summarise.in_print(content)
    best = next(row for row in rows if row["model"] == "ecoc_30")
    assert round(100 * best["accuracy"], 2) == 96.73
    # Wilson's formula by hand.
    n, p, z = 1559, 1508 / 1559, 1.959964
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (best["lo"], best["hi"]) == pytest.approx((centre - half, centre + half), rel=1e-6)
    assert all("too narrow" in row["interval"] for row in rows)


@pytest.mark.skipif(
    not (REAL / "isolet.info").exists(), reason="the donor's description is not here"
)
def test_the_literature_is_the_donors() -> None:
    content = yaml.safe_load(LITERATURE.read_text(encoding="utf-8"))
    info = (REAL / "isolet.info").read_text(encoding="latin-1")
    lines = re.findall(r"^ {8}(\S.*?) {2,}(\d+) +(\d+\.\d\d) +(\d+\.\d\d)$", info, re.MULTILINE)
    assert len(lines) == 37
    printed = {line: (int(errors), float(percent)) for line, errors, percent, _ in lines}
    counts = {errors for errors, _ in printed.values()}
    for result in content["results"]:
        # Fanty and Cole's figure is in the text, in percent.
        source_says = result["model"] == "fanty_cole" and round(100 - 100 * 64 / 1559, 1) == 95.9
        assert result["errors"] in counts or source_says
    slips = {
        line: (errors, percent)
        for line, (errors, percent) in printed.items()
        if abs(100 * errors / content["rows"] - percent) > 0.011
    }
    assert slips == {slip["line"]: (slip["errors"], slip["percent"]) for slip in content["slips"]}
    for slip in content["slips"]:
        assert round(slip["percent"] / 100 * content["rows"]) == slip["errors_of_percent"]


def summary(folder: Path, data: str) -> Path:
    """The table of the figure from one baseline, two trials and a network of two seeds."""
    trials = SPEAKERS.with_columns(trial=pl.lit(0), speaker=pl.col("speaker") - 120)
    other = {"trial": pl.lit(1), "correct": pl.Series([9, 9]), "setting": pl.lit("shrinkage 0.4")}
    write_parquet(SPEAKERS, folder / "speakers.parquet")
    write_parquet(pl.concat([trials, trials.with_columns(**other)]), folder / "trials.parquet")
    write_text(json.dumps({"lda": {"shrinkage": 0.3}}), folder / "choices.json")
    write_text(json.dumps({"data": data}), folder / "origin.json")
    network = pl.DataFrame({"seed": [0, 0, 1, 1], "speaker": [121, 122] * 2, "rows": 10})
    network = network.with_columns(epoch=pl.lit(3), correct=pl.Series([10, 9, 10, 10]))
    arms = [network.with_columns(momentum=pl.lit(momentum)) for momentum in (0.0, 0.9)]
    write_parquet(pl.concat(arms), folder / "reference/speakers.parquet")
    write_parquet(pl.DataFrame(), folder / "reference/epochs.parquet")
    summarise.main(
        *(folder / name for name in ("speakers.parquet", "trials.parquet", "choices.json")),
        folder / "reference/speakers.parquet",
        LITERATURE,
        folder / "origin.json",
        0.9,
        *(folder / name for name in ("baselines.csv", "tuning.csv", "numbers.csv")),
    )
    return folder / "baselines.csv"


def test_classifiers_network_and_literature_are_side_by_side(tmp_path: Path) -> None:
    table = pl.read_csv(summary(tmp_path, "isolet"))
    assert table["kind"].to_list() == ["network", *["literature"] * 5, "baseline", "literature"]
    assert table["accuracy"].is_sorted(descending=True)
    row = table.row(0, named=True)
    assert (row["accuracy"], row["errors"], row["n"]) == (0.975, 0.5, 2)
    tuning = pl.read_csv(tmp_path / "tuning.csv")
    assert tuning.select("trial", "errors", "chosen").rows() == [(0, 2, True), (1, 2, False)]


def test_numbers_are_those_of_the_fitted_models(tmp_path: Path) -> None:
    summary(tmp_path, "isolet")
    numbers = {row["key"]: row for row in pl.read_csv(tmp_path / "numbers.csv").rows(named=True)}
    assert set(numbers) == {"baseline.lda_accuracy", "baseline.lda_errors"}
    assert numbers["baseline.lda_accuracy"]["value"] == 0.9
    errors = numbers["baseline.lda_errors"]
    assert (errors["value"], errors["lo"], errors["hi"]) == pytest.approx((2, 0, 4))


def test_a_speaker_held_out_twice_is_refused() -> None:
    twice = pl.concat([SPEAKERS, SPEAKERS]).with_columns(trial=pl.lit(0))
    with pytest.raises(ValueError, match="held out twice"):
        summarise.by_trial(twice, {})


@pytest.mark.parametrize("data", ["isolet", "stand-in"])
def test_the_figure_says_what_data_it_shows(tmp_path: Path, data: str) -> None:
    plot.main(summary(tmp_path, data), tmp_path / "a.svg", tmp_path / "a.png")
    banner = "STAND-IN DATA: synthetic, not ISOLET" in (tmp_path / "a.svg").read_text()
    assert banner == (data == "stand-in")
