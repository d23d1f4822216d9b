"""MathML read back into the notation of the docstrings, independent of how it was made."""

from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

SIGNS = {
    "\N{MINUS SIGN}": "-",
    "\N{MULTIPLICATION SIGN}": "*",
    "∑": "Σ",
    "∏": "Π",
    "…": "...",
    "\N{TILDE OPERATOR}": "~",
}
MARKS = {"T": "ᵀ", "2": "²", "3": "³", "′": "′", "*": "*"}


def plain(text: str) -> str:
    """A formula without what typesetting adds or leaves out: spaces, backticks, kinds of arrows."""
    for written, typeset in (("->", "→"), ("<- ", "←"), ("`", "")):
        text = text.replace(written, typeset)
    return "".join(text.split())


def read(html: str) -> str:
    """What a piece of MathML says, without spaces."""
    return said(ET.fromstring(html))


def said(element: Element) -> str:
    """An element in the notation, without spaces."""
    parts = [said(child) for child in element]
    match element.tag:
        case "mi" | "mn" | "mo":
            return SIGNS.get(element.text or "", element.text or "")
        case "mspace":
            return ""
        case "msub" | "munder":
            return f"{parts[0]}_{_below(element[1])}"
        case "msup":
            return parts[0] + MARKS[parts[1]]
        case "msubsup":
            return f"{parts[0]}_{_below(element[1])}{MARKS[parts[2]]}"
        case "mfrac":
            return "/".join(parts)
        case "msqrt":
            return f"√{parts[0]}" if len(parts) == 1 else f"√({''.join(parts)})"
        case "mover":
            assert parts == ["x", "^"]
            return "xhat"
        case "math" | "mrow" | "mtable" | "mtr" | "mtd":
            return "".join(parts)
        case other:
            raise AssertionError(f"an element that nobody expects: {other}")


def _below(element: Element) -> str:
    """A subscript: one thing, several indices side by side, or an expression in brackets."""
    if element.tag != "mrow":
        return said(element)
    indices = all(part.tag == "mi" and len(part.text or "") == 1 for part in element)
    text = "".join(map(said, element))
    return text if indices else f"({text})"
