"""Language models: perplexity of the test text, and of the validation text by words seen."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from workflow.lib import job, style, tables

TITLE = "Predicting the next word: perplexity on held-out text"
MODELS = {
    "unigram": ("word frequencies", style.GREY),
    "jelinek_mercer": ("5-gram, Jelinek-Mercer", style.GREY),
    "kneser_ney": ("5-gram, Kneser-Ney", style.GREY),
    "feed_forward": ("network of 2003", style.BLUE),
    "mixture": ("network of 2003 + 5-gram", style.BLUE),
    "transformer_four_words": ("transformer, shown 4 words", style.ORANGE),
    "transformer": ("transformer", style.ORANGE),
    "transformer_mixture": ("transformer + 5-gram", style.ORANGE),
}
"""Label and colour of each dot, from top to bottom."""

LEARNED = ("feed_forward", "transformer")


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw every model's perplexity (left) and the networks' learning curves (right).

    Args:
        table: CSV as `summarise.figure_rows` describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    seeds = read.rows.filter(part="curve")["n"].to_numpy()[0]
    footer = (
        f"n = {seeds} seeds of each network; data: {tables.SOURCES[read.source]}. Bars: 95 % "
        "over contiguous blocks of the test text and seeds. Right: mean of the seeds on the "
        "validation text; band: their range; both networks start as the unigram."
    )
    page = style.Page(9.6, 4.3, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """Both panels.

    Args:
        figure: receives two axes.
        rows: as `main` reads them.
    """
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _dots(left, rows.filter(part="perplexity"))
    _curves(right, rows.filter(part="curve"))


def _dots(axes: Axes, rows: pl.DataFrame) -> None:
    for place, (model, (_, colour)) in enumerate(MODELS.items()):
        row = rows.row(by_predicate=pl.col("model") == model, named=True)
        axes.hlines(place, row["lo"], row["hi"], color=colour, linewidth=1.5)
        axes.plot(row["value"], place, marker="o", markersize=6, color=colour)
        axes.annotate(
            f"{row['value']:.1f}",
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            annotation_clip=False,
        )
    axes.set_yticks(range(len(MODELS)), [name for name, _ in MODELS.values()])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xscale("log")
    _plain(axes, "x")
    axes.set_xlabel("test perplexity (log scale; lower is better)")
    known = {row["model"]: row for row in rows.iter_rows(named=True)}
    style.tell_along(axes, "y", {place: _told(known[model]) for place, model in enumerate(MODELS)})


def _curves(axes: Axes, rows: pl.DataFrame) -> None:
    for model in LEARNED:
        name, colour = MODELS[model]
        part = rows.filter(model=model).sort("tokens")
        x, value, lo, hi = (part[c].to_numpy() for c in ("tokens", "value", "lo", "hi"))
        axes.fill_between(x / 1000, lo, hi, color=colour, alpha=0.2, linewidth=0)
        axes.plot(x / 1000, value, color=colour, marker="o", markersize=3.5, label=name)
    axes.set_yscale("log")
    _plain(axes, "y")
    axes.set_xlabel("words of training text seen (thousands)")
    axes.set_ylabel("validation perplexity (log scale)")
    told = {
        tokens / 1000: f"{tokens:,} words seen: "
        + "; ".join(_told(row) for row in part.iter_rows(named=True) if row["model"] in LEARNED)
        for (tokens,), part in rows.group_by("tokens", maintain_order=True)
    }
    style.tell_along(axes, "x", told)
    axes.legend(frameon=False, fontsize=8)


def _told(row: dict[str, Any]) -> str:
    """The hover text of a model's perplexity."""
    number = style.interval((row["value"], row["lo"], row["hi"]), "", ".1f")
    return f"{' '.join(MODELS[row['model']][0].split())} {number}, n = {row['n']}"


def _plain(axes: Axes, which: str) -> None:
    """Ticks at round numbers of a short logarithmic axis, written out."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    steps = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)
    ticks: list[float] = []
    for tick in (s * 10.0**d for d in range(5) for s in steps):
        # The next round number that is far enough from the previous one.
        far = not ticks or np.log(tick / ticks[-1]) > np.log(high / low) / 9
        if low <= tick <= high and far:
            ticks.append(tick)
    axis.set_ticks(ticks)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
    axis.set_ticks([], minor=True)


job.run(main, globals().get("snakemake"))
