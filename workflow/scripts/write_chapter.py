"""The page of a chapter: its text, numbers, verdicts and figures in one file."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import figtable
import job
import polars as pl
from entries import collect
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from judge_claim import entry
from tables import write_text
from write_report import effect, number

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    name: str,
    settings: dict[str, Any],
    claims: dict[str, Any],
    ledger: dict[str, Any],
    study: str,
    tables: Path,
    figures: Path,
    templates: Path,
    output: Path,
) -> None:
    """Write the page of a chapter.

    Args:
        name: the chapter; its template is chapters/NAME.html, its numbers numbers_NAME.csv.
        settings: the chapter's settings.
        claims: the chapter's claims by id, as in the configuration.
        ledger: the constants of the rules of verdict.
        study: "full" or "quick".
        tables: folder of the tables.
        figures: folder of the figures (SVG).
        templates: folder of the templates.
        output: HTML to write.
    """
    environment = Environment(
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    environment.filters["effect"] = effect
    path = tables / f"numbers_{name}.csv"
    numbers = collect([path])
    data = pl.read_csv(path, columns=["data"])["data"][0]
    page = environment.get_template(f"chapters/{name}.html").render(
        chapter=name,
        settings=settings,
        numbers=numbers,
        ledger=[entry(claim, text, numbers, ledger) for claim, text in claims.items()],
        rules=ledger,
        figures={
            figure: {
                "title": title,
                "image": base64.b64encode((figures / f"{figure}.svg").read_bytes()).decode(),
            }
            for figure, title in settings["figures"].items()
        },
        rows=lambda table: pl.read_csv(tables / f"{table}.csv").rows(named=True),
        data=figtable.SOURCES[data],
        stand_in=figtable.STAND_INS.get(data, ""),
        study=study,
    )
    write_text(page, output)


if "snakemake" in globals():
    job.report(snakemake.log[0])
    main(
        snakemake.wildcards["chapter"],
        snakemake.params["settings"],
        snakemake.params["claims"],
        snakemake.params["ledger"],
        snakemake.params["study"],
        Path(snakemake.input.numbers).parent,
        Path(snakemake.input.figures[0]).parent,
        Path(snakemake.input.templates[0]).parent,
        Path(snakemake.output.page),
    )
