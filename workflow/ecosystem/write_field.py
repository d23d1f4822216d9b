"""The field's functions as one file, one table and one page, from the runs over their packages."""

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup, escape

from workflow.ecosystem.finding import COLUMNS
from workflow.ecosystem.findings import FINDINGS
from workflow.ecosystem.limits import LIMITS
from workflow.lib import job, page
from workflow.lib.tables import write_csv, write_text

VERDICTS = ("right", "wrong", "nan", "convention", "cannot judge", "no derivative", "not checked")


def explained(run: dict[str, Any]) -> dict[str, Any]:
    """A run with each disagreement explained, by a finding or by a limit of the verifier.

    Args:
        run: what `verify_field` wrote of a package.

    Returns:
        The run; a cell that is wrong or NaN has the number of its `finding`, or is "cannot judge"
        with what the verifier said `set_aside`, or is "not checked".
    """
    lines = [
        line
        | {
            "points": {
                point: _explained(cell, (line["package"], line["case"], point))
                for point, cell in line["points"].items()
            }
        }
        for line in run["functions"]
    ]
    return run | {"functions": lines}


def _explained(cell: dict[str, Any], where: tuple[str, str, str]) -> dict[str, Any]:
    if cell["verdict"] not in ("wrong", "nan"):
        return cell
    for i, finding in enumerate(FINDINGS):
        if where in finding.cells():
            return cell | {"finding": i}
    for limit in LIMITS:
        if where in limit.cells():
            return cell | {"verdict": "cannot judge", "detail": limit.reason, "set_aside": cell}
    return cell | {"verdict": "not checked"}


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


def totals(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many functions, cases and cells of each verdict a package has; the last row is all."""
    cells = rows(runs)
    found = []
    for name in (*(run["package"] for run in runs), "all"):
        own = [cell for cell in cells if name in (cell["package"], "all")]
        found.append(
            {
                "package": name,
                "functions": len({(cell["package"], cell["function"]) for cell in own}),
                "cases": len({(cell["package"], cell["function"], cell["label"]) for cell in own}),
                **{v: sum(cell["verdict"] == v for cell in own) for v in VERDICTS},
            }
        )
    return found


def notes(line: dict[str, Any]) -> list[tuple[str, str, int | None]]:
    """What is printed below a line: each disagreement, convention and reason once.

    Args:
        line: a function with its cells.

    Returns:
        Columns, texts, and the number of the finding that explains them, from 0.

    Example:
        >>> cell = {"verdict": "cannot judge", "detail": "not finite", "oracle": "form"}
        >>> notes({"points": {"zeros": cell, "±40": cell}})
        [('zeros, ±40', 'not finite', None)]
    """
    said: dict[tuple[str, int | None], list[str]] = {}
    for point, cell in line["points"].items():
        if cell["verdict"] != "right" and cell["detail"]:
            oracle = cell["oracle"] == "dot test" and cell["verdict"] != "cannot judge"
            text = f"{cell['oracle']}: {cell['detail']}" if oracle else cell["detail"]
            said.setdefault((text, cell.get("finding")), []).append(str(COLUMNS.get(point, point)))
    return [(", ".join(points), text, finding) for (text, finding), points in said.items()]


def side(detail: str) -> str:
    """Which slopes a rule takes at kinks, from the verifier's text.

    Example:
        >>> side("the slope on the left at 3 kinks (x[0], ...); between the slopes at 1 kink (...)")
        'left, between'
    """
    found = r"(?:^|; )(?:the slope on the (left|right)|(?:the )?(mean|between)|a (side) for)"
    sides = ("".join(groups) for groups in re.findall(found, detail))
    return ", ".join("each its own" if s == "side" else s for s in dict.fromkeys(sides))


def by_reason(left_out: dict[str, str]) -> list[tuple[str, str]]:
    """The functions that were left out, together if for the same reason.

    Example:
        >>> by_reason({"a": "random", "b": "random"})
        [('a, b', 'random')]
    """
    names: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        names.setdefault(reason, []).append(name)
    return [(", ".join(group), reason) for reason, group in names.items()]


def _code(text: str) -> Markup:
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _error(error: float | str | None) -> str:
    return "" if error is None else f"{float(error):.0e}"


def _worst(cell: dict[str, Any]) -> str:
    """The larger error of the two precisions; a wrong slope at a kink has none."""
    known = [float(cell[key]) for key in ("error", "error32") if cell[key] is not None]
    return "wrong" if cell["oracle"] == "kinks" or not known else _error(max(known))


def main(
    runs: list[Path], template: Path, study: str, found: Path, table: Path, output: Path
) -> None:
    """Write the file, the table and the page.

    Args:
        runs: JSON that `verify_field` wrote, one for each package.
        template: the page.
        study: "full" or "quick".
        found: JSON to write.
        table: CSV to write.
        output: HTML to write.
    """
    packages = [explained(json.loads(run.read_text(encoding="utf-8"))) for run in runs]
    findings = [finding.plain() for finding in FINDINGS]
    write_text(json.dumps({"packages": packages, "findings": findings}, indent=1) + "\n", found)
    write_csv(pl.DataFrame(rows(packages), infer_schema_length=None), table)
    environment = page.environment(template.parent)
    environment.filters |= {
        "error": _error,
        "worst": _worst,
        "side": side,
        "notes": notes,
        "code": _code,
        "by_reason": by_reason,
        "column": COLUMNS.__getitem__,
    }
    counts = totals(packages)
    text = environment.get_template(template.name).render(
        packages=packages,
        findings=findings,
        versions=dict(item for run in packages for item in run["versions"].items()),
        points=[*COLUMNS],
        verdicts=[v for v in VERDICTS if counts[-1][v]],
        totals=counts,
        unchecked=counts[-1]["not checked"],
        stand_in="",
        study=study,
    )
    write_text(text, output)


job.run(main, globals().get("snakemake"))
