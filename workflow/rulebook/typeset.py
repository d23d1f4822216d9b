"""Formulas and paragraphs of docstrings as HTML, with the mathematics as MathML."""

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from markupsafe import Markup, escape
from notation import OPERATORS, NotationError, formula, tokens

RELATIONS = ("=", "+=", "<-", "←", "~")
"""The lines of a formula are aligned at the first of these."""

LEFT, RIGHT = {"class": "lhs"}, {"class": "rhs"}
"""The cells at the sides of the relation, for the style of the page."""

SIGNS = set(OPERATORS) - {"*", "<-", "~"}
STRONG = re.compile(r"[ᵀ²³′⊙Σ√∂∞≤≥≠±Φφαγδεηλσ]|\w_[\w(]|xhat| [-=<>+] |1/\w|d\w/d\w|\b\w\(")
"""What shows that a part of a sentence is mathematics."""

MATH = re.compile(
    r"""\.\.\.|(?:exp|log|tanh|max|sign|erfc?|d?xhat|d?scale|stride|dilation|slope|eps|var)\b
    |(?<=∂)(?:mean|var)\b
    |(?:exp|log|tanh|max|d?xhat|d?scale)(?=[_(′])   # \b counts the _ as a letter
    |d?[A-Za-zΓ-Ωα-ω](?![A-Za-zΓ-Ωα-ω])
    |\d+(?:\.\d+)?(?:e\d+)?
    |[a-z]{2,}(?=_[a-z0-9]\b)
    |_(?:(?:\w|\d+|[bcijklopqtuy]+|in|out|units)(?![A-Za-z0-9_])|\()
    |\*(?=[,)])
    |[ᵀ²³′⊙√∂∞≤≥≠±=<>+·|()\[\],/ΣΠ-]""",
    re.VERBOSE,
)
"""The parts of a word of mathematics in a sentence; words are those that occur beside operators."""

LONG = 30
"""From so many characters on a formula in a sentence may be on two lines."""

NO_VARIABLES = {"a", "A", "C", "I", "do"}
"""Words of a sentence that would be variables or gradients in a formula."""

REMARK = re.compile(r"\([^()\[\]]* [=<>≤≥] [^()\[\]]*\)")
"""A bracket of the sentence, such as (x < 0); a product does not contain a relation."""

AFTER_SIGN = {"before", "top", "left", "mean", "shift"}
"""Names that are English words too, unless a plus or minus is before them."""


class Cell(NamedTuple):
    """A part of a line: where it starts, and what it says."""

    start: int
    text: str


def equations(block: str) -> Markup:
    """A block of formulas as one table of MathML, aligned at the equals signs.

    Args:
        block: the lines; three spaces or more begin a new column.

    Returns:
        HTML; the block as it is written if the notation of a line is not understood.

    Example:
        >>> print(equations("y := x"))
        <pre class="formula">y := x</pre>
    """
    try:
        rows = [_row(line, above) for line, above in _lines(block)]
    except NotationError:
        return Markup('<pre class="formula">{}</pre>').format(block)
    table = Element("mtable", displaystyle="true")
    columns = max(map(_width, rows))
    for row in rows:
        # The last cell may reach over the columns that its row does not use.
        row[-1].set("columnspan", str(columns - _width(row[:-1])))
        ET.SubElement(table, "mtr").extend(row)
    return Markup('<div class="scroll equations">{}</div>').format(_math(table, block=True))


def _width(row: list[Element]) -> int:
    return sum(int(cell.get("columnspan", 1)) for cell in row)


def _math(*elements: Element, block: bool = False) -> Markup:
    math = Element("math", {"display": "block"} if block else {})
    math.extend(elements)
    return Markup(ET.tostring(math, "unicode", method="html"))


def _lines(block: str) -> Iterator[tuple[str, list[list[Cell]]]]:
    """Each line with the cells of the lines above it."""
    above: list[list[Cell]] = []
    for line in block.splitlines():
        yield line, above
        above.append(_cells(line))


def _cells(line: str) -> list[Cell]:
    """The columns of a line; a gap beside an operator only aligns it with the line above."""
    cells: list[Cell] = []
    for match in re.finditer(r"\S(?:.(?! {3}))*.?", line):
        text = match[0].strip()
        if label := re.match(r"([a-z][a-z0-9]*:) +(?=\S)", text):
            cells.append(Cell(match.start(), label[1]))
            cells.append(Cell(match.start() + label.end(), text[label.end() :]))
        elif cells and text.split()[0] in OPERATORS:
            cells[-1] = cells[-1]._replace(text=f"{cells[-1].text} {text}")
        else:
            cells.append(Cell(match.start(), text))
    return cells


def _row(line: str, above: list[list[Cell]]) -> list[Element]:
    """A line as cells of a table, two for each column: left of the relation, and the rest."""
    row: list[Element] = []
    cells = _cells(line)
    if line.startswith(" ") and not cells[0].text.startswith(RELATIONS):
        starts = [cell.start for cell in next((r for r in above if len(r) > 1), [])]
        if cells[0].start in starts:
            row += [Element("mtd") for _ in range(2 * starts.index(cells[0].start))]
        else:  # a remark on the line above, at its right-hand side
            text = "    ".join(cell.text for cell in cells)
            return [Element("mtd"), _cell(text, **RIGHT)]
    for cell in cells:
        left, right = _sides(cell.text)
        if right:
            row += [_cell(left, **LEFT), _cell(right, **RIGHT)]
        else:
            row.append(_cell(left, columnspan="2"))
    return row


def _sides(text: str, start: int = 0) -> tuple[str, str]:
    """What is left of the first relation outside brackets from a place on, and the rest."""
    depth, at = 0, 0
    for token in tokens(text):
        at += token.spaces
        depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
        relation = token.text in RELATIONS and (token.spaces or at == 0)
        if depth == 0 and relation and at >= start:
            return text[:at], text[at:]
        at += len(token.text)
    return text, ""


def _steps(text: str) -> list[str]:
    """A formula, if long cut before each relation: a line of a narrow page breaks only there."""
    if len(text) < LONG:
        return [text]
    steps: list[str] = []
    while text:
        left, text = _sides(text.strip(), 1)
        steps.append(left)
    return steps


def _cell(text: str, **attributes: str) -> Element:
    cell = Element("mtd", attributes)
    cell.extend(formula(text) if text else [])
    return cell


def prose(text: str) -> Markup:
    """A paragraph with its code as code and its mathematics as MathML.

    Mathematics in a sentence is not marked, so only what must be mathematics is typeset: variables
    of one letter, and runs that have an index, a mark, a relation or a sign.

    Args:
        text: a paragraph of a docstring.

    Returns:
        HTML.

    Example:
        >>> print(prose("`x` < 0 and x_i"))
        <code>x</code> &lt; 0 and <math><msub><mi>x</mi><mi>i</mi></msub></math>
    """
    html, at = Markup(""), 0
    # Code is masked by backticks, which are no mathematics, so that places stay the same.
    for start, end in runs(re.sub(r"`[^`]+`", lambda match: "`" * len(match[0]), text)):
        try:
            sides = [_math(*formula(side)) for side in _steps(text[start:end])]
        except NotationError:
            continue
        html += code(text[at:start]) + Markup(" ").join(sides)
        at = end
    return html + code(text[at:])


def code(text: str) -> Markup:
    """A paragraph with its code as code, and nothing else changed.

    Args:
        text: a paragraph of a docstring.

    Returns:
        HTML.

    Example:
        >>> print(code("`x` < 0"))
        <code>x</code> &lt; 0
    """
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def runs(text: str) -> list[tuple[int, int]]:
    """Where the mathematics of a sentence is.

    Args:
        text: plain text.

    Returns:
        Start and end of each part that is mathematics.

    Example:
        >>> text = "on b_j with ∂y_bj/∂b_j = 1, and a row (p = 0 or 1)."
        >>> [text[start:end] for start, end in runs(text)]
        ['b_j', '∂y_bj/∂b_j = 1', 'p = 0']
    """
    found: list[tuple[int, int]] = []
    words = [(m.start(), m.end()) for m in re.finditer(r"\S+", text)]
    i = 0
    while i < len(words):
        end = i
        while end < len(words) and _mathematical(text, *words[end]):
            if end > i and REMARK.match(text, words[end][0]):
                break
            end += 1
            word = text[slice(*words[end - 1])]
            if word[-1] in ".,;:" and word != "..." and not _open(text, words[i:end]):
                break
        while end > i and _open(text, words[i:end]):  # a bracket of the sentence ends the run
            last = max(j for j in range(i, end) if _open(text, words[j:end]))
            if last == i:
                break
            end = last
        span = _trimmed(text, words[i][0], words[end - 1][1]) if end > i else None
        if span is not None:
            found.append(span)
        i = max(end, i + 1)
    return found


def _open(text: str, words: list[tuple[int, int]]) -> bool:
    """Whether a bracket is opened and not closed."""
    depth = 0
    for sign in reversed(text[words[0][0] : words[-1][1]]):
        depth += (sign in ")]") - (sign in "([")
        if depth < 0:
            return True
    return False


def _mathematical(text: str, start: int, end: int) -> bool:
    """Whether a word, without its punctuation, consists of signs of mathematics."""
    word = text[start:end] if text[start:end] == "..." else text[start:end].rstrip(".;:")
    signed = text[:start].endswith(("+ ", "- ")) and not text[end:].startswith(" of ")
    if signed and word.rstrip(",)]") in AFTER_SIGN:
        return True
    at = 0
    while at < len(word) and (match := MATH.match(word, at)):
        at = match.end()
    return 0 < len(word) == at and word not in NO_VARIABLES


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    """A run without the punctuation around it; None if it is no mathematics, or only a part."""
    while start < end:
        part = text[start:end]
        opened = part.count("(") - part.count(")"), part.count("[") - part.count("]")
        if part[-1] in ".,;: " or (part[-1] in ")]" and min(opened) < 0):
            end -= 1
        elif part[0] in "([ " and max(opened) > 0:
            start += 1
        elif {part.split()[0], part.split()[-1]} & SIGNS or opened != (0, 0):
            return None  # an operand is a word
        else:
            single = re.fullmatch(r"d?[A-Za-zΓ-Ωα-ω]", part)
            single = single and (part not in NO_VARIABLES or re.match(r"A[,)]", text[start:]))
            return (start, end) if single or STRONG.search(part) else None
    return None
