"""Chapters on a Slurm of one node: the same numbers, also after a job was killed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.cluster.slurm import boxed, missing
from tests.workflow.conftest import QUICK, ROOT, copied, snakemake, unreachable, variables

REAL = ROOT.parent / "shared" / "data"
CONFIGURATION = [QUICK] if REAL.exists() else [QUICK, "unreachable.yaml"]
CHAPTERS = ["chapter_baselines", "chapter_xor"]
"""One trains on fetched data, in several jobs; neither measures times."""

ASKED = [*CHAPTERS, "--configfile", *CONFIGURATION]

pytestmark = pytest.mark.exhaustive


def tables(folder: Path) -> dict[str, bytes]:
    """The tables of a quick study, by name."""
    return {path.name: path.read_bytes() for path in (folder / "quick").rglob("reports/**/*.csv")}


def killed(folder: Path, running: subprocess.Popen[str]) -> int:
    """Kill the first training that runs in a folder, as a dying node would; its id."""
    while running.poll() is None:
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if any(
                f"{folder}/quick/.snakemake/scripts/" in word and "train" in word for word in words
            ):
                process.send_signal(signal.SIGKILL)
                return process.pid
        time.sleep(0.05)
    raise AssertionError("no training was seen")


def test_the_numbers_are_the_same_though_a_job_was_killed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    if reason := missing():
        pytest.skip(reason)
    data = REAL if REAL.exists() else None
    here, there = (copied(tmp_path_factory.mktemp(name)) for name in ("here", "there"))
    for folder in (here, there):
        unreachable(folder)
    status, output = snakemake(here, "--cores", "2", *ASKED, data=data)
    assert status == 0, output

    # Slurm's sockets need a short path.
    box = Path(f"/tmp/nnjax-slurm-{os.getpid()}")
    running = subprocess.Popen(
        boxed(box, [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", *ASKED]),
        cwd=there,
        env=variables() | ({"NNJAX_DATA": str(data)} if data else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        killed(there, running)
        output, _ = running.communicate(timeout=1200)
    finally:
        running.kill()
        shutil.rmtree(box, ignore_errors=True)
    assert running.returncode == 0, output
    assert "Trying to restart job" in output

    assert tables(here)
    assert tables(there) == tables(here)
