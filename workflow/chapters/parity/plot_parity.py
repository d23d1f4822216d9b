"""Parity: the hand-written network against jax.grad, PyTorch and scikit-learn."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from workflow.lib import job, style, tables

TITLE = "The hand-derived training against the same training by other libraries"
KEY = ["implementation", "optimizer", "minus_implementation", "minus_optimizer"]
COLOURS = {
    "jax.grad": style.BLUE,
    "PyTorch": style.ORANGE,
    "scikit-learn": style.GREEN,
    "hand-derived": style.INK,
}
OPTIMIZERS = {"sgd": ("momentum", "solid"), "adam": ("Adam", (0, (4, 2)))}
# A difference of exactly 0 has no place on a log scale; it is drawn at half a rounding of 1.
LEAST = float(np.finfo(float).eps / 4)


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the differences of parameters by epoch, and those of accuracies.

    Args:
        table: CSV of `agreement.table`.
        svg: vector file to write.
        png: raster file to write.

    """
    read = tables.read_figure(table)
    compared = read.rows.filter(pl.col("pairs") > 0)
    footer = (
        f"{read.footer(compared['pairs'])}. Left: one seed in float64, the largest over the steps "
        "of an epoch. Right: paired by seed and speaker; bars: 95 % over both."
    )
    page = style.Page(9.6, 4.4, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """Both panels.

    Args:
        figure: receives two axes.
        rows: the table.
    """
    left, right = figure.subplots(1, 2, width_ratios=(1, 1))
    _parameters(left, rows)
    _accuracies(right, rows)


def _parameters(axes: Axes, rows: pl.DataFrame) -> None:
    """The worst difference of any parameter from the hand-derived training, by epoch."""
    limit = float(rows["limit"][0])
    axes.set_yscale("log")
    axes.axhline(limit, color=style.INK, linewidth=1.0, linestyle=(0, (6, 3)))
    axes.annotate(
        f"limit: {limit:.0e}",
        (0, limit),
        xycoords=("axes fraction", "data"),
        xytext=(6, 2),
        textcoords="offset points",
        va="bottom",
        fontsize=8,
    )
    lowest, highest = LEAST, limit
    told: dict[int, str] = {}
    for (implementation, optimizer), part in rows.sort("epoch").group_by(
        "implementation", "optimizer", maintain_order=True
    ):
        part = part.filter(pl.col("worst").is_finite())
        if part.is_empty():
            continue
        name, dash = OPTIMIZERS[str(optimizer)]
        worst = np.maximum(part["worst"].to_numpy(), LEAST)
        lowest, highest = min(lowest, worst.min()), max(highest, worst.max())
        for epoch, difference in part.select("epoch", "worst").iter_rows():
            before = f"{told[epoch]}; " if epoch in told else f"epoch {epoch}: "
            told[epoch] = f"{before}{implementation}, {name} {difference:.1e}"
        axes.plot(
            part["epoch"].to_numpy(),
            worst,
            color=COLOURS[str(implementation)],
            linestyle=dash,
            marker="o" if len(worst) <= 10 else "",
            markersize=4,
            label=f"{implementation}, {name}",
        )
    axes.set_ylim(lowest / 3, highest * 30)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=9))
    axes.set_ylabel("largest difference of a parameter")
    axes.set_title("parameters, against the hand-derived ones", loc="left", fontsize=9)
    style.tell_along(axes, "x", {epoch: f"{text}; n = 1 seed" for epoch, text in told.items()})
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7.5, frameon=False, loc="upper left", bbox_to_anchor=(0, 0.84))
    else:
        style.note(axes, "no finite difference in any epoch")


def _accuracies(axes: Axes, rows: pl.DataFrame) -> None:
    """Paired differences of test accuracies, with the band of equivalence."""
    last = rows.filter(
        pl.col("epoch") == pl.col("epoch").max().over(KEY),
        pl.col("minus_implementation") != "none",
    )
    margin = 100 * float(rows["margin"][0])
    axes.axvspan(-margin, margin, color=style.GREEN, alpha=0.12, linewidth=0)
    axes.axvline(0, color=style.GREY, linewidth=0.9)
    for place, row in enumerate(last.iter_rows(named=True)):
        if not np.isfinite(row["difference"]):
            text = row["note"] if row["pairs"] == 0 else "no finite difference"
            ground: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
            look: dict[str, Any] = {"fontsize": 8, "color": style.GREY, "bbox": ground}
            axes.text(0, place, text, ha="center", va="center", **look)
            continue
        value, lo, hi = (
            100 * row[name] for name in ("difference", "difference_lo", "difference_hi")
        )
        # Hand-derived minus another has the colour of the other.
        pair = (row["implementation"], row["minus_implementation"])
        colour = COLOURS[pair[pair[0] == "hand-derived"]]
        axes.plot([lo, hi], [place, place], color=colour)
        axes.plot([value], [place], marker="o", markersize=5, color=colour)
        axes.annotate(
            f"{value:+.2f}".replace("-", "\N{MINUS SIGN}"),
            (value, place),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.set_yticks(range(last.height), [_pair(row) for row in last.iter_rows(named=True)])
    axes.set_ylim(last.height - 0.4, -0.6)
    low, high = axes.get_xlim()
    reach = 1.1 * max(abs(low), abs(high), margin)
    axes.set_xlim(-reach, reach)
    told = {}
    for place, row in enumerate(last.iter_rows(named=True)):
        ends = ("difference", "difference_lo", "difference_hi")
        number = style.interval((100 * row[name] for name in ends), " points")
        told[place] = f"{' '.join(_pair(row).split())}: {number}, n = {row['pairs']} seeds"
    style.tell_along(axes, "y", told)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("difference of test accuracies (percentage points)")
    axes.set_title(
        f"test accuracy; band: \N{PLUS-MINUS SIGN}{margin:g} points", loc="left", fontsize=9
    )


def _pair(row: dict[str, str]) -> str:
    """What is subtracted from what, on two lines."""
    minus = OPTIMIZERS[row["minus_optimizer"]][0]
    name = OPTIMIZERS[row["optimizer"]][0]
    return f"{row['implementation']}, {name}\n\N{MINUS SIGN} {row['minus_implementation']}, {minus}"


job.run(main, globals().get("snakemake"))
