"""The ledger: every difference that a claim is judged by, in both arms, with its verdict."""

from pathlib import Path
from typing import TYPE_CHECKING

import figtable
import matplotlib.ticker
import plotjob
import polars as pl
import style
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TITLE = "The ledger. Effects behind the claims, with 95 % intervals"
COLUMNS = {
    "claim": pl.String,
    "check": pl.String,
    "arm": pl.String,
    "decides": pl.Boolean,
    "effect": pl.Float64,
    "lo": pl.Float64,
    "hi": pl.Float64,
    "n": pl.Int64,
    "unit": pl.String,
    "verdict": pl.String,
    "smallest_effect": pl.Float64,
}
ARMS = {"published": ("as published", style.GREY, "o"), "clean": ("clean", style.BLUE, "D")}
VERDICTS = {
    "reproduced": style.GREEN,
    "refuted": style.ALARM,
    "inconclusive": style.GREY,
    "not measured": style.GREY,
}


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw one line per check that compares accuracies.

    Args:
        table: CSV with a row per claim, check and arm (see `write_claims.rows`).
        svg: vector file to write.
        png: raster file to write.

    Raises:
        TableError: the table is missing or wrong, or compares nothing.
    """
    read = figtable.read(table, COLUMNS, key=["claim", "check", "arm"])
    rows = read.rows.filter(unit="difference of fractions")
    if rows.is_empty():
        raise figtable.TableError(f"{table}: no check compares accuracies, so nothing to draw")
    checks = rows.select("claim", "check").n_unique()
    smallest = 100 * rows["smallest_effect"][0]
    footer = (
        f"{read.footer(rows['n'])}. Shaded: smaller than {smallest:g} points, the smallest effect "
        "of interest of a difference. The axis is linear inside 1 point and logarithmic outside. "
        "The arm drawn full gives the check's verdict."
    )
    page = style.Page(8.8, 1.5 + 0.34 * checks, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """A forest plot: checks down the page, effects in percentage points across.

    Args:
        figure: receives one axes.
        rows: columns of COLUMNS, differences as fractions.
    """
    axes = figure.subplots()
    smallest = 100 * rows["smallest_effect"][0]
    axes.axvspan(-smallest, smallest, color=style.FAINT, zorder=0)
    axes.axvline(0, color=style.GREY, linewidth=0.8, zorder=1)
    names = rows.select("claim", "check").unique(maintain_order=True).rows()
    for place, (claim, check) in enumerate(names):
        arms = rows.filter(claim=claim, check=check)
        for arm in arms.iter_rows(named=True):
            label, colour, marker = ARMS[arm["arm"]]
            height = place + (0 if len(arms) == 1 else -0.17 if arm["arm"] == "published" else 0.17)
            value, lo, hi = (100 * arm[key] for key in ("effect", "lo", "hi"))
            axes.plot([lo, hi], [height, height], color=colour, linewidth=1.6, zorder=2)
            axes.plot(
                value,
                height,
                marker,
                color=colour,
                markerfacecolor=colour if arm["decides"] else "white",
                markersize=5,
                zorder=3,
                label=label,
            )
            if arm["decides"]:
                axes.annotate(
                    arm["verdict"],
                    (1.02, place),
                    xycoords=("axes fraction", "data"),
                    va="center",
                    color=VERDICTS[arm["verdict"]],
                )
    axes.set_yticks(range(len(names)), [f"{claim}  {check}" for claim, check in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xscale("symlog", linthresh=1, linscale=1)
    axes.xaxis.set_major_locator(matplotlib.ticker.FixedLocator([-100, -10, -1, 0, 1, 10, 100]))
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:+g}" if x else "0")
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.set_xlabel("effect (percentage points; slopes: points per unit or per doubling)")
    found = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(found.values(), found.keys(), frameon=False, loc="upper right", fontsize=8)


if "snakemake" in globals():
    plotjob.run(main, snakemake)
