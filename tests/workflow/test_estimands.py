"""Declared numbers: the right cells, the right sign, and a sentence for every mistake."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests import made_up
from workflow.lib.claims import Claim, mistakes
from workflow.lib.job import JobError
from workflow.lib.runs import estimators
from workflow.lib.runs.cells import Cell
from workflow.lib.runs.estimands import ESTIMATORS, Estimand
from workflow.lib.runs.evaluate import Sources, evaluate
from workflow.lib.runs.experiments import Experiment
from workflow.lib.runs.found import Source, find
from workflow.lib.settings import SettingsError, checked


def accuracy(learning_rate: float, units: int, epoch: int, **_: Any) -> float:
    """Better with more units, worse with the larger rate, 0.1 better in the last epoch."""
    return 0.3 + units / 100 - learning_rate + 0.1 * (epoch == 3)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """An experiment under both protocols."""
    folder = tmp_path_factory.mktemp("runs")
    grid = {"learning_rate": [0.001, 0.1], "units": [2, 8, 32]}
    published = made_up.runs(folder / "published", accuracy, epochs=3, **grid)
    clean = made_up.clean(folder / "clean", accuracy, at={1: 1, 2: 3}, units=[2, 8])
    return {"published": {"grid": Source(published)}, "clean": {"grid": clean}}


def numbers(sources: Sources, key: str = "k", **declared: Any) -> dict[str, dict[str, Any]]:
    estimand = checked(Estimand, {"what": "w", **declared}, "k")
    return {row["key"]: row for row in evaluate(key, estimand, sources)}


def value(sources: Sources, **cell: Any) -> float:
    return numbers(sources, accuracy={"experiment": "grid", **cell})["k"]["value"]


# --- cells ----------------------------------------------------------------------------------------


def test_a_cell_names_values_or_words(sources: Sources) -> None:
    assert value(sources, learning_rate=0.1, units=8) == pytest.approx(0.38)
    assert value(sources, learning_rate=0.1, units=8, epoch=1) == pytest.approx(0.28)
    assert value(sources, learning_rate="least", units="greatest") == pytest.approx(0.719)
    assert value(sources, learning_rate="best", units="best") == pytest.approx(0.719)
    assert value(sources, learning_rate="worst", units=8) == pytest.approx(0.38)
    other = {"learning_rate": "greatest", "units": "least"}
    worst = {"learning_rate": "worst", "units": "worst"}
    assert value(sources, **worst) == pytest.approx(0.32)
    assert value(sources, **worst, other_than=other) == pytest.approx(0.38)


def test_several_values_are_averaged(sources: Sources) -> None:
    for units in ([2, 8], {"at_most": 8}):
        assert value(sources, learning_rate=0.1, units=units) == pytest.approx(0.35)
    assert value(sources, learning_rate=0.1, units="all") == pytest.approx(0.44)


def test_an_epoch_after_the_last_is_the_last(sources: Sources) -> None:
    row = numbers(
        sources,
        accuracy={"experiment": "grid", "learning_rate": 0.1, "units": 8, "epoch": 20},
        what="after {a.epoch} epochs",
    )["k"]
    assert row["value"] == pytest.approx(0.38)
    assert row["what"] == "after 3 epochs"


def test_a_clean_cell_is_read_where_it_was_chosen(sources: Sources) -> None:
    def clean(**cell: Any) -> dict[str, Any]:
        return numbers(sources, accuracy={"clean": "grid", **cell}, what="{a.choice}")["k"]

    assert clean(units=8, chosen_at=1)["value"] == pytest.approx(0.379)
    assert clean(units=8, chosen_at="last")["value"] == pytest.approx(0.379)
    assert clean(units=8, chosen_at=2, epoch="last")["value"] == pytest.approx(0.479)
    assert clean(units="best", chosen_at=1)["value"] == pytest.approx(0.379)
    assert clean(units=8, chosen_at=1)["what"] == (
        "rate 0.001, 1 epoch, chosen on training speakers"
    )
    with pytest.raises(JobError, match="chooses at the epochs 1, 2; name one by chosen_at"):
        clean(units=8)
    with pytest.raises(JobError, match="chooses at the epochs 1, 2; name one by chosen_at"):
        clean(units=8, chosen_at=3)


def test_a_cell_that_the_runs_lack_is_refused(sources: Sources) -> None:
    with pytest.raises(JobError, match="grid has no units 4; known: 2, 8, 32"):
        value(sources, learning_rate=0.1, units=4)
    with pytest.raises(JobError, match="grid has several values of units; name 2, 8, 32 or all"):
        value(sources, learning_rate=0.1)
    with pytest.raises(JobError, match="grid has no other cell; leave out other_than"):
        value(sources, learning_rate=0.1, units="worst", other_than={"learning_rate": 0.1})


# --- estimators -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_that_may_be_declared_exists(name: str) -> None:
    assert getattr(estimators, name).__doc__


def test_a_difference_is_paired(tmp_path: Path) -> None:
    # Speakers and epochs differ much, the cells by one row of ten in every pair.
    rows = pl.DataFrame(
        [
            {
                "cell": cell,
                "seed": seed,
                "epoch": 1,
                "speaker": speaker,
                "rows": 10,
                "correct": 9 - 2 * seed - speaker - (cell == "b"),
            }
            for cell, seeds in (("a", 2), ("b", 1), ("c", 2))
            for seed in range(seeds)
            for speaker in range(3)
        ]
    )
    rows.write_parquet(tmp_path / "speakers.parquet")
    rows.group_by("cell", "seed", "epoch", maintain_order=True).agg(
        test_accuracy=pl.col("correct").sum() / 30
    ).write_parquet(tmp_path / "epochs.parquet")
    source = Source(made_up.Runs(tmp_path))
    a, b, c = (find(checked(Cell, {"experiment": "e", "cell": name}, ""), source) for name in "abc")
    found = estimators.difference(a, b)
    # No spread is left, and all signs agree; more seeds on one side: those that both have.
    assert found.interval == pytest.approx((0.1, 0.1, 0.1, 1))
    assert found.p == 2 / 2**3
    assert estimators.difference(a, c).interval == pytest.approx((0, 0, 0, 2))


def test_losses_and_accuracies_on_the_same_speakers_are_over_seeds(sources: Sources) -> None:
    cell = {"experiment": "grid", "learning_rate": 0.1, "units": 8}
    loss = numbers(sources, loss=cell)["k"]
    assert (loss["value"], loss["unit"], loss["n"]) == (pytest.approx(0.38), "nats", 2)
    same = numbers(sources, same_speakers_accuracy=cell)["k"]
    assert (same["value"], same["interval"]) == (
        pytest.approx(0.38),
        "95 % over seeds (Student's t)",
    )


def test_slopes(sources: Sources) -> None:
    cell = {"experiment": "grid", "learning_rate": 0.1, "units": "all"}
    assert numbers(sources, slope=cell, per_unit_of="units")["k"]["value"] == pytest.approx(0.01)
    doubling = numbers(sources, slope=cell, per_doubling_of="units")["k"]["value"]
    assert doubling == pytest.approx(np.polyfit([1, 3, 5], [0.32, 0.38, 0.62], 1)[0])
    # Over both rates: the mean at each number of units.
    both = cell | {"learning_rate": "all"}
    assert numbers(sources, slope=both, per_unit_of="units")["k"]["value"] == pytest.approx(0.01)


def test_diverged_runs_are_counted(tmp_path: Path) -> None:
    runs = made_up.runs(tmp_path, lambda units, **_: {2: 0.04, 8: 0.9}[units], units=[2, 8])
    sources = {"published": {"grid": Source(runs)}}
    row = numbers(sources, diverged={"experiment": "grid", "units": "all"})["k"]
    assert (row["value"], row["n"], row["unit"]) == (2, 4, "runs")


# --- families -------------------------------------------------------------------------------------


def test_one_number_for_each_value(sources: Sources) -> None:
    found = numbers(
        sources,
        "k.{a.units}",
        each="units",
        difference=[
            {"experiment": "grid", "learning_rate": 0.1, "units": {"at_most": 8}},
            {"experiment": "grid", "learning_rate": 0.001, "units": "all"},
        ],
        what="{a.units} units, rate {a.learning_rate} minus {b.learning_rate}",
    )
    assert {key: row["what"] for key, row in found.items()} == {
        "k.2": "2 units, rate 0.1 minus 0.001",
        "k.8": "8 units, rate 0.1 minus 0.001",
    }
    assert found["k.2"]["value"] == pytest.approx(-0.099)
    # Two speakers: the p value is 2 / 2^2 at least, and Holm doubles it.
    assert [row["p"] for row in found.values()] == [1.0, 1.0]


def test_one_number_for_each_pair(sources: Sources) -> None:
    cell = {"experiment": "grid", "learning_rate": 0.1, "units": [32, 2, 8]}
    found = numbers(sources, "k.{a.units}_{b.units}", pairs="units", difference=[cell])
    assert {key: round(row["value"], 6) for key, row in found.items()} == {
        "k.32_2": 0.3,
        "k.32_8": 0.24,
        "k.2_8": -0.06,
    }
    above = numbers(
        sources, "k.{a.units}_{b.units}", pairs="units", probability_of_improvement=[cell]
    )
    assert [row["value"] for row in above.values()] == [1, 1, 0]


# --- mistakes -------------------------------------------------------------------------------------

CELL = {"experiment": "grid", "units": 2}
CHECK = {"what": "w", "rule": "less", "published": "k"}
CLAIM = {"source": "s", "claim": "c", "protocol": "p", "figure": "f", "checks": [CHECK]}
GRID = checked(
    Experiment,
    {
        "hidden_layers": 1,
        "activation": "relu",
        "init": "he",
        "optimizer": "sgd",
        "arms": {"learning_rate": [0.1]},
        "epochs": 1,
        "batch_size": 8,
        "shuffle": True,
        "seeds": 1,
        "vary": {"hidden_units": [2, 8]},
    },
    "grid",
)


def claim(key: str = "k", **declared: Any) -> Claim:
    return checked(Claim, {**CLAIM, "numbers": {key: {"what": "w", **declared}}}, "c")


@pytest.mark.parametrize(
    ("declared", "line"),
    [
        ({"diference": [CELL, CELL]}, r"k\.diference: unknown key; did you mean difference\?"),
        ({}, r"k: name one of accuracy, .*; found 0"),
        ({"accuracy": CELL, "loss": CELL}, r"k: name one of accuracy, .*; found 2"),
        ({"difference": [CELL]}, r"k: difference needs two cells"),
        ({"accuracy": CELL, "pairs": "units"}, r"k: pairs needs an estimator of two cells"),
        ({"slope": CELL}, r"k: a slope, and nothing else, needs per_unit_of or per_doubling_of"),
        ({"accuracy": {"units": 2}}, r"k\.accuracy: name an experiment or a clean one"),
        ({"accuracy": {**CELL, "units": {"most": 2}}}, r"k\.accuracy\.units: expected a value, "),
        ({"accuracy": {**CELL, "epoch": "end"}}, r"k\.accuracy\.epoch: 'end': .* or .*'last'"),
        ({"accuracy": {**CELL, "rate": "all", "units": "best"}}, "best or worst picks one cell"),
        ({"accuracy": {**CELL, "chosen_at": 1}}, "chosen_at needs a clean experiment"),
        ({"accuracy": {**CELL, "other_than": {"units": 2}}}, "other_than needs a setting that is"),
    ],
)
def test_what_cannot_be_estimated_is_one_line(declared: dict[str, Any], line: str) -> None:
    with pytest.raises(SettingsError, match=rf"^  c\.numbers\..*{line}") as error:
        claim(**declared)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("declared", "line"),
    [
        ({"accuracy": {"experiment": "grit"}}, "unknown published experiment grit; known: grid"),
        ({"accuracy": {"clean": "grid"}}, "unknown clean experiment grid; known: tuned"),
        (
            {"accuracy": {"experiment": "grid", "units": 2}},
            "grid does not vary units; it may vary learning_rate, hidden_units",
        ),
        (
            {"accuracy": {"experiment": "grid"}},
            "grid has several values of hidden_units; name 2, 8 or all",
        ),
        (
            {"accuracy": {"experiment": "grid", "hidden_units": 3}},
            "grid has no hidden_units 3; known: 2, 8",
        ),
        (
            {"accuracy": {"clean": "tuned", "hidden_units": 2, "learning_rate": 0.1}},
            "tuned does not vary learning_rate; it may vary hidden_units",
        ),
        (
            {"slope": {"experiment": "grid", "hidden_units": 2}, "per_unit_of": "learning_rate"},
            "cell a needs learning_rate, for example learning_rate: all",
        ),
        (
            {"accuracy": {"experiment": "grid", "hidden_units": "all"}, "each": "hidden_units"},
            "expected {a.hidden_units} in the key",
        ),
        (
            {"accuracy": {"experiment": "grid", "hidden_units": 2}, "what": "{a.units} units"},
            "what: unknown placeholder {a.units}; known: a.epoch, a.hidden_units, a.learning_rate",
        ),
    ],
)
def test_what_does_not_fit_the_experiment_is_known_before_training(
    declared: dict[str, Any], line: str
) -> None:
    experiments = {"published": {"grid": GRID}, "clean": {"tuned": GRID}}
    assert mistakes({"C": claim(**declared)}, experiments) == [f"C.numbers.k: {line}"]


def test_a_check_names_a_declared_number() -> None:
    experiments = {"published": {"grid": GRID}, "clean": {}}
    accuracy = {"experiment": "grid", "hidden_units": 2}
    assert mistakes({"C": claim(accuracy=accuracy)}, experiments) == []
    assert mistakes({"C": claim("k1", accuracy=accuracy)}, experiments) == [
        "C.checks: no claim declares the number k; did you mean k1?"
    ]
    twice = {name: claim(accuracy=accuracy) for name in "CD"}
    assert mistakes(twice, experiments) == ["k: declared twice"]
