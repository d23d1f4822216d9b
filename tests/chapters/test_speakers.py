"""Who speaks where: the matching of runs finds voices that are there, and none that are not."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from isolet_files import REAL

from nnjax.datasets import isolet
from nnjax.datasets.standin import standin
from tests.chapters.conftest import load
from workflow.lib.tables import write_csv, write_parquet

correlate, voices_in, plot = (
    load("speakers", name) for name in ("correlate", "voices", "plot_audit")
)


def voices(own: float, speakers: int = 5, features: int = 40) -> isolet.Examples:
    """Speakers who say five letters twice: letter + voice + noise, the voice `own` strong."""
    rng = np.random.default_rng(0)
    ids, labels = np.repeat(np.arange(speakers), 10), np.tile(np.repeat(np.arange(5), 2), speakers)
    x = 3 * rng.normal(size=(5, features))[labels]
    x += own * rng.normal(size=(speakers, features))[ids] + 0.3 * rng.normal(
        size=(len(ids), features)
    )
    return isolet.Examples(x, labels.astype(np.int32), ids.astype(np.int32))


def test_a_run_is_the_mean_residual_of_one_utterance() -> None:
    """By hand: two speakers, one letter, one feature; the first says 1 3, the second 5 7."""
    x = np.array([[1.0], [3.0], [5.0], [7.0]])
    data = isolet.Examples(x, np.zeros(4, np.int32), np.array([0, 0, 1, 1], np.int32))
    runs, means = correlate.run_means(data)
    assert runs.rows() == [(0, 1), (0, 2), (1, 1), (1, 2)]
    # The letter's mean is 4, the spread of the residuals -3 -1 1 3 is sqrt 5.
    assert means[:, 0] == pytest.approx(np.array([-3, -1, 1, 3]) / np.sqrt(5))


def test_a_missing_row_leaves_its_run_the_other_letters() -> None:
    data = voices(1.0)
    keep = np.arange(50) != 1
    runs, means = correlate.run_means(isolet.Examples(*(array[keep] for array in data)))
    assert runs.height == 10
    assert np.isfinite(means).all()


def test_correlations_are_pearsons_between_different_runs() -> None:
    data = voices(1.0)
    _, means = correlate.run_means(data)
    pairs = correlate.correlations(data)
    assert pairs.height == 10 * 9
    cell = pairs.filter(speaker=3, utterance=1, other_speaker=1, other_utterance=2)
    a, b = means[6] - means[6].mean(), means[3] - means[3].mean()
    assert cell["correlation"].to_list() == pytest.approx([a @ b / np.sqrt(a @ a * (b @ b))])


def found(data: isolet.Examples) -> dict[str, dict[str, float]]:
    return {row["quantity"]: row for row in voices_in.findings(correlate.correlations(data))}


def test_voices_are_found_where_they_are_and_only_there() -> None:
    assert found(voices(1.0))["nearest_is_partner"]["value"] == 1
    assert found(voices(1.0))["nearest_is_partner"]["n"] == 10
    assert found(voices(0.0))["nearest_is_partner"]["value"] < 1
    # The second utterances given to the next speaker: the match must fail.
    data = voices(1.0)
    second = correlate.utterances(data) == 2
    exchanged = np.where(second, (data.speakers + 1) % 5, data.speakers)
    order = np.lexsort((second, exchanged))
    wrong = isolet.Examples(data.x[order], data.labels[order], exchanged[order])
    assert found(wrong)["nearest_is_partner"]["value"] == 0


def test_findings_by_hand() -> None:
    runs = [(1, 1), (1, 2), (2, 1), (2, 2)]
    r = np.array(
        [[1.0, 0.9, 0.2, 0.1], [0.9, 1.0, 0.3, 0.4], [0.2, 0.3, 1.0, 0.35], [0.1, 0.4, 0.35, 1.0]]
    )
    rows = [(*a, *b, r[i, j]) for i, a in enumerate(runs) for j, b in enumerate(runs) if i != j]
    names = ["speaker", "utterance", "other_speaker", "other_utterance", "correlation"]
    pairs = pl.DataFrame(rows, schema=names, orient="row")
    values = {row["quantity"]: row["value"] for row in voices_in.findings(pairs)}
    assert values == pytest.approx(
        {
            "same_speaker": (0.9 + 0.35) / 2,
            "same_speaker_lowest": 0.35,
            "other_speaker": (0.1 + 0.3) / 2,
            "other_speaker_highest": 0.3,
            "inside_highest": 0.4,
            "next_run": (0.2 + 0.4) / 2,
            # Run (2, 2) is nearest to (1, 2), all others to their partner.
            "nearest_is_partner": 0.75,
        }
    )


def run(folder: Path, table: pl.DataFrame, data: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The whole audit of a table of the data: the pairs of the figure and the counts."""
    for split in isolet.SPLITS:
        write_parquet(table.filter(split=split), folder / f"{split}.parquet")
    names = ("train.parquet", "test.parquet", "pairs.parquet", "letters.parquet")
    correlate.main(*(folder / name for name in names))
    pairs, letters = (pl.read_parquet(folder / name) for name in names[2:])
    drawn = voices_in.pairs_drawn(pairs)
    write_csv(drawn.with_columns(data=pl.lit(data)), folder / "audit.csv")
    plot.main(folder / "audit.csv", folder / "audit.svg", folder / "audit.png")
    return drawn, voices_in.counted(pairs, letters)


def counts(table: pl.DataFrame, group: str) -> dict[str, float]:
    part = table.filter(group=group)
    return dict(zip(part["quantity"], part["value"], strict=True))


@pytest.mark.skipif(not isolet.holds(REAL), reason="the real ISOLET is not here")
def test_ranges_three_and_four_hold_the_same_sixty_people(tmp_path: Path) -> None:
    pairs, table = run(tmp_path, isolet.load(REAL), "isolet")
    assert pairs.group_by("group").len().sort("group").rows() == [
        ("isolet1", 900),
        ("isolet2", 900),
        ("isolet3 and 4", 3600),
        ("isolet5", 900),
    ]
    asked = counts(table, "isolet3 and 4")
    assert asked["nearest_is_partner"] == 1
    assert table.filter(quantity="nearest_is_partner")["n"].to_list() == [60, 60, 120, 60]
    known = [counts(table, f"isolet{i}")["same_speaker"] for i in (1, 2, 5)]
    assert min(known) - 0.02 < asked["same_speaker"] < max(known) + 0.02
    # The other reading, two runs of one speaker in a row within a range, is refuted.
    assert asked["next_run"] < 0.2
    assert asked["inside_highest"] < asked["same_speaker"]
    # In the figure's own rows: run i is nearest to run i, both ways.
    matrix = pairs.filter(group="isolet3 and 4").sort("first", "second")["correlation"]
    matrix = matrix.to_numpy().reshape(60, 60)
    assert (matrix.argmax(axis=0) == np.arange(60)).all()
    assert (matrix.argmax(axis=1) == np.arange(60)).all()
    # 240 of each letter in train and 60 in test, but for two F and one M.
    missing = table.filter(
        pl.col("quantity").str.starts_with("rows_") & (pl.col("value") != pl.col("n"))
    )
    assert missing.select("group", "quantity", "value", "n").rows() == [
        ("isolet3 and 4", "rows_F", 118, 120),
        ("isolet5", "rows_M", 59, 60),
    ]
    numbers = {row["key"]: row for row in voices_in.numbers(table)}
    assert numbers["audit.missing_rows"]["value"] == 3
    assert numbers["audit.missing_rows"]["n"] == 7800
    assert numbers["audit.nearest_is_partner"]["n"] == 120
    assert "STAND-IN" not in (tmp_path / "audit.svg").read_text()


def test_the_stand_in_runs_and_says_so(tmp_path: Path) -> None:
    _, table = run(tmp_path, standin(seed=0), "stand-in")
    assert counts(table, "isolet3 and 4")["rows_F"] == 118
    assert "STAND-IN DATA: synthetic, not ISOLET" in (tmp_path / "audit.svg").read_text()
