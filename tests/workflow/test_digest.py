"""The digest of code: what a script would do differently counts, words and layout do not."""

from pathlib import Path

import pytest

from workflow.lib import digest
from workflow.lib.digest import code_digest, texts_digest

FILES = {
    "pack/__init__.py": "",
    "pack/used.py": '"""Words."""\n\n\ndef f(x):\n    """More words."""\n    return x + 1  # why\n',
    "pack/deep.py": "from pack.used import f\n",
    "pack/other.py": "y = 1\n",
    "room/train.py": "import pack.deep\nfrom nouns import g\n\ng()\n",
    "room/nouns.py": "def g():\n    return 2\n",
    "room/plot.py": "import numpy\n",
    "next/nouns.py": "def g():\n    return 3\n",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(digest, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "old", "new", "counts"),
    [
        ("room/train.py", "g()", "g(); g()", True),
        ("room/nouns.py", "return 2", "return 4", True),  # a sibling
        ("pack/used.py", "x + 1", "x + 2", True),  # through another module
        ("pack/__init__.py", "", "z = 1\n", False),  # only what is imported of a package
        ("pack/other.py", "y = 1", "y = 2", False),
        ("room/plot.py", "import numpy", "import scipy", False),
        ("next/nouns.py", "return 3", "return 4", False),  # the sibling of another room
        ("pack/used.py", "Words", "Other words", False),
        ("pack/used.py", '    """More words."""\n', "", False),
        ("pack/used.py", "# why", "# because", False),
        ("pack/used.py", "x + 1", "(x  +  1)", False),
    ],
)
def test_what_counts(root: Path, file: str, old: str, new: str, counts: bool) -> None:
    before = code_digest("room/train.py")
    assert before == code_digest(root / "room/train.py")
    text = (root / file).read_text(encoding="utf-8")
    assert old in text
    (root / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert (code_digest("room/train.py") != before) == counts


def test_scripts_differ_and_several_count_together(root: Path) -> None:
    assert code_digest("room/train.py") != code_digest("room/plot.py")
    together = code_digest("room/train.py", "room/plot.py")
    assert together == code_digest("room/plot.py", "room/train.py")
    (root / "room/plot.py").write_text("import scipy\n", encoding="utf-8")
    assert together != code_digest("room/train.py", "room/plot.py")


def test_words_count_where_a_page_is_made_of_them(root: Path) -> None:
    before = texts_digest("pack")
    (root / "room/nouns.py").write_text("", encoding="utf-8")
    assert texts_digest("pack") == before
    (root / "pack/used.py").write_text(FILES["pack/used.py"].replace("More", "Other"), "utf-8")
    assert texts_digest("pack") != before
