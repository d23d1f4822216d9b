"""Pages: one way to write a number, and one set of templates."""

import base64
import io
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from workflow.lib.numbers import Number

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


def environment(*folders: Path) -> Environment:
    """The environment of all templates; those of `folders` come first, then workflow/report."""
    made = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["amount"] = amount
    made.filters["number"] = number
    made.filters["effect"] = effect
    return made


def image(svg: Path) -> str:
    """A figure for a page that needs no other file."""
    return base64.b64encode(svg.read_bytes()).decode()


def thumbnail(png: Path, width: int = 480) -> str:
    """A figure made small, for a page that needs no other file."""
    with Image.open(png) as full:
        full.thumbnail((width, width))
        small = io.BytesIO()
        full.convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(small, "PNG")
    return base64.b64encode(small.getvalue()).decode()
