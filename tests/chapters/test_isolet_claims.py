"""The numbers that ISOLET's claims declare, on made-up runs: the right cells, the right sign."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import made_up
from tests.chapters.conftest import chapter
from workflow.lib.claims import owner
from workflow.lib.runs.evaluate import Sources, evaluate
from workflow.lib.runs.found import Source
from workflow.lib.settings import checked, merged
from workflow.lib.study import Study

ROOT = Path(__file__).parents[2]
CLAIMS = chapter("isolet").claims
OPTIMIZERS = ["sgd", "sgd_momentum", "adagrad", "rmsprop", "adam"]


def study(name: str) -> Study:
    full, quick = (
        yaml.safe_load((ROOT / f"workflow/config/{file}.yaml").read_text())
        for file in ("study", "quick")
    )
    return checked(Study, full if name == "full" else merged(full, quick), "")


@pytest.mark.parametrize("name", ["full", "quick"])
def test_every_cell_is_in_the_settings(name: str) -> None:
    assert chapter("isolet", name).mistakes(study(name).experiments) == []


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            {"fig5": {"vary": {"hidden_units": [8]}, "arms": {"learning_rate": [0.1, 0.01]}}},
            "K8.numbers.k8.few_units_accuracy: fig5 has no learning_rate 0.001; known: 0.01, 0.1",
        ),
        (
            {"long": {"arms": {"learning_rate": [0.1, 0.2]}}},
            "K5.numbers.k5.test_accuracy: long has several values of learning_rate; "
            "name 0.1, 0.2 or all",
        ),
    ],
)
def test_settings_without_a_cell_are_refused(overrides: dict[str, Any], line: str) -> None:
    changed = chapter("isolet", experiments=overrides)
    assert changed.mistakes(study("full").experiments)[0] == f"  isolet.claims.{line}"


def test_every_number_of_the_report_is_declared() -> None:
    ids = {name.lower() for name in CLAIMS} | {"clean"}
    numbers = json.loads((ROOT / "reports/numbers.json").read_text(encoding="utf-8"))
    mine = [key for key in numbers if key.split(".")[0] in ids]
    assert len(mine) > 100
    assert [key for key in mine if owner(CLAIMS, key) is None] == []


def test_a_claim_asks_for_its_own_runs() -> None:
    sources = chapter("isolet").sources("K13", study("full").experiments)
    assert sources == {
        "published": {"fig7": ["results/isolet/runs/fig7"]},
        "clean": {
            "depth": [
                "results/isolet/clean/depth",
                "results/isolet/tuning/depth/choices.parquet",
            ]
        },
    }


def values(sources: Sources, *claims: str) -> dict[str, float]:
    """The numbers of some claims."""
    return {
        row["key"]: row["value"]
        for name in claims
        for key, estimand in CLAIMS[name].numbers.items()
        for row in evaluate(key, estimand, sources)
    }


@pytest.fixture
def published(tmp_path: Path) -> Callable[..., Source]:
    """Makes up an experiment as published."""

    def make(name: str, accuracy: Callable[..., float], **grid: Any) -> Source:
        return Source(made_up.runs(tmp_path / "published" / name, accuracy, **grid))

    return make


@pytest.fixture
def clean(tmp_path: Path) -> Callable[..., Source]:
    """Makes up an experiment of the clean protocol."""

    def make(name: str, accuracy: Callable[..., float], **grid: Any) -> Source:
        return made_up.clean(tmp_path / "clean" / name, accuracy, **{"at": {1: 1}, **grid})

    return make


def test_momentum(published: Callable[..., Source], clean: Callable[..., Source]) -> None:
    def reference(epoch: int, momentum: float, **_: Any) -> float:
        return 0.8 + 0.1 * momentum / 0.9 + 0.01 * epoch

    momenta = [0.0, 0.9]
    one = {"learning_rate": [0.01], "momentum": [0.0]}
    sources = {
        "published": {
            "reference": published(
                "reference", reference, epochs=2, learning_rate=[0.01], momentum=momenta
            ),
            "long": published("long", lambda **_: 0.93, **one),
            "high_rate": published("high_rate", lambda **_: 0.91, **one),
            "standard_normal": published("standard_normal", lambda **_: 0.5, **one),
            "sigmoid": published(
                "sigmoid", lambda learning_rate, **_: 0.7 + learning_rate, learning_rate=[0.01, 0.1]
            ),
        },
        "clean": {
            "momentum": clean(
                "momentum", lambda momentum, **_: 0.9 + momentum / 100, momentum=momenta
            ),
            "sigmoid": clean("sigmoid", lambda **_: 0.85, momentum=[0.9]),
        },
    }
    found = values(sources, "K3", "K4", "K5", "K7", "K16")
    # Momentum 0.9 ends at 0.8 + 0.1 + 0.02.
    assert found["k3.test_accuracy"] == pytest.approx(0.92)
    assert found["k3.same_speakers_accuracy"] == pytest.approx(0.92)
    assert found["k3.clean_accuracy"] == pytest.approx(0.909)
    assert found["k4.test_accuracy"] == pytest.approx(0.82)
    assert found["k4.difference"] == pytest.approx(-0.1)
    assert found["k4.early_difference"] == pytest.approx(-0.1)
    assert found["k4.clean_difference"] == pytest.approx(-0.009)
    assert found["k5.difference"] == pytest.approx(0.01)
    assert found["k5.high_rate_difference"] == pytest.approx(-0.01)
    assert found["k7.test_accuracy"] == pytest.approx(0.71)
    assert found["k7.best_rate_accuracy"] == pytest.approx(0.8)
    assert found["k7.difference"] == pytest.approx(0.71 - 0.92)
    assert found["k7.best_rate_difference"] == pytest.approx(0.8 - 0.92)
    assert found["k7.clean_difference"] == pytest.approx(0.85 - 0.909)
    assert found["k7.optimism"] == pytest.approx(0.8 - 0.85)
    assert found["k16.difference"] == pytest.approx(-0.42)


def test_hidden_units(published: Callable[..., Source], clean: Callable[..., Source]) -> None:
    cells = {(1e-5, 16): 0.1, (1e-5, 64): 0.3, (0.001, 16): 0.9, (0.001, 64): 0.95}
    sources = {
        "published": {
            "fig5": published(
                "fig5",
                lambda learning_rate, hidden_units, **_: cells[learning_rate, hidden_units],
                learning_rate=[1e-5, 0.001],
                hidden_units=[16, 64],
            )
        },
        "clean": {
            "hidden_units": clean(
                "hidden_units",
                lambda hidden_units, **_: 0.9 + hidden_units / 1000,
                hidden_units=[16, 64],
            )
        },
    }
    found = values(sources, "K8")
    assert found["k8.best_accuracy"] == pytest.approx(0.95)
    assert found["k8.few_units_accuracy"] == pytest.approx(0.9)
    assert found["k8.few_units_difference"] == pytest.approx(-0.05)
    assert found["k8.worst_difference"] == pytest.approx(-0.2)
    assert found["k8.clean_accuracy"] == pytest.approx(0.964)
    assert found["k8.clean_few_units_difference"] == pytest.approx(-0.048)
    assert found["k8.optimism"] == pytest.approx(0.95 - 0.964)


def test_batches(published: Callable[..., Source], clean: Callable[..., Source]) -> None:
    def accuracy(batch_size: int, epoch: int, judged: int = 0, **_: Any) -> float:
        # 0.01 better per doubling, 0.1 worse after epoch 20; 0.2 better if chosen at epoch 1.
        doublings = batch_size.bit_length() - 1
        return 0.6 + 0.01 * doublings - 0.1 * (epoch > 20) + 0.2 * (judged == 1)

    grid = {"learning_rate": [0.001], "batch_size": [2, 8, 1024]}
    sources = {
        "published": {"batch_sizes": published("batch_sizes", accuracy, epochs=21, **grid)},
        "clean": {"batch_size": clean("batch_size", accuracy, at={1: 1, 2: 21}, batch_size=[4, 8])},
    }
    found = values(sources, "K9", "K10", "K11")
    assert found["k9.one_epoch_accuracy"] == pytest.approx(0.7)  # the batch of 1024
    assert found["k9.clean_one_epoch_accuracy"] == pytest.approx(0.83)
    assert found["k10.difference"] == pytest.approx(-0.1)
    assert found["k10.difference_8"] == pytest.approx(-0.1)
    assert "k10.difference_1024" not in found
    assert found["k10.clean_difference"] == pytest.approx(-0.1)
    assert found["k11.slope"] == pytest.approx(0.01)
    assert found["k11.clean_slope"] == pytest.approx(0.01)
    assert found["clean.batch_size_diverged"] == 0


def test_depth(published: Callable[..., Source], clean: Callable[..., Source]) -> None:
    def accuracy(hidden_layers: int, beta1: float, **_: Any) -> float:
        return 0.9 - 0.02 * hidden_layers - 0.1 * beta1

    grid: dict[str, Any] = {"hidden_layers": [0, 1], "beta1": [0.0, 0.5, 0.9]}
    sources = {
        "published": {"fig7": published("fig7", accuracy, learning_rate=[0.001], **grid)},
        "clean": {"depth": clean("depth", accuracy, **grid)},
    }
    found = values(sources, "K13", "K14")
    for protocol in ("", "clean_"):
        assert found[f"k13.{protocol}difference"] == pytest.approx(0.02)
        assert found[f"k14.{protocol}slope"] == pytest.approx(-0.1)
        assert found[f"k14.{protocol}slope_1"] == pytest.approx(-0.1)
        assert found[f"k14.{protocol}default_difference"] == pytest.approx(-0.09)


def test_optimizers(published: Callable[..., Source], clean: Callable[..., Source]) -> None:
    place = OPTIMIZERS.index
    sources = {
        "published": {
            "fig8": published(
                "fig8",
                lambda optimizer, **_: 0.5 + place(optimizer) / 10,
                learning_rate=[0.001],
                optimizer=OPTIMIZERS,
            )
        },
        "clean": {
            "optimizers": clean(
                "optimizers",
                lambda optimizer, **_: 0.9 - place(optimizer) / 100,
                optimizer=OPTIMIZERS,
            )
        },
    }
    found = values(sources, "K15")
    assert found["k15.adam_minus_sgd"] == pytest.approx(0.4)
    assert found["k15.p_adam_above_sgd"] == 1
    assert found["k15.clean_adam_minus_sgd"] == pytest.approx(-0.04)
    assert found["k15.clean_p_adam_above_sgd"] == 0
    assert found["k15.clean_rmsprop_minus_adagrad"] == pytest.approx(-0.01)
    assert found["k15.clean_adam_accuracy"] == pytest.approx(0.86)
