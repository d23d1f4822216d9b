"""The machine that a job runs on."""

import platform
from pathlib import Path


def processor() -> str:
    """The processor's name where the system tells it, and its kind."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or 'processor'} ({platform.machine()})"
