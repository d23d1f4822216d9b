"""The house rules, checked on the tree: who imports whom, how large a file and a folder may be."""

import ast
import re
import sys
from collections import Counter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.workflow.conftest import ROOT
from workflow.lib import chapters

LINES, FILES = 400, 20
"""A file has at most so many lines, and a folder at most so many files."""

NAMES = sorted(folder.name for folder in chapters.FOLDER.iterdir() if folder.is_dir())
LAST_LINE = 'job.run(main, globals().get("snakemake"))'
TEXTS = {".py", ".smk", ".html", ".css", ".js", ".yaml"}


def files(*folders: str, suffixes: set[str] = TEXTS) -> list[Path]:
    """The files of some folders, without caches."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*"))]
    return [p for p in found if p.is_file() and p.suffix in suffixes]


def python(*folders: str) -> list[Path]:
    return files(*folders, suffixes={".py"})


def place(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> list[str]:
    """The modules that a file imports, also within functions."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(path)}: imports are absolute"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


# --- arrows point one way: chapter -> lib -> nnjax ------------------------------------------------


def test_groups_and_joins_keep_their_order() -> None:
    """polars deals groups to threads in any order, and a mean over them then differs in its last
    bit from run to run. Groups that are only aggregated may be sorted afterwards."""
    loose = []
    for path in python("workflow", "nnjax"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        aggregated = {
            node.value for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr in ("agg", "len")
        }  # fmt: skip
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                given = {keyword.arg for keyword in node.keywords}
                grouped = node.func.attr == "group_by" and node not in aggregated
                joined = node.func.attr == "join" and bool({"on", "how", "left_on"} & given)
                if (grouped or joined) and "maintain_order" not in given:
                    loose.append(f"{place(path)}:{node.lineno}")
    assert loose == []


@pytest.mark.parametrize(
    ("room", "allowed"),
    [
        ("nnjax", ["nnjax"]),
        ("workflow/lib", ["nnjax", "workflow.lib"]),
        ("workflow/scripts", ["nnjax", "workflow.lib"]),
        ("workflow/rulebook", ["nnjax", "workflow.lib"]),
        ("workflow/benchmark", ["nnjax", "workflow.lib"]),
        ("workflow/ecosystem", ["nnjax", "workflow.lib", "workflow.ecosystem"]),
        ("workflow/chapters", ["nnjax", "workflow.lib"]),
    ],
)
def test_a_room_imports_only_from_the_rooms_below_it(room: str, allowed: list[str]) -> None:
    ours = ("nnjax", "workflow", "tests")
    wrong = [
        f"{place(path)} imports {name}"
        for path in python(room)
        for name in imported(path)
        if any(inside(name, package) for package in ours)
        and not any(inside(name, package) for package in allowed)
    ]
    assert wrong == []


def test_only_job_knows_snakemake() -> None:
    """A job's last line gives the object to `run`; nothing else reads it."""
    wrong = []
    for path in python("workflow"):
        text = path.read_text(encoding="utf-8")
        code = text.rstrip().removesuffix(LAST_LINE)
        names = {n.id for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Name)}
        if {"snakemake", "globals"} & names:
            wrong.append(f"{place(path)} reads snakemake before its last line")
        if "def main(" in text and code == text.rstrip():
            wrong.append(f"{place(path)} ends with another line than {LAST_LINE}")
        if place(path) != "workflow/lib/job.py":
            wrong += [
                f"{place(path)} imports {name}"
                for name in imported(path)
                if inside(name, "snakemake")
            ]
    assert wrong == []


def test_a_chapter_is_named_only_in_its_folder() -> None:
    """By its folder, results, rules, numbers or page: whoever did would miss it once it is gone."""
    wrong = []
    for name in NAMES:
        named = re.compile(
            rf"\b(chapters|results|logs)/{name}\b|\brules\.(?!fetch)\w+_{name}\b"
            rf"|\b(chapter|numbers)_{name}\b|\bhref=\"{name}\.html"
        )
        for path in files("workflow", "nnjax"):
            if chapters.FOLDER / name not in path.parents:
                found = named.search(path.read_text(encoding="utf-8"))
                wrong += [f"{place(path)}: {found[0]}"] if found else []
    assert wrong == []


def test_the_name_of_a_script_is_the_name_of_no_package() -> None:
    """A script imports its siblings by their bare names, which must not hide other modules."""
    taken = {*sys.stdlib_module_names, *packages_distributions()}
    rooms = ("workflow/scripts", "workflow/rulebook", "workflow/chapters")
    assert [place(path) for path in python(*rooms) if path.stem in taken] == []


# --- rooms are small ------------------------------------------------------------------------------


def test_files_are_short() -> None:
    tall = {
        place(path): lines
        for path in files("nnjax", "workflow", "tests")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LINES
    }
    assert tall == {}


def test_folders_are_small() -> None:
    tracked = [
        path
        for folder in ("nnjax", "workflow", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    sizes = Counter(place(path.parent) for path in tracked)
    assert {folder: count for folder, count in sizes.items() if count > FILES} == {}


def test_a_file_says_what_it_is_for() -> None:
    """In its first lines: a docstring, or a comment of a file of rules."""
    silent = [
        place(path)
        for path in python("nnjax", "workflow", "tests")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    rules = [ROOT / "Snakefile", *files("workflow", suffixes={".smk"})]
    silent += [place(p) for p in rules if not p.read_text(encoding="utf-8").startswith("# ")]
    assert silent == []


@pytest.mark.parametrize("clocks", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_declares_the_tables_that_it_shows(name: str, clocks: bool) -> None:
    """A table that is not declared is no input of the page, which then shows an old one."""
    path = chapters.FOLDER / name / ("clocks.html" if clocks else "page.html")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    page = chapters.chapter(chapters.FOLDER / name, {"study": "full"}).page
    assert set(re.findall(r'rows\("(\w+)"\)', text)) <= set(page.shown_tables(clocks))
