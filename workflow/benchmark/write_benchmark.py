"""The page of the benchmark: what was measured and how, the figures, every row."""

import json
from pathlib import Path

from workflow.lib import job, page


def main(
    rows: Path,
    streams: Path,
    gpu: list[Path],
    figures: list[Path],
    tables: list[Path],
    template: Path,
    study: str,
    output: Path,
) -> None:
    """Write the page.

    Args:
        rows: JSON of the benchmark.
        streams: JSON of the measurement of files that are streamed.
        gpu: JSON of `python -m nnjax.benchmark --gpu`; empty if it was not run.
        figures: SVG files.
        tables: CSV files, named as the figures are.
        template: the page.
        study: "full" or "quick".
        output: HTML to write.
    """
    paths = {path.stem: path for path in figures}
    of_figures = {path.stem: path for path in tables}
    content = json.loads(rows.read_text(encoding="utf-8"))
    text = (
        page.environment(template.parent)
        .get_template(template.name)
        .render(
            **content,
            streams=json.loads(streams.read_text(encoding="utf-8")),
            gpu=json.loads(gpu[0].read_text(encoding="utf-8")) if gpu else None,
            drawn=lambda name, alt: page.figure(paths[name], alt),
            table=lambda name: page.table(of_figures[name]),
            stand_in="",
            study=study,
        )
    )
    page.write(text, output)


job.run(main, globals().get("snakemake"))
