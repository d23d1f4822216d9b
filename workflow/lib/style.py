"""The look of every figure, and its one way to disk: title, footer, stand-in mark, SVG, PNG.

Text in the SVG is drawn as paths: the file then looks the same in every browser, editor and
printer, whether DejaVu Sans is installed or not. The words stay searchable, since each path
carries its text as an XML comment and title and footer are stored as metadata. Where a table has
letters for which no font is installed, text stays text, in the fonts of the reader.

A figure can show its numbers as hover text: `tell` covers a place with an invisible rectangle whose
title is the text. Browsers show it on hover; the study's pages also on touch and keyboard focus.
"""

import os
import re
import textwrap
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from workflow.lib import letters

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

# Okabe and Ito's colours, told apart by readers with any common colour vision.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
# A green for words: the one above is too light for small letters on white.
LEAF = "#00664A"
INK, GREY, FAINT = "#222222", "#5A5A5A", "#DDDDDD"
ALARM = "#B00020"

LOOK: "dict[RcKeyType, Any]" = {
    "font.family": letters.OWN,
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.8,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "path",
    "svg.hashsalt": "nnjax",
}

# Heights of the strips around the drawing, in inches, so that they match across figures.
TITLE_STRIP, FOOTER_STRIP, BANNER_STRIP, MARGIN = 0.42, 0.34, 0.34, 0.14
# Mean width of a letter of the footer, in inches; longer footers are broken into lines.
FOOTER_LETTER = 0.055


TOLD = "told:"
"""Begins the id of a place with hover text, within matplotlib."""

NO_FONT = "Boxes in the PNG file are letters that no font of this computer has."

QUICK = "QUICK SETTINGS: few seeds and epochs, not a result"
"""On every figure of a quick study, recognised by the variable NNJAX_STUDY."""


@dataclass(frozen=True)
class Page:
    """What surrounds a drawing: size in inches, title, footer and stand-in mark ("" for none)."""

    width: float
    height: float
    title: str
    footer: str = ""
    stand_in: str = ""


def render(page: Page, draw: Callable[[Figure], None], svg: Path, png: Path) -> None:
    """Draw a page and write it as SVG and PNG; the same input gives the same bytes.

    Args:
        page: size, title, footer and stand-in mark.
        draw: puts the axes into the figure; the strips for title and footer are kept free.
        svg: vector file to write.
        png: raster file to write, 200 dots per inch.
    """
    marks = [page.stand_in, QUICK if os.environ.get("NNJAX_STUDY") == "quick" else ""]
    mark = ". ".join(filter(None, marks))
    with matplotlib.rc_context(LOOK), warnings.catch_warnings():
        banner = BANNER_STRIP if mark else 0.0
        height = page.height + banner
        layout = ConstrainedLayoutEngine()
        figure = Figure(figsize=(page.width, height), facecolor="white", layout=layout)
        FigureCanvasAgg(figure)
        draw(figure)
        below = f"{page.footer} {_find_letters(figure, page)}".strip()
        footer = textwrap.wrap(below, int((page.width - 2 * MARGIN) / FOOTER_LETTER))
        bottom = (FOOTER_STRIP + 0.14 * (len(footer) - 1) if footer else MARGIN) / height
        top = 1 - (TITLE_STRIP + banner) / height
        side = MARGIN / page.width
        layout.set(rect=(side, bottom, 1 - 2 * side, top - bottom))
        # Laid out once, not at each save, so that both files show the same figure.
        layout.execute(figure)
        figure.set_layout_engine("none")
        # The layout's last bits differ from run to run and may tip the last digit of a coordinate.
        for axes in figure.axes:
            bounds = axes.get_position(original=True).bounds
            left, low, width, tall = (round(float(end), 9) for end in bounds)
            axes.set_position((left, low, width, tall))
        title = 1 - (banner + 0.14) / height
        # A name of a file may have dollars, which are no mathematics.
        bold: dict[str, Any] = {"va": "top", "fontsize": 11, "fontweight": "bold"}
        figure.text(side, title, page.title, parse_math=False, **bold)
        small: dict[str, Any] = {"va": "bottom", "fontsize": 7.5, "color": GREY}
        small["parse_math"] = False
        figure.text(side, 0.1 / height, "\n".join(footer), **small)
        if mark:
            watermark = "STAND-IN DATA" if page.stand_in else "QUICK"
            _mark(figure, mark, watermark, 1 - banner / height)
        about = {"Title": page.title, "Description": f"{mark}. {below}".removeprefix(". ")}
        _save(figure, svg, "svg", {**about, "Creator": None, "Date": None})
        _save(figure, png, "png", {**about, "Software": None})


def spread(positions: list[float], gap: float) -> list[float]:
    """Move label positions apart until neighbours are at least `gap` apart, order kept.

    >>> spread([1.0, 0.95], 0.2)
    [1.15, 0.95]
    """
    moved = list(positions)
    order = sorted(range(len(moved)), key=lambda i: moved[i])
    for below, above in pairwise(order):
        moved[above] = max(moved[above], round(moved[below] + gap, 12))
    return moved


def name_ends(axes: Axes, ends: list[tuple[str, float, str]]) -> None:
    """Write curves' names to the right of the axes at the height of their last values.

    Args:
        axes: with the y limits already set.
        ends: name, last value and colour of each curve.
    """
    bottom, top = axes.get_ylim()
    places = spread([value for _, value, _ in ends], 0.065 * (top - bottom))
    for (name, _, colour), place in zip(ends, places, strict=True):
        axes.annotate(
            name,
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
            annotation_clip=False,
        )


def tell(axes: Axes, corner: tuple[float, float], size: tuple[float, float], text: str) -> None:
    """Give a place of the SVG a hover text; nothing is drawn, and the PNG stays as it is.

    Args:
        axes: receives the invisible rectangle.
        corner: its lower left corner, in the axes' data.
        size: its width and height, in the axes' data.
        text: the hover text, in one line.
    """
    # Above all that is drawn, which would otherwise cover it, and below an inset.
    look: dict[str, Any] = {"facecolor": "none", "edgecolor": "none", "zorder": 4.5}
    place = Rectangle(corner, *size, gid=TOLD + text, **look)
    place.set_in_layout(False)
    axes.add_artist(place)


def tell_along(
    axes: Axes, axis: Literal["x", "y"], texts: dict[int, str] | dict[float, str]
) -> None:
    """Give each place along one axis a hover text, at any height (or width) of the other axis.

    Args:
        axes: with the limits already set.
        axis: of the places.
        texts: the hover text of each place, which covers all that is nearer to it than to the next.
            Places beyond the limits, where nothing is drawn, have none.
    """
    along, other = (axes.get_xlim(), axes.get_ylim())[:: 1 if axis == "x" else -1]
    told = sorted(each for each in texts.items() if min(along) <= each[0] <= max(along))
    if not told:
        return
    middles = [(a + b) / 2 for a, b in pairwise(place for place, _ in told)]
    ends = [min(along), *middles, max(along)]
    low, high = min(other), max(other)
    for (_, text), (start, end) in zip(told, pairwise(ends), strict=True):
        if axis == "x":
            tell(axes, (start, low), (end - start, high - low), text)
        else:
            tell(axes, (low, start), (high - low, end - start), text)


def tell_rows(
    axes: Axes,
    axis: Literal["x", "y"],
    rows: Iterable[dict[str, Any]],
    by: str,
    name: str,
    scale: float = 1,
    unit: str = "",
    form: str = ".3g",
) -> None:
    """Give each place along one axis a hover text with the rows of a table at that place.

    Args:
        axes: with the limits already set.
        axis: of the places.
        rows: of a table with value, lo, hi and n.
        by: the column with the places.
        name: the column that distinguishes the rows of a place.
        scale: factor of the numbers.
        unit: of the scaled numbers.
        form: of the scaled numbers.
    """
    told: dict[float, str] = {}
    for row in rows:
        number = interval((scale * row[key] for key in ("value", "lo", "hi")), unit, form)
        place = row[by]
        before = f"{told[place]}; " if place in told else f"{by.replace('_', ' ')} {place}: "
        told[place] = f"{before}{row[name]} {number}, n = {row['n']}"
    tell_along(axes, axis, told)


def interval(numbers: Iterable[float], unit: str = " %", form: str = ".2f") -> str:
    """A value and the ends of its interval, as in hover texts.

    >>> interval((95.4, 93.4, 96.9))
    '95.40 % [93.40, 96.90]'
    """
    value, lo, hi = (format(number, form) for number in numbers)
    return f"{value}{unit} [{lo}, {hi}]"


def shortened(name: str, most: int) -> str:
    """A name without its middle, since names of one table often begin alike.

    >>> shortened("mean of the radius", 12), shortened("radius", 12)
    ('mean o…adius', 'radius')
    """
    return name if len(name) <= most else f"{name[: most // 2]}…{name[-((most - 1) // 2) :]}"


def note(axes: Axes, text: str) -> None:
    """Write a message in the middle of axes that have nothing to show."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=ALARM)


def _find_letters(figure: Figure, page: Page) -> str:
    """Let the figure take letters from the installed fonts; returns what to say if some have none.

    Changes matplotlib's settings, and what it warns of, for texts that are written later.
    """
    written: list[Text] = figure.findobj(Text)
    found, none = letters.fallbacks([page.title, page.footer, *(t.get_text() for t in written)])
    if not found and not none:
        return ""
    families = [letters.OWN, *found, "sans-serif"]
    matplotlib.rcParams.update({"font.family": families})
    for text in written:
        text.set_fontfamily(families)
    if not none:
        return ""
    matplotlib.rcParams.update({"svg.fonttype": "none"})
    warnings.filterwarnings("ignore", "Glyph .* missing from font")
    return NO_FONT


def _mark(figure: Figure, mark: str, watermark: str, top: float) -> None:
    """A red banner above the fraction `top` of the height, and a watermark across the rest."""
    banner = Rectangle((0, top), 1, 1 - top, transform=figure.transFigure, color=ALARM)
    figure.add_artist(banner)
    centred: dict[str, Any] = {"ha": "center", "fontweight": "bold"}
    middle = (1 + top) / 2
    figure.text(0.5, middle, mark, va="center_baseline", color="white", fontsize=12, **centred)
    size = 7.5 * figure.get_figwidth()
    look: dict[str, Any] = {"va": "center", "rotation": 28, "color": ALARM, "alpha": 0.18}
    figure.text(0.5, top / 2, watermark, fontsize=size, zorder=100, **look, **centred)


def _lean(svg: str) -> str:
    """The SVG as it is published: told places, equal ids in every run, and as many digits as seen.

    matplotlib makes ids of the coordinates' last bits, which depend on where numpy's arrays happen
    to lie in memory; they are numbered as they come. It writes a millionth of a point, and indents.
    """
    numbers: dict[str, str] = {}
    svg = re.sub(
        r"(?<=[\"#])[mph][0-9a-f]{10}\b",
        lambda found: numbers.setdefault(found[0], f"{found[0][0]}{len(numbers)}"),
        svg,
    )
    svg = re.sub(f'<g id="{TOLD}([^"]*)">.*? d="([^"]*)".*?</g>', _place, svg, flags=re.DOTALL)
    svg = re.sub(
        r'(?<= d="|.x="|.y=")[^"]*|(?<=translate\()[^)]*',
        lambda found: re.sub(r"-?\d+\.\d{3,}", lambda x: f"{float(x[0]):.2f}", found[0]),
        svg,
    )
    # The letters of a text.
    svg = re.sub(r'(<use [^>]*)transform="translate\((\S+) 0\)"', r'\1x="\2"', svg)
    return re.sub(r" *\n *", "\n", svg)


def _place(found: re.Match[str]) -> str:
    """A place that tells its numbers, of matplotlib's path of a rectangle."""
    xs, ys = ([float(x) for x in re.findall(r"-?[\d.]+", found[2])][k::2] for k in (0, 1))
    size = f'width="{max(xs) - min(xs):.2f}" height="{max(ys) - min(ys):.2f}"'
    return (
        f'<rect class="told" x="{min(xs)}" y="{min(ys)}" {size} fill="none" pointer-events="all">'
        f"<title>{found[1]}</title></rect>"
    )


def _save(figure: Figure, path: Path, kind: str, metadata: dict[str, str | None]) -> None:
    """Write next to the target first, so that a killed job leaves no partial figure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        figure.savefig(partial, format=kind, dpi=200, metadata=metadata)
        if kind == "svg":
            partial.write_text(_lean(partial.read_text(encoding="utf-8")), encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
