"""A chapter comes and goes as one folder: removed, copied, and forgotten to be renamed."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workflow.conftest import QUICK, copied, needs, planned, snakemake
from workflow.lib import chapters

NAMES = sorted(path.parent.name for path in chapters.FOLDER.glob("*/settings.yaml"))
OFTEN = ("isolet", "platforms")
"""Their removal is tested every time, that of the others by the exhaustive tests."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("project"))


@pytest.fixture
def rooms(project: Path) -> Iterator[Path]:
    """The folder of the chapters, for a test that removes or adds one; all is put back."""
    folder = project / "workflow/chapters"
    shutil.copytree(folder, project / "kept")
    yield folder
    shutil.rmtree(folder)
    (project / "kept").rename(folder)


@pytest.mark.parametrize(
    "name",
    [name if name in OFTEN else pytest.param(name, marks=pytest.mark.exhaustive) for name in NAMES],
)
def test_the_study_runs_without_a_chapter(name: str, project: Path, rooms: Path) -> None:
    shutil.rmtree(rooms / name)
    rules = planned(project)
    assert {"collect_numbers", "write_ledger", "write_index", "write_rules", "all"} <= set(rules)
    assert rules["write_page"] == len(NAMES) - 1
    assert not [
        rule for rule in rules if re.fullmatch(rf"\w+_{name}", rule) and "fetch" not in rule
    ]


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", OFTEN)
def test_the_tests_of_a_chapter_are_skipped_without_it(name: str, tmp_path: Path) -> None:
    folder = copied(tmp_path, "tests")
    shutil.rmtree(folder / "workflow/chapters" / name)
    collect = ("pytest", "--collect-only", "-q", "-n0", "tests/chapters", "tests/workflow")
    finished = subprocess.run(
        [sys.executable, "-m", *collect], cwd=folder, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout


def copy_of_quadrants(rooms: Path) -> Path:
    """What CONTRIBUTING says: copy the folder; rename the claims, numbers, figures and tables."""
    mine = rooms / "mine"
    shutil.copytree(rooms / "quadrants", mine)
    for path in mine.iterdir():
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"\bM(\d)\b", r"X\1", text)
        text = re.sub(r"\bm(\d)\.", r"x\1.", text)
        text = text.replace("zero_target", "mine_zero").replace("quadrants", "mine")
        path.write_text(text, encoding="utf-8")
        name = path.name.replace("zero_target", "mine_zero").replace("quadrants", "mine")
        path.rename(mine / name)
    return mine


@needs("quadrants")
def test_a_copy_of_a_folder_is_a_new_chapter(project: Path, rooms: Path) -> None:
    copy_of_quadrants(rooms)
    rules = planned(project, "chapter_mine")
    assert rules == {
        "train_mine": 1,
        "summarise_mine": 1,
        "plot": len(chapters.chapter(rooms / "quadrants", {"study": "full"}).page.figures),
        "judge": 3,
        "write_page": 1,
        "chapter_mine": 1,
    }
    rules = planned(project)
    assert {"train_mine", "train_quadrants"} <= set(rules)
    assert rules["write_page"] == len(NAMES) + 1


@pytest.mark.exhaustive
@needs("quadrants")
def test_a_copy_gives_the_numbers_of_the_original(project: Path, rooms: Path) -> None:
    copy_of_quadrants(rooms)
    targets = ("chapter_mine", "chapter_quadrants", "--configfile", QUICK)
    status, output = snakemake(project, "--cores", "1", *targets)
    assert status == 0, output
    tables = project / "quick/reports/tables"
    original = (tables / "numbers_quadrants.csv").read_text(encoding="utf-8")
    copy = (tables / "numbers_mine.csv").read_text(encoding="utf-8")
    assert copy == re.sub(r"(?m)^m(\d)\.", r"x\1.", original)
    for page, name in (("mine", "mine_zero"), ("quadrants", "zero_target")):
        text = (project / f"quick/reports/chapters/{page}.html").read_text(encoding="utf-8")
        assert f'id="{name}"' in text


@needs("quadrants")
def test_what_a_copy_must_rename_is_one_line_each(project: Path, rooms: Path) -> None:
    shutil.copytree(rooms / "quadrants", rooms / "mine")
    status, output = snakemake(project, "--dry-run", "--cores", "1", "chapter_mine")
    assert status != 0
    lines = [line.strip() for line in output.splitlines() if "both have" in line]
    assert lines[0] == (
        "mine, quadrants: both have the claims M1, M2, M3; rename them in one of the two"
    )
    assert lines[1].startswith("mine, quadrants: both have the numbers m1.ratio, ")
    assert lines[2].startswith("mine, quadrants: both have the figures and tables zero_target, ")
    assert len(lines) == 3
    assert "Traceback" not in output


def test_a_folder_without_settings_is_no_chapter(project: Path, rooms: Path) -> None:
    (rooms / "draft").mkdir()
    (rooms / "draft/page.html").write_text("later")
    assert planned(project)["write_page"] == len(NAMES)


@needs("quadrants")
def test_a_chapter_without_its_files_is_one_line(project: Path, rooms: Path) -> None:
    mine = copy_of_quadrants(rooms)
    for file in ("settings.py", "rules.smk"):
        (mine / file).unlink()
    status, output = snakemake(project, "--dry-run", "--cores", "1", "chapter_mine")
    assert status != 0
    assert "  mine: the folder has no settings.py, rules.smk\n" in output
    assert "Traceback" not in output
