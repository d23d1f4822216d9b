"""Write the front page: the headline, the ledger, the way to each chapter, and how to rerun."""

import json
from pathlib import Path
from typing import Any

from workflow.lib import job, page
from workflow.lib.chapters import Page
from workflow.lib.study import Ledger
from workflow.lib.tables import STAND_INS, write_text
from workflow.lib.verdicts import VERDICTS


def main(
    chapters: dict[str, Page],
    claims_of: dict[str, list[str]],
    headline: list[str],
    ledger: Ledger,
    verdict_rules: dict[str, str],
    study: str,
    numbers: Path,
    claims: Path,
    ledger_figure: Path,
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
        numbers: numbers.json.
        claims: claims.json.
        ledger_figure: the figure of the ledger (SVG).
        thumbnails: figures that are shown small (PNG).
        index: HTML to write.
    """
    entries: dict[str, Any] = json.loads(numbers.read_text(encoding="utf-8"))
    provenance = entries.pop("provenance")
    chapter_of = {figure: name for name, about in chapters.items() for figure in about.figures}

    def link(figure: str) -> str:
        name = chapter_of[figure]
        return chapters[name].link(figure, f"chapters/{name}.html", "clocks.html")

    text = (
        page.environment()
        .get_template("index.html")
        .render(
            chapters={
                name: about.model_dump() | {"claims": claims_of[name]}
                for name, about in chapters.items()
            },
            headline=[entries[key] for key in headline if key in entries],
            verdicts=VERDICTS,
            ledger=json.loads(claims.read_text(encoding="utf-8")),
            ledger_image=page.image(ledger_figure),
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
    write_text(text, index)


job.run(main, globals().get("snakemake"))
