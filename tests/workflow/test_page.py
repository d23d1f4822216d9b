"""Pages: how a number is written, and what a page must say before anything else."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from jinja2 import UndefinedError

from workflow.lib import page, tables
from workflow.lib.chapters import Figure, Page
from workflow.lib.claims import Claim
from workflow.lib.study import Ledger
from workflow.lib.verdicts import RULE_TEXTS
from workflow.scripts import write_page


@pytest.mark.parametrize(
    ("unit", "value", "lo", "hi", "text"),
    [
        ("fraction", 0.9529, 0.937, 0.966, "95.3 % [93.7, 96.6]"),
        ("difference of fractions", -0.01, -0.02, 0.001, "-1.00 points [-2.00, +0.10]"),
        ("nats", 0.12345, 0.1, 0.15, "0.123 nats [0.100, 0.150]"),
        ("count", 12345.0, None, None, "12,345"),
        ("s", 0.01234, 0.012, None, "0.0123 s [0.012, unknown]"),
        ("ratio", None, None, None, "unknown"),
    ],
)
def test_a_number_has_its_unit_and_its_interval(
    unit: str, value: float | None, lo: float | None, hi: float | None, text: str
) -> None:
    assert page.number({"value": value, "lo": lo, "hi": hi, "unit": unit}) == text
    assert page.effect({"effect": value, "lo": lo, "hi": hi, "unit": unit}) == text


def test_a_name_that_a_page_does_not_have_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{{ nothing }}", encoding="utf-8")
    with pytest.raises(UndefinedError, match="'nothing' is undefined"):
        page.environment(tmp_path).get_template("page.html").render()


TEXT = """{% extends "chapter.html" %}
{% from "figure.html" import figure with context %}
{% block text %}
<p>{{ numbers["t1.x"]|number }}, {{ rows("drawn")[0].y }}, {{ settings.seeds }} &amp; <{{ "<" }}</p>
{% call figure("drawn") %}A caption.{% endcall %}
{% endblock %}
"""
CHECK = {"what": "large", "rule": "above", "bound": 0.5, "published": "t1.x"}
CLAIM = {"source": "s", "claim": "It is large.", "protocol": "p", "figure": "drawn"}


def written(folder: Path, data: str, study: str) -> str:
    """A page with one number, one figure and one claim."""
    row: dict[str, Any] = {"key": "t1.x", "value": 0.9, "lo": 0.8, "hi": 0.95, "n": 3}
    row |= {"unit": "fraction", "interval": "95 % over seeds (Wilson)", "what": "x", "data": data}
    pl.DataFrame([row]).write_csv(folder / "numbers_toy.csv")
    pl.DataFrame({"y": [7]}).write_csv(folder / "drawn.csv")
    (folder / "drawn.svg").write_text("<svg/>", encoding="utf-8")
    (folder / "page.html").write_text(TEXT, encoding="utf-8")
    write_page.main(
        chapter="toy",
        about=Page(title="T", question="q", source="s", figures={"drawn": Figure(alt="a line")}),
        settings={"seeds": 3},
        runs={},
        declared={"T1": Claim.model_validate(CLAIM | {"checks": [CHECK]})},
        ledger=Ledger(smallest_effect=0.003, significance=0.05),
        verdict_rules=RULE_TEXTS,
        study=study,
        numbers=folder / "numbers_toy.csv",
        figures=[folder / "drawn.svg"],
        template=folder / "page.html",
        output=folder / "toy.html",
    )
    return (folder / "toy.html").read_text(encoding="utf-8")


def test_a_page_has_its_numbers_its_figure_and_its_claim(tmp_path: Path) -> None:
    text = written(tmp_path, "isolet", "full")
    assert "<p>90.0 % [80.0, 95.0], 7, 3 &amp; <&lt;</p>" in text
    assert 'id="drawn"' in text
    assert 'alt="a line"' in text
    assert page.image(tmp_path / "drawn.svg") in text
    assert "It is large." in text
    assert "reproduced" in text
    assert RULE_TEXTS["above"].split(";")[0].replace(">", "&gt;") in text
    assert "snakemake --cores 8 chapter_toy" in text
    assert "STAND-IN" not in text
    assert "QUICK" not in text


@pytest.mark.parametrize("data", tables.STAND_INS)
def test_a_stand_in_and_a_quick_run_are_said_before_anything_else(
    data: str, tmp_path: Path
) -> None:
    text = written(tmp_path, data, "quick")
    assert text.index(tables.STAND_INS[data]) < text.index("<h1>")
    assert text.index("QUICK settings") < text.index("<h1>")
