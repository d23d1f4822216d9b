"""Write the page of a table's study: one file that needs no other."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from workflow.lib import job, page
from workflow.table.settings import Table

ALT = {
    "comparison": "Test accuracy of every model, with its interval",
    "outcome": "Confusion matrix and calibration, or predictions and errors, of the chosen network",
    "epochs": "Held-out loss and accuracy of the best trials, by epoch",
    "rows": "Accuracy over the number of training rows",
    "importance": "Accuracy lost if a column is permuted",
    "tuning": "Held-out accuracy of every trial of the networks",
}


def main(
    about: Path,
    table: Table,
    comparison: Path,
    numbers: Path,
    summary: Path,
    figures: list[Path],
    template: Path,
    study: str,
    output: Path,
) -> None:
    """Write the page.

    Args:
        about: what is known about the table.
        table: the settings.
        comparison: CSV of the models.
        numbers: JSON of the numbers.
        summary: JSON of what was found.
        figures: SVG files.
        template: the page's text.
        study: "full" or "quick".
        output: HTML to write.
    """

    def content(path: Path) -> Any:
        return json.loads(path.read_text(encoding="utf-8"))

    text = (
        page.environment(template.parent)
        .get_template(template.name)
        .render(
            about=content(about),
            table=table,
            name=table.name,
            rows=pl.read_csv(comparison, infer_schema_length=None).to_dicts(),
            numbers=content(numbers),
            found=content(summary),
            figures={svg.stem: page.figure(svg, ALT[svg.stem]) for svg in figures},
            root="../../",
            stand_in="",
            study=study,
        )
    )
    page.write(text, output)


job.run(main, globals().get("snakemake"))
