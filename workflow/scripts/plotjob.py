"""Run a plot script as a Snakemake job: paths in, one sentence out if the table is wrong."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from figtable import TableError

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake


def run(main: Callable[..., None], job: "Snakemake") -> None:
    """Call `main` with the job's table (if it has one), SVG and PNG paths.

    Args:
        main: `main(table, svg, png)`, or `main(svg, png)` for a sketch.
        job: Snakemake's `snakemake` object.

    Raises:
        SystemExit: the table is missing or wrong; the reason is on stderr and in the job's log.
    """
    paths = [job.input.get("table"), job.output.get("svg"), job.output.get("png")]
    try:
        main(*(Path(path) for path in paths if path is not None))
    except TableError as error:
        if job.log:
            Path(job.log[0]).write_text(f"{error}\n", encoding="utf-8")
        sys.exit(str(error))
