"""Write what each job cost when it last ran: what the next run expects."""

import json
from pathlib import Path

from workflow.lib import costs, job
from workflow.lib.tables import write_text

WRITTEN = ("cpu", "wall", "compile", "memory")


def main(output: Path) -> None:
    """Write the costs of all jobs whose outputs are there.

    Args:
        output: JSON to write, by a job's first output: seconds of processor, of clock, and of
            compilation, and the peak of memory in MB.
    """
    found = {
        record["outputs"][0]: {name: round(record.get(name, 0.0), 1) for name in WRITTEN}
        for record in costs.collect(Path("logs"))
    }
    write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n", output)


job.run(main, globals().get("snakemake"))
