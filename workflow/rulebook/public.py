"""What is public beside the rules, by module: functions, classes and their methods."""

import importlib
import inspect
from types import ModuleType
from typing import Any, NamedTuple

import excerpts
from docstrings import Piece, pieces, sections

import nnjax

MODULES = (
    "nnjax.datasets.isolet",
    "nnjax.datasets.mnist",
    "nnjax.datasets.digits",
    "nnjax.datasets.text",
    "nnjax.datasets.own_text",
    "nnjax.stats",
    "nnjax.tables",
    "nnjax.compare",
)
"""Public modules that `import nnjax` alone does not bring."""


class Entry(NamedTuple):
    """A public name: its anchor, how it is called, its text by section, and its methods."""

    anchor: str
    call: str
    sections: dict[str, list[Piece]]
    methods: list["Entry"]


class Shelf(NamedTuple):
    """A public module: how it is called, its text, and what is in it."""

    name: str
    anchor: str
    sections: dict[str, list[Piece]]
    entries: list[Entry]


def shelves() -> list[Shelf]:
    """The package, then its public modules, those in `nnjax.__all__` first."""
    values = {name: getattr(nnjax, name) for name in nnjax.__all__}
    modules = {f"nn.{n}": v for n, v in values.items() if isinstance(v, ModuleType)}
    modules |= {name: importlib.import_module(name) for name in MODULES}
    own = {name: value for name, value in values.items() if not isinstance(value, ModuleType)}
    entries = [entry("nn.", "", name, value) for name, value in own.items()]
    text = sections(pieces(inspect.getdoc(nnjax) or ""))
    shelf = Shelf("nnjax", "nnjax", text, sorted(entries, key=_alphabetical))
    return [shelf, *(_shelf(name, module) for name, module in modules.items())]


def _alphabetical(one: Entry) -> str:
    return one.anchor.lower()


def _shelf(name: str, module: ModuleType) -> Shelf:
    short = name.rpartition(".")[2]
    entries = [entry(f"{name}.", f"{short}.", n, v) for n, v in members(module).items()]
    anchor = f"module-{short}"
    return Shelf(name, anchor, sections(pieces(inspect.getdoc(module) or "")), entries)


def members(module: ModuleType) -> dict[str, Any]:
    """The public functions and classes of a module: those in `__all__`, else those it defines.

    Args:
        module: any module.

    Returns:
        The values by name.

    Example:
        >>> from nnjax.datasets import digits
        >>> list(members(digits))
        ['digits']
    """
    listed: list[str] | None = getattr(module, "__all__", None)
    if listed is None:
        listed = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
        ]
    values = {name: getattr(module, name) for name in listed}
    return {n: v for n, v in values.items() if inspect.isfunction(v) or inspect.isclass(v)}


def entry(before: str, anchor: str, name: str, value: Any) -> Entry:
    """A public name.

    Args:
        before: what is written before the name in a call.
        anchor: what comes before the name in the anchor.
        name: the name.
        value: what it names.

    Returns:
        The entry; of a class with its public methods and properties.

    Example:
        >>> [method.anchor for method in entry("nn.", "", "Report", nnjax.Report).methods]
        ['Report.passed', 'Report.wrong', 'Report.check']
    """
    methods = [
        entry(f"{name}.", f"{anchor}{name}.", each, part)
        for each, part in (vars(value) if inspect.isclass(value) else {}).items()
        if not each.startswith("_") and (inspect.isfunction(part) or isinstance(part, property))
    ]
    text = sections(pieces(inspect.getdoc(value) or ""))
    return Entry(f"{anchor}{name}", excerpts.call(f"{before}{name}", value), text, methods)
