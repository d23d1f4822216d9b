"""Estimands: the numbers that a claims.yaml declares, and how each is estimated from runs.

An entry names what is estimated and from which cells (see `cells`), and says it in words:

    k4.difference:
      difference: [{experiment: reference, momentum: 0.0}, {experiment: reference, momentum: 0.9}]
      what: momentum {a.momentum} minus momentum {b.momentum}

In the words, a and b are the first and the second cell. An entry with `each: SETTING` is a family
of numbers, one for each value of a setting; with `pairs: SETTING` one for each pair of values, the
first in cell a and the second in cell b. Its key holds `{a.SETTING}` to tell them apart, and their
p values are adjusted by Holm's method.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from nnjax import stats
from workflow.lib import estimates
from workflow.lib.numbers import Number
from workflow.lib.runs import counts
from workflow.lib.runs.cells import Cell, Found, Source, find
from workflow.lib.runs.experiments import Experiment
from workflow.lib.settings import Name, Strict

OneCell = Cell | None
TwoCells = list[Cell] | None
TWO: Any = Field(None, min_length=1, max_length=2, description="two cells; with pairs, one")


class Estimand(Strict):
    """What is estimated, from which cells, in words."""

    what: Name = Field(description="in words, where {a.SETTING} is a setting of the first cell")
    accuracy: OneCell = Field(None, description="over speakers and seeds")
    same_speakers_accuracy: OneCell = Field(None, description="over seeds, on these speakers")
    loss: OneCell = Field(None, description="cross-entropy on the test rows, over seeds")
    difference: TwoCells = TWO
    probability_of_improvement: TwoCells = TWO
    slope: OneCell = Field(None, description="of the accuracy over a setting")
    diverged: OneCell = Field(None, description="number of runs without finite losses, or guessing")
    per_unit_of: Name | None = Field(None, description="the setting of a slope")
    per_doubling_of: Name | None = Field(None, description="the same, on a logarithmic scale")
    each: Name | None = Field(None, description="one number for each value of this setting")
    pairs: Name | None = Field(None, description="one number for each pair of its values")

    @model_validator(mode="after")
    def complete(self) -> "Estimand":
        """One kind of estimate with what it needs."""
        kinds = [kind for kind in ESTIMATORS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise ValueError(f"name one of {', '.join(ESTIMATORS)}; found {len(kinds)}")
        settings = [name for name in (self.per_unit_of, self.per_doubling_of) if name]
        if len(settings) != (kinds == ["slope"]):
            raise ValueError("a slope needs per_unit_of or per_doubling_of, nothing else has them")
        cells = getattr(self, kinds[0])
        if isinstance(cells, list) and len(cells) != (1 if self.pairs else 2):
            raise ValueError(f"{kinds[0]} needs two cells, or with pairs one for both")
        if self.pairs and (self.each or not isinstance(cells, list)):
            raise ValueError("pairs needs an estimate from two cells, and excludes each")
        return self

    @property
    def apart(self) -> set[str]:
        """The placeholders that tell the keys of a family apart."""
        names = "ab" if self.pairs else "a" if self.each else ""
        return {f"{name}.{self.member}" for name in names}

    @property
    def member(self) -> str | None:
        """The setting whose values tell the numbers of a family apart."""
        return self.each or self.pairs

    @property
    def regressed(self) -> str | None:
        """The setting of a slope."""
        return self.per_unit_of or self.per_doubling_of

    @property
    def kind(self) -> str:
        """A name of ESTIMATORS."""
        return next(kind for kind in ESTIMATORS if getattr(self, kind) is not None)

    @property
    def cells(self) -> list[Cell]:
        """The cells a and b."""
        named = getattr(self, self.kind)
        cells = named if isinstance(named, list) else [named]
        return cells * 2 if self.pairs else cells


class Estimate(NamedTuple):
    """A value with its interval, its unit, what the interval covers, and the p value of a test."""

    interval: stats.Interval
    unit: str
    covers: str
    p: float | None = None


def accuracy(_: Estimand, a: Found) -> Estimate:
    """Test accuracy, over speakers and seeds."""
    interval = stats.two_level_interval(*a.counts(), counts.rng())
    return Estimate(interval, "fraction", estimates.SPEAKERS_AND_SEEDS)


def same_speakers_accuracy(_: Estimand, a: Found) -> Estimate:
    """Test accuracy on these speakers, to compare with a printed one: over seeds alone."""
    correct, rows = a.counts()
    interval = stats.mean_interval(correct.sum(axis=1) / rows.sum())
    return Estimate(interval, "fraction", estimates.SEEDS_T)


def loss(_: Estimand, a: Found) -> Estimate:
    """Test cross-entropy, over seeds."""
    interval = stats.mean_interval(a.histories()["test_loss"].to_numpy())
    return Estimate(interval, "nats", estimates.SEEDS_T)


def difference(_: Estimand, a: Found, b: Found) -> Estimate:
    """Accuracy of a minus that of b, paired by speakers and by the seeds that both have.

    The p value is that of a sign-flip test over speakers.
    """
    (of_a, rows), (of_b, _rows) = a.counts(), b.counts()
    seeds = min(len(of_a), len(of_b))
    of_a, of_b = of_a[:seeds], of_b[:seeds]
    p = stats.sign_flip_test((of_a - of_b).mean(axis=0), counts.rng())
    interval = counts.difference((of_a, rows), (of_b, rows))
    return Estimate(interval, "difference of fractions", estimates.SPEAKERS_AND_SEEDS, p)


def probability_of_improvement(_: Estimand, a: Found, b: Found) -> Estimate:
    """Probability that a is more accurate than b from the same seed."""
    of_a, of_b = (cell.counts()[0].sum(axis=1) for cell in (a, b))
    interval = stats.probability_of_improvement(of_a, of_b, counts.rng())
    return Estimate(interval, "fraction", estimates.SEEDS_BOOTSTRAP)


def slope(estimand: Estimand, a: Found) -> Estimate:
    """Least-squares slope of the accuracy over a setting, with seeds and speakers resampled."""
    values = a.by(estimand.regressed or "")
    several = [cell.counts() for cell in values.values()]
    x = np.log2(list(values)) if estimand.per_doubling_of else np.array(list(values))
    correct = np.stack([correct for correct, _ in several])
    interval = stats.two_level_slope(correct, several[0][1], x, counts.rng())
    return Estimate(interval, "difference of fractions", estimates.SPEAKERS_AND_SEEDS)


def diverged(_: Estimand, a: Found) -> Estimate:
    """Number of runs that ended without finite losses, or guessing."""
    histories = a.histories()
    nan = float("nan")
    count = stats.Interval(float(counts.diverged(histories).sum()), nan, nan, len(histories))
    return Estimate(count, "runs", estimates.NO_INTERVAL)


ESTIMATORS: dict[str, Callable[..., Estimate]] = {
    estimator.__name__: estimator
    for estimator in (
        accuracy,
        same_speakers_accuracy,
        loss,
        difference,
        probability_of_improvement,
        slope,
        diverged,
    )
}
"""What can be estimated, by name."""


PLACEHOLDER = re.compile(r"\{(.*?)\}")


def evaluate(key: str, estimand: Estimand, sources: dict[str, dict[str, Source]]) -> list[Number]:
    """The numbers of an entry.

    Args:
        key: its key, with placeholders if it is a family.
        estimand: the entry.
        sources: protocol and experiment to the runs.

    Returns:
        One row for each number, as `estimates.number` makes them.

    Raises:
        JobError: if a cell does not fit its experiment.
    """
    rows = []
    for values, cells in _members(estimand, sources):
        found = [_find(cell, sources) for cell in cells]
        words = {
            f"{name}.{setting}": text
            for name, each in zip("ab", found, strict=False)
            for setting, text in each.words().items()
        }
        estimate = ESTIMATORS[estimand.kind](estimand, *found)
        rows.append(estimates.number(_fill(key, values), _fill(estimand.what, words), *estimate))
    tested = [row for row in rows if row["p"] is not None]
    if tested:
        for row, p in zip(tested, stats.holm([row["p"] for row in tested]), strict=True):
            row["p"] = float(p)
    return rows


def _find(cell: Cell, sources: dict[str, dict[str, Source]]) -> Found:
    return find(cell, sources[cell.protocol][cell.name])


def _fill(text: str, words: dict[str, Any]) -> str:
    return PLACEHOLDER.sub(lambda match: str(words[match[1]]), text)


def _members(
    estimand: Estimand, sources: dict[str, dict[str, Source]]
) -> Iterator[tuple[dict[str, Any], list[Cell]]]:
    """The values that tell the numbers of an entry apart, by placeholder, and the cells of each."""
    cells, setting = estimand.cells, estimand.member
    if setting is None:
        yield {}, cells
        return
    values = cells[0].settings[setting]
    if not isinstance(values, list):
        values = list(_find(cells[0], sources).by(setting))
    pairs = (
        itertools.combinations(values, 2) if estimand.pairs else zip(values, values, strict=True)
    )
    for pair in pairs:
        members = [cell.at(setting, value) for cell, value in zip(cells, pair, strict=False)]
        yield {f"{name}.{setting}": value for name, value in zip("ab", pair, strict=True)}, members


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
    """What is wrong with an entry, one sentence each: found before anything is trained.

    Args:
        key: its key, with placeholders if it is a family.
        estimand: the entry.
        experiments: protocol and name to the experiment.
    """
    lines: list[str] = []
    words: set[str] = set()
    for name, cell in zip("ab", estimand.cells, strict=False):
        if cell.name not in experiments[cell.protocol]:
            known = ", ".join(experiments[cell.protocol])
            return [f"unknown {cell.protocol} experiment {cell.name}; known: {known}"]
        values = experiments[cell.protocol][cell.name].values()
        words |= {f"{name}.{setting}" for setting in (*values, "epoch")}
        if cell.protocol == "clean":
            del values["learning_rate"]  # chosen, not named
            words.add(f"{name}.choice")
        lines += cell.mistakes({setting: sorted(several) for setting, several in values.items()})
        lines += [
            f"cell {name} needs {setting}, for example {setting}: all"
            for setting in (estimand.member, estimand.regressed)
            if setting and setting not in cell.settings
        ]
    if set(PLACEHOLDER.findall(key)) != estimand.apart:
        expected = " and ".join(f"{{{name}}}" for name in sorted(estimand.apart))
        lines.append(f"expected {expected or 'no placeholder'} in the key")
    for name in sorted(set(PLACEHOLDER.findall(estimand.what)) - words):
        lines.append(f"what: unknown placeholder {{{name}}}; known: {', '.join(sorted(words))}")
    return lines
