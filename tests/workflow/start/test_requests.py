"""What a job asks a cluster for."""

import json
from pathlib import Path

import pytest

from tests.workflow.conftest import ROOT
from workflow.lib.start.requests import LEAST_MEMORY, LEAST_MINUTES, Used, memory, minutes, used


def test_of_a_measured_job_what_it_took_with_room(tmp_path: Path) -> None:
    costs = tmp_path / "costs.json"
    costs.write_text(json.dumps({"a": {"memory": 1267.5, "wall": 312.0, "cpu": 300.0}}))
    found = used(costs)
    assert (memory(found, "a"), minutes(found, "a")) == (2535, 21)
    assert (memory(found, "a", attempt=3), minutes(found, "a", attempt=3)) == (10140, 84)


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": {"memory": 3}}'])
def test_without_measurements_the_usual(tmp_path: Path, content: str) -> None:
    costs = tmp_path / "costs.json"
    assert used(costs) == {}
    costs.write_text(content)
    assert used(costs) == {}
    assert (memory({}, "a"), minutes({}, "a")) == (4000, 60)


def test_a_small_job_asks_for_what_python_needs() -> None:
    small = {"a": Used(memory=100.0, wall=1.0)}
    assert (memory(small, "a"), minutes(small, "a")) == (LEAST_MEMORY, LEAST_MINUTES)


def test_the_committed_costs_are_read() -> None:
    found = used(ROOT / "reports/costs.json")
    assert memory(found, "results/parity/steps.parquet") > LEAST_MEMORY
