"""Which reports were made here: told by their content, which the job that made them noted.

`reports/` is in the repository, so git replaces its files and renews their times. Snakemake, which
goes by time, would take a file of another run for its own.
"""

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

REPORTS = "reports/"


def fingerprints(outputs: Iterable[str]) -> dict[str, str]:
    """The content of a job's reports, for its record.

    Args:
        outputs: all that it has written.

    Returns:
        Path: sha256.
    """
    return {path: _sha256(Path(path)) for path in outputs if path.startswith(REPORTS)}


def foreign(reports: Path, logs: Path) -> list[Path]:
    """The reports that no job here has left as they are.

    Args:
        reports: the folder of reports.
        logs: the folder with the jobs' records.
    """
    noted: dict[str, str] = {}
    for record in records(logs):
        noted |= record.get("reports", {})
    return [
        path
        for path in sorted(reports.rglob("*"))
        if not path.name.startswith(".")  # what a job is writing
        and (content := _sha256(path))
        and noted.get(path.as_posix()) != content
    ]


def records(logs: Path) -> list[dict[str, Any]]:
    """What the jobs noted, see `costs.write`; one that cannot be read does not count."""
    found = []
    for path in sorted(logs.rglob("*.cost.json")):
        with suppress(ValueError):
            found.append(json.loads(path.read_text(encoding="utf-8")))
    return found


def _sha256(path: Path) -> str:
    """Of a file; empty for a folder, and for a file that another process has just removed."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (IsADirectoryError, FileNotFoundError):
        return ""
