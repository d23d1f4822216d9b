"""A job calls `main` by the names of its rule; what it cannot use ends it with a sentence."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workflow.lib import job
from workflow.lib.settings import Count, Strict


class Network(Strict):
    """A section of settings."""

    hidden_units: Count


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A job changes its process, which the tests share."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NPROC", "")


def run(main: Callable[..., None], started: Any) -> None:
    """Run a job, whose log takes the place of the standard error until its process ends."""
    stderr = sys.stderr
    try:
        job.run(main, started)
    finally:
        if sys.stderr is not stderr:
            sys.stderr.close()
            sys.stderr = stderr


def started(**parts: dict[str, Any]) -> Any:
    """What Snakemake gives to a script."""
    kinds = ("input", "output", "params", "wildcards")
    lists = {kind: parts.get(kind, {}) for kind in kinds}
    return SimpleNamespace(rule="train", log=["logs/a/train.log"], threads=3, **lists)


def test_values_are_bound_by_name_and_have_the_annotated_types() -> None:
    called = {}

    def main(
        tables: list[Path], network: Network, figure: str, svg: Path, title: str = "none"
    ) -> None:
        called.update(tables=tables, network=network, figure=figure, svg=svg, title=title)

    parts = started(
        input={"tables": ["a.csv", "b.csv"]},
        output={"svg": "f.svg"},
        params={"network": {"hidden_units": 44}, "code": "0123"},
        wildcards={"figure": "fig5"},
    )
    run(main, parts)
    assert called == {
        "tables": [Path("a.csv"), Path("b.csv")],
        "network": Network(hidden_units=44),
        "figure": "fig5",
        "svg": Path("f.svg"),
        "title": "none",
    }


def test_an_imported_script_does_nothing() -> None:
    def main() -> None:
        raise AssertionError

    run(main, None)
    assert not Path("logs").exists()


def test_messages_go_to_the_log() -> None:
    def main() -> None:
        print("half done", file=sys.stderr)

    run(main, started())
    assert Path("logs/a/train.log").read_text() == "half done\n"


def test_a_job_error_is_the_last_line_of_the_log() -> None:
    def main() -> None:
        print("reading", file=sys.stderr)
        raise job.JobError("t.csv: no rows; run the job that writes it again")

    with pytest.raises(SystemExit) as ended:
        run(main, started())
    assert ended.value.code == 1
    assert Path("logs/a/train.log").read_text().splitlines() == [
        "reading",
        "t.csv: no rows; run the job that writes it again",
    ]


def test_another_error_is_not_hidden() -> None:
    def main() -> None:
        raise KeyError("a programming error")

    with pytest.raises(KeyError):
        run(main, started())


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a.parquet"),
        RuntimeError(f"parquet: {os.strerror(errno.ENOSPC)} (os error 28)"),
    ],
)
def test_a_full_disk_is_one_sentence(error: Exception) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit):
        run(main, started())
    log = Path("logs/a/train.log").read_text()
    assert log == "error: the disk is full; make room and give the same command again\n"


def test_a_rule_that_lacks_an_argument_is_named() -> None:
    def main(runs: Path, epochs: int, table: Path) -> None: ...

    with pytest.raises(TypeError, match="rule train: main needs epochs, table; name it among"):
        run(main, started(input={"runs": "r"}))


def test_a_name_that_is_used_twice_is_named() -> None:
    def main(table: Path) -> None: ...

    with pytest.raises(TypeError, match="rule train: two values are called table; rename one"):
        run(main, started(input={"table": "a"}, output={"table": "b"}))


@pytest.mark.parametrize(("params", "threads"), [({}, "3"), ({"threads": 1}, "1")])
def test_jax_uses_the_threads_of_the_job(params: dict[str, Any], threads: str) -> None:
    """Or as many as its parameter says, where it asks for all cores to be alone."""
    found = {}

    def main() -> None:
        found["threads"] = os.environ["NPROC"]

    run(main, started(params=params))
    assert found == {"threads": threads}
