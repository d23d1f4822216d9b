"""The page of rules: every derivation from its docstring, every error from the verifier's run."""

import importlib
import inspect
import json
from itertools import groupby
from pathlib import Path
from typing import Any

import excerpts
from docstrings import Rule, pieces, rules, sections
from sheets import sheet

from workflow.lib import job
from workflow.lib.tables import write_text

ORACLES = ("jax.grad", "central differences", "complex step", "dot test")


def worst(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A block's rows in one: its worst error with each oracle, and the verdict.

    Args:
        rows: the verifier's rows of one block.

    Returns:
        `cases`, the errors by oracle ("float32" for the worst in that precision; None where no case
        could be judged), how many cases each oracle `judged`, and `wrong`, the rows that are.
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
        "judged": {oracle: sum(_judged(r, oracle) for r in rows) for oracle in ORACLES},
        "wrong": [r for r in rows if r["verdict"] == "wrong"],
    }


def _judged(row: dict[str, Any], oracle: str) -> bool:
    return row["oracle"] == oracle and row["error64"] is not None


def cases(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A block's rows by case: one line of the table for all oracles.

    Args:
        rows: the verifier's rows of one block.

    Returns:
        For each case its options, errors by oracle, worst error in float32, and verdict.
    """
    found = []
    for options, group in groupby(rows, lambda row: row["options"]):
        each = list(group)
        verdicts = {row["verdict"] for row in each} - {"cannot judge"}
        known = [float(row["error32"]) for row in each if row["error32"] is not None]
        found.append(
            {
                "options": options,
                "errors": {row["oracle"]: row["error64"] for row in each},
                "float32": max(known, default=None),
                "verdict": "wrong" if "wrong" in verdicts else ", ".join(sorted(verdicts)),
            }
        )
    return found


def remarks(rows: list[dict[str, Any]]) -> dict[tuple[str, str, str], list[str]]:
    """What the verifier says about a block: (verdict, oracle, remark), with the cases of each."""
    said: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row["detail"]:
            key = (row["verdict"], row["oracle"], row["detail"])
            said.setdefault(key, []).append(row["options"])
    return said


def shared_code(used: dict[str, excerpts.Code]) -> list[dict[str, Any]]:
    """The modules that several rules use: their text and their code, each once."""
    found = []
    for name in dict.fromkeys(module for each in used.values() for module in each.modules):
        module = importlib.import_module(name)
        text = sections(pieces(inspect.getdoc(module) or ""))
        found.append({"name": name, "sections": text, "code": excerpts.module_code(module)})
    return found


def main(result: Path, template: Path, study: str, output: Path) -> None:
    """Write the page.

    Args:
        result: JSON that `verify_rules` wrote.
        template: the page.
        study: "full" or "quick".
        output: HTML to write.
    """
    verified = json.loads(result.read_text(encoding="utf-8"))
    rows = sorted(verified["rows"], key=lambda row: row["block"])
    by_block = {block: list(group) for block, group in groupby(rows, lambda row: row["block"])}
    families: dict[str, list[Rule]] = {}
    for rule in rules():
        families.setdefault(rule.family, []).append(rule)
    names = {rule.name for group in families.values() for rule in group}
    code = {
        rule.name: excerpts.code(rule.value, names) for group in families.values() for rule in group
    }
    planted: dict[str, list[dict[str, Any]]] = {}
    for defect in verified["defects"]:
        planted.setdefault(defect["block"], []).append(defect)
    text = sheet(
        template,
        study,
        result=verified,
        families=families,
        sections={r.name: sections(r.pieces) for group in families.values() for r in group},
        cases={block: cases(group) for block, group in by_block.items()},
        remarks={block: remarks(group) for block, group in by_block.items()},
        worst={block: worst(group) for block, group in by_block.items()},
        planted=planted,
        code=code,
        shared=shared_code(code),
        oracles=ORACLES,
    )
    write_text(text, output)


job.run(main, globals().get("snakemake"))
