"""Held-out accuracy of every trial: width against learning rate, and the optimizers beside it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from workflow.lib import job, style
from workflow.table.networks import NAMES


def main(chosen: Path, about: Path, svg: Path, png: Path) -> None:
    """Draw the trials.

    Args:
        chosen: Parquet of the trials.
        about: what is known of the table.
        svg: vector file to write.
        png: raster file to write.
    """
    trials = pl.read_parquet(chosen)
    known = json.loads(about.read_text(encoding="utf-8"))
    regression = known["task"] == "regression"
    first = trials["optimizer"][0]
    widths = trials.filter(optimizer=first)
    others = trials.filter(pl.col("hidden_units") > 0, pl.col("optimizer") != first)
    best_width = others["hidden_units"][0] if others.height else None
    if best_width is not None:
        others = pl.concat([widths.filter(hidden_units=best_width), others])
    measure = "R²" if regression else "accuracy in %"
    footer = (
        f"{known['file']}. Cell: mean {measure} of {trials['n'][0]} held-out folds and seeds, "
        "at the epoch with the smallest held-out loss. Outlined: chosen by that loss."
    )
    page = style.Page(9.4, 3.9, "Trials of the networks, by cross-validation", footer)
    scale = 1 if regression else 100

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        _cells(left, widths, "hidden_units", scale, lambda value: f"{value:g}" if value else "none")
        left.set_ylabel("hidden units")
        left.set_title(NAMES[first], fontsize=9)
        if others.height:
            _cells(right, others, "optimizer", scale, lambda value: NAMES[value])
            right.set_title(f"{best_width} hidden units", fontsize=9)
        else:
            right.set_axis_off()

    style.render(page, draw, svg, png)


def _cells(
    axes: Axes, trials: pl.DataFrame, up: str, scale: float, name: Callable[[Any], str]
) -> None:
    ys = list(dict.fromkeys(trials[up].to_list()))
    steps = max(trials.filter(pl.col(up) == y).height for y in ys)
    mean = np.full((len(ys), steps), np.nan)
    for y, value in enumerate(ys):
        for x, row in enumerate(trials.filter(pl.col(up) == value).iter_rows(named=True)):
            mean[y, x] = row["mean"]
            label = f"{scale * row['mean']:.3g}" if np.isfinite(row["mean"]) else "diverged"
            axes.text(x + 0.5, y + 0.6, label, ha="center", va="center", fontsize=8)
            axes.text(
                x + 0.5, y + 0.25, f"{row['learning_rate']:g}", ha="center", va="center",
                fontsize=6, color=style.GREY,
            )  # fmt: skip
            told = (
                f"{name(value)}, rate {row['learning_rate']:g}: {label}, sd {scale * row['sd']:.2g}"
            )
            told += f", loss {row['loss']:.3g}, epoch {row['epochs']}, n = {row['n']}"
            style.tell(axes, (x, y), (1, 1), f"{told}, {row['diverged']} diverged")
            if row["best"]:
                axes.add_patch(
                    Rectangle((x + 0.03, y + 0.03), 0.94, 0.94, fill=False, ec=style.INK, lw=1.4)
                )
    low = np.nanquantile(mean, 0.2) if np.isfinite(mean).any() else 0
    axes.pcolormesh(
        np.ma.masked_invalid(mean), cmap="YlGnBu", vmin=low, edgecolors="white", linewidth=1.2,
        alpha=0.55, vmax=2 * np.nanmax(mean) - low if np.isfinite(mean).any() else 1,
    )  # fmt: skip
    axes.set_yticks(np.arange(len(ys)) + 0.5, [name(y) for y in ys])
    axes.set_xticks([])
    axes.set_xlabel("learning rate, small to large (grey)")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


job.run(main, globals().get("snakemake"))
