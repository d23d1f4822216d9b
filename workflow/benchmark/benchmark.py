"""Speed: every measurement in a fresh process, since threads are bound when libraries are loaded.

Columns: medians of this library and of the peer; the median ratio over the repeats, more than 1 if
this library is better; its spread; the limit that it should reach.
"""

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import clock
import growth

from workflow.lib import job
from workflow.lib.machine import cores, processor
from workflow.lib.tables import write_text

HERE = Path(__file__).resolve().parent


def measured(script: str, threads: int) -> list[dict[str, Any]]:
    """The rows of one script of this folder."""
    child = subprocess.run(
        [sys.executable, str(HERE / f"{script}.py"), str(threads)],
        env=clock.fresh(threads),
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(child.stdout)


def main(rows: Path) -> None:
    """Measure with one thread and, where it matters, with all; print and write.

    Args:
        rows: JSON to write: the rows, how cost grows, the machine.
    """
    every = cores()
    found = [row for threads in sorted({1, every}) for row in measured("share", threads)]
    for script, threads in (
        ("singles", 1),
        ("steps", 1),
        ("sweeps", every),
        ("first", every),
        ("study", 1),
    ):
        found += measured(script, threads)
    print(f"{'':60s} {'ours':>9s} {'peer':>9s} {'unit':8s} {'ratio':>6s} {'spread':>12s} limit")
    for row in found:
        print(
            f"{row['name']:60s} {row['ours']:9.4g} {row['peer']:9.4g} {row['unit']:8s} "
            f"{row['ratio']:6.2f} {row['least']:5.2f}-{row['most']:<6.2f} {row['limit']:5.2f}"
        )
    content = {
        "rows": found,
        "growth": growth.measure(every),
        "machine": {"processor": processor(), "cores": every, "system": platform.system()},
    }
    write_text(json.dumps(content, indent=2) + "\n", rows)


job.run(main, globals().get("snakemake"))
