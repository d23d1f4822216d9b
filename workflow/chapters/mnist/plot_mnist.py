"""Digits: test accuracy by epoch, and of every classifier at the end."""

from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from workflow.lib import job, style, tables

TITLE = "Handwritten digits: a perceptron and a convolutional network"
LOOKS = {
    "convolutional": ("convolutional", style.BLUE),
    "perceptron": ("perceptron,\nmini-batches", style.GREEN),
    "sample_by_sample": ("perceptron,\nsample by sample", style.ORANGE),
    "mlp_classifier": ("scikit-learn,\nMLPClassifier", style.GREY),
    "logistic_regression": ("scikit-learn,\nlogistic regression", style.GREY),
}
"""Name and colour of every classifier, the expected best first."""

BOUND = 98.5
"""Percent; the bound of the claim about the convolutional network."""


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the networks by epoch (left) and all classifiers at the end (right).

    Args:
        table: CSV as `summarise.accuracy_rows` describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    ours = read.rows.filter(kind="epoch")
    footer = (
        f"{read.footer(ours['n'])}. Left: mean over seeds, band: 95 % over seeds (Student's t). "
        "Right: 95 % over test images and, where there are several, seeds. Dashed: 98.5 %, the "
        "bound for the convolutional network."
    )
    page = style.Page(9.6, 4.4, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """Both panels.

    Args:
        figure: receives two axes.
        rows: as `main` reads them.
    """
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    _curves(left, rows.filter(kind="epoch"))
    _trained(right, rows.filter(kind="trained"))


def _curves(axes: Axes, rows: pl.DataFrame) -> None:
    for network, (name, colour) in LOOKS.items():
        curve = rows.filter(network=network).sort("epoch")
        if curve.is_empty():
            continue
        epoch, mean, lo, hi = (curve[key].to_numpy() for key in ("epoch", "mean", "lo", "hi"))
        axes.plot(
            epoch, 100 * mean, "o-", color=colour, markersize=4, label=name.replace("\n", " ")
        )
        axes.fill_between(epoch, 100 * lo, 100 * hi, color=colour, alpha=0.18, linewidth=0)
    axes.axhline(BOUND, color=style.INK, linestyle="--", linewidth=1)
    axes.legend(loc="lower right", frameon=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel("test accuracy (%)")
    told = {
        epoch: f"epoch {epoch}: {'; '.join(_told(row) for row in part.iter_rows(named=True))}"
        for (epoch,), part in rows.group_by("epoch", maintain_order=True)
    }
    style.tell_along(axes, "x", told)


def _trained(axes: Axes, rows: pl.DataFrame) -> None:
    shown = [network for network in LOOKS if network in set(rows["network"])]
    for place, network in enumerate(reversed(shown)):
        row = rows.row(by_predicate=pl.col("network") == network, named=True)
        mean, lo, hi = (100 * row[key] for key in ("mean", "lo", "hi"))
        colour = LOOKS[network][1]
        axes.plot([lo, hi], [place, place], color=colour)
        axes.plot(mean, place, "o", color=colour, markersize=5)
        axes.annotate(
            f"{mean:.2f} (n = {row['n']})",
            (mean, place),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=colour,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    axes.axvline(BOUND, color=style.INK, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(shown)), [LOOKS[network][0] for network in reversed(shown)])
    axes.set_ylim(-0.5, len(shown) - 0.4)
    axes.margins(x=0.14)
    lines = enumerate(reversed(shown))
    told = {place: _told(rows.filter(network=name).row(0, named=True)) for place, name in lines}
    style.tell_along(axes, "y", told)
    axes.set_xlabel("test accuracy (%)")


def _told(row: dict[str, Any]) -> str:
    """The hover text of a network's number."""
    number = style.interval(100 * row[key] for key in ("mean", "lo", "hi"))
    return f"{' '.join(LOOKS[row['network']][0].split())} {number}, n = {row['n']}"


job.run(main, globals().get("snakemake"))
