"""Draw the ledger: every difference that decides a claim, under both protocols."""

from pathlib import Path

import matplotlib.ticker
import numpy as np
import polars as pl
from matplotlib.figure import Figure

from workflow.lib import job, style
from workflow.lib.tables import SOURCES, STAND_INS

TITLE = "The ledger. Effects behind the claims, with 95 % intervals"
PROTOCOLS = {"published": ("as published", style.GREY, "o"), "clean": ("clean", style.BLUE, "D")}
VERDICTS = {
    "reproduced": style.GREEN,
    "refuted": style.ALARM,
    "inconclusive": style.GREY,
    "not measured": style.GREY,
}


def main(table: Path, smallest_effect: float, svg: Path, png: Path) -> None:
    """Draw one line for each check that compares accuracies.

    Args:
        table: CSV as `write_ledger.differences` describes it.
        smallest_effect: of interest, as a fraction.
        svg: vector file to write.
        png: raster file to write.
    """
    rows = pl.read_csv(table)
    checks = rows.select("claim", "check").n_unique()
    sources = rows["data"].unique(maintain_order=True).to_list()
    marks = [STAND_INS[source] for source in sources if source in STAND_INS]
    data = ", ".join(SOURCES[source] for source in sources)
    footer = (
        f"n = {rows['n'].min()}\N{EN DASH}{rows['n'].max()} seeds, or rows where nothing is "
        f"random; data: {data}. Shaded: below {100 * smallest_effect:g} points, the smallest "
        "effect of interest. The axis is linear up to 1 point and logarithmic beyond. The "
        "filled marker gives the check's verdict."
    )
    page = style.Page(8.8, 1.5 + 0.34 * checks, TITLE, footer, "; ".join(marks))
    style.render(page, lambda figure: draw(figure, rows, 100 * smallest_effect), svg, png)


def draw(figure: Figure, rows: pl.DataFrame, smallest: float) -> None:
    """A forest plot: checks down the page, effects in percentage points across.

    Args:
        figure: receives one axes.
        rows: differences as fractions.
        smallest: effect of interest, in percentage points.
    """
    axes = figure.subplots()
    axes.axvspan(-smallest, smallest, color=style.FAINT, zorder=0)
    axes.axvline(0, color=style.GREY, linewidth=0.8, zorder=1)
    names = rows.select("claim", "check").unique(maintain_order=True).rows()
    for place, (claim, check) in enumerate(names):
        both = rows.filter(claim=claim, check=check)
        for measured in both.iter_rows(named=True):
            label, colour, marker = PROTOCOLS[measured["protocol"]]
            height = place + (
                0 if len(both) == 1 else -0.17 if measured["protocol"] == "published" else 0.17
            )
            value, lo, hi = (100 * measured[key] for key in ("effect", "lo", "hi"))
            axes.plot([lo, hi], [height, height], color=colour, linewidth=1.6, zorder=2)
            axes.plot(
                value,
                height,
                marker,
                color=colour,
                markerfacecolor=colour if measured["decides"] else "white",
                markersize=5,
                zorder=3,
                label=label,
            )
            if measured["decides"]:
                axes.annotate(
                    measured["verdict"],
                    (1.02, place),
                    xycoords=("axes fraction", "data"),
                    va="center",
                    color=VERDICTS[measured["verdict"]],
                )
    axes.set_yticks(
        range(len(names)), [f"{claim}  {check[0].upper()}{check[1:]}" for claim, check in names]
    )
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xscale("symlog", linthresh=1, linscale=1)
    # Room for the markers, which the verdicts would cover at the right end.
    furthest = 100 * float(np.abs(rows.select("lo", "hi").to_numpy()).max())
    axes.set_xlim(-1.5 * furthest, 1.5 * furthest)
    axes.xaxis.set_major_locator(matplotlib.ticker.FixedLocator([-100, -10, -1, 0, 1, 10, 100]))
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:+g}" if x else "0")
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.set_xlabel("effect (percentage points; slopes: points per unit or per doubling)")
    found = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(found.values(), found.keys(), frameon=False, loc="upper right", fontsize=8)


job.run(main, globals().get("snakemake"))
