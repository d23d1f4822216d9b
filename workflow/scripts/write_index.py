"""Write the front page: the headline, the ledger, the way to each chapter, and how to rerun."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from workflow.lib import job, page
from workflow.lib.chapters import Page
from workflow.lib.study import Ledger
from workflow.lib.tables import STAND_INS
from workflow.lib.verdicts import VERDICTS

ALT = (
    "One line for each claim that compares accuracies: its sentence, its effect with a 95 % "
    "interval, as published and clean, and the verdict. Effects on the right agree with the source."
)


def main(
    chapters: dict[str, Page],
    claims_of: dict[str, list[str]],
    headline: list[str],
    ledger: Ledger,
    verdict_rules: dict[str, str],
    study: str,
    tables: dict[str, Path],
    numbers: Path,
    claims: Path,
    ledger_figure: Path,
    ledger_table: Path,
    thumbnails: list[Path],
    index: Path,
) -> None:
    """Write the page.

    Args:
        chapters: what the pages of the chapters say of them, by name.
        claims_of: chapter to the ids of its claims.
        headline: keys of the numbers in the headline; those of a missing chapter are left out.
        ledger: the constants of the rules of verdict.
        verdict_rules: the rules in words, by name.
        study: "full" or "quick".
        tables: chapter to the CSV with its numbers, whose page has a row for each.
        numbers: numbers.json.
        claims: claims.json.
        ledger_figure: the figure of the ledger (SVG).
        ledger_table: its numbers (CSV).
        thumbnails: figures that are shown small (PNG).
        index: HTML to write.
    """
    entries: dict[str, Any] = json.loads(numbers.read_text(encoding="utf-8"))
    provenance = entries.pop("provenance")
    judged = json.loads(claims.read_text(encoding="utf-8"))
    chapter_of = {figure: name for name, about in chapters.items() for figure in about.figures}
    pages = {
        key: f"chapters/{name}.html#{key}"
        for name, table in tables.items()
        for key in pl.read_csv(table, columns=["key"])["key"]
    }

    count = Counter(claim["verdict"] for claim in judged)

    def link(figure: str) -> str:
        name = chapter_of[figure]
        return chapters[name].link(figure, f"chapters/{name}.html", "clocks.html")

    text = (
        page.environment(place=lambda key: pages.get(key, ""))
        .get_template("index.html")
        .render(
            chapters={
                name: about.model_dump() | {"claims": claims_of[name]}
                for name, about in chapters.items()
            },
            numbers=entries,
            headline=[entries[key] | {"key": key} for key in headline if key in entries],
            verdicts={verdict: count[verdict] for verdict in VERDICTS},
            sources=list(dict.fromkeys(claim["source"].split(",")[0] for claim in judged)),
            ledger=judged,
            ledger_drawing=page.figure(ledger_figure, ALT),
            ledger_table=page.table(ledger_table),
            figure_link=lambda claim: link(Path(claim["figure"]).stem),
            front=[
                {
                    "name": png.stem,
                    "chapter": chapter_of[png.stem],
                    "alt": chapters[chapter_of[png.stem]].figures[png.stem].alt,
                    "image": page.thumbnail(png),
                }
                for png in thumbnails
            ],
            verdict_rules=verdict_rules,
            constants=ledger,
            provenance=provenance,
            stand_in=STAND_INS.get(provenance["data"], ""),
            study=study,
        )
    )
    page.write(text, index)


job.run(main, globals().get("snakemake"))
