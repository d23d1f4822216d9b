"""The chapter on ISOLET: what may be set; what chooses sees held-out speakers, never a test row."""

import inspect
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nnjax.datasets import isolet
from nnjax.datasets.standin import standin
from tests.chapters.conftest import load, settings
from workflow.lib import chapters
from workflow.lib.runs.counts import Runs
from workflow.lib.runs.experiments import Arms, Experiment
from workflow.lib.settings import SettingsError

tune, choose, refit = (load("isolet", name) for name in ("tune", "choose", "refit"))

EXPERIMENT = Experiment(
    vary={"hidden_units": [3, 5]},
    hidden_layers=1,
    activation="relu",
    init="uniform_fan_in",
    optimizer="adam",
    arms=Arms(learning_rate=[0.0001, 0.01], momentum=None, beta1=None),
    epochs=2,
    batch_size=64,
    shuffle=True,
    seeds=1,
)

# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"experiments": {"fig9": {}}}, r"isolet\.experiments\.fig9\.\w+: is missing"),
        ({"experiments": {"fig5": {"vary": {"hidden_units": [16, 16]}}}}, "a value twice"),
        ({"clean": {"folds": 1}}, "greater than or equal to 2"),
        ({"clean": {"experiments": {"depth": {"choose_at": [11]}}}}, "after the last, 10"),
        ({"printed": {"k3.test_accuracy": "good"}}, r"needs the accuracy k3\.test_accuracy"),
    ],
)
def test_wrong_settings_are_refused(overrides: dict[str, Any], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        settings("isolet", **overrides)


# --- the clean protocol ---------------------------------------------------------------------------


def test_what_chooses_has_no_way_to_the_test_rows() -> None:
    text = (chapters.FOLDER / "isolet/rules.smk").read_text()
    blocks = dict(re.findall(r'rule:\n    name:\n        f"(\w+)_\{.*?"\n(.*?)output:', text, re.S))
    assert "output.test" in blocks["refit"]
    for name in ("tune", "choose"):
        assert "input:" in blocks[name]
        for other in ("test", "RUNS", "clean"):
            assert other not in blocks[name]
    for main in (tune.main, choose.main):
        assert "test" not in inspect.signature(main).parameters


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The rows of the stand-in, as `fetch` writes them."""
    folder = tmp_path_factory.mktemp("data")
    table = standin(seed=0)
    for split in isolet.SPLITS:
        table.filter(pl.col("split") == split).write_parquet(folder / f"{split}.parquet")
    return {split: folder / f"{split}.parquet" for split in isolet.SPLITS}


@pytest.fixture(scope="module")
def tuned(splits: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned")
    tune.main(
        splits["train"], EXPERIMENT, 3, folder / "t/epochs.parquet", folder / "t/speakers.parquet"
    )
    choose.main(
        folder / "t/speakers.parquet", [2], folder / "trials.parquet", folder / "choices.parquet"
    )
    refit.main(
        *(splits["train"], splits["test"], folder / "choices.parquet", EXPERIMENT),
        load("isolet", "settings").Refit(seeds=2, epochs=2),
        folder / "epochs.parquet",
        folder / "speakers.parquet",
    )
    return folder


def test_every_trial_is_judged_on_all_training_speakers(tuned: Path) -> None:
    counts = pl.read_parquet(tuned / "t/speakers.parquet")
    for _, trial in counts.group_by("hidden_units", "learning_rate", "epoch"):
        assert sorted(trial["speaker"]) == list(range(1, 121))
        assert trial["rows"].sum() == 6238


def test_the_best_trial_of_each_cell_is_refit(tuned: Path) -> None:
    trials = pl.read_parquet(tuned / "trials.parquet")
    chosen = pl.read_parquet(tuned / "choices.parquet")
    assert chosen["hidden_units"].to_list() == [3, 5]
    assert chosen["trials"].to_list() == [2, 2]
    assert chosen["edge"].all()  # two rates have no inside
    for row in chosen.iter_rows(named=True):
        cell = trials.filter(hidden_units=row["hidden_units"])
        assert row["cv_accuracy"] == cell["cv_accuracy"].max()
        found = Runs(tuned).speakers.filter(hidden_units=row["hidden_units"])
        assert found["learning_rate"].unique().to_list() == [row["learning_rate"]]
        assert sorted(found["speaker"].unique()) == list(range(121, 151))


def made_up(path: Path, rows: list[dict[str, float]]) -> Path:
    pl.DataFrame(
        [{"fold": 0, "seed": 0, "speaker": 1, "rows": 10} | row for row in rows]
    ).write_parquet(path)
    return path


def test_ties_go_to_the_smaller_rate_and_fewer_epochs(tmp_path: Path) -> None:
    counts = made_up(
        tmp_path / "counts.parquet",
        [
            {"learning_rate": rate, "epoch": epoch, "correct": correct}
            for rate, epoch, correct in [
                (0.1, 1, 5),
                (0.1, 2, 9),
                (0.2, 1, 9),
                (0.2, 2, 9),
                (0.4, 1, 3),
                (0.4, 2, 8),
            ]
        ],
    )
    trials, choices = tmp_path / "trials.parquet", tmp_path / "choices.parquet"
    choose.main(counts, "best epoch", trials, choices)
    row = pl.read_parquet(choices).row(0, named=True)
    assert (row["learning_rate"], row["epoch"], row["edge"]) == (0.1, 2, True)
    choose.main(counts, [2], trials, choices)
    assert set(pl.read_parquet(trials)["epoch"]) == {2}
