"""What the tests of the workflow share: a copy of the project, and Snakemake as a user runs it."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from workflow.lib import chapters

ROOT = Path(__file__).parents[2]
QUICK = "workflow/config/quick.yaml"
PARTS = ["Snakefile", "nnjax", "workflow", "profiles", "pyproject.toml", "reports/record"]
"""What the study needs."""


def copied(folder: Path, *parts: str, only: tuple[str, ...] | None = None) -> Path:
    """The project in an empty folder, without results.

    Args:
        folder: receives the copy.
        parts: files and folders to copy besides those that the study needs.
        only: the chapters to copy; all by default. With fewer, Snakemake starts faster.
    """
    for part in (*PARTS, *parts):
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, folder / part)
    for room in (folder / "workflow/chapters").glob("*/"):
        if only is not None and room.name not in only:
            shutil.rmtree(room)
    return folder


def variables() -> dict[str, str]:
    """The environment of Snakemake in tests: fast programs, and no data but those of the test."""
    hidden = ("NNJAX_DATA", "PYTHONPATH")
    found = {key: value for key, value in os.environ.items() if key not in hidden}
    # Most programs of the quick study run once: to optimise them takes longer than it saves.
    found["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    if version("jaxlib").startswith("0.10."):
        found["XLA_FLAGS"] = "--xla_cpu_use_fusion_emitters=false"
    return found


def snakemake(
    folder: Path,
    *arguments: str,
    data: Path | None = None,
    environment: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Run Snakemake in a folder; the exit status and all that it prints.

    Args:
        folder: a copy of the project. Its own packages are imported, not those of this checkout.
        arguments: of Snakemake.
        data: folder with data sets.
        environment: variables that differ.
    """
    given = variables() | ({"NNJAX_DATA": str(data)} if data else {}) | (environment or {})
    finished = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        env=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return finished.returncode, finished.stdout


def planned(folder: Path, *arguments: str, data: Path | None = None) -> dict[str, int]:
    """The rules that Snakemake would run, each with its number of jobs."""
    status, output = snakemake(folder, "--dry-run", "--cores", "1", *arguments, data=data)
    assert status == 0, output
    if "Nothing to be done" in output:
        return {}
    rows = re.search(r"Job stats:\njob +count\n[- ]+\n(.*?)\ntotal", output, re.DOTALL)
    assert rows, output
    return {name: int(count) for name, count in map(str.split, rows[1].splitlines())}


def unreachable(folder: Path, **changes: object) -> str:
    """Write a configuration file with no place to get data from; its name.

    Args:
        folder: a copy of the project.
        changes: other settings of the section `data`.
    """
    urls = {name: [] for name in ("isolet", "mnist", "text")}
    content = {"data": {"folders": ["nowhere"], "urls": urls, **changes}}
    (folder / "unreachable.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return "unreachable.yaml"


def needs(chapter: str) -> pytest.MarkDecorator:
    """A mark for a test of what one chapter makes: without the chapter, it is skipped."""
    absent = not (chapters.FOLDER / chapter).exists()
    return pytest.mark.skipif(absent, reason=f"there is no chapter {chapter}")
