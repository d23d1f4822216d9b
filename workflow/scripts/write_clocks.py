"""Write the page of times: the times of every chapter that measures some, in one file."""

import json
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup
from pydantic import BaseModel, Field

from workflow.lib import job, page
from workflow.lib.chapters import Page
from workflow.lib.numbers import collect
from workflow.lib.study import Ledger
from workflow.lib.tables import SOURCES, STAND_INS


class Timed(BaseModel):
    """A chapter that measures times."""

    about: Page
    settings: dict[str, Any]
    claims: list[str] = Field(description="ids of all its claims")
    clocks: Path = Field(description="CSV with its clocks, in the folder of all tables")
    made_by: dict[str, str] = Field(description="rule, log and command of that CSV")
    template: Path = Field(description="its part of the page")


def main(
    chapters: dict[str, Timed],
    ledger: Ledger,
    verdict_rules: dict[str, str],
    study: str,
    decided: Path,
    figures: list[Path],
    output: Path,
) -> None:
    """Write the page.

    Args:
        chapters: those that measure times, by name.
        ledger: the constants of the rules of verdict.
        verdict_rules: the rules in words, by name.
        study: "full" or "quick".
        decided: clocks.json.
        figures: the figures of times (SVG).
        output: HTML to write.

    Raises:
        JobError: if the page does not show one of the figures.
    """
    clocks: dict[str, Any] = json.loads(decided.read_text(encoding="utf-8"))
    figure_of = {name: chapter for chapter, each in chapters.items() for name in each.about.figures}
    parts = {
        name: {
            "about": each.about,
            "text": Markup(_part(name, each, [f for f in figures if figure_of[f.stem] == name])),
            "numbers": _numbers(each),
            "how": lambda key, made_by=each.made_by: made_by,
            "ledger": [clocks["claims"][id] for id in each.claims if id in clocks["claims"]],
        }
        for name, each in chapters.items()
    }

    def link(claim: dict[str, Any]) -> str:
        figure = Path(claim["figure"]).stem
        chapter = figure_of[figure]
        return chapters[chapter].about.link(figure, f"chapters/{chapter}.html", "")

    marks = {STAND_INS.get(_data(each), "") for each in chapters.values()} - {""}
    text = (
        page.environment(place=lambda key: f"#{key}" if key in clocks["numbers"] else "")
        .get_template("clocks.html")
        .render(
            chapters=parts,
            constants=ledger,
            verdict_rules=verdict_rules,
            figure_link=link,
            provenance=clocks["provenance"],
            stand_in="; ".join(sorted(marks)),
            study=study,
        )
    )
    absent = [svg.stem for svg in figures if f'id="{svg.stem}"' not in text]
    if absent:
        template = chapters[figure_of[absent[0]]].template
        shown = f'{{% call figure("{absent[0]}") %}}caption{{% endcall %}}'
        raise job.JobError(f"{template}: does not show {', '.join(absent)}; add {shown}")
    page.write(text, output)


def _part(chapter: str, timed: Timed, figures: list[Path]) -> str:
    """What a chapter says of its times."""
    tables = timed.clocks.parent

    return (
        page.environment(timed.template.parent, place=lambda key: f"#{key}")
        .get_template(timed.template.name)
        .render(
            chapter=chapter,
            about=timed.about,
            settings=timed.settings,
            numbers=_numbers(timed),
            figures=page.figures(timed.about, figures, tables),
            rows=lambda table: pl.read_csv(tables / f"{table}.csv").rows(named=True),
            data=SOURCES[_data(timed)],
        )
    )


def _numbers(timed: Timed) -> dict[str, Any]:
    return {key: entry | {"key": key} for key, entry in collect([timed.clocks]).items()}


def _data(timed: Timed) -> str:
    return pl.read_csv(timed.clocks, columns=["data"])["data"][0]


job.run(main, globals().get("snakemake"))
