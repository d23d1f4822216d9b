"""Variables that change numbers are part of what a job depends on."""

from pathlib import Path

from tests.workflow.conftest import QUICK, copied, needs, snakemake

RUNS = ("--cores", "1", "results/xor/runs.parquet", "--configfile", QUICK)
SMALL = ("--config", "xor={epochs: 1, seeds: 2}")


@needs("xor")
def test_another_value_trains_anew(tmp_path: Path) -> None:
    copied(tmp_path, only=("xor",))
    status, output = snakemake(tmp_path, *RUNS, *SMALL)
    assert status == 0, output
    status, output = snakemake(tmp_path, "--dry-run", *RUNS, *SMALL)
    assert "Nothing to be done" in output
    flags = {"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"}
    status, output = snakemake(tmp_path, "--dry-run", *RUNS, *SMALL, environment=flags)
    assert "    1: its settings, packages or variables have changed" in output
