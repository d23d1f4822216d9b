"""The clean arm: what chooses sees whole held-out speakers, and never a test row."""

import inspect
import re
from pathlib import Path

import choose
import folds
import measure_effects
import numpy as np
import polars as pl
import pytest
import refit_isolet
import runs
import tune_isolet
from cells import Runs
from choices import Choices

from nnjax.datasets import isolet
from nnjax.datasets.standin import standin

RULES = Path(__file__).parents[2] / "workflow/rules"
PROGRAM = {
    "units": 4,
    "layers": 1,
    "activation": "relu",
    "init": "uniform_fan_in",
    "optimizer": "adam",
    "arms": {"learning_rate": [0.0001, 0.01]},
    "epochs": 2,
    "batch_size": 64,
    "shuffle": True,
    "seeds": 1,
}


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The first features of the stand-in's rows, so that training takes a moment."""
    folder = tmp_path_factory.mktemp("data")
    table = standin(seed=0)
    for split in isolet.SPLITS:
        table.filter(pl.col("split") == split).write_parquet(folder / f"{split}.parquet")
    return {split: folder / f"{split}.parquet" for split in isolet.SPLITS}


def test_no_speaker_is_on_both_sides_of_a_fold(splits: dict[str, Path]) -> None:
    speakers = isolet.examples(pl.read_parquet(splits["train"])).speakers
    held_out = []
    for rows, held in folds.speaker_folds(speakers, 4):
        assert not set(speakers[rows]) & set(speakers[held])
        assert len(set(speakers[held])) == 30
        held_out.append(held)
    assert sorted(np.concatenate(held_out)) == list(range(6238))
    # The split that leaks, kept for contrast, has every speaker on both sides.
    rows, held = folds.row_folds(6238, 4)[0]
    assert set(speakers[held]) == set(speakers[rows])


def test_scaling_does_not_know_the_held_out_rows(splits: dict[str, Path]) -> None:
    examples = isolet.examples(pl.read_parquet(splits["train"]))
    fold = folds.speaker_folds(examples.speakers, 4)[0]
    (x, _), _ = folds.scaled(examples, fold)
    changed = examples._replace(x=examples.x.copy())
    changed.x[fold[1]] += 100
    np.testing.assert_array_equal(x, folds.scaled(changed, fold)[0][0])


def test_what_chooses_has_no_way_to_the_test_rows() -> None:
    text = (RULES / "clean.smk").read_text()
    blocks = dict(re.findall(r"rule (\w+):\n(.*?)(?=\n\nrule |\Z)", text, re.DOTALL))
    inputs = {name: body.split("output:")[0] for name, body in blocks.items()}
    assert "output.test" in inputs["refit"]
    for name in ("tune", "choose"):
        assert "test" not in inputs[name]
        assert "results/clean" not in inputs[name]
        assert "results/runs" not in inputs[name]
    for main in (tune_isolet.main, choose.main):
        assert "test" not in inspect.signature(main).parameters


def test_counts_by_speaker_are_the_accuracy() -> None:
    who = runs.heard(np.array([3, 1, 3, 3]))
    found = runs.hits(np.eye(4, 26), np.array([0, 1, 5, 3]))
    assert who.names.tolist() == [1, 3]
    assert who.rows.tolist() == [1, 3]
    assert (found @ who.member).tolist() == [1, 2]
    # Rows that only fill up a shape do not count.
    who = runs.heard(np.array([3, 1, 3, 3]), 3)
    assert who.rows.tolist() == [1, 2]
    assert (found @ who.member).tolist() == [1, 1]
    # A diverged network names nothing but the first class.
    nothing = runs.hits(np.full((4, 26), np.nan), np.array([0, 1, 5, 3]))
    assert (nothing @ who.member).tolist() == [0, 1]


@pytest.fixture(scope="module")
def tuned(splits: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned")
    programs = [({"units": n}, {**PROGRAM, "units": n}) for n in (3, 5)]
    tune_isolet.main(
        splits["train"], programs, 3, folder / "t/epochs.parquet", folder / "t/speakers.parquet"
    )
    choose.main(
        folder / "t/speakers.parquet", [2], folder / "trials.parquet", folder / "choices.parquet"
    )
    refit_isolet.main(
        *(splits["train"], splits["test"], folder / "choices.parquet", programs),
        {"seeds": 2, "epochs": 2},
        folder / "epochs.parquet",
        folder / "speakers.parquet",
    )
    return folder


def test_every_trial_is_judged_on_all_training_speakers(tuned: Path) -> None:
    counts = pl.read_parquet(tuned / "t/speakers.parquet")
    for _, trial in counts.group_by("units", "learning_rate", "epoch"):
        assert sorted(trial["speaker"]) == list(range(1, 121))
        assert trial["rows"].sum() == 6238


def test_the_best_trial_of_each_cell_is_refit(tuned: Path) -> None:
    trials = pl.read_parquet(tuned / "trials.parquet")
    chosen = pl.read_parquet(tuned / "choices.parquet")
    assert chosen["units"].to_list() == [3, 5]
    assert chosen["trials"].to_list() == [2, 2]
    assert chosen["edge"].all()  # two rates have no inside
    for row in chosen.iter_rows(named=True):
        cell = trials.filter(units=row["units"])
        assert row["cv_accuracy"] == cell["cv_accuracy"].max()
        refit = Runs(tuned).speakers.filter(units=row["units"])
        assert refit["learning_rate"].unique().to_list() == [row["learning_rate"]]
        assert sorted(refit["speaker"].unique()) == list(range(121, 151))


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


def test_choices_name_the_best_cell(tuned: Path) -> None:
    table = pl.read_parquet(tuned / "choices.parquet")
    choices = Choices({"units": table})
    best = table.sort("cv_accuracy")["units"][-1]
    assert choices.best("units") == {"units": best}
    assert choices.best("units", epoch=2) == {"units": best, "epoch": 2}
    cell = choices.cell("units", units=3)
    assert cell == {"units": 3, "epoch": 2, "judged": 2}
    with pytest.raises(ValueError, match="names 2 cells"):
        choices.row("units")
    assert "chosen on training speakers, at an edge" in choices.words("units", units=5)


def test_a_contrast_is_paired() -> None:
    rows = np.array([10, 10, 10])
    a, b = np.array([[9, 8, 7], [7, 6, 5]]), np.array([[8, 7, 6], [6, 5, 4]])
    row = measure_effects.contrast("k", "w", (a, rows), (b, rows))
    # Every pair differs by one row of ten: no spread is left, and all signs agree.
    assert (row["value"], row["lo"], row["hi"]) == pytest.approx((0.1, 0.1, 0.1))
    assert row["p"] == 2 / 2**3
    assert row["n"] == 2
    # More seeds on one side: the first that both have.
    assert measure_effects.contrast("k", "w", (a, rows), (b[:1], rows))["n"] == 1


def test_a_family_is_adjusted_together() -> None:
    family = [{"key": key, "p": p} for key, p in (("a", 0.01), ("b", 0.04), ("c", 0.03))]
    adjusted = {row["key"]: row["p"] for row in measure_effects.adjusted(family)}
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
