"""The report: one page with everything in it, readable without a network and on a phone."""

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tables import write_text

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def number(entry: dict[str, Any]) -> str:
    """A number with its interval: fractions in percent, one digit more than the interval needs.

    Example:
        >>> number({"value": 0.9529, "lo": 0.937, "hi": 0.966, "unit": "fraction"})
        '95.3 % [93.7, 96.6]'
    """
    value, lo, hi = entry["value"], entry["lo"], entry["hi"]
    if entry["unit"] == "fraction":
        return f"{100 * value:.1f} % [{100 * lo:.1f}, {100 * hi:.1f}]"
    return f"{value:.3f} [{lo:.3f}, {hi:.3f}] {entry['unit']}"


def main(
    names: list[str],
    numbers: Path,
    tables: Path,
    figures: Path,
    templates: Path,
    config: dict[str, Any],
    output: Path,
) -> None:
    """Write the page.

    Args:
        names: figures in the order of the page; each has a caption NAME.html among the templates.
        numbers: numbers.json.
        tables: folder of the tables.
        figures: folder of the figures (SVG).
        templates: folder of the templates; index.html is the page.
        config: the study's configuration.
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
    entries = json.loads(numbers.read_text(encoding="utf-8"))
    provenance = entries.pop("provenance")
    context = {
        "numbers": entries,
        "provenance": provenance,
        "config": config,
        "experiments": config["experiments"],
        "data_name": "ISOLET" if provenance["data"] == "isolet" else "STAND-IN (synthetic)",
        "arms": pl.read_csv(tables / "experiments.csv").rows(named=True),
        "xor_rows": _last_epoch(pl.read_csv(tables / "xor.csv")),
    }
    shown = [
        {
            "name": name,
            "image": base64.b64encode((figures / f"{name}.svg").read_bytes()).decode(),
            "caption": environment.get_template(f"{name}.html").render(context),
        }
        for name in names
    ]
    page = environment.get_template("index.html").render(context, figures=shown)
    write_text(page, output)


def _last_epoch(table: pl.DataFrame) -> list[dict[str, Any]]:
    return table.filter(pl.col("epoch") == pl.col("epoch").max()).rows(named=True)


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        [Path(figure).stem for figure in snakemake.input.figures],
        Path(snakemake.input.numbers),
        Path(snakemake.input.tables[0]).parent,
        Path(snakemake.input.figures[0]).parent,
        Path(snakemake.input.template).parent,
        snakemake.params["config"],
        Path(snakemake.output.page),
    )
