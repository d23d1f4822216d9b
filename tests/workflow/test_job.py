"""A job of the workflow: how many threads it binds."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workflow.lib import job


@pytest.mark.parametrize(("params", "bound"), [({}, "8"), ({"threads": 1}, "1")])
def test_a_job_may_use_fewer_threads_than_it_asks_for(
    params: dict[str, Any], bound: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    monkeypatch.setenv("NPROC", "0")
    monkeypatch.setenv("JAX_DEFAULT_MATMUL_PRECISION", "highest")
    seen = []
    snakemake: Any = SimpleNamespace(
        log=[tmp_path / "log.txt"], threads=8, params=params, rule="any",
        input={}, output={}, wildcards={},
    )  # fmt: skip
    job.run(lambda: seen.append(os.environ["NPROC"]), snakemake)
    assert seen == [bound]
