"""Leaking splits: accuracy by scheme, and by range minus that of whole speakers."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "Leaking splits: cross-validated accuracy on the training rows"
ACCURACY = ["value", "value_lo", "value_hi"]
DIFFERENCE = ["difference", "difference_lo", "difference_hi"]
SCHEMES = {
    "speakers": ("whole speakers", style.BLUE, "o"),
    "ranges": ("row ranges", style.GREEN, "s"),
    "rows": ("single rows", style.ORANGE, "D"),
}
COLOURS = (style.ORANGE, style.BLUE, style.GREEN, style.GREY)
MARKS = ("o", "s", "D", "^")


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw accuracies by scheme (left) and differences from the honest scheme (right).

    Args:
        table: CSV as `schemes.table` describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    footer = (
        f"{read.footer()}, 120 speakers. Bars: 95 % over speakers and seeds; differences are "
        "paired by speaker and seed on the same held-out rows. Ranges 3 and 4 share their speakers."
    )
    page = style.Page(9.6, 4.3, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """Both panels.

    Args:
        figure: receives two axes.
        rows: as `main` reads them.
    """
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    _accuracies(left, rows.filter(range="all"))
    _differences(right, rows)


def _accuracies(axes: Axes, rows: pl.DataFrame) -> None:
    models = rows["model"].unique(maintain_order=True).to_list()
    names = [str(rows.filter(model=model)["name"][0]) for model in models]
    for shift, (scheme, (label, colour, mark)) in zip(
        (0.2, 0.0, -0.2), SCHEMES.items(), strict=True
    ):
        part = rows.filter(scheme=scheme)
        place = np.array([models.index(model) for model in part["model"]]) - shift
        value, lo, hi = (100 * part[column].to_numpy() for column in ACCURACY)
        axes.hlines(place, lo, hi, color=colour, linewidth=1.2)
        axes.plot(value, place, mark, color=colour, markersize=5, label=label)
    axes.set_yticks(range(len(models)), names)
    axes.set_ylim(len(models) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("accuracy on held-out rows (%)")
    style.tell_along(
        axes, "y", {place: _told(rows.filter(model=model)) for place, model in enumerate(models)}
    )
    axes.legend(title="held out:", loc="upper left", frameon=False, fontsize=8, title_fontsize=8)


def _told(rows: pl.DataFrame) -> str:
    """The hover text of a model's line: its accuracy by each scheme."""
    numbers = [
        f"{SCHEMES[row['scheme']][0]} {style.interval(100 * row[name] for name in ACCURACY)}"
        for row in rows.iter_rows(named=True)
    ]
    return f"{rows['name'][0]}, held out: {'; '.join(numbers)}; n = {rows['n'][0]}"


def _differences(axes: Axes, rows: pl.DataFrame) -> None:
    models = rows["model"].unique(maintain_order=True).to_list()
    ranges = sorted(set(rows["range"]) - {"all"})
    cells = [("rows", "all"), *(("ranges", part) for part in ranges)]
    places = [0.0, *(1.4 + i for i in range(len(ranges)))]
    axes.axhline(0, color=style.INK, linewidth=0.9)
    axes.axvline(0.7, color=style.GREY, linewidth=0.8, linestyle=":")
    if len(ranges) == 4:
        axes.axvspan(places[3] - 0.48, places[4] + 0.48, color=style.FAINT, alpha=0.5, linewidth=0)
        top = axes.get_xaxis_transform()
        middle = (places[3] + places[4]) / 2
        axes.text(
            middle, 0.985, "same 60 speakers", transform=top, ha="center", va="top", fontsize=8
        )
    for index, model in enumerate(models):
        part = pl.concat([rows.filter(model=model, scheme=s, range=r) for s, r in cells])
        place = np.array(places) + 0.17 * (index - (len(models) - 1) / 2)
        value, lo, hi = (100 * part[column].to_numpy() for column in DIFFERENCE)
        colour, mark = COLOURS[index % len(COLOURS)], MARKS[index % len(MARKS)]
        axes.vlines(place, lo, hi, color=colour, linewidth=1.2)
        axes.plot(place, value, mark, color=colour, markersize=5, label=part["name"][0])
    axes.set_xticks(places, ["single\nrows", *(f"row\nrange {part}" for part in ranges)])
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("accuracy minus that of whole speakers (points)")
    axes.legend(loc="lower right", frameon=False, fontsize=8)


job.run(main, globals().get("snakemake"))
