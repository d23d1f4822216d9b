"""The examples in the docstrings of the chapters' scripts, each run with its siblings."""

import doctest

import jax
import pytest

from tests.chapters.conftest import load
from workflow.lib import chapters

MODULES = sorted(
    (path.parent.name, path.stem)
    for path in chapters.FOLDER.glob("*/*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize(("name", "module"), MODULES, ids=map("/".join, MODULES))
def test_examples(name: str, module: str) -> None:
    with jax.enable_x64(False):
        results = doctest.testmod(load(name, module))
    assert (results.failed, results.attempted > 0) == (0, True)
