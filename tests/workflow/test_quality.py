"""Style, types and the workflow's own linter, so that one command checks everything."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECKS = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["basedpyright", "--pythonpath", sys.executable],
    "snakemake lint": ["snakemake", "--lint"],
    "snakemake format": ["snakefmt", "--check", "Snakefile", "workflow"],
}


# The types take longer than all the other checks together.
@pytest.mark.parametrize(
    "check",
    [pytest.param(c, marks=pytest.mark.exhaustive if c == "types" else ()) for c in CHECKS],
)
def test_quality(check: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", *CHECKS[check]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_the_readme_examples_do_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    """One after the other, as a reader would; the last line printed is in the last comment."""
    names: dict[str, object] = {}
    for block in (ROOT / "README.md").read_text().split("```python\n")[1:]:
        example = block.split("```")[0]
        exec(compile(example, "README.md", "exec"), names)
        printed = capsys.readouterr().out.strip().splitlines()
        assert printed[-1] == example.strip().rsplit("# ", 1)[1]
