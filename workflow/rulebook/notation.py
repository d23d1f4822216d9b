"""The notation of the docstrings as MathML.

The docstrings write mathematics in one line, as in `dW_ij = Σ_b x_bi dy_bj`. This notation is small
and has a fixed meaning:

    x_bi, h_(t-1)      indices                      xᵀ, x², f′, p*     marks
    a/b                a fraction, without spaces   Σ_b, Π_(j ≠ i)     sum, product
    √d, √(2π)          a root                       |x|, [i = k], ⌊x⌋  brackets
    dW                 the gradient of W            xhat               x with a hat

A single letter is a variable. A word of two or more letters is upright, be it a name (stride), a
function (tanh) or English (over the keys), so there is no list of words to maintain. Anything else
is not understood and stays as it is written. No structure is guessed: a quotient with spaces keeps
its slash, a product its space.
"""

import re
from typing import NamedTuple
from xml.etree.ElementTree import Element

MARKS = {"ᵀ": "T", "²": "2", "³": "3", "′": "′", "*": "*"}
OPERATORS = {"-": "\N{MINUS SIGN}", "->": "→", "<-": "←", "*": "\N{MULTIPLICATION SIGN}"}
OPERATORS |= {sign: sign for sign in ["+=", *"+=<>≤≥≠±⊙·→←/,;"]} | {"~": "\N{TILDE OPERATOR}"}
CLOSING = {"(": ")", "[": "]", "|": "|", "⌊": "⌋", "⌈": "⌉"}
WORDS_BELOW = ("in", "out", "units")
"""Subscripts that are words; other letters in a subscript are indices, one each."""

INDICES = set("bcijklopqtuy")
"""Letters that occur in subscripts of several indices."""

TOKEN = re.compile(
    r"""(?P<code>`[^`]+`|"[^"]*")
    |(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?)
    |(?P<label>[a-z][a-z0-9.]*:)
    |(?P<dotted>[a-z]+(?:\.[a-z_]+)+|[a-z]+'s)
    |(?P<identifier>(?!d[A-Za-z]_|[a-z]+_(?:in|out|units)\b)[A-Za-z]{2,}_(?:[A-Za-z]{3,}(?:_[A-Za-z]+)*|(?![\w(]))|[a-z]{2,}-[a-z]{2,})
    |(?P<name>(?:(?![ΣΠ])[A-Za-zΓ-Ωα-ω])+)
    |(?P<big>[ΣΠ])
    |(?P<mark>[ᵀ²³′]|(?<=\w)\*(?=[\s,)]))
    |(?P<dots>\.\.\.)
    |(?P<operator>->|<-|\+=|[-+=<>≤≥≠±⊙·→←~/,;*])
    |(?P<other>[_√∂∞()\[\]|⌊⌋⌈⌉])""",
    re.VERBOSE,
)


class NotationError(ValueError):
    """The text is not in the notation; the message says where."""


class Token(NamedTuple):
    """A piece of the text, and how many spaces are before it."""

    kind: str
    text: str
    spaces: int


def tokens(text: str) -> list[Token]:
    """Cut a formula into tokens.

    Args:
        text: one formula.

    Returns:
        The tokens.

    Raises:
        NotationError: at a sign that is not in the notation.

    Example:
        >>> [token.text for token in tokens("dx_bi = Σ_j dy")]
        ['dx', '_', 'bi', '=', 'Σ', '_', 'j', 'dy']
    """
    found, at = [], 0
    while at < len(text.rstrip()):
        start = at + len(text[at:]) - len(text[at:].lstrip())
        match = TOKEN.match(text, start)
        if match is None:
            raise NotationError(f"{text!r}: {text[start]!r} is not in the notation")
        found.append(Token(match.lastgroup or "", match[0], start - at))
        at = match.end()
    return found


def formula(text: str) -> list[Element]:
    """A formula as MathML.

    Args:
        text: one formula, on one line.

    Returns:
        The elements of a row.

    Raises:
        NotationError: if the text is not in the notation.

    Example:
        >>> [(e.tag, "".join(e.itertext())) for e in formula("W xᵀ = y_b")]
        [('mi', 'W'), ('mspace', ''), ('msup', 'xT'), ('mo', '='), ('msub', 'yb')]
    """
    parser = _Parser(text)
    row = parser.row("")
    if parser.at < len(parser.tokens):
        raise NotationError(f"{text!r}: {parser.tokens[parser.at].text!r} closes nothing")
    return row


START = Token("operator", "", 0)
"""Before the first token, where a minus is a sign and not a difference."""


class _Parser:
    """Reads the tokens from left to right; `at` is the next one."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at = text, tokens(text), 0

    def next(self, ahead: int = 0) -> Token:
        """The next token, or one that is none."""
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else Token("end", "", 0)

    def take(self) -> Token:
        token = self.next()
        self.at += 1
        return token

    def row(self, closing: str) -> list[Element]:
        """Everything up to a closing bracket."""
        row: list[Element] = []
        before = START
        while (token := self.next()).kind != "end" and token.text not in (closing, *")]⌋⌉"):
            sign = token.kind == "operator" and self.is_sign(before)
            if gap := _gap(before, token, sign):
                row.append(Element("mspace", width=gap))
            row += [self.operator(sign)] if token.kind == "operator" else self.fraction()
            before = token
        return row

    def is_sign(self, before: Token) -> bool:
        """Whether the next operator belongs to what follows it, as in -x and y = -x."""
        token = self.next()
        alone = token.spaces and not self.next(1).spaces  # after a word: the slope -t
        return token.text in "-+±*" and (before.kind == "operator" or bool(alone))

    def operator(self, sign: bool) -> Element:
        token = self.take()
        # A star before a name is Python's, as in (batch, *shape).
        mo = _element("mo", "*" if sign and token.text == "*" else OPERATORS[token.text])
        if sign:
            mo.attrib |= {"form": "prefix", "rspace": "0"}
        elif token.text == "," and not self.next().spaces:
            mo.set("rspace", "0")
        elif token.text in "/~" and token.spaces:  # no space of their own, or not everywhere
            mo.attrib |= {"lspace": "0.25em", "rspace": "0.25em"}
        return mo

    def fraction(self) -> list[Element]:
        """An atom, or a quotient of two that are written without spaces: 1/n, ∂y/∂x."""
        above, simple = self.atom()
        slash, below = self.next(), self.next(1)
        if slash.text != "/" or slash.spaces or below.spaces or not simple:
            return above
        self.take()
        lower, simple = self.atom()
        if not simple or (self.next().text in ("(", "[") and not self.next().spaces):
            raise NotationError(f"{self.text!r}: a fraction of more than two names or numbers")
        return [_element("mfrac", "", _grouped(above), _grouped(lower))]

    def atom(self) -> tuple[list[Element], bool]:
        """A name, number, bracket or root with its indices and marks; is it a name or a number?"""
        token, simple, prefix = self.take(), True, []
        if token.text == "∂":
            if self.next().spaces:
                return [_element("mi", "∂", mathvariant="normal")], False
            inner, simple = self.atom()
            return [_element("mi", "∂", mathvariant="normal"), *inner], simple
        if token.text in CLOSING:
            base, simple = self.bracket(token), False
        elif token.text == "√":
            base, simple = self.root(), False
        elif token.kind == "big":
            return [self.big(token)], False
        elif token.kind == "number":
            base = _element("mn", token.text)
        elif token.kind == "name":
            prefix, base = self.name(token)
        elif token.kind == "dotted" and self.next().text == "(":
            raise NotationError(f"{self.text!r}: {token.text}(...) is a program, not a formula")
        elif token.kind in ("code", "dotted", "identifier", "label", "dots"):
            text = "…" if token.kind == "dots" else token.text.strip("`")
            base = _word(text)
            if token.text[0] == "`":
                base.set("class", "code")
        elif token.text == "∞":
            base = _element("mi", "∞", mathvariant="normal")
        else:
            raise NotationError(f"{self.text!r}: {token.text!r} is not expected here")
        return [*prefix, self.scripts(base)], simple

    def name(self, token: Token) -> tuple[list[Element], Element]:
        """A variable, the gradient of one, or a word."""
        text, prefix = token.text, []
        if _is_gradient(text) or text == "dxhat":
            prefix, text = [_element("mi", "d", mathvariant="normal")], text[1:]
        if text == "xhat":
            hat = _element("mo", "^", stretchy="false")
            return prefix, _element("mover", "", _element("mi", "x"), hat, accent="true")
        if len(text) == 1 and not (text == "a" and self.next().spaces and _is_word(self.next())):
            return prefix, _element("mi", text)
        return prefix, _word(text)

    def bracket(self, opening: Token) -> Element:
        inner = self.row(CLOSING[opening.text])
        if self.take().text != CLOSING[opening.text]:
            raise NotationError(f"{self.text!r}: {opening.text!r} is not closed")
        left = _element("mo", opening.text, form="prefix")
        right = _element("mo", CLOSING[opening.text], form="postfix")
        return _element("mrow", "", left, *inner, right)

    def root(self) -> Element:
        if self.next().text != "(":
            base, simple = self.atom()
            if not simple:
                raise NotationError(f"{self.text!r}: a root needs a name, a number or a bracket")
            return _element("msqrt", "", *base)
        return _element("msqrt", "", *list(self.bracket(self.take()))[1:-1])

    def big(self, token: Token) -> Element:
        """A sum or product with what it runs over."""
        mo = _element("mo", {"Σ": "∑", "Π": "∏"}[token.text])
        if self.next().text != "_":
            return mo
        return _element("munder", "", mo, self.below())

    def below(self) -> Element:
        """What is in a subscript."""
        self.take()
        token = self.take()
        if token.spaces:
            raise NotationError(f"{self.text!r}: an index must follow the _")
        if token.text == "(":
            return _element("mrow", "", *list(self.bracket(token))[1:-1])
        if token.kind == "number":
            return _element("mn", token.text)
        if token.kind != "name":
            raise NotationError(f"{self.text!r}: {token.text!r} is no index")
        if len(token.text) == 1:
            return _element("mi", token.text)
        if token.text in WORDS_BELOW:
            return _word(token.text)
        if not set(token.text) <= INDICES:
            raise NotationError(f"{self.text!r}: is _{token.text} several indices or a word?")
        return _element("mrow", "", *(_element("mi", letter) for letter in token.text))

    def scripts(self, base: Element) -> Element:
        """The base with the indices and marks that follow it."""
        below, above = None, ""
        if self.next().text == "_" and not self.next().spaces:
            below = self.below()
        while self.next().kind == "mark" and not self.next().spaces:
            above += self.take().text
        if len(above) > 1:
            raise NotationError(f"{self.text!r}: more than one mark")
        mark = _mark(MARKS[above]) if above else None
        if below is not None and mark is not None:
            return _element("msubsup", "", base, below, mark)
        if below is not None:
            return _element("msub", "", base, below)
        return base if mark is None else _element("msup", "", base, mark)


def _mark(text: str) -> Element:
    if text == "T":
        return _element("mi", "T", mathvariant="normal")
    return _element("mn", text) if text.isdigit() else _element("mo", text, lspace="0", rspace="0")


def _gap(before: Token, token: Token, sign: bool) -> str:
    """The space between two tokens, where the operators do not bring their own."""
    if before is START or not token.spaces or (token.kind == "operator" and not sign):
        return ""
    if token.spaces > 1 and (before.kind != "operator" or before.text in ",;"):
        return "1.5em"
    if before.kind != "operator":
        return "0.3em" if _is_word(before) or _is_word(token) else "0.2em"
    return "0.15em" if before.text in ",;" and _is_word(token) else ""


def _word(text: str) -> Element:
    """Upright; an mtext would count as space, and operators beside it would lose their own."""
    return _element("mi", text, **({"mathvariant": "normal"} if len(text) == 1 else {}))


def _is_gradient(text: str) -> bool:
    return len(text) == 2 and text[0] == "d"


def _is_word(token: Token) -> bool:
    words = ("name", "identifier", "label", "code")
    return token.kind in words and len(token.text) > 1 and not _is_gradient(token.text)


def _grouped(row: list[Element]) -> Element:
    return row[0] if len(row) == 1 else _element("mrow", "", *row)


def _element(tag: str, text: str = "", *children: Element, **attributes: str) -> Element:
    element = Element(tag, attributes)
    element.text = text or None
    element.extend(children)
    return element
