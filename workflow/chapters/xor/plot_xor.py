"""XOR: loss by epoch and solved fraction, with a hidden layer (2-3-2) and without (2-2)."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from workflow.lib import job, style, tables

TITLE = "XOR with a hidden layer (2-3-2) and without (2-2)"
LINES = {"2-3-2": (style.BLUE, "solid", "o"), "2-2": (style.ORANGE, (0, (4, 2)), "s")}


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw one line of panels per setting: loss curves left, solved fraction right.

    Args:
        table: CSV as `summarise.figure` describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    footer = (
        f"{read.footer()}. Line: median; band: quartiles of the seeds. "
        "Solved: all four rows right; bar: 95 % interval."
    )
    settings = read.rows["setting"].n_unique()
    page = style.Page(8.2, 1.5 + 1.75 * settings, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """Two columns of panels, one line per setting, the reference first.

    Args:
        figure: receives the axes.
        rows: as `main` reads them.
    """
    settings = rows.sort("reference", descending=True, maintain_order=True)
    names = settings.select("setting", "reference").unique(maintain_order=True).rows()
    panels = figure.subplots(
        len(names), 2, squeeze=False, sharex="col", sharey="col", width_ratios=(2, 1)
    )
    for (curve, solved), (name, reference) in zip(panels, names, strict=True):
        part = rows.filter(pl.col("setting") == name).sort("epoch")
        _losses(curve, part)
        _solved(solved, part)
        title = f"{name} (reference)" if reference else name
        curve.set_title(title, loc="left", fontsize=9, fontweight="bold")
        curve.set_ylabel("loss (nats)")
    panels[0, 0].set_ylim(bottom=0)
    for curve, (name, _) in zip(panels[:, 0], names, strict=True):
        part = rows.filter(pl.col("setting") == name).sort("epoch")
        _name_lines(curve, part)
        style.tell_along(curve, "x", _told(part))
    last = rows["epoch"].to_numpy().max()
    panels[0, 1].set_title(f"after epoch {last}", loc="left", fontsize=9, fontweight="bold")
    panels[-1, 0].set_xlabel("epoch")
    panels[-1, 1].set_xlabel("solved (% of seeds)")


def _losses(axes: Axes, part: pl.DataFrame) -> None:
    """Median loss and quartile band of both networks."""
    for network, (colour, dash, _) in LINES.items():
        rows = part.filter(pl.col("network") == network)
        epoch = rows["epoch"].to_numpy()
        low, high = rows["loss_q25"].to_numpy(), rows["loss_q75"].to_numpy()
        axes.fill_between(epoch, low, high, color=colour, alpha=0.22, linewidth=0)
        axes.plot(epoch, rows["loss_median"].to_numpy(), color=colour, linestyle=dash)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def _told(part: pl.DataFrame) -> dict[float, str]:
    """The hover text of each epoch: the loss of both networks."""
    return {
        epoch: f"epoch {epoch}: "
        + "; ".join(
            f"{row['network']} median loss {row['loss_median']:.3f}, half of the seeds from "
            f"{row['loss_q25']:.3f} to {row['loss_q75']:.3f}, n = {row['n']}"
            for row in of_epoch.iter_rows(named=True)
        )
        for (epoch,), of_epoch in part.group_by("epoch", maintain_order=True)
    }


def _name_lines(axes: Axes, part: pl.DataFrame) -> None:
    """Name both curves at their right ends."""
    ends: list[tuple[str, float, str]] = []
    for network, (colour, _, _) in LINES.items():
        median = part.filter(pl.col("network") == network)["loss_median"].to_numpy()
        finite = median[np.isfinite(median)]
        if finite.size:
            ends.append((network, float(finite[-1]), colour))
    style.name_ends(axes, ends)
    if not ends:
        style.note(axes, "no finite value in any epoch")


def _solved(axes: Axes, part: pl.DataFrame) -> None:
    """Solved fraction with its interval, one line per network."""
    for place, (network, (colour, _, marker)) in enumerate(LINES.items()):
        last = part.filter(pl.col("network") == network).tail(1)
        if last.is_empty():
            continue
        value, low, high = 100 * last.select("solved", "lo", "hi").to_numpy()[0]
        axes.plot([low, high], [place, place], color=colour, linewidth=3, alpha=0.5)
        axes.plot([value], [place], color=colour, marker=marker, markersize=6)
        text = f"{value:.1f} % [{low:.1f}, {high:.1f}]" if np.isfinite(value) else "no value"
        axes.text(
            0.98,
            place - 0.18,
            text,
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="bottom",
            fontsize=8,
            color=colour,
        )
    axes.set_yticks(range(len(LINES)), list(LINES))
    axes.set_ylim(len(LINES) - 0.5, -0.6)
    axes.set_xlim(-3, 103)


job.run(main, globals().get("snakemake"))
