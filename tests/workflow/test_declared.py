"""From a claims.yaml to a verdict, in a chapter made up for the purpose."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import made_up
from workflow.lib import chapters
from workflow.lib.numbers import collect
from workflow.lib.settings import SettingsError, checked
from workflow.lib.study import Ledger, Study
from workflow.lib.verdicts import RULE_TEXTS
from workflow.scripts import gather, judge, measure

SETTINGS = """
from workflow.lib.runs.experiments import Experiment
from workflow.lib.settings import Strict

class Settings(Strict):
    experiments: dict[str, Experiment]
"""
NETWORK = {
    "hidden_units": 4,
    "hidden_layers": 1,
    "activation": "relu",
    "init": "he",
    "optimizer": "sgd",
    "epochs": 2,
    "batch_size": 8,
    "shuffle": True,
    "seeds": 2,
}
CLAIMS = {
    "T1": {
        "source": "s",
        "claim": "The higher rate is better.",
        "protocol": "p",
        "figure": "toy",
        "checks": [
            {"what": "better", "rule": "above", "bound": 0.05, "published": "t1.difference"},
            {"what": "good", "rule": "above", "bound": 0.9, "published": "t2.accuracy"},
        ],
        "numbers": {
            "t1.difference": {
                "difference": [
                    {"experiment": "toy", "learning_rate": 0.2},
                    {"experiment": "reference", "momentum": 0.9},
                ],
                "what": "rate {a.learning_rate} minus momentum {b.momentum}",
            }
        },
    },
    "T2": {
        "source": "s",
        "claim": "It is good.",
        "protocol": "p",
        "figure": "toy",
        "checks": [{"what": "good", "rule": "above", "bound": 0.9, "published": "t2.accuracy"}],
        "numbers": {
            "t2.accuracy": {
                "accuracy": {"experiment": "toy", "learning_rate": "best"},
                "what": "the best rate, {a.learning_rate}",
            }
        },
    },
}


@pytest.fixture
def study() -> Study:
    path = Path(__file__).parents[2] / "workflow/config/study.yaml"
    return checked(Study, yaml.safe_load(path.read_text()), "")


def toy(folder: Path, study: Study, claims: dict[str, Any]) -> chapters.Chapter:
    """The chapter, written to a folder and found there."""
    chapter = folder / "chapters/toy"
    chapter.mkdir(parents=True, exist_ok=True)
    page = {"title": "t", "question": "q", "source": "s", "figures": {"toy": "a picture"}}
    experiments = {"toy": NETWORK | {"arms": {"learning_rate": [0.1, 0.2]}}}
    (chapter / "settings.py").write_text(SETTINGS)
    (chapter / "settings.yaml").write_text(yaml.dump({"page": page, "experiments": experiments}))
    (chapter / "claims.yaml").write_text(yaml.dump(claims))
    for file in ("rules.smk", "page.html", "plot_toy.py"):
        (chapter / file).touch()
    return chapters.found({"study": "full"}, study, folder / "chapters")["toy"]


def test_a_declared_claim_is_measured_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, study: Study
) -> None:
    chapter = toy(tmp_path, study, CLAIMS)
    monkeypatch.chdir(tmp_path)
    made_up.runs(
        Path("results/toy/runs/toy"),
        lambda learning_rate, **_: 0.75 + learning_rate,
        learning_rate=[0.1, 0.2],
    )
    made_up.runs(
        Path("results/reference"),
        lambda momentum, **_: 0.75 + momentum / 10,
        learning_rate=[0.01],
        momentum=[0.0, 0.9],
    )
    Path("origin.json").write_text('{"data": "isolet"}')

    # A claim asks for its own runs, and for the numbers of others that its checks name.
    assert chapter.sources("T1", study.experiments) == {
        "published": {"toy": ["results/toy/runs/toy"], "reference": ["results/reference"]},
        "clean": {},
    }
    assert chapter.sources("T2", study.experiments)["published"].keys() == {"toy"}
    assert chapter.numbers_of("T2") == ["results/toy/numbers/T2.csv"]
    assert chapter.numbers_of("T1") == ["results/toy/numbers/T1.csv", "results/toy/numbers/T2.csv"]

    for name, claim in chapter.claims.items():
        sources = {
            protocol: {key: [Path(file) for file in files] for key, files in experiments.items()}
            for protocol, experiments in chapter.sources(name, study.experiments).items()
        }
        table = Path(f"results/toy/numbers/{name}.csv")
        measure.main(claim.numbers, sources, Path("origin.json"), table)
    gather.main([Path(table) for table in chapter.measured()], Path(chapter.numbers))
    found = collect([Path(chapter.numbers)])
    assert found["t1.difference"]["value"] == pytest.approx(0.11)
    assert found["t1.difference"]["what"] == "rate 0.2 minus momentum 0.9"
    assert found["t1.difference"]["p"] == 0.5
    assert found["t2.accuracy"]["what"] == "the best rate, 0.2"
    assert found["t2.accuracy"]["p"] is None
    judge.main(
        "T1",
        chapter.claims["T1"],
        Ledger(smallest_effect=0.003, significance=0.05),
        "full",
        [Path(table) for table in chapter.numbers_of("T1")],
        Path("verdict.json"),
    )
    entry = json.loads(Path("verdict.json").read_text())
    assert (entry["verdict"], entry["data"]) == ("reproduced", "isolet")
    assert [check["published"]["key"] for check in entry["checks"]] == [
        "t1.difference",
        "t2.accuracy",
    ]


def test_mistakes_are_known_when_the_workflow_starts(tmp_path: Path, study: Study) -> None:
    numbers = {"t1.difference": {"accuracy": {"experiment": "toy", "rate": 1}, "what": "w"}}
    claims = {"T1": {**CLAIMS["T1"], "numbers": numbers}}
    with pytest.raises(SettingsError) as error:
        toy(tmp_path, study, claims)
    assert str(error.value).splitlines() == [
        "  toy.claims.T1.numbers.t1.difference: toy does not vary rate; it may vary learning_rate",
        "  toy.claims.T1.checks: no claim declares the number t2.accuracy",
    ]


def test_the_pages_show_every_rule() -> None:
    assert list(RULE_TEXTS) == ["above", "below", "inside", "more", "less", "no_less"]
