"""Which run uses a folder: a lock whose process has ended does not stop the next run.

Snakemake locks the folder in which it runs, but its lock does not name the process: after a run was
killed, the next one is refused until somebody unlocks the folder, even while jobs of the killed run
are still writing.
"""

import json
import os
import platform
import shutil
from datetime import datetime
from pathlib import Path

import psutil

NOTE = "run.json"


def note(state: Path) -> None:
    """Note the process that runs.

    Args:
        state: Snakemake's folder for what it remembers, `.snakemake`.
    """
    me = psutil.Process()
    holder = {"host": platform.node(), "pid": me.pid, "began": me.create_time()}
    (state / NOTE).write_text(json.dumps(holder), encoding="utf-8")


def released(state: Path) -> str:
    """Remove a lock if nobody works here any more.

    Args:
        state: as for `note`.

    Returns:
        A sentence for the user; empty where there is no lock.
    """
    locks = state / "locks"
    if not (locks.is_dir() and any(locks.iterdir())):
        return ""
    try:
        holder = json.loads((state / NOTE).read_text(encoding="utf-8"))
        noted = (state / NOTE).stat().st_mtime
        # Snakemake locks before it calls `note`: an older note is that of the run before.
        if any(lock.stat().st_mtime > noted for lock in locks.iterdir()):
            return ""
    except (OSError, ValueError):
        return ""  # Snakemake says what to do about a lock that is not ours
    if holder["host"] != platform.node():
        return (
            f"A run on {holder['host']} locked this folder. If it has ended, run the same command "
            "with --unlock, then without."
        )
    if living := _living(holder, state):
        ids = " ".join(str(process.pid) for process in living)
        since = datetime.fromtimestamp(living[0].create_time()).strftime("%H:%M")
        return (
            f"A run has been using this folder since {since}. Wait for it, or stop it (kill {ids}) "
            "and run the same command again."
        )
    shutil.rmtree(locks)
    return "The last run here was stopped before it finished. This one continues."


def _living(holder: dict[str, float], state: Path) -> list[psutil.Process]:
    """The process that holds the lock, and jobs that outlived it."""
    scripts, found = f"{state.resolve()}{os.sep}scripts{os.sep}", list[psutil.Process]()
    for process in psutil.process_iter(["pid", "create_time", "cmdline", "status"]):
        seen = process.info
        if seen["status"] == psutil.STATUS_ZOMBIE:
            continue
        holds = (seen["pid"], seen["create_time"]) == (holder["pid"], holder["began"])
        if holds or any(scripts in word for word in seen["cmdline"] or []):
            found.append(process)
    return sorted(found, key=lambda process: process.create_time())
