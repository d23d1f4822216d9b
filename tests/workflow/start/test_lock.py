"""A lock that a run has left: it stays as long as somebody works in the folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workflow.lib.start import lock


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """What Snakemake leaves if it is killed."""
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks/0.input.lock").write_text("results/a\n", encoding="utf-8")
    return tmp_path


def test_a_lock_whose_process_lives_stays(state: Path) -> None:
    lock.note(state)
    said = lock.released(state)
    assert said.startswith("A run has been using this folder since ")
    assert f"kill {os.getpid()})" in said
    assert list((state / "locks").iterdir())


def test_a_lock_whose_process_is_gone_is_removed(state: Path) -> None:
    lock.note(state)
    noted = (state / lock.NOTE).read_text(encoding="utf-8")
    # The same number given to another process later: it began at another time.
    (state / lock.NOTE).write_text(noted.replace('"began": ', '"began": 9'), encoding="utf-8")
    said = lock.released(state)
    assert said == "The last run here was stopped before it finished. This one continues."
    assert not (state / "locks").exists()
    assert not lock.released(state)


def test_a_job_that_outlived_its_run_keeps_the_lock(state: Path) -> None:
    lock.note(state)
    noted = (state / lock.NOTE).read_text(encoding="utf-8")
    (state / lock.NOTE).write_text(noted.replace('"began": ', '"began": 9'), encoding="utf-8")
    script = state / "scripts/job.py"
    script.parent.mkdir()
    script.write_text("import time\ntime.sleep(60)\n", encoding="utf-8")
    with subprocess.Popen([sys.executable, str(script.resolve())]) as job:
        assert f"kill {job.pid})" in lock.released(state)
        job.kill()
    assert lock.released(state).endswith("This one continues.")


def test_a_lock_of_another_machine_stays(state: Path) -> None:
    (state / lock.NOTE).write_text('{"host": "elsewhere", "pid": 1, "began": 0}', encoding="utf-8")
    assert lock.released(state).startswith("A run on elsewhere locked this folder.")
    assert list((state / "locks").iterdir())


def test_a_lock_without_a_note_is_left_to_snakemake(state: Path) -> None:
    assert not lock.released(state)
    assert list((state / "locks").iterdir())


def test_a_lock_newer_than_the_note_is_left_to_snakemake(state: Path) -> None:
    """The next run has locked the folder and not noted itself yet."""
    lock.note(state)
    noted = (state / lock.NOTE).read_text(encoding="utf-8")
    (state / lock.NOTE).write_text(noted.replace('"began": ', '"began": 9'), encoding="utf-8")
    os.utime(state / lock.NOTE, (1000, 1000))
    assert not lock.released(state)
    assert list((state / "locks").iterdir())
