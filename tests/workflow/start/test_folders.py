"""The study's folders: any may be a link, and one that cannot be used is named in a sentence."""

import os
import shutil
from pathlib import Path

import pytest

from tests.workflow.conftest import QUICK, copied, needs, snakemake
from workflow.lib.start import command

XOR = ("--dry-run", "--cores", "1", "chapter_xor", "--configfile", QUICK)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folders") / "naïve"
    folder.mkdir()
    return copied(folder, only=("xor",))


@needs("xor")
def test_a_project_is_reached_by_a_link(project: Path) -> None:
    link = project.with_name("link")
    link.symlink_to(project)
    given = ("--snakefile", str(link / "Snakefile"), *XOR)
    status, output = snakemake(project, *given, environment={"LC_ALL": "C"})
    assert status == 0, output
    assert "train_xor" in output


def test_elsewhere_the_project_is_named(project: Path, tmp_path: Path) -> None:
    status, output = snakemake(project, "--directory", str(tmp_path), *XOR)
    assert status == 1
    assert output.endswith(f"Run Snakemake in the project's folder: cd {project}\n")


def test_a_quick_study_never_replaces_the_full_one(project: Path) -> None:
    """Snakemake puts what follows `--directory` in the place of the folder quick/."""
    status, output = snakemake(project, "--directory", str(project), *XOR)
    assert status == 1
    assert output.endswith("A quick study writes into quick/: run it without --directory.\n")


@needs("xor")
def test_a_quick_study_is_a_link_to_another_disk(project: Path, tmp_path: Path) -> None:
    quick, disk = project / "quick", tmp_path / "disk"
    shutil.rmtree(quick, ignore_errors=True)
    quick.symlink_to(disk)
    status, output = snakemake(project, *XOR)
    assert status == 1
    assert output.endswith(
        f"{quick} is a link to {disk}, which does not exist. Create that folder, or remove the "
        "link.\n"
    )
    disk.mkdir()
    status, output = snakemake(project, *XOR)
    assert status == 0, output
    quick.unlink()


@pytest.mark.parametrize("name", command.WRITTEN)
def test_what_is_not_a_folder_is_named(tmp_path: Path, name: str) -> None:
    command.check_folder(tmp_path)
    (tmp_path / name).touch()
    with pytest.raises(SystemExit, match=f"The folder .*/{name} cannot be written to"):
        command.check_folder(tmp_path)


def test_a_folder_without_the_right_to_write_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "results").mkdir()
    monkeypatch.setattr(command.tempfile, "TemporaryFile", refuse)
    with pytest.raises(SystemExit, match=r"cannot be written to \(Permission denied\)"):
        command.check_folder(tmp_path)


def test_a_report_of_another_user_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = tmp_path / "a.csv"
    report.touch()
    command.age([report])
    assert report.stat().st_mtime == 1

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    with pytest.raises(SystemExit, match=r"a.csv cannot be made again \(Operation not permitted\)"):
        command.age([report])
