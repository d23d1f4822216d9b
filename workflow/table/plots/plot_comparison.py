"""Every model on the test rows, with its interval; the chosen network and the baselines apart."""

import json
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from workflow.lib import job, style
from workflow.table.summarise import named

CONSTANT = ("majority", "mean")
"""Models that always predict the same."""
LOOKS = {"network": (style.ORANGE, "s"), "baseline": (style.BLUE, "o")}


def main(comparison: Path, summary: Path, about: Path, svg: Path, png: Path) -> None:
    """Draw one mark and its interval per model, the best on top.

    Args:
        comparison: CSV as `summarise.main` writes it.
        summary: JSON beside it.
        about: what is known of the table.
        svg: vector file to write.
        png: raster file to write.
    """
    rows = pl.read_csv(comparison, infer_schema_length=None).sort("value")
    said, known = (json.loads(path.read_text(encoding="utf-8")) for path in (summary, about))
    footer = (
        f"{known['file']}, {known['test_rows']} test rows. Bars: 95 % over {said['what']} (of "
        "networks, and over seeds). Filled square: the network that cross-validation chose."
    )
    page = style.Page(
        8.2, 1.4 + 0.3 * rows.height, f"Models on the test rows of {known['file']}", footer
    )
    measure = "test accuracy (%)" if said["measure"] == "accuracy" else "R² on the test rows"
    scale = 100 if said["measure"] == "accuracy" else 1
    style.render(page, lambda figure: draw(figure, rows, measure, scale), svg, png)


def draw(figure: Figure, rows: pl.DataFrame, measure: str, scale: float) -> None:
    """The marks, from the worst up.

    Args:
        figure: receives one axes.
        rows: one per model.
        measure: the name of the x axis.
        scale: factor of all values.
    """
    axes = figure.add_subplot()
    for place, row in enumerate(rows.iter_rows(named=True)):
        colour, marker = LOOKS[row["kind"]]
        # Where nothing varies, an interval of accuracies may reach beyond what there is.
        ends = [row["lo"], row["hi"]] if scale == 1 else np.clip([row["lo"], row["hi"]], 0, 1)
        axes.hlines(place, scale * ends[0], scale * ends[1], color=colour, linewidth=1.3)
        face = colour if row["chosen"] or row["kind"] == "baseline" else "white"
        axes.plot(
            scale * row["value"], place, marker, color=colour, markerfacecolor=face, markersize=6
        )
    axes.set_yticks(range(rows.height), rows["name"].to_list())
    axes.set_ylim(-0.6, rows.height - 0.4)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(measure)
    # A constant, or a model worse than one, must not make the others one point.
    close = rows.filter(~pl.col("key").is_in(CONSTANT))
    low, high = float(close["lo"].min()), float(close["hi"].max())  # pyright: ignore[reportArgumentType]
    low, high = max(low, -0.5 if scale == 1 else 0), min(high, 1)
    pad = 0.05 * max(high - low, 0.02)
    left, right = scale * (low - pad), scale * (high + pad)
    axes.set_xlim(left, right)
    for place, row in enumerate(rows.iter_rows(named=True)):
        if scale * row["value"] < left:
            said = f" \N{LEFTWARDS ARROW} {scale * row['value']:.3g}"
            axes.text(left, place, said, va="center", color=LOOKS[row["kind"]][0], fontsize=8)
    told = {
        place: f"{named(row['name'], row['setting'])}: "
        + style.interval((scale * row[end] for end in ("value", "lo", "hi")), "", ".3g")
        for place, row in enumerate(rows.iter_rows(named=True))
    }
    style.tell_along(axes, "y", told)


job.run(main, globals().get("snakemake"))
