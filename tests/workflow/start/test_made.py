"""Which reports were made here, by what the jobs noted."""

import json
from pathlib import Path

import pytest

from workflow.lib import costs, made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One report, and the record of its job."""
    monkeypatch.chdir(tmp_path)
    for folder in ("reports", "logs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "reports/a.csv").write_text("1\n", encoding="utf-8")
    costs.write(tmp_path / "logs/a.cost.json", 0.0, "rule", [], ["reports/a.csv", "results/b"])
    return tmp_path


def foreign() -> list[str]:
    return [path.name for path in made.foreign(Path("reports"), Path("logs"))]


def test_only_the_own_content_is_trusted(project: Path) -> None:
    assert foreign() == []
    (project / "reports/a.csv").write_text("2\n", encoding="utf-8")
    assert foreign() == ["a.csv"]
    (project / "reports/b.csv").write_text("3\n", encoding="utf-8")
    (project / "reports/.c.csv.1.tmp").write_text("being written", encoding="utf-8")
    assert foreign() == ["a.csv", "b.csv"]


@pytest.mark.parametrize("left", ["", '{"rule": "a", "outp', "\0" * 40])
def test_a_damaged_record_does_not_count(project: Path, left: str) -> None:
    """As a full disk or a kill may leave it."""
    (project / "logs/a.cost.json").write_text(left, encoding="utf-8")
    assert foreign() == ["a.csv"]
    assert costs.collect(Path("logs")) == []


def test_a_failed_job_has_no_outputs_and_no_reports(project: Path) -> None:
    costs.write(project / "logs/a.cost.json", 0.0, "rule", [], [])
    assert foreign() == ["a.csv"]
    assert costs.collect(Path("logs")) == []
    assert json.loads((project / "logs/a.cost.json").read_text(encoding="utf-8"))["rule"] == "rule"
