"""Claims: the content of a claims.yaml, and the entries of the ledger."""

import difflib
from typing import Any

from pydantic import Field

from workflow.lib.numbers import Number, is_clock
from workflow.lib.power import needed
from workflow.lib.runs import estimands
from workflow.lib.runs.cells import Cell
from workflow.lib.runs.estimands import Estimand, declares
from workflow.lib.runs.experiments import Experiment
from workflow.lib.settings import Name, Strict
from workflow.lib.study import Ledger
from workflow.lib.verdicts import (
    NOT_MEASURED,
    Check,
    judge,
    together,
)

PROTOCOLS = ("published", "clean")
CLOCKS = "reports/clocks.json"
"""The file with what clocks decide."""


class Claim(Strict):
    """A sentence of a source, and the checks that decide whether it holds."""

    source: Name
    claim: Name
    short: Name | None = Field(None, description="of a long claim: its main clause, for a figure")
    protocol: Name
    figure: Name
    checks: list[Check] = Field(min_length=1)
    numbers: dict[Name, Estimand] = Field({}, description="numbers estimated from runs, by key")

    def named(self) -> list[str]:
        """The keys of the numbers that the checks name."""
        return [key for check in self.checks for key in (check.published, check.clean) if key]

    def cells(self) -> list[Cell]:
        """The cells that its numbers are estimated from."""
        return [cell for estimand in self.numbers.values() for cell in estimand.cells]


def owner(claims: dict[str, Claim], key: str) -> str | None:
    """The claim that declares a number, if one does."""
    for name, claim in claims.items():
        if any(declares(each, key) for each in claim.numbers):
            return name
    return None


def mistakes(claims: dict[str, Claim], experiments: dict[str, dict[str, Experiment]]) -> list[str]:
    """What is wrong with the numbers that claims declare, one line each.

    Args:
        claims: of a chapter, by id.
        experiments: by protocol and name.
    """
    declared = [key for claim in claims.values() for key in claim.numbers]
    lines = [f"{key}: declared twice" for key in {k for k in declared if declared.count(k) > 1}]
    for name, claim in claims.items():
        for key, estimand in claim.numbers.items():
            for mistake in estimands.mistakes(key, estimand, experiments):
                lines.append(f"{name}.numbers.{key}: {mistake}")
        for key in claim.named() if declared else []:
            if owner(claims, key) is None:
                near = difflib.get_close_matches(key, declared, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                lines.append(f"{name}.checks: no claim declares the number {key}{hint}")
    return lines


def entry(name: str, claim: Claim, numbers: dict[str, Number], ledger: Ledger) -> dict[str, Any]:
    """The claim with its numbers and its verdict.

    Args:
        name: the claim's id.
        claim: as declared.
        numbers: by key. A key that is missing has not been measured.
        ledger: the constants of the rules.

    Returns:
        What the claim is, in full and in `short`, and how it was tested; `n`, `effect`, `lo`, `hi`
        of its first check in the protocol that decides; that check under both protocols; all
        `checks`.
    """
    checks = []
    for check in claim.checks:
        measured = {
            name: _measured(check, getattr(check, name), numbers, ledger) for name in PROTOCOLS
        }
        decides = "published" if check.clean is None else "clean"
        checks.append(
            {
                "what": check.what,
                **check.model_dump(include={"rule", "bound", "range"}, exclude_none=True),
                **measured,
                "aside": check.aside,
                "decided_by": decides,
                "verdict": (measured[decides] or {"verdict": NOT_MEASURED})["verdict"],
            }
        )
    main = checks[0]
    decisive = main[main["decided_by"]] or {}
    return {
        "id": name,
        **claim.model_dump(include={"source", "claim", "protocol"}),
        "short": claim.short or claim.claim.rstrip("."),
        **{key: decisive.get(key) for key in ("n", "effect", "lo", "hi", "unit")},
        "published": main["published"],
        "clean": main["clean"],
        "verdict": together([check["verdict"] for check in checks if not check["aside"]]),
        "figure": f"reports/figures/{claim.figure}.svg",
        "command": f"snakemake --cores 8 results/claims/{name}.json",
        "checks": checks,
    }


def without_clocks(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry as two runs give it alike: of a check on a clock it keeps the verdict alone.

    Args:
        entry: as `entry` gives it.

    Returns:
        The entry. Where a check is on a clock, both have a field `clocks`, the file with the rest;
        `published` and `clean` are None, and those of the claim too if this is its first check.
    """
    checks = [
        {**check, **dict.fromkeys(PROTOCOLS), "clocks": CLOCKS} if on_clock(check) else check
        for check in entry["checks"]
    ]
    timed = {"clocks": CLOCKS} if checks != entry["checks"] else {}
    if "clocks" in checks[0]:
        timed |= dict.fromkeys(("effect", "lo", "hi", *PROTOCOLS))
    return {**entry, "checks": checks, **timed}


def on_clock(check: dict[str, Any]) -> bool:
    """Whether the numbers of a check of an entry are clocks."""
    return any(check[name] is not None and is_clock(check[name]) for name in PROTOCOLS)


def _measured(
    check: Check, key: str | None, numbers: dict[str, Number], ledger: Ledger
) -> dict[str, Any] | None:
    if key is None or key not in numbers:
        return None
    number = numbers[key]
    return {
        "key": key,
        "effect": number["value"],
        **{name: number.get(name) for name in ("lo", "hi", "n", "p", "unit", "interval", "what")},
        "verdict": judge(number, check, ledger),
        "needed": needed(number, check, ledger),
    }
