"""Predictions on the test rows: classes and their confidence, or amounts and errors."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow.lib import job, style
from workflow.table.rows import Rows, stored
from workflow.table.summarise import key_of

MOST_NAMED = 30
BINS = 10


def main(rows: Path, about: Path, networks: Path, summary: Path, svg: Path, png: Path) -> None:
    """Draw confusion and calibration of classes, or predictions and errors of amounts.

    Args:
        rows: the table's rows.
        about: what is known of them.
        networks: Parquet of the networks' predictions.
        summary: JSON that names the chosen network.
        svg: vector file to write.
        png: raster file to write.
    """
    _, test = stored(rows, about)
    said, known = (json.loads(path.read_text(encoding="utf-8")) for path in (summary, about))
    runs = [
        run
        for run in pl.read_parquet(networks).iter_rows(named=True)
        if key_of(run["hidden_units"], run["optimizer"]) == said["network_key"]
    ]
    predicted = np.array([run["predicted"] for run in runs])
    footer = f"{known['file']}, {len(test.y)} test rows, {len(runs)} seeds of the chosen network."

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        if test.is_regression:
            _amounts(left, right, test, predicted)
        else:
            _confusion(left, test, predicted)
            _calibration(right, test, predicted, np.array([run["confidence"] for run in runs]))

    style.render(
        style.Page(9.4, 4.4, "Predictions of the network on the test rows", footer), draw, svg, png
    )


def _confusion(axes: Axes, test: Rows, predicted: np.ndarray) -> None:
    names = test.classes or []
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, (np.tile(test.y, len(predicted)), predicted.ravel().astype(int)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.3)
    if len(names) <= 12:
        for y, x in np.ndindex(shares.shape):
            if counts[y, x]:
                ink = "white" if shares[y, x] > 0.6 else style.INK
                share = f"{100 * shares[y, x]:.0f}"
                axes.text(x, y, share, ha="center", va="center", fontsize=8, color=ink)
    for y, x in np.ndindex(shares.shape) if len(names) <= MOST_NAMED else ():
        text = (
            f"true class {names[y]}, predicted {names[x]}: {counts[y, x]:.0f} of "
            f"{counts[y].sum():.0f} rows, all seeds ({100 * shares[y, x]:.1f} %)"
        )
        style.tell(axes, (x - 0.5, y - 0.5), (1, 1), text)
    ticks = range(len(names)) if len(names) <= MOST_NAMED else []
    shown = [style.shortened(names[i], 12) for i in ticks]
    # Dollars in names are no mathematics.
    look: dict[str, Any] = {"fontsize": 7 if len(names) <= 20 else 5, "parse_math": False}
    axes.set_xticks(ticks, shown, rotation=90, **look)
    axes.set_yticks(ticks, shown, **look)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title("rows of each true class, in %", fontsize=9)
    axes.grid(visible=False)


def _calibration(axes: Axes, test: Rows, predicted: np.ndarray, confidence: np.ndarray) -> None:
    right = predicted == test.y
    edges = np.linspace(1 / len(test.classes or [0]), 1, BINS + 1)
    bins = np.clip(np.digitize(confidence, edges) - 1, 0, BINS - 1)
    used = [b for b in range(BINS) if (bins == b).sum() >= 10]
    said = [confidence[bins == b].mean() for b in used]
    found = [right[bins == b].mean() for b in used]
    axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=0.8)
    axes.plot(said, found, "s-", color=style.ORANGE, markersize=5)
    axes.set_xlim(edges[0], 1.01)
    axes.set_ylim(0, 1.01)
    style.tell_along(
        axes,
        "x",
        {
            probability: f"predicted with a mean probability of {100 * probability:.1f} %: "
            f"{100 * share:.1f} % right, n = {(bins == b).sum()} rows, all seeds"
            for b, probability, share in zip(used, said, found, strict=True)
        },
    )
    axes.set_xlabel("probability of the predicted class")
    axes.set_ylabel("share of rows that are right")
    axes.set_title("calibration (on the line: as often right as predicted)", fontsize=9)


def _amounts(left: Axes, right: Axes, test: Rows, predicted: np.ndarray) -> None:
    mean = predicted.mean(axis=0)
    left.plot(test.y, mean, "o", color=style.BLUE, markersize=3, alpha=0.5)
    ends = [test.y.min(), test.y.max()]
    left.plot(ends, ends, color=style.GREY, linewidth=0.8)
    _tell_bins(left, test.y, mean, "mean prediction")
    left.set_xlabel("target")
    left.set_ylabel("predicted, mean of the seeds")
    counts, edges, _ = right.hist((predicted - test.y).ravel(), bins=40, color=style.BLUE)
    for count, (start, end) in zip(np.asarray(counts), pairwise(edges), strict=True):
        text = f"predicted minus target {start:.3g} to {end:.3g}: {count:.0f} rows and seeds"
        style.tell(right, (start, 0), (end - start, right.get_ylim()[1]), text)
    right.set_xlabel("predicted minus target")
    right.set_ylabel("rows and seeds")


def _tell_bins(axes: Axes, x: np.ndarray, y: np.ndarray, name: str) -> None:
    """Points that lie close answer together, in ten bins along the axis."""
    low, high = axes.get_ylim()
    edges = np.linspace(x.min(), x.max(), BINS + 1)
    places = np.clip(np.digitize(x, edges) - 1, 0, BINS - 1)
    for b in np.unique(places):
        here, start, end = y[places == b], edges[b], edges[b + 1]
        text = (
            f"target {start:.3g} to {end:.3g}: {name} {here.mean():.3g} [{here.min():.3g}, "
            f"{here.max():.3g}] (least, most), n = {here.size} rows"
        )
        style.tell(axes, (start, low), (end - start, high - low), text)


job.run(main, globals().get("snakemake"))
