"""A Slurm of one node on this machine, in a box that ends with the command inside.

The box has its own /etc/slurm and its own processes: nothing outside is touched, nothing is left
running.
"""

import os
import platform
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "munged", "unshare")
BOX = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]

START = """
set -e
mount --bind {folder}/etc /etc/slurm
munged --force --key-file={folder}/key --socket={folder}/munge --pid-file={folder}/munged.pid \
    --log-file={folder}/munged.log --seed-file={folder}/seed
slurmctld
slurmd -N {node}
until sinfo --noheader --states=idle 2>/dev/null | grep -q idle; do sleep 0.2; done
exec "$@"
"""

CONFIGURATION = """
ClusterName=one
SlurmctldHost={node}(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName={node} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={megabytes}
PartitionName=main Nodes={node} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """What keeps Slurm from running here; empty if nothing does."""
    absent = [name for name in PROGRAMS if not shutil.which(name, path=_path())]
    if absent:
        return f"not installed: {', '.join(absent)} (Debian: slurm-wlm, munge)"
    if not find_spec("snakemake_executor_plugin_slurm"):
        return "not installed: snakemake-executor-plugin-slurm"
    boxed = subprocess.run([*BOX, "true"], capture_output=True, check=False)
    return "no right to start Slurm in a separate box" if boxed.returncode else ""


def boxed(folder: Path, command: list[str]) -> list[str]:
    """The command that starts Slurm in a box and then runs a command in it.

    Args:
        folder: empty; receives keys, logs and states of Slurm.
        command: to run. Its end ends all that was started in the box.
    """
    for name in ("etc", "spool", "state"):
        (folder / name).mkdir(parents=True)
    (folder / "key").write_bytes(os.urandom(128))
    (folder / "key").chmod(0o600)
    # Where others may write, munged sees a risk.
    folder.chmod(0o755)
    places = {"folder": folder, "node": platform.node().partition(".")[0]}
    cores, memory = os.cpu_count() or 1, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    written = CONFIGURATION.format(**places, cores=cores, megabytes=memory // 2**20 * 3 // 4)
    (folder / "etc/slurm.conf").write_text(written, encoding="utf-8")
    return [*BOX, "env", f"PATH={_path()}", "bash", "-c", START.format(**places), "box", *command]


def _path() -> str:
    """Debian has daemons where only the administrator looks."""
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"
