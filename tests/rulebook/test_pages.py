"""The pages of rules and of the public interface: complete, linked, and without a wrong rule."""

import doctest
import html
import inspect
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import public
import pytest
import write_api
import write_rules
from docstrings import rules

import nnjax

ROOT = Path(__file__).parents[2]
ROOM = ROOT / "workflow/rulebook"
NAMES = [rule.name for rule in rules()]
MODULES = {name for name in nnjax.__all__ if isinstance(getattr(nnjax, name), ModuleType)}
VOID = {"meta", "input", "br", "img", "link"}


class Reader(HTMLParser):
    """Anchors, links and headings of a page; every element is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.levels: list[int] = []
        self.labels: list[str] = []
        self.opened: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in VOID:
            self.opened.append(tag)
        if values.get("id"):
            self.ids.append(values["id"] or "")
        if tag == "a":
            self.links.append(values.get("href") or "")
        if tag == "label":
            self.labels.append(values.get("for") or "")
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "p" and self.opened[-1] != "p":
            raise AssertionError(f"</p> closes {self.opened[-1]}")
        assert self.opened.pop() == tag


def rows(verdict: str = "right") -> list[dict[str, Any]]:
    """What the verifier might say of every rule: one case, right or not."""
    row = {
        "options": "defaults",
        "error64": 1e-15,
        "error32": 1e-7,
        "verdict": "right",
        "detail": "",
    }
    found = [row | {"block": n, "oracle": o} for n in NAMES for o in write_rules.ORACLES]
    unsuited = {
        "error64": None,
        "error32": None,
        "verdict": "cannot judge",
        "detail": "not analytic",
    }
    return [r | (unsuited if r["oracle"] == "complex step" else {}) for r in found[:-1]] + [
        found[-1] | {"verdict": verdict}
    ]


def result(verdict: str = "right") -> dict[str, Any]:
    """A verification in the form that `verify_rules` writes."""
    defect = {"block": "lstm", "name": "lstm: c_t for c_(t-1)", "seen": "a book"}
    found = [
        {"found_by": [*write_rules.ORACLES], "detail": "dx[0]"},
        {"found_by": [], "detail": ""},
    ]
    return {
        "quick": False,
        "tolerance": dict.fromkeys(write_rules.ORACLES, 1e-10),
        "ulps": 32,
        "passed": verdict == "right",
        "rows": rows(verdict),
        "defects": [defect | each for each in found],
        "errata": [],
        "cross_entropy": [],
    }


def written(folder: Path, verdict: str = "right") -> dict[str, str]:
    """Both pages."""
    (folder / "result.json").write_text(json.dumps(result(verdict)), encoding="utf-8")
    template = ROOM / "rules.html"
    write_rules.main(folder / "result.json", template, "full", folder / "rules.html")
    write_api.main(ROOM / "api.html", "full", folder / "api.html")
    return {
        name: (folder / name).read_text(encoding="utf-8") for name in ("rules.html", "api.html")
    }


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return written(tmp_path_factory.mktemp("pages"))


def committed() -> dict[str, str]:
    return {
        n: (ROOT / "reports" / n).read_text(encoding="utf-8") for n in ("rules.html", "api.html")
    }


def part(text: str, name: str) -> str:
    """The section of a name."""
    (found,) = re.findall(
        rf'<section data-name="{re.escape(name)}">\n(.*?)\n</section>', text, re.S
    )
    return found


# --- both pages -----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["made", "committed"])
def test_links_anchors_and_headings(source: str, pages: dict[str, str]) -> None:
    texts = pages if source == "made" else committed()
    read = {name: Reader(text) for name, text in texts.items()}
    for name, page in read.items():
        assert page.opened == []
        assert len(set(page.ids)) == len(page.ids)
        assert page.levels[0] == 1
        assert page.levels.count(1) == 1
        steps = zip(page.levels, page.levels[1:], strict=False)
        assert all(after <= before + 1 for before, after in steps), (
            "a level of headings is left out"
        )
        assert set(page.labels) <= set(page.ids)
        for link in page.links:
            file, _, anchor = link.partition("#")
            if (file or name) in read:
                assert not anchor or anchor in read[file or name].ids, (name, link)
            else:
                assert (ROOT / "reports" / file).exists(), (name, link)


@pytest.mark.parametrize("source", ["made", "committed"])
def test_pages_are_small_and_finished(source: str, pages: dict[str, str]) -> None:
    for name, text in (pages if source == "made" else committed()).items():
        assert len(text.encode()) < 1_000_000, name
        words = re.sub(r"<(pre|script|code|math)\b.*?</\1>", "", text, flags=re.S)
        for left in ("{{", "{%", "Undefined", "&amp;lt;", ">None<", ">nan"):
            assert left not in words, (name, left)


def test_the_style_of_the_rulebook_is_in_the_head(pages: dict[str, str]) -> None:
    style = (ROOM / "rulebook.css").read_text(encoding="utf-8")
    assert all(style in text.partition("</head>")[0] for text in pages.values())


def test_the_pages_lead_to_each_other(pages: dict[str, str]) -> None:
    for name in NAMES:
        assert re.search(r'href="api\.html#[\w.]+"', part(pages["rules.html"], name))
    assert 'href="rules.html#lstm"' in part(pages["api.html"], "lstm")


def test_without_a_script_everything_is_shown(pages: dict[str, str]) -> None:
    """Only the field of the search, which needs the script, is hidden."""
    for text in pages.values():
        assert re.findall(r"<[^>]* hidden[ >]", text) == [
            '<form role="search" class="search" id="find" hidden '
        ]


def test_colours_are_those_of_all_pages() -> None:
    """They have the contrast that is needed, in light and in dark."""
    style = (ROOM / "rulebook.css").read_text(encoding="utf-8")
    left = re.sub(r"var\(--\w+, #\w+\)", "", style)
    assert re.findall(r"#[0-9a-f]{3,6}\b|rgb|\b(?:color|background): (?!var|none)\w+", left) == []


# --- rules ----------------------------------------------------------------------------------------


def test_every_rule_has_its_derivation_code_and_evidence(pages: dict[str, str]) -> None:
    for rule in rules():
        text = part(pages["rules.html"], rule.name)
        assert f'<h3 id="{rule.name}">' in text
        assert "<math" in text
        assert '<pre class="formula">' not in text
        assert '<pre class="code"><b>def</b> ' in text
        assert "&gt;&gt;&gt;" not in text, "examples are on the other page"
        assert "<th>worst error</th>" in text
        assert "Right in" in text


def test_code_of_lstm(pages: dict[str, str]) -> None:
    text = html.unescape(re.sub(r"</?[bi]>", "", part(pages["rules.html"], "lstm")))
    assert "    dz_f = dc * before[1] * sigmoid_slope(z_f)\n" in text
    assert '"""' not in text
    assert '<a href="#nnjax.layers.parts.scan">' in text
    assert "1 of 2 mistakes planted in it found." in text
    assert "Found by all four oracles: <span class" in text
    assert "Missed." in text


def test_a_wrong_rule_is_said_first_and_marked(pages: dict[str, str], tmp_path: Path) -> None:
    alarm, wrong = '<p class="alarm">At least one rule is wrong', '<span class="wrong">wrong</span>'
    assert alarm not in pages["rules.html"]
    assert wrong not in pages["rules.html"]
    text = written(tmp_path, "wrong")["rules.html"]
    assert alarm in text
    assert text.count(wrong) == 1
    assert "Wrong in at least one" in part(text, NAMES[-1])


def test_no_rule_is_wrong_on_the_committed_page() -> None:
    """It is the page that readers see: made by the full study, and every rule right."""
    text = committed()["rules.html"]
    body = text.partition('<h2 id="errata">')[0]
    assert 'class="alarm"' not in text
    assert 'class="wrong"' not in body.partition("</style>")[2]
    assert "Quick settings" not in text
    sections = re.findall(r'<section data-name="(\w+)">', text)
    assert len(sections) >= 50
    for name in sections:
        assert '<b class="right">Right in ' in part(text, name), name


# --- public interface -----------------------------------------------------------------------------


def documented(text: str, anchor: str, example: bool = True) -> None:
    found = part(text, anchor)
    assert re.search(rf'<h3 id="{re.escape(anchor)}"><code>', found)
    assert re.search(r'<pre class="call">\S', found), "how it is called"
    if example:
        assert "&gt;&gt;&gt; " in found, "an example"


@pytest.mark.parametrize("name", sorted({*nnjax.__all__} - MODULES))
def test_a_public_name_is_documented(name: str, pages: dict[str, str]) -> None:
    documented(pages["api.html"], name)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_public_module_is_documented(name: str, pages: dict[str, str]) -> None:
    members = public.members(getattr(nnjax, name))
    assert members
    for each in members:
        documented(pages["api.html"], f"{name}.{each}")


@pytest.mark.parametrize("shelf", public.shelves(), ids=lambda shelf: shelf.name)
def test_what_else_is_public_is_documented(shelf: public.Shelf, pages: dict[str, str]) -> None:
    assert shelf.entries
    for entry in shelf.entries:
        assert any(piece.text for piece in entry.sections[""])
        documented(pages["api.html"], entry.anchor, example=False)


def test_examples_are_those_that_the_tests_run(pages: dict[str, str]) -> None:
    shown = html.unescape(part(pages["api.html"], "fit"))
    for example in doctest.DocTestParser().get_examples(inspect.getdoc(nnjax.fit) or ""):
        assert example.source.splitlines()[0] in shown


def test_names_that_are_imported_late_are_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a module's `__getattr__` gives them."""

    class Late:
        """Comes late.

        Example:
            >>> Late
        """

        def __init__(self, width: int, depth: int = 2) -> None: ...

        def fit(self, x: int) -> "Late":
            """Do it."""
            return self

    monkeypatch.setattr(nnjax, "__all__", [*nnjax.__all__, "Late"])
    first = vars(nnjax)["__getattr__"]
    later: Any = lambda name: Late if name == "Late" else first(name)  # noqa: E731
    monkeypatch.setattr(nnjax, "__getattr__", later)
    entries = {entry.anchor: entry for entry in public.shelves()[0].entries}
    assert entries["Late"].call == "nn.Late(width: int, depth: int = 2)"
    assert [method.call for method in entries["Late"].methods] == ["Late.fit(x: int) -> 'Late'"]
