"""Claims: the content of a claims.yaml, the rules of verdict, and the entries of the ledger."""

import difflib
from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, model_validator

from workflow.lib.numbers import Number
from workflow.lib.runs import estimands
from workflow.lib.runs.cells import Cell
from workflow.lib.runs.estimands import Estimand, declares
from workflow.lib.runs.experiments import Experiment
from workflow.lib.settings import Name, Strict
from workflow.lib.study import Ledger

REPRODUCED, REFUTED, INCONCLUSIVE = "reproduced", "refuted", "inconclusive"
NOT_MEASURED = "not measured"
VERDICTS = (REPRODUCED, REFUTED, INCONCLUSIVE, NOT_MEASURED)
PROTOCOLS = ("published", "clean")


class Check(Strict):
    """One number of a claim and the rule that judges it."""

    what: Name
    rule: Literal["above", "below", "inside", "more", "less", "no_less"]
    bound: int | float | None = Field(
        None, description="of the rules above, below, and of an effect"
    )
    range: list[int | float] | None = Field(
        default=None, min_length=2, max_length=2, description="of inside"
    )
    published: Name | None = Field(default=None, description="key of the number as published")
    clean: Name | None = Field(default=None, description="key of the number of the clean protocol")
    aside: bool = Field(default=False, description="true: reported, without effect on the verdict")

    @model_validator(mode="after")
    def complete(self) -> "Check":
        """A rule has what it compares with, and a number to compare."""
        if self.rule in ("above", "below") and self.bound is None:
            raise ValueError(f"the rule {self.rule} needs a bound")
        if (self.rule == "inside") != (self.range is not None):
            raise ValueError("the rule inside needs a range, and no other rule has one")
        if self.published is None and self.clean is None:
            raise ValueError("a check needs the key of a number, published or clean")
        return self


class Claim(Strict):
    """A sentence of a source, and the checks that decide whether it holds."""

    source: Name
    claim: Name
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
        for key in claim.named() if claim.numbers else []:
            if owner(claims, key) is None:
                near = difflib.get_close_matches(key, declared, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                lines.append(f"{name}.checks: no claim declares the number {key}{hint}")
    return lines


Rule = Callable[[Number, Check, Ledger], str]


def above(number: Number, check: Check, ledger: Ledger) -> str:
    """Reproduced if lo > bound; refuted if hi < bound."""
    assert check.bound is not None
    return _verdict(number["lo"] > check.bound, number["hi"] < check.bound)


def below(number: Number, check: Check, ledger: Ledger) -> str:
    """Reproduced if hi < bound; refuted if lo > bound."""
    assert check.bound is not None
    return _verdict(number["hi"] < check.bound, number["lo"] > check.bound)


def inside(number: Number, check: Check, ledger: Ledger) -> str:
    """Reproduced if the interval lies inside the range; refuted if it lies outside."""
    assert check.range is not None
    low, high = check.range
    lo, hi = number["lo"], number["hi"]
    return _verdict(low <= lo and hi <= high, hi < low or lo > high)


def more(number: Number, check: Check, ledger: Ledger) -> str:
    """Reproduced if lo > 0, the value is at least the smallest effect and the test, if there is
    one, is significant; refuted if hi is below the smallest effect."""
    least, p = _least(check, ledger), number.get("p")
    significant = p is None or p < ledger.significance
    reproduced = number["lo"] > 0 and number["value"] >= least and significant
    return _verdict(reproduced, number["hi"] < least)


def less(number: Number, check: Check, ledger: Ledger) -> str:
    """Reproduced if hi < 0, the value is at most minus the smallest effect and the test, if there
    is one, is significant; refuted if lo is above minus the smallest effect."""
    mirrored = {"value": -number["value"], "lo": -number["hi"], "hi": -number["lo"]}
    return more({**mirrored, "p": number.get("p")}, check, ledger)


def no_less(number: Number, check: Check, ledger: Ledger) -> str:
    """Reproduced if lo is above minus the smallest effect; refuted if hi is below it."""
    least = _least(check, ledger)
    return _verdict(number["lo"] > -least, number["hi"] < -least)


RULES: dict[str, Rule] = {
    rule.__name__: rule for rule in (above, below, inside, more, less, no_less)
}
"""The rules of verdict by name. lo and hi are the ends of the 95 % interval."""

RULE_TEXTS = {name: " ".join((rule.__doc__ or "").split()) for name, rule in RULES.items()}
"""The rules in words, for the pages."""


def _least(check: Check, ledger: Ledger) -> float:
    return ledger.smallest_effect if check.bound is None else check.bound


def _verdict(reproduced: bool, refuted: bool) -> str:
    return REPRODUCED if reproduced else REFUTED if refuted else INCONCLUSIVE


def judge(number: Number, check: Check, ledger: Ledger) -> str:
    """The verdict on one number; not measured without an interval.

    Example:
        >>> ledger = Ledger(smallest_effect=0.003, significance=0.05)
        >>> check = Check(what="better", rule="more", published="k4.difference")
        >>> judge({"value": 0.01, "lo": 0.005, "hi": 0.02}, check, ledger)
        'reproduced'
        >>> judge({"value": 0.001, "lo": -0.001, "hi": 0.002}, check, ledger)
        'refuted'
    """
    if any(number[end] is None for end in ("value", "lo", "hi")):
        return NOT_MEASURED
    return RULES[check.rule](number, check, ledger)


def together(verdicts: list[str]) -> str:
    """The verdict on a claim from those of its checks, of which the first is the main one.

    Reproduced if all are, refuted if one is, not measured if the first is not, else inconclusive.

    Example:
        >>> together(["reproduced", "refuted"])
        'refuted'
        >>> together(["not measured", "reproduced"])
        'not measured'
    """
    if verdicts[0] == NOT_MEASURED:
        return NOT_MEASURED
    if REFUTED in verdicts:
        return REFUTED
    return REPRODUCED if set(verdicts) == {REPRODUCED} else INCONCLUSIVE


def entry(name: str, claim: Claim, numbers: dict[str, Number], ledger: Ledger) -> dict[str, Any]:
    """The claim with its numbers and its verdict.

    Args:
        name: the claim's id.
        claim: as declared.
        numbers: by key. A key that is missing has not been measured.
        ledger: the constants of the rules.

    Returns:
        What the claim is and how it was tested; `n`, `effect`, `lo`, `hi` of its first check in the
        protocol that decides; that check under both protocols; all `checks`.
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
        **{key: decisive.get(key) for key in ("n", "effect", "lo", "hi", "unit")},
        "published": main["published"],
        "clean": main["clean"],
        "verdict": together([check["verdict"] for check in checks if not check["aside"]]),
        "figure": f"reports/figures/{claim.figure}.svg",
        "command": f"snakemake --cores 8 results/claims/{name}.json",
        "checks": checks,
    }


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
    }
