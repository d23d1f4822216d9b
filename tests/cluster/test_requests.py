"""What a training asks a cluster for: planned, so without Slurm."""

import re
from pathlib import Path

import pytest

from tests.workflow.conftest import QUICK, ROOT, copied, snakemake
from workflow.lib.start.requests import memory, minutes, used

RUNS = "results/xor/runs.parquet"


@pytest.mark.parametrize(("given", "gpus"), [((), "0"), (("--resources", "gpu=4"), "1")])
def test_a_training_asks_for_what_it_took(
    tmp_path: Path, given: tuple[str, ...], gpus: str
) -> None:
    """A profile is named from the folder of the command, also where the study runs in another."""
    folder = copied(tmp_path, "reports/costs.json", only=("xor",))
    asked_for = (*given, "--profile", "profiles/slurm", RUNS, "--configfile", QUICK)
    status, output = snakemake(folder, "--dry-run", *asked_for)
    assert status == 0, output
    took = used(ROOT / "reports/costs.json")
    line = next(line for line in output.splitlines() if line.strip().startswith("resources: "))
    for asked in (
        f"mem_mb={memory(took, RUNS)}",
        f"runtime={minutes(took, RUNS)}",
        f"gpu={gpus}",
    ):
        assert asked in re.split(r"[ ,]+", line)
