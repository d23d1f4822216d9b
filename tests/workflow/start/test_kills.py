"""Two runs give the same numbers to the last bit, also if one of them is killed at random moments.

Every kind of kill once; more with NNJAX_KILLS=30.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from nnjax import compare
from tests.workflow.conftest import QUICK, copied, needs, snakemake, unreachable, variables

KINDS = ("a job", "snakemake", "all", "interrupt", "terminate")
KILLS = int(os.environ.get("NNJAX_KILLS", len(KINDS)))
TARGETS = ("chapter_quadrants", "chapter_xor")
COMMAND = (sys.executable, "-m", "snakemake", "--cores", "2", *TARGETS, "--configfile", QUICK)


def started(project: Path) -> "subprocess.Popen[str]":
    """The command, in a new process group."""
    return subprocess.Popen(
        COMMAND,
        cwd=project,
        env=variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def tables(project: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (project / "quick/reports").rglob("*.csv")}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with two chapters."""
    folder = copied(tmp_path_factory.mktemp("kills"))
    for room in (folder / "workflow/chapters").iterdir():
        if room.is_dir() and room.name not in ("quadrants", "xor"):
            shutil.rmtree(room)
    return folder


@pytest.fixture(scope="module")
def uninterrupted(project: Path) -> tuple[dict[str, bytes], float]:
    """The tables, and the seconds that a whole run takes."""
    start = time.monotonic()
    run = started(project)
    output, _ = run.communicate()
    assert run.returncode == 0, output
    return tables(project), time.monotonic() - start


def kill(kind: str, run: "subprocess.Popen[str]") -> None:
    """Kill what the kind says."""
    if kind == "a job":
        jobs = psutil.Process(run.pid).children(recursive=True)
        for job in jobs[-1:]:
            job.kill()
    elif kind == "all":
        os.killpg(run.pid, signal.SIGKILL)
    else:
        signals = {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM}
        os.kill(run.pid, signals.get(kind, signal.SIGKILL))


@pytest.mark.exhaustive
@needs("quadrants")
@needs("xor")
@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run_goes_on(
    project: Path, uninterrupted: tuple[dict[str, bytes], float], number: int
) -> None:
    expected, seconds = uninterrupted
    shutil.rmtree(project / "quick")
    run = started(project)
    time.sleep(random.Random(number).uniform(0.1, 0.9) * seconds)
    kill(KINDS[number % len(KINDS)], run)
    run.communicate()
    # Jobs may outlive Snakemake: until they end, the next run is told so and refused.
    for _ in range(60):
        run = started(project)
        output, _ = run.communicate()
        if run.returncode == 0:
            break
        assert "A run works in this folder since" in output, output
        time.sleep(1)
    assert run.returncode == 0
    assert tables(project) == expected


@pytest.mark.exhaustive
@needs("quadrants")
@needs("xor")
def test_two_runs_have_the_same_reports(project: Path, tmp_path: Path) -> None:
    reports = ("reports/numbers.json", "reports/claims.json")
    given = ("--cores", "2", *reports, "--configfile", QUICK, unreachable(project))
    folders = []
    for name in ("first", "second"):
        status, output = snakemake(project, *given)
        assert status == 0, output
        folders.append((project / "quick").rename(tmp_path / name) / "reports")
    assert compare.main([*map(str, folders), "--exact"]) == 0
