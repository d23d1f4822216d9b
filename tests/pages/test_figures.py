"""Figures: each committed one tells its numbers to a pointer, a finger and the keyboard."""

import re
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tests.pages.links import read
from workflow.lib import style

REPORTS = Path(__file__).parents[2] / "reports"
FIGURES = sorted(REPORTS.rglob("*.svg"))
SILENT = {"sketch_isolet", "sketch_neuron", "sketch_xor"}
"""Sketches of networks: they show how something is built, and no number."""


@pytest.mark.parametrize("figure", FIGURES, ids=lambda path: path.stem)
def test_a_committed_figure_tells_its_numbers(figure: Path) -> None:
    places = re.findall(
        r'<rect class="told" [^>]*><title>([^<]*)</title>', figure.read_text(encoding="utf-8")
    )
    if figure.stem in SILENT:
        assert places == []
        return
    assert len(places) > 1
    for told in places:
        # Not "discriminant".
        assert re.search(r"\d", told), told
        assert not re.search(r"\bnan\b", told), told


BENCHMARK = ("single", "ratios", "growth", "devices")


def test_every_figure_of_the_benchmark_and_of_the_front_page_has_its_files() -> None:
    for page, names in (
        ("index.html", ["ledger"]),
        ("benchmark.html", [f"benchmark_{name}" for name in BENCHMARK]),
    ):
        links = read(REPORTS / page).links
        for name in names:
            files = {f"figures/{name}.svg", f"figures/{name}.png", f"tables/{name}.csv"}
            assert files <= set(links)
            text = (REPORTS / page).read_text(encoding="utf-8")
            assert text.count("<summary>Table</summary>") == len(names)


def test_nothing_answers_beyond_the_axis() -> None:
    """Runs 61 to 120 along an axis of 60 cells did."""
    axes = Figure().subplots()
    axes.set_xlim(0.5, 60.5)
    style.tell_along(axes, "x", {1: "run 1", 60: "run 60", 61: "run 61"})
    style.tell_along(axes, "x", {61: "run 61"})
    places = [place for place in axes.patches if isinstance(place, Rectangle)]
    boxes = {str(place.get_gid()): place.get_bbox() for place in places}
    assert {text: (box.x0, box.x1) for text, box in boxes.items()} == {
        "told:run 1": (0.5, 30.5),
        "told:run 60": (30.5, 60.5),
    }
