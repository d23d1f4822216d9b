"""The record: what each part of the recipe is worth, and the result beside the published best."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import figtable
import plotjob
import polars as pl
import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TITLE = "Record. ISOLET, official split: the best network"
RESULT = {
    "what": pl.String,
    "accuracy": pl.Float64,
    "lo": pl.Float64,
    "hi": pl.Float64,
    "errors": pl.Float64,
}
ABLATION = {
    "arm": pl.String,
    "n": pl.Int64,
    "difference": pl.Float64,
    "difference_lo": pl.Float64,
    "difference_hi": pl.Float64,
    "recipe": pl.String,
}
NAMES = {"study": "the source's", "single": "one network", "ensemble": "ensemble"}
COLOURS = {"study": style.GREY, "single": style.BLUE, "ensemble": style.ORANGE}


def main(table: Path, svg: Path, png: Path, ablation: Path, recipe: str) -> None:
    """Draw the ablation on the left and the result on the right.

    Args:
        table: CSV with what, accuracy, lo, hi (fractions), errors, data.
        svg: vector file to write.
        png: raster file to write.
        ablation: CSV with arm, n, difference and its interval (fractions), recipe, data; the
            recipe first.
        recipe: the digest of the recipe behind the result; the footer says if the ablation is of
            another one.

    Raises:
        TableError: a table is missing or wrong, or lacks a row the figure needs.
    """
    result = figtable.read(table, RESULT, key=["what"])
    parts = figtable.read(ablation, ABLATION, key=["arm"])
    missing = {*NAMES, "published"} - set(result.rows["what"])
    if missing:
        raise figtable.TableError(f"{table}: no row {', '.join(sorted(missing))}")
    stand_in = result.stand_in or parts.stand_in
    footer = (
        f"Left: {parts.footer()}, cross-validation over the training speakers; differences paired "
        "by seed and speaker. Right: test speakers. Bars: 95 % intervals over speakers and seeds, "
        "of the ensemble over speakers."
        + (
            ""
            if set(parts.rows["recipe"]) == {recipe}
            else " LEFT IS OF ANOTHER RECIPE THAN RIGHT."
        )
    )
    page = style.Page(8.8, 4.4, TITLE, footer, stand_in)
    style.render(page, lambda figure: draw(figure, result.rows, parts.rows), svg, png)


def draw(figure: Figure, result: pl.DataFrame, parts: pl.DataFrame) -> None:
    """Two panels.

    Args:
        figure: receives the axes.
        result: columns of RESULT.
        parts: columns of ABLATION; the first row is the recipe itself, with difference 0.
    """
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _differences(left, parts[1:])
    _accuracies(right, result)


def _differences(axes: Axes, parts: pl.DataFrame) -> None:
    """Accuracy without each part minus accuracy of the recipe, in percentage points."""
    for place, row in enumerate(parts.iter_rows(named=True)):
        low, middle, high = (
            100 * row[name] for name in ("difference_lo", "difference", "difference_hi")
        )
        axes.plot([low, high], [place, place], color=style.BLUE)
        axes.plot(middle, place, "o", color=style.BLUE)
    axes.axvline(0, color=style.INK, lw=0.8)
    axes.set_yticks(range(parts.height), parts["arm"].to_list())
    axes.set_ylim(parts.height - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("accuracy minus the recipe's (percentage points)")
    axes.set_title("what a change of the recipe does", loc="left", fontsize=9)


def _accuracies(axes: Axes, result: pl.DataFrame) -> None:
    """Accuracy with its interval for each of NAMES, and the published one as a line."""
    rows = {row["what"]: row for row in result.iter_rows(named=True)}
    best = rows["published"]
    axes.axhline(100 * best["accuracy"], color=style.GREEN, ls="--", lw=1.2)
    axes.annotate(
        f"published: {best['errors']:.0f} errors",
        (0, 100 * best["accuracy"]),
        xycoords=("axes fraction", "data"),
        xytext=(3, 3),
        textcoords="offset points",
        fontsize=8,
        color=style.GREEN,
    )
    for place, (what, name) in enumerate(NAMES.items()):
        row = rows[what]
        axes.plot([place, place], [100 * row["lo"], 100 * row["hi"]], color=COLOURS[what])
        axes.plot(place, 100 * row["accuracy"], "o", color=COLOURS[what])
        words = f"{name}\n{100 * row['accuracy']:.2f} %\n{row['errors']:.1f} errors"
        under = axes.get_xaxis_transform()
        axes.text(place, -0.03, words, transform=under, ha="center", va="top")
    axes.set_xlim(-0.5, len(NAMES) - 0.5)
    axes.set_xticks([])
    axes.set_ylabel("test accuracy (%)")
    axes.set_title("the result", loc="left", fontsize=9)


if "snakemake" in globals():
    settings = {
        "ablation": Path(snakemake.params["ablation"]),
        "recipe": snakemake.params["recipe"],
    }
    plotjob.run(functools.partial(main, **settings), snakemake)
