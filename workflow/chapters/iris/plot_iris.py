"""Irises: the regions that three models assign to one species."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "One species of iris against the other two: three decision boundaries"
MODELS = {
    "logistic": "logistic regression",
    "quadratic": "quadratic basis functions",
    "network": "one hidden layer",
}
LOOKS = ((style.GREEN, "^"), (style.BLUE, "o"), (style.ORANGE, "s"))
"""Of the species, by number."""

PALE = ("#FFFFFF", "#C9E0F0")


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw one panel for each model.

    Args:
        table: CSV as `summarise.iris_figure` describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    flowers = int(read.rows.filter(part="flower", model="logistic")["share"].is_not_nan().sum())
    seeds = int(read.rows.filter(part="accuracy", model="network")["n"][0])
    asked = read.rows.filter(part="accuracy")["name"][0]
    footer = (
        f"Data: {tables.SOURCES[read.source]}. Percentages: leave-one-out accuracy [95 %], over "
        f"{flowers} flowers and, for the network, {seeds} seeds. Shaded: called {asked} after "
        "training on all flowers (network: first seed). Dashed: a hidden unit equals 1/2. Grey "
        f"lines: one or nine seeds in ten say {asked}. Rings: misclassified when left out."
    )
    page = style.Page(9.6, 4.4, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """Three panels with shared axes.

    Args:
        figure: receives the axes.
        rows: as `main` reads them.
    """
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    x_name, y_name = rows.filter(part="axis").sort("index")["name"]
    for axes, (model, name) in zip(panels, MODELS.items(), strict=True):
        part = rows.filter(model=model)
        _region(axes, part.filter(part="region").sort("index"))
        _units(axes, part.filter(part="unit"))
        _flowers(axes, part.filter(part="flower"))
        value, lo, hi = 100 * part.filter(part="accuracy").select("value", "lo", "hi").to_numpy()[0]
        title = f"{name}\n{value:.1f} % [{lo:.1f}, {hi:.1f}]"
        axes.set_title(title, loc="left", fontsize=9)
        accuracy = f"{name}: leave-one-out accuracy {style.interval((value, lo, hi), form='.1f')}"
        n = int(part.filter(part="accuracy")["n"][0])
        unit = "seeds" if model == "network" else "flowers"
        measured = (x_name, y_name)
        _tell(axes, part.filter(part="flower"), f"{accuracy}, n = {n} {unit}", measured)
        axes.set_xlabel(x_name)
        axes.grid(visible=False)
    panels[0].set_ylabel(y_name)
    panels[0].legend(loc="upper left", fontsize=7.5, frameon=False, handletextpad=0.1)


def _region(axes: Axes, part: pl.DataFrame) -> None:
    count = part["y"].n_unique()
    x, y, value, share = (
        part[name].to_numpy().reshape(count, -1) for name in ("x", "y", "value", "share")
    )
    axes.set_xlim(x.min(), x.max())
    axes.set_ylim(y.min(), y.max())
    if not np.isfinite(value).all():
        style.note(axes, "diverged")
        return
    axes.contourf(x, y, value, levels=[-1, 0.5, 2], colors=PALE)
    if value.min() < 0.5 < value.max():
        axes.contour(x, y, value, levels=[0.5], colors=style.INK, linewidths=1.3)
    # Between 0 and 1 the seeds differ; without seeds there is nothing between.
    if ((share > 0) & (share < 1)).any():
        axes.contour(x, y, share, levels=[0.1, 0.9], colors=style.GREY, linewidths=0.7)


def _units(axes: Axes, part: pl.DataFrame) -> None:
    ends = np.array(axes.get_xlim())
    for w1, w2, b in part.select("x", "y", "value").iter_rows():
        if abs(w2) > 1e-9:
            axes.plot(ends, -(w1 * ends + b) / w2, "--", color=style.GREY, linewidth=1)


def _flowers(axes: Axes, part: pl.DataFrame) -> None:
    x, y, species, share = (part[name].to_numpy() for name in ("x", "y", "value", "share"))
    names = part["name"].to_numpy()
    for number, (colour, marker) in enumerate(LOOKS):
        chosen = species == number
        if chosen.any():
            axes.scatter(x[chosen], y[chosen], 11, color=colour, marker=marker, alpha=0.75,
                         label=names[chosen][0], linewidths=0)  # fmt: skip
    wrong = share > 0.5
    axes.scatter(x[wrong], y[wrong], 42, facecolors="none", edgecolors=style.INK, linewidths=0.8)


def _tell(axes: Axes, part: pl.DataFrame, accuracy: str, measured: tuple[str, str]) -> None:
    """On hover, the panel shows the accuracy, and each place its flowers."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    style.tell(axes, (left, low), (right - left, high - low), accuracy)
    # The measurements are multiples of a millimetre, so places with flowers do not overlap.
    for (x, y), here in part.sort("x", "y").group_by("x", "y", maintain_order=True):
        kinds = here["name"].value_counts().sort("name").iter_rows()
        names = ", ".join(f"{count} {name}" for name, count in kinds)
        left_out = here.filter(pl.col("share").is_finite())
        wrong = left_out.filter(pl.col("share") > 0.5).height
        text = (
            f"{measured[0]} {x}, {measured[1]} {y}: {names}; misclassified when left out: {wrong} "
            f"of {left_out.height}"
        )
        style.tell(axes, (float(str(x)) - 0.05, float(str(y)) - 0.05), (0.1, 0.1), text)


job.run(main, globals().get("snakemake"))
