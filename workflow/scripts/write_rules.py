"""The page of rules: every derivation from its docstring, every error from the verifier's run."""

import json
import re
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
from docstrings import Rule, rules
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from tables import write_text

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

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
    """Escaped text in which what stands between backticks is code.

    Args:
        text: a paragraph of a docstring.

    Returns:
        HTML.

    Example:
        >>> print(code("`x` < 0"))
        <code>x</code> &lt; 0
    """
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def main(verification: Path, templates: Path, output: Path) -> None:
    """Write the page.

    Args:
        verification: what verify_rules.py wrote.
        templates: folder of the templates; rules.html is the page.
        output: HTML to write.
    """
    environment = Environment(
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = code
    environment.filters["error"] = lambda e: "&ndash;" if e is None else f"{float(e):.0e}"
    result = json.loads(verification.read_text(encoding="utf-8"))
    rows = sorted(result["rows"], key=lambda row: row["block"])
    by_block = {block: list(group) for block, group in groupby(rows, lambda row: row["block"])}
    all_rules = rules()
    families: dict[str, list[Rule]] = {}
    for rule in all_rules:
        families.setdefault(rule.family, []).append(rule)
    page = environment.get_template("rules.html").render(
        result=result,
        families=families,
        rows=by_block,
        worst={block: worst(group) for block, group in by_block.items()},
        oracles=ORACLES,
    )
    write_text(page, output)


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        Path(snakemake.input.result),
        Path(snakemake.input.template).parent,
        Path(snakemake.output.page),
    )
