"""Accuracy on the test rows over the number of training rows."""

import json
from pathlib import Path

import polars as pl
from matplotlib.figure import Figure

from workflow.lib import job, style


def main(curve: Path, about: Path, svg: Path, png: Path) -> None:
    """Draw the mean and the range of the draws.

    Args:
        curve: CSV as `summarise.main` writes it.
        about: what is known of the table.
        svg: vector file to write.
        png: raster file to write.
    """
    rows = pl.read_csv(curve)
    known = json.loads(about.read_text(encoding="utf-8"))
    regression = known["task"] == "regression"
    scale = 1 if regression else 100
    kind = "groups" if known["groups"] else "rows"
    footer = (
        f"{known['file']}. Line: mean; bars: range of {rows['n'].max()} draws of {kind}, each with "
        "its own seed. The chosen network, on the test rows."
    )

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        x, y = rows["rows"].to_numpy(), scale * rows["value"].to_numpy()
        axes.vlines(
            x, scale * rows["least"].to_numpy(), scale * rows["most"].to_numpy(),
            color=style.ORANGE, linewidth=1.3,
        )  # fmt: skip
        axes.plot(x, y, "s-", color=style.ORANGE, markersize=5)
        axes.set_xscale("log")
        axes.set_xticks(x, [f"{rows:.0f}" for rows in x])
        axes.minorticks_off()
        unit = "" if regression else " %"
        told = {
            row["rows"]: f"{row['rows']:.0f} training rows: mean "
            + style.interval((scale * row[end] for end in ("value", "least", "most")), unit)
            + f" (least, most), n = {row['n']} draws"
            for row in rows.iter_rows(named=True)
        }
        style.tell_along(axes, "x", told)
        axes.set_xlabel("training rows")
        axes.set_ylabel("R² on the test rows" if regression else "test accuracy (%)")

    style.render(style.Page(8.2, 3.4, "More rows, more accuracy?", footer), draw, svg, png)


job.run(main, globals().get("snakemake"))
