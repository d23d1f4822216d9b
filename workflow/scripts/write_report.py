"""The report: one page with everything in it, readable without a network and on a phone."""

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import polars as pl
from entries import collect
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tables import write_text

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


TITLES = {
    "sketch_neuron": "Sketch of a neuron",
    "sketch_xor": "Sketch of the XOR network",
    "sketch_isolet": "Sketch of the ISOLET network",
    "xor": "XOR: loss by epoch and solved fraction",
    "fig1": "Loss by epoch, momentum 0",
    "fig2": "Test accuracy by epoch, momentum 0",
    "fig3": "Loss by epoch, momentum 0.9",
    "fig4": "Test accuracy by epoch, momentum 0.9",
    "fig5": "Test accuracy by learning rate and hidden units",
    "fig6": "Test accuracy by epochs and batch size",
    "fig7": "Test accuracy by hidden layers and beta1",
    "fig8": "Test accuracy by optimizer",
    "ledger": "Effects behind the claims, in both arms, with verdicts",
    "tuning": "Accuracy by learning rate, and the best of several trials",
    "optimizers": "Test accuracy by optimizer, at a shared rate and at tuned rates",
    "parity": "Parameters and accuracies of the same training by other libraries",
    "timing": "Seconds an epoch and to an accuracy, by batch size",
    "audit": "Which runs through the alphabet have the same speaker",
    "leak": "What splits that share speakers report",
    "baselines": "Test accuracy of other classifiers and of published ones",
    "record": "What each ingredient of the record gives, and what it reaches",
}
"""What a reader who cannot see a figure is told."""


UNITS = {
    "fraction": (".1f", 100, " %"),
    "difference of fractions": ("+.2f", 100, " points"),
    "nats": (".3f", 1, " nats"),
    "rows": (".1f", 1, ""),
    "runs": (".0f", 1, ""),
    "ratio": (".3g", 1, ""),
    "s": (".3g", 1, " s"),
    "correlation": (".2f", 1, ""),
    "perplexity": (".1f", 1, ""),
    "tokens": (",.0f", 1, ""),
    "number": (".3g", 1, ""),
    "count": (",.0f", 1, ""),
}
"""How a number of each unit is written: its format, what it is multiplied with, what follows it."""


def number(entry: dict[str, Any]) -> str:
    """A number with its interval: fractions in percent, differences of them in points.

    Example:
        >>> number({"value": 0.9529, "lo": 0.937, "hi": 0.966, "unit": "fraction"})
        '95.3 % [93.7, 96.6]'
    """
    form, scale, unit = UNITS[entry["unit"]]
    value, lo, hi = (
        "unknown" if entry[key] is None else format(scale * entry[key], form)
        for key in ("value", "lo", "hi")
    )
    if entry["lo"] is None and entry["hi"] is None:
        return f"{value}{unit}"
    return f"{value}{unit} [{lo}, {hi}]"


def effect(arm: dict[str, Any]) -> str:
    """The number of one arm of a check, as `number` writes it."""
    return number(arm | {"value": arm["effect"]})


def main(
    names: list[str],
    numbers: Path,
    claims: Path,
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
        claims: claims.json.
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
    environment.filters["effect"] = effect
    entries = json.loads(numbers.read_text(encoding="utf-8"))
    provenance = entries.pop("provenance")
    solved = pl.read_csv(tables / "xor.csv").filter(
        pl.col("network") == "2-3-2", pl.col("solved").is_not_null()
    )
    chapters = config.get("chapters", {})
    of_chapters = collect([tables / f"numbers_{chapter}.csv" for chapter in chapters])
    context = {
        "chapters": chapters,
        "of_chapters": set(of_chapters),
        "place": {f"reports/figures/{name}.svg": f"#{name}" for name in names}
        | {
            f"reports/figures/{figure}.svg": f"chapters/{name}.html#{figure}"
            for name, chapter in chapters.items()
            for figure in chapter["figures"]
        },
        "numbers": entries,
        "provenance": provenance,
        "config": config,
        "ledger": json.loads(claims.read_text(encoding="utf-8")),
        "experiments": config["experiments"],
        "data_name": "ISOLET" if provenance["data"] == "isolet" else "STAND-IN (synthetic)",
        "arms": pl.read_csv(tables / "experiments.csv").rows(named=True),
        "xor_least": solved["solved"].min(),
        "xor_most": solved["solved"].max(),
    }
    shown = [
        {
            "name": name,
            "title": TITLES[name],
            "image": base64.b64encode((figures / f"{name}.svg").read_bytes()).decode(),
            "caption": environment.get_template(f"{name}.html").render(context),
        }
        for name in names
    ]
    page = environment.get_template("index.html").render(context, figures=shown)
    write_text(page, output)


if "snakemake" in globals():
    job.report(snakemake.log[0])
    main(
        [Path(figure).stem for figure in snakemake.input.figures],
        Path(snakemake.input.numbers),
        Path(snakemake.input.claims),
        Path(snakemake.input.tables[0]).parent,
        Path(snakemake.input.figures[0]).parent,
        Path(snakemake.input.template).parent,
        snakemake.params["config"],
        Path(snakemake.output.page),
    )
