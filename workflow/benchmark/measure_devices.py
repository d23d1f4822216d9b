"""Training on several devices, in a fresh process, since their number is bound when JAX starts."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import clock

from workflow.lib import job
from workflow.lib.machine import processor
from workflow.lib.tables import write_text

SIMULATED = 8


def main(rows: Path) -> None:
    """Measure on simulated devices and write.

    Args:
        rows: JSON to write: the points and the machine.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    devices = {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": str(SIMULATED)}
    child = subprocess.run(
        [sys.executable, str(Path(__file__).resolve().parent / "devices.py")],
        # With fewer threads than devices, those that wait leave none for those they wait for.
        env=clock.fresh(2 * SIMULATED) | devices,
        stdout=subprocess.PIPE,
        check=True,
    )
    content = {
        "points": json.loads(child.stdout),
        "machine": {"processor": processor(), "cores": cores, "system": platform.system()},
    }
    write_text(json.dumps(content, indent=2) + "\n", rows)


job.run(main, globals().get("snakemake"))
