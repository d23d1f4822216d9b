"""Why jobs run, in words."""

import logging
import re
from pathlib import Path

import pytest

from tests.workflow.conftest import copied, needs, snakemake
from workflow.lib.start.reasons import CODE, ELSEWHERE, Plain, plain

UNION = "Union of exclusive params before and now across all output: "


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("Missing output files: a, b; Input files updated by another job: c", "not made yet"),
        ("Updated input files: b", "an input is newer: b"),
        (
            f"Params have changed since last execution: {UNION}before: 100 now: 7 ",
            "its settings, packages or variables have changed: before: 100 now: 7",
        ),
        (
            f"Params have changed since last execution: {UNION}before: '0123456789abcdef' "
            "now: '0123456789abcdee' ",
            CODE,
        ),
        (
            f"Updated input files: b; Params have changed since last execution: {UNION}"
            "before: '0123456789abcdef',7 now: 8,'0123456789abcdee' ",
            "its settings, packages or variables have changed: before: 7 now: 8,",
        ),
        (
            "Something that a later Snakemake says: a, b",
            "Something that a later Snakemake says: a, b",
        ),
    ],
)
def test_a_reason_is_short(reason: str, said: str) -> None:
    assert "".join(plain(reason)) == said


def test_messages_of_another_kind_stay() -> None:
    record = logging.makeLogRecord({"msg": "Building DAG of jobs..."})
    assert Plain([]).filter(record)
    assert record.msg == "Building DAG of jobs..."
    assert Plain([]).filter(logging.makeLogRecord({"msg": None}))


@needs("xor")
def test_a_clone_that_never_ran_has_no_changed_code(tmp_path: Path) -> None:
    """Reports of the repository are older than the scripts, which says nothing about code."""
    reports = [f"reports/{part}" for part in ("tables", "figures", "chapters")]
    copied(tmp_path, *reports, only=("xor",))
    status, output = snakemake(tmp_path, "--dry-run", "--cores", "1", "chapter_xor")
    assert status == 0, output
    assert not re.search("ode has changed|arams have changed|provenance", output), output
    assert output.endswith(
        f"7 jobs would run:\n    3: not made yet\n    3: {ELSEWHERE}\n    1: an input will be made "
        "again\nThis was a dry-run (flag -n). The order of jobs does not reflect the order of "
        "execution.\n"
    )
