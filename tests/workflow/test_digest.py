"""The digest of code: what a script would do differently counts, words and layout do not."""

import sys
from pathlib import Path
from types import FrameType

import jax
import pytest

from tests.chapters.conftest import load, settings
from tests.workflow.conftest import needs
from workflow.lib import digest
from workflow.lib.digest import Code, texts_digest

FILES = {
    "nnjax/__init__.py": "from nnjax.used import f\nfrom nnjax.more import other\n",
    "nnjax/used.py": '"""Words."""\n\nK = 1\n\n\ndef f(x):\n    """More words."""\n'
    "    return x + K  # why\n\n\ndef unused():\n    return 1\n",
    "nnjax/more.py": "y = 1\n\n\ndef other():\n    return y\n",
    "nnjax/effect.py": "class A:\n    pass\n\n\ndef rule():\n    return 5\n\n\nA.rule = rule\n",
    "nnjax/table.py": "from nnjax import columns\n\nALL = [getattr(columns, n) for n in ('a',)]\n",
    "nnjax/columns.py": "a = 1\n",
    "workflow/room/train.py": "import nnjax as nn\nimport nnjax.effect\nfrom nouns import g, h\n"
    "from nnjax.table import ALL\n\nprint(g(), nn.f(1), nnjax.effect.A, ALL)\n",
    "workflow/room/nouns.py": "import numpy as np\n\n\ndef g():\n    return np.ones(2)\n\n\n"
    "def h():\n    return 6\n",
    "workflow/room/plot.py": "import numpy\n\nnumpy.ones(1)\n",
    "workflow/next/nouns.py": "def g():\n    return 3\n",
}


def code_digest(*scripts: str | Path) -> str:
    """As in a new process."""
    digest.project.cache_clear()
    return digest.code_digest(*scripts)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(digest, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "old", "new", "counts"),
    [
        ("workflow/room/train.py", "g()", "g(), g()", True),
        ("workflow/room/nouns.py", "np.ones(2)", "np.ones(4)", True),  # a sibling
        ("workflow/room/nouns.py", "import numpy as np", "import jax.numpy as np", True),
        ("nnjax/used.py", "x + K", "x - K", True),  # through the package
        ("nnjax/used.py", "K = 1", "K = 2", True),
        ("nnjax/effect.py", "return 5", "return 6", True),  # what an import does
        ("nnjax/columns.py", "a = 1", "a = 1\nb = 2", True),  # any name of a module
        ("nnjax/__init__.py", "nnjax.used import f", "nnjax.more import other as f", True),
        ("nnjax/__init__.py", "import other", "import other, y", False),  # an export
        ("nnjax/used.py", "return 1\n", "return 2\n", False),  # never reached
        ("nnjax/used.py", "K = 1", "K = 1\n_x = 1", False),
        ("nnjax/more.py", "y = 1", "y = 2", False),
        ("workflow/room/nouns.py", "return 6", "return 7", False),  # imported, but not used
        ("workflow/room/plot.py", "ones", "zeros", False),
        ("workflow/next/nouns.py", "return 3", "return 4", False),  # the sibling of another room
        ("nnjax/used.py", "Words", "Other words", False),
        ("nnjax/used.py", '    """More words."""\n', "", False),
        ("nnjax/used.py", "# why", "# because", False),
        ("nnjax/used.py", "x + K", "(x  +  K)", False),
    ],
)
def test_what_counts(root: Path, file: str, old: str, new: str, counts: bool) -> None:
    before = code_digest("workflow/room/train.py")
    assert before == code_digest(root / "workflow/room/train.py")
    text = (root / file).read_text(encoding="utf-8")
    assert old in text
    (root / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert (code_digest("workflow/room/train.py") != before) == counts


def test_scripts_differ_and_several_count_together(root: Path) -> None:
    assert code_digest("workflow/room/train.py") != code_digest("workflow/room/plot.py")
    together = code_digest("workflow/room/train.py", "workflow/room/plot.py")
    assert together == code_digest("workflow/room/plot.py", "workflow/room/train.py")
    (root / "workflow/room/plot.py").write_text("import scipy\n\nscipy.ones(1)\n", encoding="utf-8")
    assert together != code_digest("workflow/room/train.py", "workflow/room/plot.py")


def test_words_count_where_a_page_is_made_of_them(root: Path) -> None:
    before = texts_digest("nnjax")
    (root / "workflow/room/nouns.py").write_text("", encoding="utf-8")
    assert texts_digest("nnjax") == before
    (root / "nnjax/used.py").write_text(FILES["nnjax/used.py"].replace("More", "Other"), "utf-8")
    assert texts_digest("nnjax") != before


def test_a_change_in_one_layer_counts_for_those_who_use_it() -> None:
    """In the project itself: the networks of ISOLET are dense."""
    code = Code(digest.ROOT)
    reached = code.reached([digest.ROOT / "workflow/scripts/train.py"])
    names = {(str(file.relative_to(digest.ROOT)), name) for file, name in reached if file}
    assert ("nnjax/layers/dense.py", "dense") in names
    assert ("nnjax/losses/cross_entropy.py", "softmax_cross_entropy") in names
    assert ("nnjax/layers/lstm.py", "lstm") not in names
    assert not [file for file, _ in names if file.startswith("nnjax/benchmark")]


@needs("xor")
def test_all_that_a_script_calls_is_reached(tmp_path: Path) -> None:
    """A training watched: no function of the project runs that the digest does not count."""
    train, arms = load("xor", "train"), settings("xor").arms
    called = set[tuple[Path, str]]()

    def watch(frame: FrameType, event: str, _: object) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(digest.ROOT / "nnjax"):
            called.add((file, frame.f_code.co_qualname.split(".")[0]))

    with jax.enable_x64(False):
        sys.setprofile(watch)
        try:
            train.main(["relu"], 1.0, arms, 2, 2, tmp_path / "runs")
        finally:
            sys.setprofile(None)
    code = Code(digest.ROOT)
    reached = code.reached([digest.ROOT / "workflow/chapters/xor/train.py"])
    assert {"fit", "sweep"} & {name for _, name in called}
    assert called <= reached
