"""The costs of jobs: what a job notes of itself, and what the table makes of it."""

import json
from pathlib import Path

import jax
import pytest

from workflow.lib import costs


@pytest.fixture(autouse=True)
def no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "SPENT", {})


def test_a_job_notes_tracing_compilation_and_writing(tmp_path: Path) -> None:
    costs.listen()
    jax.jit(lambda x: x * 2 + 1)(3.0).block_until_ready()
    with costs.spent("write"):
        pass
    costs.write(tmp_path / "job.cost.json", 0.5, "train", ["in"], ["out"])
    record = json.loads((tmp_path / "job.cost.json").read_text())
    assert {"rule": "train", "inputs": ["in"], "outputs": ["out"], "start": 0.5}.items() <= (
        record.items()
    )
    assert min(record[phase] for phase in ("trace", "lower", "compile", "write")) >= 0
    assert record["compile"] > 0
    assert record["memory"] > 10
    parts = sum(record[name] for name in ("start", "trace", "lower", "compile", "write", "run"))
    assert parts == pytest.approx(record["wall"], abs=0.01)


def test_the_table_has_the_jobs_whose_outputs_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / "a.csv").touch()
    (tmp_path / "c.csv").touch()
    jobs = [("a", [], 2.0), ("b", [], 50.0), ("c", ["a.csv"], 3.0)]
    for name, inputs, wall in jobs:
        record = {"rule": name, "inputs": inputs, "outputs": [f"{name}.csv"], "wall": wall}
        record |= {"cpu": wall, "memory": 100.0}
        (tmp_path / f"logs/{name}.cost.json").write_text(json.dumps(record))
    costs.show()
    shown = capsys.readouterr().out
    assert "b.csv" not in shown
    assert shown.index("c.csv") < shown.index("a.csv")
    assert "longest chain 5 s: a.csv -> c.csv" in shown


def test_without_a_run_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="run the study here first"):
        costs.show()
