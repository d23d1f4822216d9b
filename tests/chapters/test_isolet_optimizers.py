"""Tables and figures of the tuned optimizers, on counts small enough to work out by hand."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.chapters.conftest import load

summarise_tuning, summarise_optimizers, errorscale = (
    load("isolet", name) for name in ("summarise_tuning", "summarise_optimizers", "errorscale")
)

NAN = float("nan")
STAND_IN = "STAND-IN DATA: synthetic, not ISOLET"
INTERVAL = ["value", "lo", "hi", "n"]

# --- tuning ---------------------------------------------------------------------------------------

# Rate to correct rows (of 10) of speakers 1 to 4, the first two in fold 0; of one seed.
TRIALS = {
    0.1: [[8, 8, 6, 6]],
    0.2: [[9, 9, 9, 9]],
    0.4: [[0, 0, 10, 10]],
}


def counts(optimizers: dict[str, dict[float, list[list[int]]]]) -> pl.DataFrame:
    """As `tune` writes them, after an epoch in which everything was wrong, rows shuffled."""
    rows = [
        {"optimizer": optimizer, "learning_rate": rate, "seed": seed, "epoch": epoch}
        | {"fold": speaker // 2, "speaker": speaker + 1, "rows": 10, "correct": hits * (epoch - 1)}
        for optimizer, trials in optimizers.items()
        for rate, correct in trials.items()
        for seed, by_speaker in enumerate(correct)
        for speaker, hits in enumerate(by_speaker)
        for epoch in (1, 2)
    ]
    return pl.DataFrame(rows).sample(fraction=1, shuffle=True, seed=0)


def tuning(folder: Path, chosen: dict[str, float], source: str, **trials: Any) -> Path:
    """The table, as the rule makes it."""
    origin, speakers, choices, table = (
        folder / name for name in ("o.json", "s.parquet", "c.parquet", "tuning.csv")
    )
    origin.write_text(json.dumps({"data": source}))
    counts(trials).write_parquet(speakers)
    pl.DataFrame({"optimizer": [*chosen], "learning_rate": [*chosen.values()]}).write_parquet(
        choices
    )
    summarise_tuning.main(speakers, choices, origin, table)
    return table


def test_the_trials_of_an_optimizer_by_hand(tmp_path: Path) -> None:
    """28, 36 and 20 of 40 are right; pairs are best at 0.9, 0.9 and 0.7; fold 0 of 0.4 guesses."""
    table = pl.read_csv(tuning(tmp_path, {"sgd": 0.2}, "isolet", sgd=TRIALS))
    rates, best = table.filter(part="rate"), table.filter(part="best")
    assert rates["learning_rate"].to_list() == [0.1, 0.2, 0.4]
    assert rates["value"].to_list() == [0.7, 0.9, 0.5]
    assert rates["chosen"].to_list() == [False, True, False]
    assert rates["edge"].to_list() == [True, False, True]
    assert rates.select("guessing", "runs").rows() == [(0, 2), (0, 2), (1, 2)]
    assert best["trials"].to_list() == [1, 2, 3]
    assert best["value"].to_list() == pytest.approx([2.1 / 3, 2.5 / 3, 0.9], abs=1e-12)
    assert best.select("guessing", "runs").unique().rows() == [(1, 6)]
    assert set(table["n"]) == {1}
    assert set(table["data"]) == {"isolet"}


def test_the_best_is_resampled_by_speakers_that_the_trials_share(tmp_path: Path) -> None:
    """All 256 resamples of four speakers, each with the best of every pair of trials."""
    table = pl.read_csv(tuning(tmp_path, {"sgd": 0.2}, "isolet", sgd=TRIALS))
    every = []
    for speakers in itertools.product(range(4), repeat=4):
        trials = [sum(hits[0][k] for k in speakers) / 40 for hits in TRIALS.values()]
        every.append(np.mean([max(pair) for pair in itertools.combinations(trials, 2)]))
    ends = np.quantile(every, [0.025, 0.975], method="inverted_cdf")
    assert table.filter(part="best", trials=2).select("lo", "hi").row(0) == pytest.approx(
        tuple(ends), abs=1e-12
    )


def test_the_best_of_one_trial_is_that_trial(tmp_path: Path) -> None:
    """Two seeds: its interval is the two-level one, and a grid of one rate is all edge."""
    adam = {0.01: [[8, 7, 6, 9], [5, 9, 10, 8]]}
    table = pl.read_csv(
        tuning(tmp_path, {"adam": 0.01, "sgd": 0.2}, "isolet", sgd=TRIALS, adam=adam)
    ).filter(optimizer="adam")
    rate, best = table.select(INTERVAL).rows()
    assert rate == pytest.approx(best, abs=1e-12)
    assert rate[0] == 62 / 80
    assert rate[1] < rate[0] < rate[2]
    assert table.filter(part="rate").select("chosen", "edge").row(0) == (True, True)


# --- optimizers -----------------------------------------------------------------------------------

ROWS = [12, 8]
Cell = tuple[float, list[list[int]]]
# Rate and correct rows (seeds, speakers): of 20 rows 18, 16 and 19 are right, and a diverged run
# names the first letter in one of them.
ADAM: Cell = (0.003, [[11, 7], [10, 6], [12, 7], [1, 0]])
ADAGRAD: Cell = (0.03, [[10, 7]] * 4)


def write_runs(folder: Path, cells: dict[str, Cell]) -> None:
    """Both tables of a refit, after an epoch in which everything was right."""
    epochs, speakers = [], []
    for optimizer, (rate, correct) in cells.items():
        for (seed, hits), epoch in itertools.product(enumerate(correct), (1, 2)):
            right = hits if epoch == 2 else ROWS
            loss = NAN if sum(right) < 2 else 0.2
            key = {"learning_rate": rate, "seed": seed, "epoch": epoch, "optimizer": optimizer}
            epochs.append(
                key
                | {"train_loss": loss, "test_loss": loss, "test_accuracy": sum(right) / sum(ROWS)}
            )
            speakers += [
                key | {"speaker": 121 + k, "rows": ROWS[k], "correct": right[k]} for k in (0, 1)
            ]
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(epochs).write_parquet(folder / "epochs.parquet")
    pl.DataFrame(speakers).write_parquet(folder / "speakers.parquet")


def optimizers(
    folder: Path, shared: dict[str, Cell], tuned: dict[str, Cell], source: str = "isolet"
) -> Path:
    """The table, as the rule makes it."""
    origin, table = folder / "o.json", folder / "optimizers.csv"
    origin.write_text(json.dumps({"data": source}))
    write_runs(folder / "tuned", tuned)
    write_runs(folder / "shared", shared)
    summarise_optimizers.main(
        folder / "shared/epochs.parquet", folder / "tuned/epochs.parquet", origin, table
    )
    return table


def test_the_optimizers_by_hand(tmp_path: Path) -> None:
    """A diverged run counts in mean, interquartile mean and profile, and has no accuracy."""
    table = pl.read_csv(
        optimizers(tmp_path, {"adam": (0.001, [[6, 4]] * 2)}, {"adam": ADAM, "adagrad": ADAGRAD})
    )
    adam = table.filter(protocol="clean", optimizer="adam")
    assert set(adam["learning_rate"]) == {0.003}
    runs = adam.filter(part="run")
    assert runs.select("seed", "value", "diverged").rows() == [
        (0, 0.9, 0),
        (1, 0.8, 0),
        (2, 0.95, 0),
        (3, None, 1),
    ]
    mean, middle = (adam.filter(part=part) for part in ("mean", "interquartile_mean"))
    assert mean["value"].item() == pytest.approx(54 / 80, abs=1e-12)
    # One of four is cut at either end: the diverged one and 0.95.
    assert middle["value"].item() == pytest.approx(0.85, abs=1e-12)
    assert middle["lo"].item() == -np.inf
    for part in (mean, middle):
        assert part.select("n", "diverged").row(0) == (4, 1)
    profile = adam.filter(part="profile")
    assert profile["threshold"].to_list() == [0, 0.8, 0.85, 0.9, 0.95, 1]
    assert profile["value"].to_list() == [3 / 4, 3 / 4, 2 / 4, 2 / 4, 1 / 4, 0]
    assert (profile["lo"] <= profile["value"]).all()
    adagrad = table.filter(optimizer="adagrad", part="profile")
    assert adagrad["value"].to_list() == [1, 1, 1, 0, 0, 0]
    shared = table.filter(protocol="published")
    assert shared.filter(part="mean").select("learning_rate", *INTERVAL).row(0) == pytest.approx(
        (0.001, 0.5, 0.5, 0.5, 2), abs=1e-12
    )
    assert shared.filter(part="profile")["threshold"].to_list() == [0, 0.5, 1]


# --- the scale ------------------------------------------------------------------------------------


def test_equal_steps_of_the_scale_are_equal_ratios_of_errors() -> None:
    """20, 10, 5 and 2.5 % errors; then every accuracy has a place, and the way back is exact."""
    places = errorscale._forward(np.array([80, 90, 95, 97.5]))
    np.testing.assert_allclose(np.diff(places), np.log10(2), atol=5e-3)
    accuracy = np.linspace(0, 100, 1001)
    places = errorscale._forward(accuracy)
    assert (np.diff(places) > 0).all()
    np.testing.assert_allclose(errorscale._backward(places), accuracy, atol=1e-9)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (80, 97, [80, 83, 85, 87, 89, 90, 91, 92, 93, 94, 95, 96, 97]),
        (0, 96, [0, 20, 40, 50, 60, 70, 75, 80, 85, 88, 90, 92, 94, 95, 96]),
        (95.02, 95.31, [95.1, 95.2, 95.3]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert errorscale.ticks(low, high) == expected


# --- figures --------------------------------------------------------------------------------------


def make_tuning(folder: Path, n: int, source: str = "isolet") -> Path:
    adam = {rate: hits * n for rate, hits in ((0.1, [[9, 8, 9, 9]]), (0.2, [[7, 8, 9, 6]]))}
    sgd = {rate: hits * n for rate, hits in TRIALS.items()}
    return tuning(folder, {"sgd": 0.2, "adam": 0.1}, source, sgd=sgd, adam=adam)


def make_optimizers(folder: Path, n: int, source: str = "isolet") -> Path:
    adam, adagrad = ((rate, (hits * n)[:n]) for rate, hits in (ADAM, ADAGRAD))
    low = (0.001, [[6, 4]] * n)
    return optimizers(
        folder,
        {"sgd": low, "adam": low, "adagrad": low},
        {"adam": adam, "adagrad": adagrad},
        source,
    )


MAKE = {"tuning": make_tuning, "optimizers": make_optimizers}


def plot(name: str, table: Path) -> tuple[str, bytes]:
    svg, png = table.with_suffix(".svg"), table.with_suffix(".png")
    load("isolet", f"plot_{name}").main(table, svg, png)
    return svg.read_text(), png.read_bytes()


@pytest.mark.parametrize("name", MAKE)
def test_same_table_same_bytes(name: str, tmp_path: Path) -> None:
    table = MAKE[name](tmp_path, 4)
    svg, png = plot(name, table)
    assert (svg, png) == plot(name, table)
    assert "n = 4 seeds; data: ISOLET" in svg
    assert STAND_IN not in svg


@pytest.mark.parametrize("name", MAKE)
def test_stand_in_is_marked_and_one_seed_is_enough(name: str, tmp_path: Path) -> None:
    svg, _ = plot(name, MAKE[name](tmp_path, 1, "stand-in"))
    assert f"<!-- {STAND_IN} -->" in svg
    assert "n = 1 seed; data: synthetic stand-in, not ISOLET" in svg


def test_the_figure_of_tuning_counts_edges_and_guesses(tmp_path: Path) -> None:
    """Adam's 0.1 is an edge; in one trial of sgd half of the runs guess, and then all."""
    svg, _ = plot("tuning", make_tuning(tmp_path, 1))
    assert "Ring: chosen; 1 of 2 at an edge of the grid (square). 1 of 10 runs ended" in svg
    lost = {0.1: [[9, 8, 9, 9]], 0.2: [[9, 9, 9, 9]], 0.4: [[0, 0, 0, 0]]}
    svg, _ = plot("tuning", tuning(tmp_path, {"sgd": 0.2}, "isolet", sgd=lost))
    assert "0 of 1 at an edge of the grid. 2 of 6 runs ended" in svg


def test_the_figure_of_optimizers_counts_diverged_runs(tmp_path: Path) -> None:
    """One of four, then all of them: a cell without a box, and a profile that stays at 0."""
    svg, _ = plot("optimizers", make_optimizers(tmp_path, 4))
    assert "<!-- 1/4 div. -->" in svg
    assert "1 of 20 runs diverged" in svg
    lost = {"adam": (1.0, [[1, 0]] * 4)}
    svg, _ = plot("optimizers", optimizers(tmp_path, lost, lost))
    assert svg.count("<!-- 4/4 div. -->") == 2
    assert "8 of 8 runs diverged" in svg
