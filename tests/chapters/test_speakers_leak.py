"""What a leaking split says: it shows where speakers are shared, and nowhere else."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from isolet_files import rows

from tests.chapters.conftest import load, settings
from workflow.lib.runs.experiments import Arms, Program
from workflow.lib.tables import write_csv, write_parquet

cross_validate, schemes, plot = (
    load("speakers", name) for name in ("cross_validate", "schemes", "plot_leak")
)

NETWORK = Program(
    hidden_units=4,
    hidden_layers=1,
    activation="relu",
    init=0.1,
    optimizer="sgd",
    arms=Arms(learning_rate=[0.1], momentum=[0.0], beta1=None),
    epochs=2,
    batch_size=8,
    shuffle=False,
    seeds=2,
)


@pytest.fixture(scope="module")
def leaked(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Counts of data that only a leak can learn.

    Two ranges hold unshared speakers, two more share four speakers. A row's cue is its speaker
    and word, and every speaker decides alone which of four letters that word is: only a model that
    is trained on the same speaker's other utterance of the word can know.
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
    given = settings(
        "speakers",
        tuned={"logistic_regression": {"C": [1.0]}, "rbf_svm": {"C": [1.0], "gamma": [0.01]}},
    ).tuned
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cross_validate, "STARTS", (0, 16, 32, 48))
        cross_validate.main(folder / "train.parquet", NETWORK, 0.9, given, 4, folder / "out")
    return pl.read_parquet(folder / "out")


def test_every_scheme_holds_every_row_out_once(leaked: pl.DataFrame) -> None:
    totals = leaked.group_by("scheme", "model", "seed", "speaker").agg(pl.col("rows").sum())
    assert (totals["rows"] == 8).all()
    # Three schemes, eight speakers; two seeds of the network and one of each other model.
    assert totals.height == 3 * 8 * (2 + 3)
    by_range = leaked.group_by("scheme", "model", "seed", "range").agg(pl.col("rows").sum())
    assert (by_range["rows"] == 16).all()
    # Whole speakers: each of them in one fold; ranges: each of them in its own fold.
    spread = leaked.group_by("scheme", "speaker").agg(pl.col("fold").n_unique())
    assert (spread.filter(scheme="speakers")["fold"] == 1).all()
    assert spread.filter(scheme="ranges").sort("speaker")["fold"].to_list() == [1] * 4 + [2] * 4


def test_a_leak_shows_where_the_speakers_are_shared(leaked: pl.DataFrame) -> None:
    table = schemes.table(leaked)
    nearest = table.filter(model="1_nn", scheme="ranges")
    assert nearest.filter(pl.col("range").is_in(["3", "4"]))["value"].to_list() == [1.0, 1.0]
    # New speakers give no clue; one letter in four is luck.
    unknown = table.filter(model="1_nn", scheme="speakers", range="all")["value"][0]
    assert unknown < 0.5
    row = table.row(
        by_predicate=(pl.col("model") == "1_nn")
        & (pl.col("scheme") == "rows")
        & (pl.col("range") == "all"),
        named=True,
    )
    assert row["value"] > 0.6
    assert row["difference"] == pytest.approx(row["value"] - unknown)
    assert row["difference_lo"] > 0
    assert (row["n"], row["speakers"], row["rows"]) == (1, 8, 64)
    assert table.filter(scheme="speakers")["difference"].null_count() == 4 * 5
    numbers = {row["key"]: row for row in schemes.numbers(table)}
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
    row = schemes.table(counts).filter(scheme="rows", range="all").row(0, named=True)
    assert row["value"] == 0.8
    assert [row[f"difference{end}"] for end in ("", "_lo", "_hi")] == pytest.approx([0.1] * 3)
    assert row["n"] == 2
    assert row["diverged"] == 0
    # Guessing gets 1 of 26, and 0.17 with three standard errors of 20 rows.
    lost = counts.with_columns(correct=pl.when(pl.col("seed") == 1).then(1).otherwise("correct"))
    assert schemes.table(lost)["diverged"].to_list() == [1] * 4


@pytest.mark.parametrize("data", ["isolet", "stand-in"])
def test_the_figure_says_what_data_it_shows(
    tmp_path: Path, leaked: pl.DataFrame, data: str
) -> None:
    table = schemes.table(leaked).with_columns(data=pl.lit(data))
    write_csv(table, tmp_path / "leak.csv")
    plot.main(tmp_path / "leak.csv", tmp_path / "a.svg", tmp_path / "a.png")
    banner = "STAND-IN DATA: synthetic, not ISOLET" in (tmp_path / "a.svg").read_text()
    assert banner == (data == "stand-in")
