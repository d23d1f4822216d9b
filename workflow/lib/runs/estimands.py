"""Estimands: the numbers that a claims.yaml declares; `evaluate` estimates them from runs.

An entry names what is estimated and from which cells (see `cells`), and says it in words:

    k4.difference:
      difference: [{experiment: reference, momentum: 0.0}, {experiment: reference, momentum: 0.9}]
      what: momentum {a.momentum} minus momentum {b.momentum}

In the words, a and b are the first and the second cell. An entry with `each: SETTING` is a family
of numbers, one for each value of a setting; with `pairs: SETTING` one for each pair of values, the
first in cell a and the second in cell b. Its key holds `{a.SETTING}` to tell them apart, and their
p values are adjusted by Holm's method.
"""

import re
from typing import Any

from pydantic import Field, model_validator

from workflow.lib.runs.cells import Cell
from workflow.lib.runs.experiments import Experiment
from workflow.lib.settings import Name, Strict

PLACEHOLDER = re.compile(r"\{(.*?)\}")

OneCell = Cell | None
TwoCells = list[Cell] | None
ONE: Any = Field(default=None, description="a cell")
TWO: Any = Field(default=None, description="a list of two cells, or with pairs of one for both")


class Estimand(Strict):
    """What is estimated from which cells, in words; see `estimators`."""

    what: Name = Field(description="in words, where {a.SETTING} is a setting of the first cell")
    accuracy: OneCell = ONE
    same_speakers_accuracy: OneCell = ONE
    loss: OneCell = ONE
    difference: TwoCells = TWO
    probability_of_improvement: TwoCells = TWO
    slope: OneCell = ONE
    diverged: OneCell = ONE
    per_unit_of: Name | None = Field(default=None, description="the setting of a slope")
    per_doubling_of: Name | None = Field(default=None, description="the setting of a slope")
    each: Name | None = Field(default=None, description="a setting: one number for each value")
    pairs: Name | None = Field(default=None, description="a setting: one number for each pair")

    @model_validator(mode="after")
    def complete(self) -> "Estimand":
        """One estimator with what it needs."""
        named = [name for name in ESTIMATORS if getattr(self, name) is not None]
        if len(named) != 1:
            raise ValueError(f"name one of {', '.join(ESTIMATORS)}; found {len(named)}")
        slopes = [name for name in (self.per_unit_of, self.per_doubling_of) if name]
        if len(slopes) != (self.slope is not None):
            raise ValueError("a slope, and nothing else, needs per_unit_of or per_doubling_of")
        cells = getattr(self, named[0])
        if isinstance(cells, list) and len(cells) != (1 if self.pairs else 2):
            raise ValueError(f"{named[0]} needs two cells, or with pairs one for both")
        if self.pairs and (self.each or not isinstance(cells, list)):
            raise ValueError("pairs needs an estimator of two cells, and excludes each")
        return self

    @property
    def estimator(self) -> str:
        """A name of ESTIMATORS."""
        return next(name for name in ESTIMATORS if getattr(self, name) is not None)

    @property
    def cells(self) -> list[Cell]:
        """The cells a and b."""
        cells = getattr(self, self.estimator)
        cells = cells if isinstance(cells, list) else [cells]
        return cells * 2 if self.pairs else cells

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of the estimator other than cells."""
        over = self.per_unit_of or self.per_doubling_of
        return {"over": over, "doublings": bool(self.per_doubling_of)} if over else {}

    @property
    def apart(self) -> set[str]:
        """The placeholders that tell the keys of a family apart."""
        names = "ab" if self.pairs else "a" if self.each else ""
        return {f"{name}.{self.each or self.pairs}" for name in names}


ESTIMATORS = [
    name for name, field in Estimand.model_fields.items() if field.annotation in (OneCell, TwoCells)
]
"""The fields that hold cells; each is a function of `estimators`."""


def declares(key: str, number: str) -> bool:
    """Whether an entry gives a number.

    Example:
        >>> declares("k15.{a.optimizer}_accuracy", "k15.adam_accuracy")
        True
    """
    texts = PLACEHOLDER.split(key)[::2]
    return re.fullmatch(".+".join(map(re.escape, texts)), number) is not None


def mistakes(
    key: str, estimand: Estimand, experiments: dict[str, dict[str, Experiment]]
) -> list[str]:
    """What is wrong with an entry, one sentence each: known before anything is trained.

    Args:
        key: its key, with placeholders if it is a family.
        estimand: the entry.
        experiments: by protocol and name.
    """
    lines: list[str] = []
    words: set[str] = set()
    for name, cell in zip("ab", estimand.cells, strict=False):
        if cell.name not in experiments[cell.protocol]:
            known = ", ".join(experiments[cell.protocol])
            return [f"unknown {cell.protocol} experiment {cell.name}; known: {known}"]
        values = experiments[cell.protocol][cell.name].values()
        words |= {f"{name}.{setting}" for setting in (*values, "epoch")}
        if cell.clean:
            del values["learning_rate"]  # it is chosen
            words.add(f"{name}.choice")
        lines += cell.mistakes({setting: sorted(several) for setting, several in values.items()})
        lines += [
            f"cell {name} needs {setting}, for example {setting}: all"
            for setting in (estimand.each, estimand.pairs, estimand.options.get("over"))
            if setting and setting not in cell.settings
        ]
    if set(PLACEHOLDER.findall(key)) != estimand.apart:
        expected = " and ".join(f"{{{name}}}" for name in sorted(estimand.apart))
        lines.append(f"expected {expected or 'no placeholder'} in the key")
    lines += [
        f"what: unknown placeholder {{{name}}}; known: {', '.join(sorted(words))}"
        for name in sorted(set(PLACEHOLDER.findall(estimand.what)) - words)
    ]
    return list(dict.fromkeys(lines))
