"""Gradients before training by depth and layer, and losses in training."""

from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from workflow.lib import job, style, tables

TITLE = "Vanishing gradients: activation, initialisation and depth"
NETWORKS: dict[str, dict[str, Any]] = {
    "ReLU, He": {"color": style.BLUE, "linestyle": "-", "marker": "o"},
    "ReLU, Glorot": {"color": style.BLUE, "linestyle": "--", "marker": "s"},
    "ReLU, normal with sd 0.01": {"color": style.BLUE, "linestyle": ":", "marker": "^"},
    "sigmoid, four times Glorot's bound": {
        "color": style.ORANGE, "linestyle": "--", "marker": "s",
    },
    "sigmoid, Glorot": {"color": style.ORANGE, "linestyle": "-", "marker": "o"},
}  # fmt: skip


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw the first layer's gradient by depth, each layer's in the deepest network, and losses.

    Args:
        table: CSV as `gradient_figure` in gradient_numbers.py describes it.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    footer = (
        f"{read.footer()}. Root mean square of a weight matrix's gradient before training, "
        "geometric mean over seeds; bands: 95 % over seeds. Right: loss of the training rows, each "
        "network at the best of its learning rates, geometric mean."
    )
    page = style.Page(10.6, 4.2, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """Three panels.

    Args:
        figure: receives three axes.
        rows: as `main` reads them.
    """
    first, layers, training = figure.subplots(1, 3)
    deep = int(rows["hidden_layers"].to_numpy().max())
    for axes, part in ((first, "first"), (layers, "layers")):
        for name, look in NETWORKS.items():
            _line(axes, rows.filter(part=part, name=name), {**look, "markersize": 4}, name)
        axes.set_yscale("log")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=9))
    first.set_xlabel("hidden layers")
    first.set_ylabel("gradient (root mean square)")
    first.set_title("first layer", loc="left", fontsize=9)
    layers.set_xlabel("layer (1: next to the input)")
    layers.set_title(f"every layer, {deep} hidden layers", loc="left", fontsize=9)
    drawn = rows.filter(pl.col("part") != "training")["value"].to_numpy()
    for axes in (first, layers):
        axes.set_ylim(drawn.min() / 5, drawn.max() * 5)
    depths = rows.filter(part="first").to_dicts()
    style.tell_rows(first, "x", depths, "hidden_layers", "name")
    places = [row | {"layer": row["x"]} for row in rows.filter(part="layers").to_dicts()]
    style.tell_rows(layers, "x", places, "layer", "name")
    layers.legend(loc="center", bbox_to_anchor=(0.52, 0.3), frameon=False, fontsize=7.5)
    _training(training, rows.filter(part="training"))


def _training(axes: Axes, rows: pl.DataFrame) -> None:
    cells = rows.select("name", "hidden_layers").unique(maintain_order=True)
    deep = cells["hidden_layers"].max()
    for name, depth in cells.iter_rows():
        part = rows.filter(name=name, hidden_layers=depth).sort("x")
        look = {"color": NETWORKS[name]["color"], "linestyle": "-" if depth == deep else ":"}
        label = f"{name.split(',')[0]}, {depth} hidden"
        _line(axes, part, look, label)
    axes.set_yscale("log")
    epochs = [
        row | {"epoch": row["x"], "network": f"{row['name']}, {row['hidden_layers']} hidden layers"}
        for row in rows.sort("x").to_dicts()
    ]
    style.tell_rows(axes, "x", epochs, "epoch", "network")
    axes.set_xlabel("epoch")
    axes.set_ylabel("cross-entropy (nats)")
    axes.set_title("training", loc="left", fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8, loc="upper right", bbox_to_anchor=(1.0, 0.95))


def _line(axes: Axes, rows: pl.DataFrame, look: dict[str, Any], label: str) -> None:
    if rows.is_empty():
        return
    ordered = rows.sort("x")
    x, value, lo, hi = (ordered[name].to_numpy() for name in ("x", "value", "lo", "hi"))
    axes.plot(x, value, label=label, **look)
    axes.fill_between(x, lo, hi, color=look["color"], alpha=0.2, linewidth=0)


job.run(main, globals().get("snakemake"))
