"""Write the page of a chapter: its text, numbers, verdicts and figures in one file.

Times are on a separate page, so that this one is the same in every run.
"""

from pathlib import Path
from typing import Any

import polars as pl

from workflow.lib import claims, job, page
from workflow.lib.chapters import Page
from workflow.lib.claims import Claim
from workflow.lib.numbers import collect
from workflow.lib.study import Ledger
from workflow.lib.tables import SOURCES, STAND_INS

CLOCKS = "../clocks.html"


def main(
    chapter: str,
    previous: str,
    next: str,
    about: Page,
    settings: dict[str, Any],
    runs: dict[str, Any],
    declared: dict[str, Claim],
    made_by: dict[str, dict[str, str]],
    ledger: Ledger,
    verdict_rules: dict[str, str],
    study: str,
    numbers: Path,
    clocks: list[Path],
    figures: list[Path],
    template: Path,
    output: Path,
) -> None:
    """Write the page.

    Args:
        chapter: the chapter's name.
        previous: name of the chapter before it, "" before the first.
        next: name of the chapter after it, "" after the last.
        about: title, source and figures.
        settings: the chapter's settings.
        runs: the settings of the trainings that several chapters read.
        declared: its claims by id.
        made_by: rule, log and command of its table of numbers (by "") and of those of its claims.
        ledger: the constants of the rules of verdict.
        verdict_rules: the rules in words, by name.
        study: "full" or "quick".
        numbers: CSV with the chapter's numbers, in the folder of all tables.
        clocks: CSV with its clocks, if it has any, which decide verdicts.
        figures: its figures (SVG), but for those of times.
        template: the page's text.
        output: HTML to write.

    Raises:
        JobError: if the page does not show one of the chapter's figures.
    """
    found, judged = collect([numbers]), collect([numbers, *clocks])
    data = pl.read_csv(numbers, columns=["data"])["data"][0]
    tables = numbers.parent

    def place(key: str) -> str:
        return f"#{key}" if key in found else f"{CLOCKS}#{key}" if key in judged else ""

    text = (
        page.environment(template.parent, place=place)
        .get_template(template.name)
        .render(
            root="../",
            chapter=chapter,
            previous=previous,
            next=next,
            about=about,
            settings=settings,
            runs=runs,
            numbers={key: entry | {"key": key} for key, entry in found.items()},
            how=lambda key: made_by[claims.owner(declared, key) or ""],
            constants=ledger,
            verdict_rules=verdict_rules,
            figure_link=lambda claim: about.link(Path(claim["figure"]).stem, "", CLOCKS),
            clocks=CLOCKS if clocks else "",
            ledger=[
                claims.without_clocks(claims.entry(name, each, judged, ledger))
                for name, each in declared.items()
            ],
            figures=page.figures(about, figures, tables),
            rows=lambda table: pl.read_csv(tables / f"{table}.csv").rows(named=True),
            data=SOURCES[data],
            stand_in=STAND_INS.get(data, ""),
            study=study,
        )
    )
    absent = [name for name in about.shown_figures() if f'id="{name}"' not in text]
    if absent:
        shown = f'{{% call figure("{absent[0]}") %}}caption{{% endcall %}}'
        raise job.JobError(f"{template}: does not show {', '.join(absent)}; add {shown}")
    page.write(text, output)


job.run(main, globals().get("snakemake"))
