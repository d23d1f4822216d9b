"""What the terminal shows while jobs run."""

import os
from pathlib import Path

import pytest

from workflow.lib.start.progress import Job, expected, line

EXPECTED = {"long": 60.0, "longer": 30.0}


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    return [Job(name, tmp_path / f"{name}.log") for name in ("long", "longer", "short")]


def ended(job: Job, at: float) -> None:
    for path in (job.log, job.log.with_suffix(".cost.json")):
        path.touch()
        os.utime(path, (at, at))


def test_a_job_counts_as_long_as_it_is_expected_to_take(jobs: list[Job]) -> None:
    """60 of 60 + 30 + 2 seconds are done, in 30: what is left takes half as long as expected."""
    ended(jobs[0], 1010)
    assert line(jobs, EXPECTED, {}, 1000, 1030) == ("65% of the expected time, about 16 s left.")


def test_a_running_job_tells_how_far_it_is(jobs: list[Job]) -> None:
    ended(jobs[2], 1010)
    bar = "groups:  40%|####      | 12/30 [02:10<03:12, 10.83s/it]"
    jobs[0].log.write_text(
        f"words\n\rgroups:   0%|  | 0/30 [00:00<?, ?it/s]\r{bar}", encoding="utf-8"
    )
    os.utime(jobs[0].log, (1010, 1010))
    since = {jobs[0]: 1006.0}
    assert line(jobs, EXPECTED, since, 1000, 1050) == (
        "50% of the expected time, about 50 s left. Running: long for 44 s (12/30 groups)"
    )
    # Much later it is still not at its end.
    said = line(jobs, EXPECTED, since, 1000, 2000)
    assert said is not None
    assert said.startswith("64% of the expected time, one job takes longer than expected.")


def test_what_earlier_runs_left_does_not_count(jobs: list[Job]) -> None:
    for job in jobs:
        ended(job, 900)
    assert line(jobs, EXPECTED, {}, 1000, 1030) is None


@pytest.mark.parametrize("text", ["", "<<<<<<< HEAD", "[1]", '{"a": 3}', '{"a": {"cpu": 3}}'])
def test_damaged_costs_expect_nothing(tmp_path: Path, text: str) -> None:
    costs = tmp_path / "costs.json"
    assert expected(costs) == {}
    costs.write_text(text, encoding="utf-8")
    assert expected(costs) == {}
    costs.write_text('{"a": {"wall": 3}}', encoding="utf-8")
    assert expected(costs) == {"a": 3.0}
