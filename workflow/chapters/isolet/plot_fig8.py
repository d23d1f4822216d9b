"""Figure 8: test accuracy by optimizer, every seed shown."""

from pathlib import Path

import numpy as np
import polars as pl
from boxes import COLOURS, NAMES, box, told
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow.lib import job, style
from workflow.lib.tables import read_figure

TITLE = "Figure 8. Test accuracy by optimizer"
# Medians this close to the best (percentage points) share the enlarged panel.
CLOSE = 3.0


def main(table: Path, svg: Path, png: Path) -> None:
    """Draw a box and all seeds for every optimizer, with the best ones enlarged on the right.

    Args:
        table: CSV with optimizer, seed, test_accuracy (fraction; empty = diverged), data.
        svg: vector file to write.
        png: raster file to write.
    """
    read = read_figure(table, {"test_accuracy": pl.Float64})
    seeds = read.rows.group_by("optimizer").len()["len"]
    footer = (
        f"{read.footer(seeds)}. Dots: seeds; box: quartiles; whiskers: farthest seed within "
        "1.5 box heights; number: median."
        + (" k/n div. = k of n seeds diverged." if _lost(read.rows) else "")
    )
    page = style.Page(8.8, 4.4, TITLE, footer, read.stand_in)
    style.render(page, lambda figure: draw(figure, read.rows), svg, png)


def draw(figure: Figure, rows: pl.DataFrame) -> None:
    """Box plots in the order of NAMES; a second panel enlarges those close to the best.

    Args:
        figure: receives one or two axes.
        rows: columns optimizer and test_accuracy (fraction), one row per seed.
    """
    groups = {
        name: 100 * rows.filter(pl.col("optimizer") == name)["test_accuracy"].to_numpy()
        for name in NAMES
    }
    groups = {name: values for name, values in groups.items() if values.size}
    medians = {n: float(np.median(v[np.isfinite(v)])) for n, v in groups.items() if _any(v)}
    best = max(medians.values(), default=0.0)
    close = {n: groups[n] for n, median in medians.items() if median > best - CLOSE}
    floor = best - 2 * CLOSE
    stray = any((values < floor).any() for values in groups.values())
    if not close or (len(close) == len(groups) and not stray):
        _boxes(figure.add_subplot(), groups)
        return
    left, right = figure.subplots(1, 2, width_ratios=(len(groups), max(2, len(close))))
    _boxes(left, groups)
    _boxes(right, close, floor)
    left.set_title("all optimizers", loc="left", fontsize=9)
    right.set_title("enlarged: the best", loc="left", fontsize=9)


def _boxes(axes: Axes, groups: dict[str, np.ndarray], floor: float = -np.inf) -> None:
    """One box per optimizer with its seeds jittered by a fixed rule and its median printed.

    Seeds below `floor` are left out of the panel and counted under the optimizer's name.
    """
    for place, (name, values) in enumerate(groups.items()):
        finite = values[np.isfinite(values)]
        lost = values.size - finite.size
        below = int((finite < floor).sum())
        notes = [f"{lost}/{values.size} div."] if lost else []
        notes += [f"{below}/{values.size} below"] if below else []
        _under(axes, place, -0.03, NAMES[name])
        _under(axes, place, -0.09, "\n".join(notes))
        if not finite.size:
            continue
        box(axes, place, finite, COLOURS[name])
        axes.annotate(
            f"{np.median(finite):.1f}",
            (place + 0.27, float(np.median(finite))),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            fontweight="bold",
        )
    axes.set_xlim(-0.5, len(groups) - 0.3)
    axes.set_xticks([])
    axes.margins(y=0.08)
    shown = np.concatenate([values[values >= floor] for values in groups.values()])
    if axes.get_ylim()[0] < floor:
        room = 0.08 * np.ptp(shown) + 0.05
        axes.set_ylim(shown.min() - room, shown.max() + room)
    axes.set_ylabel("test accuracy (%)")
    bottom, top = axes.get_ylim()
    for place, (name, values) in enumerate(groups.items()):
        style.tell(axes, (place - 0.5, bottom), (1, top - bottom), told(NAMES[name], values))


def _under(axes: Axes, place: float, height: float, text: str) -> None:
    """A text below the axes, centred on a box."""
    axes.text(place, height, text, transform=axes.get_xaxis_transform(), ha="center", va="top")


def _lost(rows: pl.DataFrame) -> bool:
    return not np.isfinite(rows["test_accuracy"].to_numpy()).all()


def _any(values: np.ndarray) -> bool:
    return bool(np.isfinite(values).any())


job.run(main, globals().get("snakemake"))
