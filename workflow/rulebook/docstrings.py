"""Docstrings of the public rules as pieces of a page: paragraphs, formulas, sections.

A docstring is text in paragraphs; a paragraph that is indented is a formula or a table; "Args:" and
its like begin a section.
"""

import importlib
import inspect
import itertools
import pkgutil
import re
import textwrap
from typing import Any, NamedTuple

import nnjax
from nnjax import codes, layers
from nnjax.core import Layer, Loss

SECTIONS = ("Args", "Returns", "Raises", "Example", "Source")


class Piece(NamedTuple):
    """A paragraph of kind "text", "formula", "heading" or "example"."""

    kind: str
    text: str


class Rule(NamedTuple):
    """A public rule: its name, how it is called, the module it is in, its text, and itself."""

    name: str
    call: str
    module: str
    family: str
    pieces: list[Piece]
    value: Any


def pieces(text: str) -> list[Piece]:
    """Cut a docstring into pieces.

    Args:
        text: the docstring, without the common indentation.

    Returns:
        The pieces in order; sections begin with a heading.

    Example:
        >>> for piece in pieces("One line.\\n\\n    y = x W\\n\\nArgs:\\n    x: inputs."):
        ...     print(piece)
        Piece(kind='text', text='One line.')
        Piece(kind='formula', text='y = x W')
        Piece(kind='heading', text='Args')
        Piece(kind='text', text='x: inputs.')
    """
    found: list[Piece] = []
    section = ""
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        # A formula may follow directly on the sentence that announces it.
        for indented, group in itertools.groupby(block.splitlines(), lambda s: s.startswith(" ")):
            lines = list(group)
            while lines:
                name, _, rest = lines[0].partition(":")
                if not indented and name in SECTIONS:
                    section = name
                    found.append(Piece("heading", name))
                    lines = ([rest.strip()] if rest.strip() else []) + lines[1:]
                    continue
                body = textwrap.dedent("\n".join(lines))
                if section == "Example":
                    found.append(Piece("example", body))
                elif section in ("Args", "Raises"):
                    found += [Piece("text", entry) for entry in _entries(body)]
                elif section in ("Returns", "Source"):
                    found.append(Piece("text", " ".join(body.split())))
                elif indented:
                    found.append(Piece("formula", body))
                else:
                    found.append(Piece("text", " ".join(body.split())))
                lines = []
    return _joined(found)


def sections(found: list[Piece]) -> dict[str, list[Piece]]:
    """The pieces by section; those before the first heading are under "".

    Args:
        found: what `pieces` returned.

    Returns:
        The sections in order.

    Example:
        >>> list(sections(pieces("One line.\\n\\nArgs:\\n    x: inputs.")))
        ['', 'Args']
    """
    by_section: dict[str, list[Piece]] = {"": []}
    name = ""
    for piece in found:
        if piece.kind == "heading":
            name = piece.text
            by_section[name] = []
        else:
            by_section[name].append(piece)
    return by_section


def _entries(body: str) -> list[str]:
    """Entries of a list whose further lines are indented."""
    entries: list[str] = []
    for line in body.splitlines():
        if line.startswith(" ") and entries:
            entries[-1] += " " + line.strip()
        else:
            entries.append(line.strip())
    return entries


def _joined(found: list[Piece]) -> list[Piece]:
    """The pieces with those of one example in one."""
    joined: list[Piece] = []
    for piece in found:
        if joined and piece.kind == joined[-1].kind == "example":
            joined[-1] = piece._replace(text=f"{joined[-1].text}\n{piece.text}")
        else:
            joined.append(piece)
    return joined


def rules() -> list[Rule]:
    """All public rules (functions that make layers or losses, and losses), by module."""
    found = []
    public = {name: (f"nn.{name}", getattr(nnjax, name)) for name in nnjax.__all__}
    public |= {name: (f"nn.codes.{name}", getattr(codes, name)) for name in codes.__all__}
    for name, (call, value) in public.items():
        if inspect.isfunction(value) and _makes(value) in (Layer, Loss, nnjax.Penalty):
            arguments = ", ".join(
                str(p.replace(annotation=inspect.Parameter.empty))
                for p in inspect.signature(value).parameters.values()
            )
            call = f"{call}({arguments})"
        elif not isinstance(value, Loss):
            continue
        module, text = value.__module__, inspect.getdoc(value) or ""
        family = (importlib.import_module(module).__doc__ or "").strip().splitlines()[0]
        found.append(Rule(name, call, module, family, pieces(text), value))
    order = list(dict.fromkeys(_modules()))
    return sorted(found, key=lambda rule: (order.index(rule.module), rule.name))


def _makes(value: object) -> object:
    return inspect.signature(value).return_annotation  # pyright: ignore[reportArgumentType]


def _modules() -> list[str]:
    """Modules of rules in the order of the page: layers, then combinators, then losses."""
    files = [f"nnjax.layers.{m.name}" for m in pkgutil.iter_modules(layers.__path__)]
    first = ["nnjax.layers.dense", "nnjax.layers.activations", "nnjax.layers.softmax"]
    rest = [m.name for m in pkgutil.walk_packages(nnjax.__path__, "nnjax.")]
    return [*first, *files, "nnjax.transformer", "nnjax.combine", "nnjax.share", *rest]
