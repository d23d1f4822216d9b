"""Named entities: F1 by tag and model, and ambiguous names by the width of the window."""

from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow.lib import job, style, tables

TITLE = "Named entities by the words around them"
TAGS = ["PER", "LOC", "GPE", "DATE", "ORG", "macro"]
HIDDEN = "network, words hidden"
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "majority": ("most frequent tag", {"marker": "x", "color": style.INK}),
    "word": ("each word's own tag", {"marker": "s", "color": style.GREY}),
    "logistic": ("logistic regression", {"marker": "D", "color": style.ORANGE}),
    "network": ("network", {"marker": "o", "color": style.BLUE}),
}
"""Label and look of each model."""


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw both panels.

    Args:
        table: CSV as `summarise.main` describes `scores`.
        svg: vector file to write.
        png: raster file to write.
    """
    read = tables.read_figure(table)
    networks = read.rows.filter(pl.col("model").str.starts_with("network"))
    footer = (
        f"{read.footer(networks['n'])}. Intervals: 95 % over sentences and, for networks, seeds. "
        "Left: held-out folds of sentences, the widest window. Right: over names; a name is "
        "ambiguous if it is a person and something else; hollow: in a role unseen in training."
    )
    page = style.Page(9.6, 4.6, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """F1 by tag (left), accuracy on ambiguous names by window (right).

    Args:
        figure: receives two axes.
        rows: as `main` reads them.
    """
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _scores(left, rows.filter(measure="f1"))
    _windows(right, rows.filter(tag="ambiguous"))


def _points(axes: Axes, x: list[float], rows: pl.DataFrame, line: str, **look: Any) -> None:
    value = rows["value"].to_numpy()
    ends = [100 * (value - rows["lo"].to_numpy()), 100 * (rows["hi"].to_numpy() - value)]
    axes.errorbar(x, 100 * value, ends, linestyle=line, **look)


def _scores(axes: Axes, rows: pl.DataFrame) -> None:
    for place, (model, (label, look)) in enumerate(MODELS.items()):
        widest = rows.filter(model=model).filter(pl.col("window") == pl.col("window").max())
        ordered = pl.DataFrame({"tag": TAGS}).join(widest, on="tag", maintain_order="left")
        shift = 0.18 * (place - 1.5)
        _points(axes, [k + shift for k in range(len(TAGS))], ordered, "none", label=label, **look)
    axes.axvline(len(TAGS) - 1.5, color=style.GREY, linewidth=0.8)
    axes.set_xticks(range(len(TAGS)), [*TAGS[:-1], "mean"])
    axes.grid(visible=False, axis="x")
    axes.set_ylim(-4, 104)
    widest = pl.col("window") == pl.col("window").max().over("model")
    told = dict.fromkeys(range(len(TAGS)), "")
    for row in rows.filter(widest, pl.col("model").is_in(list(MODELS))).iter_rows(named=True):
        number = style.interval(100 * row[key] for key in ("value", "lo", "hi"))
        place = TAGS.index(row["tag"])
        before = f"{told[place]}; " if told[place] else f"{row['tag']}, F1: "
        told[place] = f"{before}{MODELS[row['model']][0]} {number}, n = {row['n']}"
    style.tell_along(axes, "x", told)
    axes.set_ylabel("F1 (%)")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False, fontsize=8)


def _windows(axes: Axes, rows: pl.DataFrame) -> None:
    for measure, line, name in (
        ("folds", "-", "new sentences"),
        ("swapped", "--", "unseen role"),
    ):
        part, solid = rows.filter(measure=measure), measure == "folds"
        for model, marker, colour, shift in (
            ("network", "o", style.BLUE, 0.0),
            (HIDDEN, "^", style.GREEN, 0.09),
            ("logistic", "D", style.ORANGE, 0.18),
        ):
            shown = part.filter(model=model).sort("window")
            if model == "network":
                label = f"network: {name}"
            else:
                label = {HIDDEN: HIDDEN, "logistic": "logistic regression"}[model]
            _points(
                axes,
                [width + shift for width in shown["window"]],
                shown,
                line if model == "network" else "none",
                marker=marker,
                color=colour,
                markerfacecolor=colour if solid else "white",
                label=label if solid or model == "network" else None,
            )
    axes.set_xticks(rows.filter(model="network")["window"].unique().sort().to_list())
    axes.set_ylim(-4, 104)
    cells = [
        row | {"words on each side": row["window"], "name": f"{row['model']}, {row['measure']}"}
        for row in rows.sort("window").to_dicts()
        if row["model"] in ("network", HIDDEN, "logistic")
    ]
    style.tell_rows(axes, "x", cells, "words on each side", "name", 100, " %", ".1f")
    axes.set_xlabel("words on each side")
    axes.set_ylabel("ambiguous names right (%)")
    axes.legend(
        *_by_column(axes, [0, 3, 1, 2]),
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=2,
        frameon=False,
        fontsize=8,
        handlelength=3,
    )


def _by_column(axes: Axes, order: list[int]) -> tuple[list[Any], list[Any]]:
    handles, labels = axes.get_legend_handles_labels()
    return [handles[k] for k in order], [labels[k] for k in order]


job.run(main, globals().get("snakemake"))
