"""The page of rules: every derivation from its docstring, every error from the verifier's run."""

import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

from docstrings import Rule, rules
from markupsafe import Markup, escape

from workflow.lib import job, page
from workflow.lib.tables import write_text

ORACLES = ("jax.grad", "central differences", "complex step", "dot test")


def worst(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A block's rows in one: its worst error with each oracle, and the verdict.

    Args:
        rows: the verifier's rows of one block.

    Returns:
        `cases`, the errors by oracle ("float32" for the worst in that precision; None where no case
        could be judged) and `wrong`, the rows that are.
    """
    errors: dict[str, float | None] = {}
    for oracle in ORACLES:
        known = [float(r["error64"]) for r in rows if _judged(r, oracle)]
        errors[oracle] = max(known, default=None)
    known = [float(r["error32"]) for r in rows if any(_judged(r, oracle) for oracle in ORACLES)]
    errors["float32"] = max(known, default=None)
    return {
        "cases": len({r["options"] for r in rows}),
        "errors": errors,
        "wrong": [r for r in rows if r["verdict"] == "wrong"],
    }


def _judged(row: dict[str, Any], oracle: str) -> bool:
    return row["oracle"] == oracle and row["error64"] is not None


def code(text: str) -> Markup:
    """Escaped text with the parts between backticks as code.

    Args:
        text: a paragraph of a docstring.

    Returns:
        HTML.

    Example:
        >>> print(code("`x` < 0"))
        <code>x</code> &lt; 0
    """
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def main(result: Path, template: Path, study: str, output: Path) -> None:
    """Write the page.

    Args:
        result: JSON that `verify_rules` wrote.
        template: the page.
        study: "full" or "quick".
        output: HTML to write.
    """
    environment = page.environment(template.parent)
    environment.filters["code"] = code
    environment.filters["error"] = lambda e: "&ndash;" if e is None else f"{float(e):.0e}"
    verified = json.loads(result.read_text(encoding="utf-8"))
    rows = sorted(verified["rows"], key=lambda row: row["block"])
    by_block = {block: list(group) for block, group in groupby(rows, lambda row: row["block"])}
    families: dict[str, list[Rule]] = {}
    for rule in rules():
        families.setdefault(rule.family, []).append(rule)
    text = environment.get_template(template.name).render(
        result=verified,
        families=families,
        rows=by_block,
        worst={block: worst(group) for block, group in by_block.items()},
        oracles=ORACLES,
        stand_in="",
        study=study,
    )
    write_text(text, output)


job.run(main, globals().get("snakemake"))
