"""Write the page of a chapter: its text, numbers, verdicts and figures in one file."""

from pathlib import Path
from typing import Any

import polars as pl

from workflow.lib import claims, job, page, verdicts
from workflow.lib.chapters import Page
from workflow.lib.claims import Claim
from workflow.lib.numbers import collect
from workflow.lib.study import Ledger
from workflow.lib.tables import SOURCES, STAND_INS, write_text


def main(
    chapter: str,
    about: Page,
    settings: dict[str, Any],
    runs: dict[str, Any],
    declared: dict[str, Claim],
    ledger: Ledger,
    study: str,
    numbers: Path,
    figures: list[Path],
    template: Path,
    output: Path,
) -> None:
    """Write the page.

    Args:
        chapter: the chapter's name.
        about: title, source and figures.
        settings: the chapter's settings.
        runs: the settings of the trainings that several chapters read.
        declared: its claims by id.
        ledger: the constants of the rules of verdict.
        study: "full" or "quick".
        numbers: CSV with the chapter's numbers, in the folder of all tables.
        figures: its figures (SVG).
        template: the page's text.
        output: HTML to write.
    """
    found = collect([numbers])
    data = pl.read_csv(numbers, columns=["data"])["data"][0]
    text = page.environment(template.parent).get_template(template.name)
    write_text(
        text.render(
            chapter=chapter,
            about=about,
            settings=settings,
            runs=runs,
            numbers=found,
            constants=ledger,
            verdict_rules=verdicts.RULE_TEXTS,
            figure_link=lambda claim: f"#{Path(claim['figure']).stem}",
            ledger=[claims.entry(name, each, found, ledger) for name, each in declared.items()],
            figures={
                svg.stem: {"alt": about.figures[svg.stem].alt, "image": page.image(svg)}
                for svg in figures
            },
            rows=lambda table: pl.read_csv(numbers.parent / f"{table}.csv").rows(named=True),
            data=SOURCES[data],
            stand_in=STAND_INS.get(data, ""),
            study=study,
        ),
        output,
    )


job.run(main, globals().get("snakemake"))
