"""Two runs give the same reports to the last bit, also if one of them is killed at random moments.

Every kind of kill once; more with NNJAX_KILLS=30.
"""

import json
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
TARGETS = ("chapter_quadrants", "chapter_xor", "table")
TABLE = ("--config", "table=sklearn:iris", "target=target")
COMMAND = (
    sys.executable,
    "-m",
    "snakemake",
    "--cores",
    "2",
    *TARGETS,
    *TABLE,
    "--configfile",
    QUICK,
)


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


def tables(project: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (project / "quick/reports").rglob("*.csv")}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with two chapters, and one that measures times; a table is added."""
    return copied(tmp_path_factory.mktemp("kills"), only=("quadrants", "xor", "parity"))


@pytest.fixture(scope="module")
def uninterrupted(project: Path) -> tuple[dict[Path, bytes], float]:
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
    project: Path, uninterrupted: tuple[dict[Path, bytes], float], number: int
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
        assert "A run has been using this folder since" in output, output
        time.sleep(1)
    assert run.returncode == 0
    assert tables(project) == expected


@pytest.mark.exhaustive
@needs("quadrants")
@needs("xor")
@needs("parity")
def test_two_runs_have_the_same_reports(project: Path, tmp_path: Path) -> None:
    """All files byte for byte, but for those that clocks decide."""
    shutil.rmtree(project / "quick", ignore_errors=True)
    given = ("--cores", "2", "--configfile", QUICK, unreachable(project))
    folders: list[Path] = []
    for name in ("first", "second"):
        status, output = snakemake(project, *given)
        assert status == 0, output
        folders.append((project / "quick").rename(tmp_path / name) / "reports")
    first, second = folders
    assert compare.compare_files(first, second) == []
    for name in ("numbers.json", "claims.json", "chapters/parity.html", "figures/parity.svg"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    # The clocks themselves may differ by any factor, so they are not compared.
    timed = json.loads((first / "clocks.json").read_text(encoding="utf-8"))
    assert "k12.slowest_over_fastest" in timed["numbers"]
    assert not timed["numbers"].keys() & compare.read(first / "numbers.json").keys()
    assert all((tmp_path / "first" / name).exists() for name in timed["files"])
