"""How a job of the workflow begins: where it reports, and how much of the machine it takes."""

import os
import sys
from pathlib import Path


def report(log: str) -> None:
    """Send standard error to the job's log: jobs run side by side, and would mix their messages.

    Args:
        log: the rule's log file.
    """
    path = Path(log)
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr = path.open("w", encoding="utf-8", buffering=1)


def begin(log: str, threads: int = 1) -> None:
    """Report to the log, and bind JAX to the job's threads; for jobs that compute.

    Without a bound each of the jobs side by side would take all cores and they would hinder each
    other. Reduced-precision products (TF32 on GPUs) are switched off, so that every device computes
    the same study.

    Must be called before JAX touches a device.

    Args:
        log: the rule's log file.
        threads: the rule's threads.
    """
    report(log)
    os.environ["NPROC"] = str(threads)

    import jax

    jax.config.update("jax_default_matmul_precision", "highest")
