"""How a job of the workflow begins: where it reports, and how much of the machine it takes."""

import os
import sys
from pathlib import Path

import jax


def begin(log: str, threads: int = 1) -> None:
    """Send standard error to the job's log and bind JAX to the job's threads.

    Jobs run side by side: without a log each, their messages and progress bars would mix; without
    a bound each would take all cores and they would hinder each other. Reduced-precision products
    (TF32 on GPUs) are switched off, so that every device computes the same study.

    Must be called before JAX touches a device.

    Args:
        log: the rule's log file.
        threads: the rule's threads.
    """
    path = Path(log)
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr = path.open("w", encoding="utf-8", buffering=1)
    os.environ["NPROC"] = str(threads)
    jax.config.update("jax_default_matmul_precision", "highest")
