"""Pages: one way to write a number, one way to show a figure, and one set of templates."""

import base64
import io
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from PIL import Image

from workflow.lib.chapters import Page
from workflow.lib.job import JobError
from workflow.lib.numbers import Number
from workflow.lib.tables import write_text

TEMPLATES = Path(__file__).resolve().parents[1] / "report"

UNITS = {
    "fraction": (".1f", 100, " %"),
    "difference of fractions": ("+.2f", 100, " points"),
    "nats": (".3f", 1, " nats"),
    "rows": (".1f", 1, ""),
    "runs": (".0f", 1, ""),
    "ratio": (".3g", 1, ""),
    "ratio of times": (".3g", 1, ""),
    "s": (".3g", 1, " s"),
    "correlation": (".2f", 1, ""),
    "perplexity": (".1f", 1, ""),
    "tokens": (",.0f", 1, ""),
    "number": (".3g", 1, ""),
    "count": (",.0f", 1, ""),
}
"""How a number of each unit is written: its format, its factor, and the text after it."""


def number(entry: Number) -> str:
    """A number with its interval: fractions in percent, differences of them in points.

    Example:
        >>> number({"value": 0.9529, "lo": 0.937, "hi": 0.966, "unit": "fraction"})
        '95.3 % [93.7, 96.6]'
    """
    form, scale, unit = UNITS[entry["unit"]]
    value, lo, hi = (
        "unknown" if entry[key] is None else format(scale * entry[key], form)
        for key in ("value", "lo", "hi")
    )
    if entry["lo"] is None and entry["hi"] is None:
        return f"{value}{unit}"
    return f"{value}{unit} [{lo}, {hi}]"


def amount(value: float, unit: str) -> str:
    """A value in a unit, without an interval.

    Example:
        >>> amount(0.003, "difference of fractions")
        '+0.30 points'
    """
    form, scale, after = UNITS[unit]
    return format(scale * value, form) + after


def effect(measured: dict[str, Any]) -> str:
    """The number of a check under one protocol, as `number` writes it."""
    return number(measured | {"value": measured["effect"]})


def headings(text: str) -> list[tuple[str, str]]:
    """The sections of a page: id and heading of each.

    Example:
        >>> [(id, str(words)) for id, words in headings('<h2 id="a">A</h2><h3 id="b">B</h3>')]
        [('a', 'A')]
    """
    return [(id, Markup(words)) for id, words in re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', text)]


def environment(*folders: Path, place: Callable[[str], str] = lambda key: "") -> Environment:
    """The environment of all templates; those of `folders` come first, then workflow/report.

    Args:
        folders: of the page's own templates.
        place: the address of the row of a number, by its key; "" if no page shows it. A number
            with a `key` links to it.
    """
    made = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def linked(text: str, key: str) -> str:
        address = place(key)
        return Markup('<a class="made" href="{}">{}</a>').format(address, text) if address else text

    def filled(sentence: str, numbers: dict[str, Number]) -> str:
        """A sentence with the numbers whose keys it has in braces."""

        def written(found: re.Match[str]) -> str:
            if (key := found[1]) not in numbers:
                raise JobError(f"{sentence!r}: no number {key}; use a key of numbers.json")
            return escape(linked(number(numbers[key]), key))

        return Markup(re.sub(r"\{([^}]*)\}", written, escape(sentence)))

    made.globals["root"] = ""
    made.filters["amount"] = amount
    made.filters["number"] = lambda entry: linked(number(entry), entry.get("key", ""))
    made.filters["effect"] = lambda measured: linked(effect(measured), measured["key"])
    made.filters["filled"] = filled
    made.filters["headings"] = headings
    return made


def figure(svg: Path, alt: str) -> Markup:
    """A figure for a page that needs no other file, as a part of it.

    Its ids begin with its name, since a page has several figures; those of letters do not, which
    all figures share. With places that tell their numbers, it is a group of them, otherwise one
    image.

    Args:
        svg: as `style.render` writes it.
        alt: what a reader who cannot see it is told.
    """
    text = svg.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    # The title of the whole would follow the pointer everywhere.
    text = re.sub(r"<!--.*?-->\n?|<metadata>.*?</metadata>\n?", "", text, flags=re.DOTALL)
    text = re.sub(r"(<svg[^>]*>)\s*<title>.*?</title>\n?", r"\1", text, count=1)
    text = text.replace("xlink:href", "href").replace('<use href="#DejaVuSans-', '<use href="#g-')
    text = text.replace('id="DejaVuSans-', 'id="g-')
    text = re.sub(r' id="[^"]*_\d+"', "", text)
    text = re.sub(r'( id="|href="#|url\(#)(?!g-)', rf"\1{svg.stem}-", text)
    # The style sheet makes it as wide as the page, but not so narrow that letters become too small.
    text = re.sub(r'(<svg[^>]*) width="([\d.]+)pt"', r'\1 style="--points: \2"', text, count=1)
    text = re.sub(r'(<svg[^>]*) height="[\d.]+pt"', r"\1", text, count=1)
    role = "group" if 'class="told"' in text else "img"
    return Markup(text.replace("<svg", f'<svg role="{role}" aria-label="{escape(alt)}"', 1))


def figures(about: Page, drawings: list[Path], tables: Path) -> dict[str, dict[str, Any]]:
    """What `figure.html` shows of figures, by name: the drawing and its table, None without one.

    Args:
        about: of the chapter.
        drawings: SVG files.
        tables: the folder of all tables.
    """
    return {
        svg.stem: {
            "drawing": figure(svg, about.figures[svg.stem].alt),
            "table": table(tables / f"{svg.stem}.csv") if about.figures[svg.stem].table else None,
        }
        for svg in drawings
    }


def write(text: str, path: Path) -> None:
    """Write a page; of the letters that several of its figures define, it has one."""
    known: set[str] = set()

    def once(found: re.Match[str]) -> str:
        again = found[1] in known
        known.add(found[1])
        return "" if again else found[0]

    write_text(re.sub(r'<path id="(g-[^"]*)"[^>]*/>\n?', once, text), path)


def table(csv: Path, most: int = 100) -> dict[str, Any]:
    """A table for readers, its numbers with four digits.

    Returns:
        The names of its columns, at most `most` rows evenly chosen, and how many it has in `total`.
    """
    rows = pl.read_csv(csv, infer_schema_length=None)
    chosen = rows.gather_every(max(1, math.ceil(rows.height / most)))
    return {
        "columns": rows.columns,
        "rows": [[_cell(value) for value in row] for row in chosen.iter_rows()],
        "total": rows.height,
    }


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "\N{EN DASH}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def thumbnail(png: Path, width: int = 480) -> str:
    """A figure made small, for a page that needs no other file."""
    with Image.open(png) as full:
        full.thumbnail((width, width))
        small = io.BytesIO()
        full.convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(small, "PNG")
    return base64.b64encode(small.getvalue()).decode()
