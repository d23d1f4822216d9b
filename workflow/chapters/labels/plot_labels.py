"""Binary labels: what the learning rate does, and accuracy of this and other classifiers."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "One hidden layer and a sigmoid on binary labels, by plain gradient descent"
HIGHEST = 10.0
"""Top of the losses' axes, in nats."""

CLASSIFIERS = {
    "nnjax": ("this network", style.ORANGE),
    "MLPClassifier": ("MLPClassifier", style.BLUE),
    "logistic regression": ("logistic regression", style.GREEN),
    "majority": ("most frequent class", style.GREY),
}


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the losses by epoch for every rate, and the accuracies, one row of axes per problem.

    Args:
        table: CSV as `labels_figure` in accuracy_numbers.py describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    accuracy = read.rows.filter(part="accuracy")
    seeds = accuracy.filter(name="nnjax")["n"]
    footer = (
        f"{read.footer(seeds)}. Left: mean training loss over folds and seeds, one line per "
        "learning rate. Right: cross-validated, 95 % over rows and seeds."
    )
    page = style.Page(9.6, 5.6, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """Two axes per problem.

    Args:
        figure: receives the axes.
        rows: as `main` reads them.
    """
    problems = rows["problem"].unique(maintain_order=True).to_list()
    axes = figure.subplots(len(problems), 2, squeeze=False, width_ratios=(1.2, 1))
    for (left, right), problem in zip(axes, problems, strict=True):
        part = rows.filter(problem=problem)
        _losses(left, part.filter(part="loss"), problem)
        _accuracies(right, part.filter(part="accuracy"))
    axes[-1, 0].set_xlabel("epoch (one step each)")
    axes[-1, 1].set_xlabel("held-out accuracy (%)")


def _losses(axes: Axes, rows: pl.DataFrame, problem: str) -> None:
    rates = sorted(rows["name"].unique().to_list(), key=float)
    shades = colormaps["viridis"](np.linspace(0.05, 0.85, len(rates)))
    for rate, shade in zip(rates, shades, strict=True):
        line = rows.filter(name=rate).sort("x")
        loss = line["value"].to_numpy()
        label = rate if np.isfinite(loss).all() else f"{rate} (diverges)"
        axes.plot(line["x"].to_numpy(), loss, color=shade, label=label)
    axes.set_yscale("log")
    # A loss that explodes leaves the axes at the top, so that those that fall can be seen.
    axes.set_ylim(top=min(axes.get_ylim()[1], HIGHEST))
    axes.set_ylabel("cross-entropy (nats)")
    axes.set_title(problem, loc="left", fontsize=9)
    axes.legend(title="rate", fontsize=8, title_fontsize=8, frameon=False, ncols=2)


def _accuracies(axes: Axes, rows: pl.DataFrame) -> None:
    known = [name for name in CLASSIFIERS if name in set(rows["name"])]
    for place, name in enumerate(known):
        row = rows.filter(name=name).row(0, named=True)
        _, colour = CLASSIFIERS[name]
        axes.plot([100 * row["lo"], 100 * row["hi"]], [place, place], color=colour)
        axes.plot([100 * row["value"]], [place], marker="o", markersize=5, color=colour)
        right = row["value"] < 0.75
        axes.annotate(
            f"{100 * row['value']:.1f}",
            (100 * (row["hi"] if right else row["lo"]), place),
            xytext=(5 if right else -5, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            fontsize=8,
        )
    axes.set_yticks(range(len(known)), [CLASSIFIERS[name][0] for name in known])
    axes.set_ylim(len(known) - 0.5, -0.5)
    axes.set_xlim(45, 101)
    told = {
        known.index(row["name"]): f"{CLASSIFIERS[row['name']][0]} "
        + style.interval(100 * row[key] for key in ("value", "lo", "hi"))
        + f", n = {row['n']}"
        for row in rows.to_dicts()
        if row["name"] in known
    }
    style.tell_along(axes, "y", told)
    axes.grid(visible=False, axis="y")


job.run(main, globals().get("snakemake"))
