"""Verdicts: what a check compares, and the rules that judge it, whose docstrings the pages show."""

from collections.abc import Callable
from typing import Literal

from pydantic import Field, model_validator

from workflow.lib.numbers import Number
from workflow.lib.settings import Name, Strict
from workflow.lib.study import Ledger

REPRODUCED, REFUTED, INCONCLUSIVE = "reproduced", "refuted", "inconclusive"
NOT_MEASURED = "not measured"
VERDICTS = (REPRODUCED, REFUTED, INCONCLUSIVE, NOT_MEASURED)


class Check(Strict):
    """One number of a claim and the rule that judges it."""

    what: Name
    rule: Literal["above", "below", "inside", "more", "less", "no_less"]
    bound: int | float | None = Field(
        default=None, description="a number; for every rule but inside"
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
