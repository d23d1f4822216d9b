"""Read the pages of a study, edit the files of a project, and put them back."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def pages(study: Path) -> dict[str, str]:
    """All pages by their place in reports/."""
    reports = study / "reports"
    found = {str(path.relative_to(reports)): path for path in reports.rglob("*.html")}
    return {name: path.read_text(encoding="utf-8") for name, path in found.items()}


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@contextmanager
def restored(project: Path, *folders: str) -> Iterator[None]:
    """Put back what is edited meanwhile, with its time."""
    files = [path for folder in folders for path in (project / folder).rglob("*.*")]
    kept = {
        path: (path.read_bytes(), path.stat())
        for path in files
        if path.is_file() and path.suffix != ".pyc"
    }
    yield
    for path, (content, before) in kept.items():
        if path.read_bytes() != content:
            path.write_bytes(content)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
