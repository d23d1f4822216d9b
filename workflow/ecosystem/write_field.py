"""The field's functions as one file, one table and one page, from the runs over their packages."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from workflow.ecosystem.findings import FINDINGS
from workflow.lib import job, page
from workflow.lib.tables import write_csv, write_text

POINTS = (
    "ordinary",
    "wide inputs",
    "zeros",
    "ties",
    "equal rows",
    "±40",
    "±1e4",
    "subnormal",
    "error signal 1e-8",
    "error signal 1e8",
    "axes of size 1",
)
"""The columns of the page."""

SHOWN = {"ordinary", "wide inputs", "zeros", "ties", "equal rows", "±40", "±1e4", "subnormal"}


def rows(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cells of all functions, one in a row, for the table.

    Args:
        runs: what `verify_field` wrote of each package.

    Returns:
        Rows with the package, the function, the point and what was found there.
    """
    return [
        {
            "package": line["package"],
            "function": line["name"],
            "label": line["label"],
            "point": point,
            "verdict": cell["verdict"],
            "error64": _number(cell["error"]),
            "error32": _number(cell["error32"]),
            "oracle": cell["oracle"],
            "detail": cell["detail"],
        }
        for run in runs
        for line in run["functions"]
        for point, cell in line["points"].items()
    ]


def _number(error: float | str | None) -> float | None:
    return None if error is None else float(error)


def notes(line: dict[str, Any]) -> list[tuple[str, str]]:
    """What stands below a line: each disagreement, convention and reason once, with its points.

    Args:
        line: a function with its cells.

    Returns:
        Points and texts.

    Example:
        >>> cell = {"verdict": "cannot judge", "detail": "not finite", "oracle": "form"}
        >>> notes({"points": {"zeros": cell, "±40": cell}})
        [('zeros, ±40', 'not finite')]
    """
    said: dict[str, list[str]] = {}
    for point, cell in line["points"].items():
        if cell["verdict"] != "right" and cell["detail"]:
            at = f"{cell['oracle']}: " if cell["verdict"] in ("wrong", "not checked") else ""
            said.setdefault(at + cell["detail"], []).append(point)
    return [(", ".join(points), text) for text, points in said.items()]


def main(runs: list[Path], template: Path, study: str, found: Path, table: Path, output: Path) -> None:
    """Write the file, the table and the page.

    Args:
        runs: JSON that `verify_field` wrote, one for each package.
        template: the page.
        study: "full" or "quick".
        found: JSON to write.
        table: CSV to write.
        output: HTML to write.
    """
    packages = [json.loads(run.read_text(encoding="utf-8")) for run in runs]
    cells = rows(packages)
    findings = [finding.plain() for finding in FINDINGS]
    write_text(json.dumps({"packages": packages, "findings": findings}, indent=1) + "\n", found)
    write_csv(pl.DataFrame(cells, infer_schema_length=None), table)
    environment = page.environment(template.parent)
    environment.filters["error"] = lambda e: "" if e is None else f"{float(e):.0e}"
    text = environment.get_template(template.name).render(
        packages=packages,
        findings=findings,
        versions=dict(item for run in packages for item in run["versions"].items()),
        points=POINTS,
        verdicts=Counter(cell["verdict"] for cell in cells),
        functions=sum(len(run["functions"]) for run in packages),
        names=len({(row["package"], row["function"]) for row in cells}),
        notes=notes,
        stand_in="",
        study=study,
    )
    write_text(text, output)


job.run(main, globals().get("snakemake"))
