"""Evaluation: the numbers of a declared estimand, from the runs of its cells."""

import itertools
from collections.abc import Iterator
from typing import Any

from nnjax import stats
from workflow.lib import estimates
from workflow.lib.numbers import Number
from workflow.lib.runs import estimators
from workflow.lib.runs.cells import Cell
from workflow.lib.runs.estimands import PLACEHOLDER, Estimand
from workflow.lib.runs.found import Found, Source, find

Sources = dict[str, dict[str, Source]]
"""Protocol and experiment to the runs."""


def evaluate(key: str, estimand: Estimand, sources: Sources) -> list[Number]:
    """The numbers of an entry.

    Args:
        key: its key, with placeholders if it is a family.
        estimand: the entry.
        sources: the runs of all experiments that it names.

    Returns:
        One row for each number, as `estimates.number` makes them.

    Raises:
        JobError: if a cell does not fit its experiment.
    """
    rows = []
    for values, cells in _members(estimand, sources):
        found = [_found(cell, sources) for cell in cells]
        words = {
            f"{name}.{setting}": text
            for name, each in zip("ab", found, strict=False)
            for setting, text in each.words().items()
        }
        estimate = getattr(estimators, estimand.estimator)(*found, **estimand.options)
        rows.append(
            estimates.number(_filled(key, values), _filled(estimand.what, words), *estimate)
        )
    tested = [row for row in rows if row["p"] is not None]
    if tested:
        for row, p in zip(tested, stats.holm([row["p"] for row in tested]), strict=True):
            row["p"] = float(p)
    return rows


def _members(estimand: Estimand, sources: Sources) -> Iterator[tuple[dict[str, Any], list[Cell]]]:
    """The numbers of an entry: what fills the placeholders of the key, and the cells."""
    cells, setting = estimand.cells, estimand.each or estimand.pairs
    if setting is None:
        yield {}, cells
        return
    values = cells[0].settings[setting]
    if not isinstance(values, list):
        values = list(_found(cells[0], sources).by(setting))
    both = itertools.combinations(values, 2) if estimand.pairs else ((v, v) for v in values)
    for a, b in both:
        filling = {f"a.{setting}": a, f"b.{setting}": b}
        yield filling, [cell.at(setting, v) for cell, v in zip(cells, (a, b), strict=False)]


def _found(cell: Cell, sources: Sources) -> Found:
    return find(cell, sources[cell.protocol][cell.name])


def _filled(text: str, words: dict[str, Any]) -> str:
    return PLACEHOLDER.sub(lambda match: str(words[match[1]]), text)
