"""Every equation of the public docstrings is typeset, and says what its author wrote."""

import importlib
import inspect
import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import excerpts
import pytest
from docstrings import Piece, pieces, rules
from markupsafe import escape
from notation import NotationError, formula
from public import shelves
from typeset import equations, prose, runs

from tests.rulebook.reader import plain, read, said


def documented() -> dict[str, list[Piece]]:
    """The texts of both pages by what they are of; without examples and references."""
    found = {rule.name: rule.pieces for rule in rules()}
    for shelf in shelves():
        found[shelf.anchor] = shelf.sections[""]
        for entry in shelf.entries:
            texts = [entry.sections, *(method.sections for method in entry.methods)]
            parts = [
                p
                for each in texts
                for name, group in each.items()
                for p in group
                if name != "Source"
            ]
            found.setdefault(entry.anchor, []).extend(parts)
    names = {rule.name for rule in rules()}
    for module in {m for rule in rules() for m in excerpts.code(rule.value, names).modules}:
        found[module] = pieces(inspect.getdoc(importlib.import_module(module)) or "")
    return found


TEXTS = documented()
BLOCKS = sorted({p.text for texts in TEXTS.values() for p in texts if p.kind == "formula"})
PARAGRAPHS = sorted({p.text for texts in TEXTS.values() for p in texts if p.kind == "text"})
RULES_BLOCKS = {p.text for rule in rules() for p in rule.pieces if p.kind == "formula"}
NOT_EQUATIONS = {
    "codes = nn.codes.output_codes(26, 30, jax.random.key(0))",
    "J = Σ r ⊙ f(args)        rule: dJ/dargs by jax.vjp(f), with f's own rule",
    "f(params, x, key) = y        and in jax.grad:  dy -> layer.backward(params, residuals, dy)",
}
"""First lines of blocks that are programs, or half of them, and stay as they are written."""


def maths(html: str) -> Iterator[str]:
    yield from re.findall(r"<math.*?</math>", html, re.S)


def test_there_is_something_to_typeset() -> None:
    assert len(RULES_BLOCKS) > 70
    assert sum(len(runs(text)) for text in PARAGRAPHS) > 500


@pytest.mark.parametrize("block", sorted(RULES_BLOCKS), ids=lambda block: block.splitlines()[0])
def test_an_equation_of_a_rule_says_what_its_author_wrote(block: str) -> None:
    """None stays as text; nothing is lost, added or moved, and indices reach as far as written."""
    html = str(equations(block))
    assert "<pre" not in html, "not understood"
    (math,) = maths(html)
    lines = [said(row) for row in ET.fromstring(math).iter("mtr")]
    assert lines == [plain(line) for line in block.splitlines()]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_every_row_of_a_block_is_as_wide_as_the_others(block: str) -> None:
    for math in maths(str(equations(block))):
        widths = {
            sum(int(cell.get("columnspan", 1)) for cell in row)
            for row in ET.fromstring(math).iter("mtr")
        }
        assert len(widths) == 1


def test_blocks_that_stay_as_they_are_written() -> None:
    """Counted, so that a new one is noticed."""
    left = {b.splitlines()[0] for b in BLOCKS if "<pre" in equations(b)}
    assert left == NOT_EQUATIONS


def test_mathematics_in_sentences_says_what_its_author_wrote() -> None:
    for text in PARAGRAPHS:
        masked = re.sub(r"`[^`]+`", lambda match: "`" * len(match[0]), text)
        found = [text[start:end] for start, end in runs(masked)]
        typeset = "".join(read(math) for math in maths(str(prose(text))))
        assert typeset == "".join(plain(run) for run in found)


def test_sentences_keep_their_words() -> None:
    """What is not mathematics is as it was; code stays code."""
    for text in PARAGRAPHS:
        html = re.sub(r"<math>.*?</math>", lambda match: escape(read(match[0])), str(prose(text)))
        words = ET.fromstring(f"<p>{html}</p>")
        assert plain("".join(words.itertext())) == plain(text)


# --- reviewed by eye ------------------------------------------------------------------------------

D = '<mi mathvariant="normal">d</mi>'
GAP = '<mspace width="0.2em"></mspace>'
MINUS = "<mo>\N{MINUS SIGN}</mo>"
NEGATIVE = '<mo form="prefix" rspace="0">\N{MINUS SIGN}</mo>'
T = '<mi mathvariant="normal">T</mi>'


def sub(base: str, *indices: str) -> str:
    below = "".join(f"<mi>{index}</mi>" for index in indices)
    return f"<msub><mi>{base}</mi>{below if len(indices) == 1 else f'<mrow>{below}</mrow>'}</msub>"


def total(*indices: str) -> str:
    return "".join(f"<munder><mo>∑</mo><mi>{index}</mi></munder>" for index in indices)


def group(inner: str, left: str = "(", right: str = ")") -> str:
    return f'<mrow><mo form="prefix">{left}</mo>{inner}<mo form="postfix">{right}</mo></mrow>'


REVIEWED = {
    "dW = xᵀ dy": f"{D}<mi>W</mi><mo>=</mo><msup><mi>x</mi>{T}</msup>{GAP}{D}<mi>y</mi>",
    "dW_ij = Σ_b x_bi dy_bj": (
        f"{D}{sub('W', 'i', 'j')}<mo>=</mo>{total('b')}{GAP}{sub('x', 'b', 'i')}{GAP}"
        f"{D}{sub('y', 'b', 'j')}"
    ),
    "h_(t-1) U": (
        f"<msub><mi>h</mi><mrow><mi>t</mi>{MINUS}<mn>1</mn></mrow></msub>{GAP}<mi>U</mi>"
    ),
    "h_(t-1)ᵀ dz_t": (
        f"<msubsup><mi>h</mi><mrow><mi>t</mi>{MINUS}<mn>1</mn></mrow>{T}</msubsup>{GAP}"
        f"{D}{sub('z', 't')}"
    ),
    "y = 1/n Σ x": (
        f"<mi>y</mi><mo>=</mo><mfrac><mn>1</mn><mi>n</mi></mfrac>{GAP}<mo>∑</mo>{GAP}<mi>x</mi>"
    ),
    "∂y_b/∂W": (
        f'<mfrac><mrow><mi mathvariant="normal">∂</mi>{sub("y", "b")}</mrow>'
        '<mrow><mi mathvariant="normal">∂</mi><mi>W</mi></mrow></mfrac>'
    ),
    "-t / (p n)": (
        f'{NEGATIVE}<mi>t</mi><mo lspace="0.25em" rspace="0.25em">/</mo>'
        f"{group(f'<mi>p</mi>{GAP}<mi>n</mi>')}"
    ),
    "√(2π)": "<msqrt><mn>2</mn><mi>π</mi></msqrt>",
    "K_kᵀ / √d": (
        f"<msubsup><mi>K</mi><mi>k</mi>{T}</msubsup>"
        '<mo lspace="0.25em" rspace="0.25em">/</mo><msqrt><mi>d</mi></msqrt>'
    ),
    "f′(x) = 1 - y²": (
        '<msup><mi>f</mi><mo lspace="0" rspace="0">′</mo></msup>'
        f"{group('<mi>x</mi>')}<mo>=</mo><mn>1</mn>{MINUS}<msup><mi>y</mi><mn>2</mn></msup>"
    ),
    "exp(-|x|)": f"<mi>exp</mi>{group(NEGATIVE + group('<mi>x</mi>', '|', '|'))}",
    "r ([i = k] - xhat_i)": (
        f"<mi>r</mi>{GAP}"
        + group(
            group("<mi>i</mi><mo>=</mo><mi>k</mi>", "[", "]")
            + MINUS
            + '<msub><mover accent="true"><mi>x</mi><mo stretchy="false">^</mo></mover>'
            + "<mi>i</mi></msub>"
        )
    ),
    "(dh ⊙ z)_(t+1)": (
        f"<msub>{group(f'{D}<mi>h</mi><mo>⊙</mo><mi>z</mi>')}"
        "<mrow><mi>t</mi><mo>+</mo><mn>1</mn></mrow></msub>"
    ),
    "x W_in": f"<mi>x</mi>{GAP}<msub><mi>W</mi><mi>in</mi></msub>",
    "dz_o = dh_t ⊙ tanh(c_t)": (
        f"{D}{sub('z', 'o')}<mo>=</mo>{D}{sub('h', 't')}<mo>⊙</mo><mi>tanh</mi>"
        f"{group(sub('c', 't'))}"
    ),
    "x for x > 0": (
        '<mi>x</mi><mspace width="0.3em"></mspace><mi>for</mi><mspace width="0.3em"></mspace>'
        "<mi>x</mi><mo>&gt;</mo><mn>0</mn>"
    ),
    "(batch, *shape)": group(
        '<mi>batch</mi><mo>,</mo><mo form="prefix" rspace="0">*</mo><mi>shape</mi>'
    ),
    "a term of one-hot a": (
        '<mi mathvariant="normal">a</mi><mspace width="0.3em"></mspace><mi>term</mi>'
        '<mspace width="0.3em"></mspace><mi>of</mi><mspace width="0.3em"></mspace>'
        '<mi>one-hot</mi><mspace width="0.3em"></mspace><mi>a</mi>'
    ),
    "l_b′(z_b)": (
        '<msubsup><mi>l</mi><mi>b</mi><mo lspace="0" rspace="0">′</mo></msubsup>'
        f"{group(sub('z', 'b'))}"
    ),
    "n = batch * bits": (
        "<mi>n</mi><mo>=</mo><mi>batch</mi><mo>\N{MULTIPLICATION SIGN}</mo><mi>bits</mi>"
    ),
}


@pytest.mark.parametrize("text", REVIEWED)
def test_reviewed(text: str) -> None:
    assert (
        "".join(ET.tostring(e, "unicode", method="html") for e in formula(text)) == REVIEWED[text]
    )


def test_lines_are_aligned_at_the_equals_sign() -> None:
    html = str(equations("y = x + b      shapes\n  = z\nlong = y,    z = b"))
    table = ET.fromstring(next(maths(html)))
    cells = [
        [(c.get("class"), c.get("columnspan"), said(c)) for c in row] for row in table.iter("mtr")
    ]
    assert cells == [
        [("lhs", None, "y"), ("rhs", None, "=x+b"), (None, "2", "shapes")],
        [("lhs", None, ""), ("rhs", "3", "=z")],
        [("lhs", None, "long"), ("rhs", None, "=y,"), ("lhs", None, "z"), ("rhs", "1", "=b")],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "y := x",
        "(x",
        "x)",
        "x_rec",
        "x²³",
        "√",
        "x_",
        "x % y",
        "√(x",
        "1/f(x)",
    ],
)
def test_what_is_not_in_the_notation_stays_as_it_is_written(text: str) -> None:
    with pytest.raises(NotationError):
        formula(text)
    assert equations(text) == f'<pre class="formula">{text}</pre>'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "J depends on W_ij through y_bj, with ∂y_bj/∂W_ij = x_bi; on b.",
            ["J", "W_ij", "y_bj", "∂y_bj/∂W_ij = x_bi", "b"],
        ),
        ("a row of a table, as in C (x > 17 in float32)", ["x > 17"]),
        ("0 for every p (0 log 0 = 0).", ["p", "(0 log 0 = 0)"]),
        ("Nature 323, 1986; section 6.5 and 1-D or k-means", []),
        ("groups = in_channels, and y = the label", []),
        ("as others do, a matrix A, and I", ["A"]),
        ("from dx = (g - mean of g) / √eps", []),
        ("dx = D_1ᵀ D_2ᵀ ... D_nᵀ dy, from the right", ["dx = D_1ᵀ D_2ᵀ ... D_nᵀ dy"]),
    ],
)
def test_what_is_mathematics_in_a_sentence(text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in runs(text)] == found
