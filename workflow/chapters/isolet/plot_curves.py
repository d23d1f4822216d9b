"""Figures 1 to 4: loss or accuracy by epoch, with a band across seeds."""

from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from pydantic import Field

from workflow.lib import job, style
from workflow.lib.settings import Name, Strict
from workflow.lib.tables import read_figure

LINES = {"train": (style.BLUE, (0, (4, 2))), "test": (style.ORANGE, "solid")}
SIZE = (6.6, 4.2)
# An untrained network spreads its belief evenly over the 26 letters: loss ln 26.
CHANCE_LOSS = float(np.log(26))


class Drawing(Strict):
    """What a figure shows."""

    title: Name
    quantity: Literal["loss", "accuracy"]
    printed: str = Field(
        default="", description="what the dashed line of the printed accuracy says"
    )


def main(table: Path, drawing: Drawing, svg: Path, png: Path) -> None:
    """Draw the table's means and bands.

    Args:
        table: CSV with epoch, split ("train" or "test"), mean, q05, q95 and n; of accuracies also
            the `printed` one; data.
        drawing: what the figure shows.
        svg: vector file to write.
        png: raster file to write.
    """
    # Where all runs diverged, the values do not tell their type.
    read = read_figure(table, dict.fromkeys(("mean", "q05", "q95"), pl.Float64))
    footer = f"{read.footer()}. Line: mean; band: 5\N{EN DASH}95 % of the seeds."
    page = style.Page(*SIZE, drawing.title, footer, read.stand_in)

    def draw(figure: Figure) -> None:
        if drawing.quantity == "loss":
            draw_loss(figure, read.rows)
        else:
            draw_accuracy(figure, read.rows, drawing.printed)

    style.render(page, draw, svg, png)


def draw_loss(figure: Figure, rows: pl.DataFrame) -> None:
    """Loss by epoch; the scale starts at 0 and holds ln 26, the same in every loss figure.

    Args:
        figure: receives one axes.
        rows: columns epoch, split, mean, q05, q95; one row per epoch and split.
    """
    axes = figure.add_subplot()
    highest = _largest(rows["q95"], rows["mean"])
    axes.set_ylim(0, max(1.08 * CHANCE_LOSS, 1.05 * highest))
    axes.axhline(CHANCE_LOSS, color=style.GREY, linewidth=0.9, linestyle=":")
    axes.annotate(
        f"guessing: ln 26 = {CHANCE_LOSS:.2f}",
        (1, CHANCE_LOSS),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 2),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=8,
        color=style.GREY,
    )
    _lines(axes, rows, scale=1, form="{:.2f}")
    axes.set_ylabel("cross-entropy loss (nats)")


def draw_accuracy(figure: Figure, rows: pl.DataFrame, printed: str) -> None:
    """Accuracy by epoch in percent, the printed value dashed, the later epochs enlarged.

    Args:
        figure: receives the axes and an inset.
        rows: columns epoch, split, mean, q05, q95 and printed (fractions).
        printed: what the dashed line says, without its number.
    """
    axes = figure.add_subplot()
    axes.set_ylim(0, 100)
    _lines(axes, rows, scale=100, form="{:.1f} %")
    target = 100 * rows["printed"][0]
    _printed_line(axes, target, f"{printed}: {round(target, 2):g} %")
    names = rows["split"].unique().to_list()
    axes.set_ylabel(f"{names[0]} accuracy (%)" if len(names) == 1 else "accuracy (%)")
    _enlarge(axes, rows, target)


def _lines(axes: Axes, rows: pl.DataFrame, scale: float, form: str) -> None:
    """Mean line and band of every split, each named at its right end."""
    ends: list[tuple[str, float, str]] = []
    for split, (colour, dash) in LINES.items():
        part = rows.filter(pl.col("split") == split).sort("epoch")
        if part.is_empty():
            continue
        epoch, mean = part["epoch"].to_numpy(), scale * part["mean"].to_numpy()
        low, high = scale * part["q05"].to_numpy(), scale * part["q95"].to_numpy()
        # A run of a few epochs is all corners; dots show where the measurements are.
        marker = "o" if len(epoch) <= 10 else ""
        axes.fill_between(epoch, low, high, color=colour, alpha=0.22, linewidth=0)
        axes.plot(epoch, mean, color=colour, linestyle=dash, marker=marker, markersize=3.5)
        finite = mean[np.isfinite(mean)]
        if finite.size:
            ends.append((f"{split} {form.format(finite[-1])}", float(finite[-1]), colour))
    style.name_ends(axes, ends)
    if not ends:
        style.note(axes, "no finite value in any epoch")
    epochs = rows["epoch"].to_numpy()
    axes.set_xlim(min(0, epochs.min()), max(1, epochs.max()))
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=9))
    style.tell_along(axes, "x", _told(rows, scale))


def _told(rows: pl.DataFrame, scale: float) -> dict[float, str]:
    """The hover text of each epoch."""
    told: dict[float, str] = {}
    for row in rows.sort("epoch").iter_rows(named=True):
        numbers = (scale * row[name] for name in ("mean", "q05", "q95"))
        number = (
            style.interval(numbers, " %") if scale == 100 else style.interval(numbers, "", ".3f")
        )
        before = f"{told[row['epoch']]}; " if row["epoch"] in told else f"epoch {row['epoch']}: "
        told[row["epoch"]] = f"{before}{row['split']} {number}, n = {row['n']} seeds"
    return told


def _printed_line(axes: Axes, target: float, label: str = "") -> None:
    axes.axhline(target, color=style.INK, linewidth=1.0, linestyle=(0, (6, 3)))
    if label:
        axes.annotate(
            label,
            (0, target),
            xycoords=("axes fraction", "data"),
            xytext=(6, 2),
            textcoords="offset points",
            va="bottom",
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        )


def _enlarge(axes: Axes, rows: pl.DataFrame, target: float) -> None:
    """An inset with the second half of the epochs, where the curve is nearly flat."""
    last = int(rows["epoch"].to_numpy().max())
    late = rows.filter(pl.col("epoch") >= last // 2)
    values = 100 * late.select("mean", "q05", "q95").to_numpy()
    values = values[np.isfinite(values)]
    # The inset sits in the lower right corner, which only a curve that has risen leaves free.
    if last < 10 or values.size == 0 or values.min() < 70:
        return
    # A white ground keeps the outer grid lines from running through the inset's numbers.
    ground = Rectangle((0.3, 0.004), 0.7, 0.706, transform=axes.transAxes, fc="white", zorder=0.8)
    axes.add_patch(ground)
    inset = axes.inset_axes((0.36, 0.13, 0.61, 0.5))
    for split, (colour, dash) in LINES.items():
        part = late.filter(pl.col("split") == split).sort("epoch")
        epoch, mean = part["epoch"].to_numpy(), 100 * part["mean"].to_numpy()
        low, high = 100 * part["q05"].to_numpy(), 100 * part["q95"].to_numpy()
        inset.fill_between(epoch, low, high, color=colour, alpha=0.22, linewidth=0)
        inset.plot(epoch, mean, color=colour, linestyle=dash)
    shown = [*values, target]
    room = 0.12 * (max(shown) - min(shown)) + 0.05
    inset.set_ylim(min(shown) - room, max(shown) + room)
    inset.set_xlim(last // 2, last)
    _printed_line(inset, target)
    inset.set_title(f"enlarged: epochs {last // 2}\N{EN DASH}{last}", fontsize=8, loc="left")
    inset.tick_params(labelsize=7.5)
    inset.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    inset.yaxis.set_major_locator(MaxNLocator(nbins=5))
    style.tell_along(inset, "x", _told(late, 100))


def _largest(*columns: pl.Series) -> float:
    """The largest finite value of the columns, 0 if there is none."""
    values = np.concatenate([column.to_numpy() for column in columns])
    values = values[np.isfinite(values)]
    return float(values.max()) if values.size else 0.0


job.run(main, globals().get("snakemake"))
