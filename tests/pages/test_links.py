"""The committed pages: every link and anchor resolves, no id is there twice, and none is heavy."""

from collections import Counter
from pathlib import Path

import pytest

from tests.pages.links import broken, read

REPORTS = Path(__file__).parents[2] / "reports"
PAGES = sorted(REPORTS.rglob("*.html"))


def test_every_link_of_the_committed_pages_leads_somewhere() -> None:
    assert broken(REPORTS) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    text = '<a href="#here" id="here"></a><a href="#there"></a><a href="none.csv"></a>'
    (tmp_path / "page.html").write_text(text + '<img src="http://a/b.png">', encoding="utf-8")
    assert [line.split(": ")[1] for line in broken(tmp_path)] == [
        "#there",
        "none.csv",
        "http://a/b.png",
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_committed_page_is_light_and_its_places_have_names_of_their_own(page: Path) -> None:
    assert page.stat().st_size < 1_000_000
    assert [name for name, count in Counter(read(page).ids).items() if count > 1] == []
