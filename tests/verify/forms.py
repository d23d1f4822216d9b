"""The sentence of a report on a rule that breaks its contract."""

import nnjax as nn


def the_form(report: nn.Report) -> str:
    """The sentence of a report that has one row, or one that says the same of every mode."""
    assert {(row.oracle, row.verdict) for row in report.rows} == {("form", "wrong")}
    (sentence,) = {row.detail for row in report.rows}
    assert "\n" not in sentence
    assert str(report).count(sentence) == 1
    return sentence
