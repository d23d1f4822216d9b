"""Matching speakers: runs through the alphabet matched by their mean residuals."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from voices import ASKED

from workflow.lib import job, style, tables

TITLE = "Matching speakers: two runs through the alphabet, one voice?"
BINS = np.linspace(-1, 1, 41)


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the correlations of the two ranges (left), and all of them as histograms (right).

    Args:
        table: CSV as `voices.pairs_drawn` describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    speakers = read.rows.select("group", "first").n_unique()
    footer = (
        f"n = {speakers} speakers with two runs each; data: {tables.SOURCES[read.source]}. A "
        "run's mean residual: features minus the mean of their letter, divided by their spread, "
        "averaged over A ... Z; its correlation across the features with that of another run."
    )
    page = style.Page(9.6, 4.6, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """Both panels.

    Args:
        figure: receives two axes and a colour bar.
        rows: as `main` reads them.
    """
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    _matrix(left, rows.filter(group=ASKED))
    _histograms(right, rows)


def _matrix(axes: Axes, rows: pl.DataFrame) -> None:
    ordered = rows.sort("first", "second")
    count = ordered["first"].n_unique()
    matrix = ordered["correlation"].to_numpy().reshape(count, count)
    # The numbers of the table: the runs of isolet1 and 2 come first.
    edges = (ordered["first"][0] - 0.5, ordered["first"][-1] + 0.5)
    image = axes.imshow(
        matrix, cmap="RdBu_r", vmin=-1, vmax=1, origin="lower", extent=(*edges, *edges)
    )
    axes.grid(visible=False)
    axes.set_xlabel("run in rows 4681\N{EN DASH}6238 (isolet4)")
    axes.set_ylabel("run in rows 3121\N{EN DASH}4680 (isolet3)")
    axes.figure.colorbar(image, ax=axes, label="correlation", shrink=0.85)
    # A cell is too small to point at, so each row of cells answers as one.
    told: dict[int, str] = {}
    for (second,), row in ordered.group_by("second", maintain_order=True):
        same, other = (
            row.filter((pl.col("first") == pl.col("second")) == alike).sort("correlation")
            for alike in (True, False)
        )
        text = f"isolet4, run {second}: with the same number {same['correlation'][0]:+.2f}"
        if other.height:
            text += (
                f"; with {other.height} other numbers {other['correlation'].mean():+.2f} on "
                f"average, {other['correlation'][0]:+.2f} (number {other['first'][0]}) to "
                f"{other['correlation'][-1]:+.2f} (number {other['first'][-1]})"
            )
        told[int(str(second))] = text
    style.tell_along(axes, "x", told)


def _histograms(axes: Axes, rows: pl.DataFrame) -> None:
    same = pl.col("first") == pl.col("second")
    asked = pl.col("group") == ASKED
    fill: dict[str, Any] = {"histtype": "stepfilled", "alpha": 0.45, "linewidth": 0}
    line: dict[str, Any] = {"histtype": "step", "linewidth": 1.5}
    found: dict[int, list[str]] = {}
    for label, chosen, look in (
        ("isolet3, 4: other number", asked & ~same, {"color": style.GREY, **fill}),
        ("isolet3, 4: same number", asked & same, {"color": style.BLUE, **fill}),
        ("known: two speakers", ~asked & ~same, {"color": style.INK, "linestyle": "--", **line}),
        ("known: one speaker", ~asked & same, {"color": style.ORANGE, **line}),
    ):
        values = rows.filter(chosen)["correlation"].to_numpy()
        if values.size:
            share = np.full(values.size, 100 / values.size)
            heights, _, _ = axes.hist(
                values, BINS.tolist(), weights=share, label=f"{label} ({values.size})", **look
            )
            for k in np.flatnonzero(np.asarray(heights)):
                number = f"{label} {np.asarray(heights)[k]:.1f} % of {values.size}"
                found[int(k)] = [*found.get(int(k), []), number]
    axes.set_xlim(-1, 1)
    axes.set_xlabel("correlation of two runs")
    axes.set_ylabel("pairs of the kind (%)")
    axes.legend(loc="upper left", frameon=False, fontsize=8, title="pairs", title_fontsize=8)
    low, high = axes.get_ylim()
    for k, numbers in sorted(found.items()):
        start, end = BINS[k : k + 2]
        text = f"correlation {start:+.2f} to {end:+.2f}: {'; '.join(numbers)} pairs"
        style.tell(axes, (start, low), (end - start, high - low), text)


job.run(main, globals().get("snakemake"))
