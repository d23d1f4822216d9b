"""One ambiguous name: the tags that it gets in each of its sentences."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "One name, two roles: predictions from the surrounding words"
# Six tags need two more of Okabe and Ito's colours.
COLOURS = {
    "PER": style.BLUE,
    "LOC": style.ORANGE,
    "GPE": style.GREEN,
    "ORG": "#CC79A7",
    "DATE": "#E69F00",
    "O": style.FAINT,
}
ENDS = ("probability", "lo", "hi")
PANELS = {"folds": "new sentences", "swapped": "unseen role"}


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw a bar for each sentence and test, divided by the mean probabilities.

    Args:
        table: CSV as `summarise.main` describes `by_sentence`.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    sentences = read.rows.select("sentence", "place").n_unique()
    footer = (
        f"{read.footer()}. Bars: mean probability of each tag over the seeds, sentences held out; "
        "left labels: the name in capitals and its tag. Right: networks trained without the name "
        "in this role."
    )
    page = style.Page(9.6, 1.7 + 0.26 * sentences, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """A panel for each test.

    Args:
        figure: receives the axes.
        rows: as `main` reads them.
    """
    named = (
        rows.select("sentence", "place", "text", "tag").unique().sort("tag", "sentence", "place")
    )
    axes = figure.subplots(1, len(PANELS), sharey=True)
    for panel, (test, title) in zip(axes, PANELS.items(), strict=True):
        _bars(panel, rows.filter(test=test), named)
        panel.set_title(title, fontsize=9)
        panel.set_ylim(named.height - 0.4, -0.6)
        _tell(panel, rows.filter(test=test), named, title)
    labels = [f"{text}   {tag}" for text, tag in named.select("text", "tag").iter_rows()]
    axes[0].set_yticks(range(named.height), labels, fontsize=8)
    handles, names = axes[0].get_legend_handles_labels()
    axes[1].legend(handles, names, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _bars(axes: Axes, rows: pl.DataFrame, named: pl.DataFrame) -> None:
    left = np.zeros(named.height)
    for tag, colour in COLOURS.items():
        part = rows.filter(guess=tag)
        found = named.join(part, on=["sentence", "place"], how="left", maintain_order="left")
        width = found["probability"].fill_null(0).to_numpy()
        axes.barh(range(named.height), width, left=left, color=colour, label=tag, height=0.75)
        left = left + width
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_xlabel("probability")
    axes.grid(visible=False)


def _tell(axes: Axes, rows: pl.DataFrame, named: pl.DataFrame, title: str) -> None:
    """On hover, each sentence shows the probabilities of all tags, the largest first."""
    told: dict[int, str] = {}
    for place, (sentence, at, text, tag) in enumerate(named.iter_rows()):
        part = rows.filter(sentence=sentence, place=at).sort("probability", descending=True)
        if part.height:
            numbers = "; ".join(
                f"{row['guess']} {style.interval((row[k] for k in ENDS), '', '.2g')}"
                for row in part.iter_rows(named=True)
            )
            told[place] = f"{text} ({tag}), {title}: {numbers}; n = {part['n'][0]} seeds"
    style.tell_along(axes, "y", told)


job.run(main, globals().get("snakemake"))
