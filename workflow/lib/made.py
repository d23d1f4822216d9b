"""Which reports were made here: told by their content, which the job that made them noted.

`reports/` is in the repository, so git replaces its files and renews their times. Snakemake, which
goes by time, would take a file of another run for its own.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

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
    for record in logs.rglob("*.cost.json"):
        noted |= json.loads(record.read_text(encoding="utf-8")).get("reports", {})
    return [
        path
        for path in sorted(reports.rglob("*"))
        if path.is_file() and noted.get(path.as_posix()) != _sha256(path)
    ]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
