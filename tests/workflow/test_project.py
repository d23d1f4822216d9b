"""What several files say about the project is the same in all: versions and dependencies."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import nnjax

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REQUIREMENTS = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]


def test_version() -> None:
    """The citation and the changelog end with the version of the package."""
    released = re.search(
        r"^## \[(\d.*?)\] - (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M
    )
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert released is not None
    assert released.groups() == (nnjax.__version__, citation["date-released"])
    assert citation["version"] == nnjax.__version__


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_constraints_allow_every_dependency(requirement: str) -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    needed = Requirement(requirement)
    assert pinned[canonicalize_name(needed.name)] in needed.specifier


def test_supported_pythons() -> None:
    """The classifiers name the versions that the matrix runs."""
    matrix = (ROOT / "tests" / "matrix.py").read_text("utf-8")
    named = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["classifiers"]))
    assert named == re.findall(r'"(3\.\d+)"', matrix.split("PYTHONS = ")[1].split("\n")[0])
    assert PROJECT["requires-python"] == f">={named[0]}"
