"""Held-out loss and accuracy of the best trials, by epoch."""

import json
from pathlib import Path

import polars as pl
from matplotlib.figure import Figure

from workflow.lib import job, style
from workflow.table.networks import NAMES

COLOURS = (style.ORANGE, style.BLUE, style.GREEN, style.INK, style.GREY, "#CC79A7")


def main(chosen: Path, about: Path, svg: Path, png: Path) -> None:
    """Draw the curves, with a mark at the epoch that was chosen.

    Args:
        chosen: Parquet of the trials.
        about: what is known of the table.
        svg: vector file to write.
        png: raster file to write.
    """
    best = pl.read_parquet(chosen).filter("best").to_dicts()
    known = json.loads(about.read_text(encoding="utf-8"))
    regression = known["task"] == "regression"
    footer = (
        f"{known['file']}. Means over held-out folds and seeds. Mark: the epoch with the smallest "
        "held-out loss, at which the refit ends."
    )

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        panels = (
            (left, "losses", 1, "held-out loss"),
            (right, "values", 1 if regression else 100, "R²" if regression else "accuracy (%)"),
        )
        for axes, column, scale, name in panels:
            told: dict[int, str] = {}
            for trial, colour in zip(best, COLOURS, strict=False):
                values = [scale * value for value in trial[column]]
                layers = "" if trial["hidden_units"] else ", no hidden layer"
                label = NAMES[trial["optimizer"]] + layers
                axes.plot(range(1, len(values) + 1), values, color=colour, label=label, lw=1.3)
                axes.plot(trial["epochs"], values[trial["epochs"] - 1], "o", color=colour, ms=4)
                for epoch, value in enumerate(values, 1):
                    before = f"{told[epoch]}; " if epoch in told else f"epoch {epoch}: "
                    mark = " (chosen)" if epoch == trial["epochs"] else ""
                    told[epoch] = f"{before}{label} {value:.4g}{mark}"
            axes.set_xlabel("epoch")
            axes.set_ylabel(name)
            style.tell_along(axes, "x", {epoch: f"{name}, {text}" for epoch, text in told.items()})
        left.legend(frameon=False, fontsize=7)

    style.render(style.Page(8.2, 3.6, "When to stop", footer), draw, svg, png)


job.run(main, globals().get("snakemake"))
