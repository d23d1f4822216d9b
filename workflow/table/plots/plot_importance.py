"""What the network loses if a column of the test rows is permuted."""

import json
from pathlib import Path

import polars as pl
from matplotlib.figure import Figure

from workflow.lib import job, style

MOST = 20


def main(importance: Path, about: Path, svg: Path, png: Path) -> None:
    """Draw the columns that matter most.

    Args:
        importance: CSV as `summarise.main` writes it.
        about: what is known of the table.
        svg: vector file to write.
        png: raster file to write.
    """
    every = pl.read_csv(
        importance, infer_schema_length=None, schema_overrides={"column": pl.String}
    )
    known = json.loads(about.read_text(encoding="utf-8"))
    regression = known["task"] == "regression"
    scale = 1 if regression else 100
    rows = every.head(MOST).reverse()
    shown = "" if every.height <= MOST else f" The first {MOST} of {every.height} columns."
    footer = (
        f"{known['file']}. Decrease on the test rows, mean of permutations; bars: 95 % over "
        f"{'groups' if known['groups'] else 'rows'}.{shown} Columns with the same information "
        "share the decrease."
    )

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        places = range(rows.height)
        axes.hlines(
            places, scale * rows["lo"].to_numpy(), scale * rows["hi"].to_numpy(),
            color=style.BLUE, linewidth=1.3,
        )  # fmt: skip
        axes.plot(scale * rows["value"].to_numpy(), places, "o", color=style.BLUE, markersize=5)
        axes.axvline(0, color=style.GREY, linewidth=0.8)
        axes.set_yticks(
            places, [style.shortened(name, 32) for name in rows["column"]], parse_math=False
        )
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("R² lost" if regression else "accuracy lost (points)")
        axes.set_ylim(-0.6, rows.height - 0.4)
        told = {
            place: f"{row['column']}: "
            + style.interval((scale * row[end] for end in ("value", "lo", "hi")), "", ".3g")
            for place, row in enumerate(rows.iter_rows(named=True))
        }
        style.tell_along(axes, "y", told)

    page = style.Page(8.2, 1.5 + 0.24 * rows.height, "Columns that the network uses", footer)
    style.render(page, draw, svg, png)


job.run(main, globals().get("snakemake"))
