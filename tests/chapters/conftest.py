"""What the tests of chapters share: a chapter's scripts, its settings and its claims."""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from workflow.lib import chapters
from workflow.lib.chapters import Chapter

_LOADED: dict[str, dict[str, ModuleType]] = {}
"""The modules of each chapter that a test has loaded."""


def load(name: str, module: str) -> ModuleType:
    """Import `workflow/chapters/NAME/MODULE.py` and the siblings that it imports.

    Every chapter may have a `train`, so the modules of a chapter are known to Python by their bare
    names only while one of them is imported.

    Args:
        name: the chapter.
        module: the file's name without `.py`.
    """
    folder = _folder(name)
    names = {path.stem for path in folder.glob("*.py")}
    mine = _LOADED.setdefault(name, {})
    others = {each: sys.modules.pop(each) for each in names & sys.modules.keys()}
    sys.modules.update(mine)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module)
    finally:
        sys.path.remove(str(folder))
        mine.update({each: sys.modules.pop(each) for each in names & sys.modules.keys()})
        sys.modules.update(others)


def chapter(name: str, study: str = "full", **overrides: Any) -> Chapter:
    """A chapter: its figures, its claims, and its settings, checked.

    Args:
        name: the chapter.
        study: "full" or "quick".
        overrides: settings of the chapter that differ.
    """
    return chapters.chapter(_folder(name), {"study": study, name: overrides})


def settings(name: str, study: str = "full", **overrides: Any) -> Any:
    """The settings of a chapter as the class `Settings` that its scripts import.

    Args:
        name: the chapter.
        study: "full" or "quick".
        overrides: settings of the chapter that differ.
    """
    return load(name, "settings").Settings(**chapter(name, study, **overrides).params())


def _folder(name: str) -> Path:
    """The folder of a chapter; without it, the tests of the chapter are skipped."""
    folder = chapters.FOLDER / name
    if not folder.exists():
        pytest.skip(f"there is no chapter {name}", allow_module_level=True)
    return folder
