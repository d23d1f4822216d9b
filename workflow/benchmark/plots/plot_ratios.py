"""The other rows of the benchmark: ratio and spread, and the limit that it should reach."""

import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from workflow.lib import job, style

TITLE = "Sweeps, steps of other networks, first results: ratio and limit"


def main(rows: Path, svg: Path, png: Path) -> None:
    """Draw one line for each row, the first at the top.

    Args:
        rows: JSON of the benchmark.
        svg: vector file to write.
        png: raster file to write.
    """
    content = json.loads(rows.read_text(encoding="utf-8"))
    found = drawn(content["rows"])
    footer = (
        "Median ratio, more than 1 if this library is faster than the peer; share_of_sgemm: rate "
        "relative to a plain matrix product. Bars: least to most. Grey tick: the limit. "
        f"{content['machine']['cores']} cores, {content['machine']['processor']}."
    )
    page = style.Page(10.5, 1.4 + 0.24 * len(found), TITLE, footer)
    style.render(page, lambda figure: draw(figure.subplots(), found), svg, png)


def drawn(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the figure: neither single trainings, which have their own, nor the study."""
    return [row for row in rows if not row["name"].startswith(("single.", "study."))]


def draw(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """A point, a bar and a limit in each line."""
    axes.set_xscale("log", base=2)
    axes.axvline(1, color=style.INK, linewidth=0.8)
    for place, row in enumerate(reversed(rows)):
        colour = style.BLUE if row["ratio"] >= row["limit"] else style.ORANGE
        axes.hlines(place, row["least"], row["most"], color=colour, linewidth=2.5, alpha=0.5)
        axes.plot(row["ratio"], place, color=colour, marker="o", markersize=4)
        axes.plot(row["limit"], place, color=style.GREY, marker="|", markersize=11)
    axes.set_yticks(range(len(rows)), [row["name"] for row in reversed(rows)], fontsize=7)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}"))
    axes.set_xlabel("ratio (blue: reaches its limit, orange: does not)")
    told: dict[int, str] = {}
    for place, row in enumerate(reversed(rows)):
        ratio = style.interval((row[name] for name in ("ratio", "least", "most")), "")
        told[place] = (
            f"{row['name']}: ratio {ratio} (least, most), limit {row['limit']:g}, n = {row['n']} "
            f"runs; ours {row['ours']:.4g}, peer {row['peer']:.4g} {row['unit']}"
        )
    style.tell_along(axes, "y", told)


job.run(main, globals().get("snakemake"))
