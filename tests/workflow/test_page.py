"""Pages: how a number is written, and what a page must say before anything else."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from jinja2 import UndefinedError

from nnjax import compare
from workflow.lib import numbers, page, tables
from workflow.lib.chapters import Figure, Page
from workflow.lib.claims import Claim
from workflow.lib.job import JobError
from workflow.lib.study import Ledger
from workflow.lib.verdicts import RULE_TEXTS
from workflow.scripts import collect_numbers, write_clocks, write_ledger, write_page


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
FAST = {"T2": CLAIM | {"figure": "fast", "checks": [CHECK | {"published": "t2.ratio"}, CHECK]}}
MADE_BY = {"rule": "summarise_toy", "log": "toy.log", "command": "snakemake toy.csv"}
LEDGER = Ledger(smallest_effect=0.003, significance=0.05)
ABOUT = Page(
    title="T",
    question="q",
    source="s",
    result="The result: {t1.x}.",
    figures={"drawn": Figure(alt="a line"), "fast": Figure(alt="times")},
    clocks=["fast"],
)


def written(folder: Path, data: str, study: str, clocks: list[Path] | None = None) -> str:
    """A page with one number, one figure and one claim; with clocks, of times too."""
    row: dict[str, Any] = {"key": "t1.x", "value": 0.9, "lo": 0.8, "hi": 0.95, "n": 3}
    row |= {"unit": "fraction", "interval": "95 % over seeds (Wilson)", "what": "x", "data": data}
    pl.DataFrame([row]).write_csv(folder / "numbers_toy.csv")
    pl.DataFrame({"y": [7]}).write_csv(folder / "drawn.csv")
    (folder / "drawn.svg").write_text("<svg/>", encoding="utf-8")
    (folder / "page.html").write_text(TEXT, encoding="utf-8")
    write_page.main(
        chapter="toy",
        previous="before",
        next="",
        about=ABOUT,
        settings={"seeds": 3},
        runs={},
        declared={
            name: Claim.model_validate(claim)
            for name, claim in (
                {"T1": CLAIM | {"checks": [CHECK]}} | (FAST if clocks else {})
            ).items()
        },
        made_by={"": MADE_BY},
        ledger=LEDGER,
        verdict_rules=RULE_TEXTS,
        study=study,
        numbers=folder / "numbers_toy.csv",
        clocks=clocks or [],
        figures=[folder / "drawn.svg"],
        template=folder / "page.html",
        output=folder / "toy.html",
    )
    return (folder / "toy.html").read_text(encoding="utf-8")


def test_a_page_has_its_numbers_its_figure_and_its_claim(tmp_path: Path) -> None:
    text = written(tmp_path, "isolet", "full")
    number = '<a class="made" href="#t1.x">90.0 % [80.0, 95.0]</a>'
    assert f"<p>{number}, 7, 3 &amp; <&lt;</p>" in text
    assert f'<p class="lead">The result: {number}.</p>' in text
    assert '<tr id="t1.x">' in text
    assert "Rule <code>summarise_toy</code>, log <code>toy.log</code>" in text
    assert 'rel="prev" href="before.html"' in text
    assert 'rel="next"' not in text
    assert 'id="drawn"' in text
    assert 'aria-label="a line"' in text
    assert page.figure(tmp_path / "drawn.svg", "a line") in text
    assert 'href="../tables/drawn.csv"' in text
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


def test_a_result_with_a_number_that_is_not_there_is_one_sentence() -> None:
    template = page.environment().from_string("{{ 'It is {t1.y}.'|filled({}) }}")
    with pytest.raises(JobError, match=r"^'It is \{t1.y\}.': no number t1.y; use a key of"):
        template.render()


# --- times ----------------------------------------------------------------------------------------

PART = """{% from "figure.html" import figure with context %}
<p>{{ numbers["t2.ratio"]|number }}, {{ settings.seeds }} seeds</p>
{% call figure("fast") %}How fast.{% endcall %}
"""


def timed(folder: Path, ratio: float, part: str = PART) -> dict[str, str]:
    """The chapter's page, the page of times and the files, of a run with this ratio of times."""
    folder.mkdir()
    row = {"lo": ratio - 0.1, "hi": ratio + 0.1, "n": 7, "unit": "ratio of times", "what": "x"}
    row |= {"key": "t2.ratio", "value": ratio, "interval": "95 % over repeats", "data": "isolet"}
    pl.DataFrame([row]).write_csv(folder / "clocks_toy.csv")
    (folder / "fast.svg").write_text("<svg/>", encoding="utf-8")
    pl.DataFrame({"seconds": [0.12345]}).write_csv(folder / "fast.csv")
    (folder / "clocks.html").write_text(part, encoding="utf-8")
    written(folder, "isolet", "full", clocks=[folder / "clocks_toy.csv"])
    (folder / "numbers.json").write_text('{"provenance": {"device": "cpu"}}', encoding="utf-8")
    declared = {"toy": {key: Claim.model_validate(claim) for key, claim in FAST.items()}}
    write_ledger.main(
        declared=declared,
        tables={"toy": [folder / "numbers_toy.csv", folder / "clocks_toy.csv"]},
        numbers=folder / "numbers.json",
        clock_files=["reports/figures/fast.svg"],
        ledger=LEDGER,
        study="full",
        claims=folder / "claims.json",
        clocks=folder / "clocks.json",
        table=folder / "ledger.csv",
    )
    write_clocks.main(
        chapters={
            "toy": write_clocks.Timed(
                about=ABOUT,
                settings={"seeds": 3},
                claims=["T2"],
                clocks=folder / "clocks_toy.csv",
                made_by=MADE_BY,
                template=folder / "clocks.html",
            )
        },
        ledger=LEDGER,
        verdict_rules=RULE_TEXTS,
        study="full",
        decided=folder / "clocks.json",
        figures=[folder / "fast.svg"],
        output=folder / "times.html",
    )
    names = ("toy.html", "times.html", "claims.json", "clocks.json", "ledger.csv")
    return {name: (folder / name).read_text(encoding="utf-8") for name in names}


def test_what_a_clock_decides_is_only_where_times_are(tmp_path: Path) -> None:
    one, other = timed(tmp_path / "one", 1.25), timed(tmp_path / "other", 2.5)
    differ = {name for name in one if one[name] != other[name]}
    assert differ == {"times.html", "clocks.json"}
    text = one["times.html"]
    number = '<a class="made" href="#t2.ratio">1.25 [1.15, 1.35]</a>'
    assert f"<p>{number}, 3 seeds</p>" in text
    assert page.figure(tmp_path / "one/fast.svg", "times") in text
    assert '<tr class="claim" id="T2">' in text
    assert 'href="#fast"' in text
    assert 'href="chapters/toy.html"' in text
    assert RULE_TEXTS["above"].split(";")[0].replace(">", "&gt;") in text
    # The chapter's page has the verdict, and the way to the time.
    assert 'href="../clocks.html#chapter_toy"' in one["toy.html"]
    assert 'href="../clocks.html#T2"' in one["toy.html"]
    assert 'href="../clocks.html#fast"' in one["toy.html"]
    decided = json.loads(one["clocks.json"])
    assert decided["numbers"]["t2.ratio"]["value"] == 1.25
    assert decided["claims"]["T2"]["effect"] == 1.25
    assert decided["files"] == ["reports/figures/fast.svg"]
    assert decided["provenance"] == {"device": "cpu"}
    (claim,) = json.loads(one["claims.json"])
    assert (claim["effect"], claim["verdict"]) == (None, "reproduced")


def test_a_figure_of_times_that_no_page_shows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"clocks\.html: does not show fast"):
        timed(tmp_path / "one", 1.25, "<p>nothing</p>")


def test_a_clock_among_the_numbers_is_an_error(tmp_path: Path) -> None:
    """It would make numbers.json differ in every run."""
    row = {"key": "t2.seconds", "value": 1.0, "lo": 0.9, "hi": 1.1, "n": 7, "unit": "s"}
    table = tmp_path / "numbers_toy.csv"
    pl.DataFrame([row | {"interval": "i", "what": "w", "data": "isolet"}]).write_csv(table)
    with pytest.raises(JobError, match=r"^t2\.seconds: has the unit s, .* the chapter's table of"):
        collect_numbers.main([table], table, [], "full", {}, "0" * 16, tmp_path / "numbers.json")


def test_the_units_of_clocks_are_units() -> None:
    """They are in two files, because pages do not wait for the library."""
    assert numbers.CLOCKS == compare.CLOCKS
    assert set(numbers.CLOCKS) <= set(page.UNITS)


def test_cell_without_a_number_is_a_dash(tmp_path: Path) -> None:
    """A number that is not known is empty in some tables and NaN in others."""
    (tmp_path / "a.csv").write_text("name,lo\na,NaN\nb,\nc,0.25\n", encoding="utf-8")
    dash = "\N{EN DASH}"
    assert page.table(tmp_path / "a.csv")["rows"] == [["a", dash], ["b", dash], ["c", "0.25"]]
