"""The baselines: chosen without the test, counted by speaker; and what a leaking split says."""

import inspect
import json
import re
from pathlib import Path

import baselines
import fit_baselines
import leak
import numpy as np
import plot_baselines
import plot_leak
import polars as pl
import pytest
import summarise_baselines
import summarise_leak
import tune_baselines
import yaml
from baseline_numbers import from_baselines, from_leak
from figtable import TableError
from isolet_files import REAL
from sklearn.svm import SVC
from tables import write_csv, write_parquet, write_text

from nnjax.datasets import isolet

PUBLISHED = Path(__file__).parents[2] / "workflow/config/published.yaml"


def rows(speakers: np.ndarray, letters: np.ndarray, cues: np.ndarray) -> pl.DataFrame:
    """A table of the data whose features are 0 but for the first ones, the cues."""
    x = np.zeros((len(letters), isolet.FEATURES), np.float32)
    x[:, : cues.shape[1]] = cues
    table = pl.DataFrame({"split": ["train"] * len(x), "speaker": speakers, "letter": letters})
    ids = table.with_columns(pl.col("speaker", "letter").cast(pl.Int32))
    return ids.hstack(pl.from_numpy(x, schema=isolet.COLUMNS))


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


@pytest.mark.parametrize("model", baselines.CLASSIFIERS)
def test_every_classifier_learns_what_is_plain(model: str) -> None:
    data = isolet.examples(letters_in_plain_sight(4))
    x = data.x[:, :3]
    assert baselines.hits(model, EASY[model], (x, data.labels), (x, data.labels)).all()
    wrong = (data.labels + 1) % 3
    assert not baselines.hits(model, EASY[model], (x, data.labels), (x, wrong)).any()


@pytest.mark.parametrize(("model", "kernel"), [("linear_svm", "linear"), ("rbf_svm", "rbf")])
def test_svms_are_those_of_scikit_learn(model: str, kernel: str) -> None:
    rng = np.random.default_rng(1)
    x, labels, other = rng.normal(size=(80, 5)), rng.integers(0, 4, 80), rng.normal(size=(60, 5))
    point = {"C": 2.0} | ({"gamma": 0.2} if kernel == "rbf" else {})
    reference = SVC(kernel=kernel).set_params(**point).fit(x, labels).predict(other)
    fitted = baselines.CLASSIFIERS[model](**point).fit(x, labels)
    assert (fitted.predict(other) == reference).all()
    assert len(set(reference)) > 1


def test_best_trial_is_the_first_of_equals() -> None:
    trials = pl.DataFrame(
        {"model": "m", "trial": [0, 1, 2, 0, 1, 2], "correct": [3, 5, 4, 3, 2, 3], "rows": 6}
    )
    assert tune_baselines.best_trial(trials, "m") == 1


def test_tuning_holds_every_speaker_out_once_and_reads_only_training_rows(tmp_path: Path) -> None:
    table = letters_in_plain_sight(6)
    write_parquet(table, tmp_path / "train.parquet")
    grids = {"k_nn": {"n_neighbors": [3, 48]}, "rbf_svm": {"C": [1.0], "gamma": [1e-9, 0.01]}}
    trials, choices = tmp_path / "trials.parquet", tmp_path / "choices.json"
    tune_baselines.main(tmp_path / "train.parquet", grids, 3, trials, choices)

    counted = pl.read_parquet(trials)
    assert counted.select("model", "trial", "speaker").is_duplicated().sum() == 0
    assert counted.height == 2 * 2 * 6
    assert (counted["rows"] == 12).all()
    # 48 neighbours are all the rows of a fold, 16 of each letter.
    assert json.loads(choices.read_text()) == {
        "k_nn": {"n_neighbors": 3},
        "rbf_svm": {"C": 1.0, "gamma": 0.01},
    }
    assert "test" not in inspect.signature(tune_baselines.main).parameters


def test_fitting_scales_by_the_training_rows_and_counts_by_speaker(tmp_path: Path) -> None:
    train = letters_in_plain_sight(4)
    # Speaker 9 says the letters as trained; speaker 10 says A and means B.
    cues = 0.8 * np.eye(3)[[0, 1, 2, 0, 0]]
    test = rows(np.array([9, 9, 9, 10, 10]), np.array([1, 2, 3, 1, 2]), cues)
    write_parquet(train, tmp_path / "train.parquet")
    write_parquet(test, tmp_path / "test.parquet")
    write_text(json.dumps({"lda": {"shrinkage": 0.1}}), tmp_path / "choices.json")
    fit_baselines.main(
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
    (row,) = summarise_baselines.ours(SPEAKERS).rows(named=True)
    # Two speakers: a resample holds the first twice (1 in 4), the second twice, or both.
    assert (row["accuracy"], row["lo"], row["hi"]) == (0.9, 0.8, 1.0)
    assert (row["errors"], row["rows"], row["n"], row["speakers"]) == (2, 20, 1, 2)
    # Wilson for 18 of 20 is 0.699 ... 0.972.
    assert row["design_effect"] == pytest.approx((0.2 / (0.97213 - 0.69896)) ** 2, rel=1e-3)


def test_published_intervals_are_wilsons() -> None:
    content = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    table = summarise_baselines.published(content)
    record = table.row(by_predicate=pl.col("model") == "ecoc_30", named=True)
    assert round(100 * record["accuracy"], 2) == 96.73
    # Wilson's formula by hand.
    n, p, z = 1559, 1508 / 1559, 1.959964
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (record["lo"], record["hi"]) == pytest.approx((centre - half, centre + half), rel=1e-6)
    assert table["interval"].str.contains("too narrow").all()


@pytest.mark.skipif(
    not (REAL / "isolet.info").exists(), reason="the donor's description is not here"
)
def test_published_results_are_the_donors() -> None:
    content = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    info = (REAL / "isolet.info").read_text(encoding="latin-1")
    lines = re.findall(r"^ {8}(\S.*?) {2,}(\d+) +(\d+\.\d\d) +(\d+\.\d\d)$", info, re.MULTILINE)
    assert len(lines) == 37
    printed = {line: (int(errors), float(percent)) for line, errors, percent, _ in lines}
    counts = {errors for errors, _ in printed.values()}
    for result in content["results"]:
        # Fanty and Cole's figure stands in the text, in percent.
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


def summary(folder: Path, data: str, more: list[Path]) -> Path:
    """The table of the figure from one baseline and two trials."""
    trials = SPEAKERS.with_columns(trial=pl.lit(0), speaker=pl.col("speaker") - 120)
    trials = pl.concat(
        [trials, trials.with_columns(pl.lit(1).alias("trial"), correct=pl.Series([9, 9]))]
    )
    write_parquet(SPEAKERS, folder / "speakers.parquet")
    write_parquet(trials, folder / "trials.parquet")
    write_text(json.dumps({"data": data}), folder / "record.json")
    table, tuning = folder / "baselines.csv", folder / "baselines_tuning.csv"
    summarise_baselines.main(
        folder / "speakers.parquet",
        folder / "trials.parquet",
        PUBLISHED,
        folder / "record.json",
        more,
        table,
        tuning,
    )
    return table


def test_rows_of_the_study_stand_beside_the_baselines(tmp_path: Path) -> None:
    network = {"model": "k3", "name": "617-44-26", "kind": "study", "accuracy": 0.99, "lo": 0.98}
    network |= {"hi": 1.0, "errors": 15.59, "rows": 1559, "n": 30, "data": "isolet"}
    write_csv(pl.DataFrame([network]), tmp_path / "more.csv")
    table = pl.read_csv(summary(tmp_path, "isolet", [tmp_path / "more.csv"]))
    kinds = ["study", *["published"] * 5, "ours", "published"]
    assert table["kind"].to_list() == kinds
    assert table["model"][0] == "k3"
    assert table["accuracy"].is_sorted(descending=True)

    # Trial 0 and trial 1 are equally good: the first is marked, as it is chosen.
    tuning = pl.read_csv(tmp_path / "baselines_tuning.csv")
    assert tuning.select("trial", "errors", "chosen").rows() == [(0, 2, True), (1, 2, False)]

    numbers = from_baselines(table)
    assert set(numbers) == {"baseline.lda_accuracy", "baseline.lda_errors"}
    assert numbers["baseline.lda_accuracy"]["value"] == 0.9
    errors = numbers["baseline.lda_errors"]
    assert (errors["value"], errors["lo"], errors["hi"]) == pytest.approx((2, 0, 4))


def test_a_speaker_held_out_twice_is_refused() -> None:
    twice = pl.concat([SPEAKERS, SPEAKERS]).with_columns(trial=pl.lit(0))
    with pytest.raises(ValueError, match="held out twice"):
        summarise_baselines.tried(twice)


PROGRAM = {
    "units": 4,
    "layers": 1,
    "activation": "relu",
    "init": 0.1,
    "optimizer": "sgd",
    "arms": {"learning_rate": [0.1], "momentum": [0.9]},
    "epochs": 2,
    "batch_size": 8,
    "shuffle": False,
    "seeds": 2,
}


@pytest.fixture(scope="module")
def leaked(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Counts of data that only a leak can learn.

    Two ranges hold speakers of their own, two more share four speakers. A row's cue is its speaker
    and word, and which of four letters that word is, every speaker decides alone: only who has
    heard the other utterance of the word from the same speaker knows.
    """
    folder = tmp_path_factory.mktemp("leak")
    rng = np.random.default_rng(0)
    own = [np.repeat([s, s + 1], 8) for s in (1, 3)]
    shared = np.repeat([5, 6, 7, 8], 4)
    ids = np.concatenate([*own, shared, shared])
    words = np.concatenate([np.tile([0, 0, 1, 1, 2, 2, 3, 3], 4), np.tile(np.arange(4), 8)])
    meaning = np.stack([rng.permutation(4) for _ in range(9)])
    cue = np.eye(32)[4 * (ids - 1) + words] + rng.normal(0, 0.01, (len(ids), 32))
    table = rows(ids, meaning[ids, words] + 1, cue.clip(-1, 1))
    write_parquet(table, folder / "train.parquet")
    chosen = {"rbf_svm": {"C": 1.0, "gamma": 0.01}}
    write_text(json.dumps(chosen), folder / "choices.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leak, "STARTS", (0, 16, 32, 48))
        leak.main(folder / "train.parquet", folder / "choices.json", PROGRAM, 4, folder / "out")
    return pl.read_parquet(folder / "out")


def test_every_scheme_holds_every_row_out_once(leaked: pl.DataFrame) -> None:
    totals = leaked.group_by("scheme", "model", "seed", "speaker").agg(pl.col("rows").sum())
    assert (totals["rows"] == 8).all()
    # Three schemes, eight speakers; two seeds of the network and one of each other model.
    assert totals.height == 3 * 8 * (2 + 2)
    by_range = leaked.group_by("scheme", "model", "seed", "range").agg(pl.col("rows").sum())
    assert (by_range["rows"] == 16).all()
    # Whole speakers: each of them in one fold; ranges: each of them in its own fold.
    spread = leaked.group_by("scheme", "speaker").agg(pl.col("fold").n_unique())
    assert (spread.filter(scheme="speakers")["fold"] == 1).all()
    assert spread.filter(scheme="ranges").sort("speaker")["fold"].to_list() == [1] * 4 + [2] * 4


def test_a_leak_shows_where_the_speakers_are_shared(leaked: pl.DataFrame) -> None:
    table = summarise_leak.table(leaked)
    nearest = table.filter(model="1_nn", scheme="ranges")
    assert nearest.filter(pl.col("range").is_in(["3", "4"]))["value"].to_list() == [1.0, 1.0]
    # Unheard speakers give no clue; one letter in four is luck.
    unheard = table.filter(model="1_nn", scheme="speakers", range="all")["value"][0]
    assert unheard < 0.5
    row = table.row(
        by_predicate=(pl.col("model") == "1_nn")
        & (pl.col("scheme") == "rows")
        & (pl.col("range") == "all"),
        named=True,
    )
    assert row["value"] > 0.6
    assert row["difference"] == pytest.approx(row["value"] - unheard)
    assert row["difference_lo"] > 0
    assert (row["n"], row["speakers"], row["rows"]) == (1, 8, 64)
    assert table.filter(scheme="speakers")["difference"].null_count() == 3 * 5
    numbers = from_leak(table)
    assert numbers["optimism.random_row_cv_difference_1_nn"]["value"] == row["difference"]
    assert numbers["optimism.random_row_cv_difference"]["n"] == 2
    assert numbers["optimism.range_4_difference_1_nn"]["value"] == pytest.approx(
        1 - table.filter(model="1_nn", scheme="speakers", range="4")["value"][0]
    )


def test_differences_are_paired_and_diverged_fits_counted() -> None:
    """By hand: rows beat speakers by one of ten for every speaker, so the interval has no width."""
    counts = pl.DataFrame(
        {
            "scheme": ["rows"] * 4 + ["speakers"] * 4,
            "model": "network",
            "seed": [0, 0, 1, 1] * 2,
            "fold": 0,
            "range": 1,
            "speaker": [1, 2] * 4,
            "rows": 10,
            "correct": [10, 7, 9, 6, 9, 6, 8, 5],
        }
    )
    row = summarise_leak.table(counts).filter(scheme="rows", range="all").row(0, named=True)
    assert row["value"] == 0.8
    assert [row[f"difference{end}"] for end in ("", "_lo", "_hi")] == pytest.approx([0.1] * 3)
    assert row["n"] == 2
    assert row["diverged"] == 0
    # Guessing gets 1 of 26, and 0.17 with three standard errors of 20 rows.
    lost = counts.with_columns(correct=pl.when(pl.col("seed") == 1).then(1).otherwise("correct"))
    assert summarise_leak.table(lost)["diverged"].to_list() == [1] * 4


@pytest.mark.parametrize("data", ["isolet", "stand-in"])
def test_figures_say_what_data_they_show(tmp_path: Path, leaked: pl.DataFrame, data: str) -> None:
    table = summary(tmp_path, data, [])
    write_csv(summarise_leak.table(leaked).with_columns(data=pl.lit(data)), tmp_path / "leak.csv")
    for main, path in ((plot_baselines.main, table), (plot_leak.main, tmp_path / "leak.csv")):
        main(path, tmp_path / "a.svg", tmp_path / "a.png")
        banner = "STAND-IN DATA: synthetic, not ISOLET" in (tmp_path / "a.svg").read_text()
        assert banner == (data == "stand-in")


@pytest.mark.parametrize("main", [plot_baselines.main, plot_leak.main])
def test_figures_refuse_a_wrong_table(tmp_path: Path, main: object) -> None:
    write_csv(pl.DataFrame({"name": ["x"], "data": ["isolet"]}), tmp_path / "wrong.csv")
    assert callable(main)
    with pytest.raises(TableError, match="no column"):
        main(tmp_path / "wrong.csv", tmp_path / "a.svg", tmp_path / "a.png")
