"""Draw the ledger: what the study found of each claim that compares accuracies, in words.

The right side is always that of the source: an effect is drawn with its sign turned where the
claim says "less".
"""

from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib.ticker
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow.lib import job, style
from workflow.lib.tables import SOURCES, STAND_INS
from workflow.lib.verdicts import VERDICTS

TITLE = "What the sources claim, and what this study measured"
PROTOCOLS = {
    "published": ("as published: chosen on the test data", style.GREY, "o"),
    "clean": ("clean: chosen on training data, then tested", style.BLUE, "D"),
}
COLOURS: dict[str, str] = dict(
    zip(VERDICTS, (style.LEAF, style.ALARM, style.GREY, style.GREY), strict=True)
)
# What such a claim says; the others say that there is a difference, to the right.
CLAIMED = {"inside": " (no difference)"}


def main(table: Path, smallest_effect: float, svg: Path, png: Path) -> None:
    """Draw one line for each claim, those with the same verdict together.

    Args:
        table: CSV as `write_ledger.differences` describes it.
        smallest_effect: of interest, as a fraction.
        svg: vector file to write.
        png: raster file to write.
    """
    rows = pl.read_csv(table)
    sources = rows["data"].unique(maintain_order=True).to_list()
    marks = [STAND_INS[source] for source in sources if source in STAND_INS]
    data = ", ".join(SOURCES[source] for source in sources)
    footer = (
        f"Bars: 95 % intervals; n = {rows['n'].min()}\N{EN DASH}{rows['n'].max()} seeds, or rows "
        f"where nothing is random; data: {data}. Percentage points of accuracy; of a claim about a "
        "trend: per doubling of a setting or per unit of it. The axis is linear up to 1 point and "
        "logarithmic beyond. The filled marker decides."
    )
    page = style.Page(8.8, 2.1 + 0.27 * rows["claim"].n_unique(), TITLE, footer, "; ".join(marks))
    style.render(page, lambda figure: draw(figure, rows, 100 * smallest_effect), svg, png)


def draw(figure: Figure, rows: pl.DataFrame, smallest: float) -> None:
    """A forest plot: claims down the page, effects in percentage points across.

    Args:
        figure: receives one axes.
        rows: differences as fractions.
        smallest: effect of interest, in percentage points.
    """
    axes = figure.subplots()
    axes.axvspan(-smallest, smallest, color=style.FAINT, zorder=0)
    axes.axvline(0, color=style.GREY, linewidth=0.8, zorder=1)
    axes.set_xscale("symlog", linthresh=1, linscale=1)
    furthest = 100 * float(np.abs(rows.select("lo", "hi").to_numpy()).max())
    axes.set_xlim(-1.5 * furthest, 1.5 * furthest)
    claims = {
        name: both.to_dicts() for (name,), both in rows.group_by("claim", maintain_order=True)
    }
    ordered = sorted(claims.values(), key=lambda both: VERDICTS.index(both[0]["verdict"]))
    for place, both in enumerate(ordered):
        _claim(axes, place, both)
    _verdicts(axes, [both[0]["verdict"] for both in ordered])
    first = [both[0] for both in ordered]
    axes.set_yticks(
        range(len(first)), [f"{each['short']}{CLAIMED.get(each['rule'], '')}" for each in first]
    )
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(first) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    _scale(axes, smallest)
    found = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(
        found.values(),
        found.keys(),
        loc="upper right",
        bbox_to_anchor=(1.3, -0.11),
        ncols=2,
        frameon=False,
        fontsize=8,
    )


def _claim(axes: Axes, place: int, both: list[dict[str, Any]]) -> None:
    """The intervals of a claim under its protocols, and its hover text."""
    told = []
    for measured in both:
        label, colour, marker = PROTOCOLS[measured["protocol"]]
        offset = 0 if len(both) == 1 else -0.17 if measured["protocol"] == "published" else 0.17
        toward = -1 if measured["rule"] == "less" else 1
        value, lo, hi = (100 * measured[key] for key in ("effect", "lo", "hi"))
        height = place + offset
        axes.plot(
            [toward * lo, toward * hi], [height, height], color=colour, linewidth=1.6, zorder=2
        )
        axes.plot(
            toward * value,
            height,
            marker,
            color=colour,
            markerfacecolor=colour if measured["decides"] else "white",
            markersize=5,
            zorder=3,
            label=label,
        )
        told.append(
            f"{label.split(':')[0]} {value:+.2f} points [{lo:+.2f}, {hi:+.2f}], n = {measured['n']}"
        )
    start, end = axes.get_xlim()
    first = both[0]
    style.tell(
        axes,
        (start, place - 0.5),
        (end - start, 1),
        f"{first['claim']}. {first['short']}: {first['check']}, {'; '.join(told)}. "
        f"Verdict: {first['verdict']}.",
    )


def _verdicts(axes: Axes, verdicts: list[str]) -> None:
    """The verdict beside its claims, and a line between those of different verdicts."""
    place = 0
    for verdict, group in groupby(verdicts):
        count = len(list(group))
        for row in range(place, place + count):
            axes.annotate(
                verdict,
                (1.02, row),
                xycoords=("axes fraction", "data"),
                va="center",
                color=COLOURS[verdict],
                fontweight="bold",
            )
        place += count
        if place < len(verdicts):
            axes.axhline(place - 0.5, color=style.FAINT, linewidth=0.8, zorder=0)


def _scale(axes: Axes, smallest: float) -> None:
    """The axis below, and above it what each side means."""
    axes.xaxis.set_major_locator(matplotlib.ticker.FixedLocator([-100, -10, -1, 0, 1, 10, 100]))
    axes.xaxis.set_major_formatter(lambda x, _: f"{abs(x):g}")
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.set_xlabel("size of the effect (percentage points)")
    for at, words, side in (
        (-smallest, "\N{LEFTWARDS ARROW} contradicts the source", "right"),
        (smallest, "agrees with the source \N{RIGHTWARDS ARROW}", "left"),
    ):
        axes.annotate(
            words,
            (at, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 16),
            textcoords="offset points",
            ha=side,
            fontweight="bold",
        )
    axes.annotate(
        f"shaded: below {smallest:g} points, too small to matter",
        (0, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 4),
        textcoords="offset points",
        ha="center",
        fontsize=7.5,
        color=style.GREY,
    )


job.run(main, globals().get("snakemake"))
