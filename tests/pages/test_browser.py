"""The committed pages in a browser: they load alone, fit, can be reached and read, and answer."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

REPORTS = Path(__file__).parents[2] / "reports"
PAGES = sorted(REPORTS.rglob("*.html"))
INDEX = REPORTS / "index.html"
ISOLET, IRIS = (REPORTS / f"chapters/{name}.html" for name in ("isolet", "iris"))
NAMES: dict[str, Any] = {"ids": [page.stem for page in PAGES]}

Open = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """A function that opens a page and keeps what goes wrong in it."""
    wrong: list[str] = []
    contexts = []

    def open_page(path: Path, query: str = "", width: int = 1280, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: wrong.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith(("file:", "data:")) else wrong.append(asked.url)
            ),
        )
        page.goto(path.as_uri() + query)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.mark.parametrize("path", PAGES, **NAMES)
def test_a_page_loads_alone_and_fits(path: Path, opened: Open) -> None:
    page = opened(path)
    for width in (1280, 768, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{width} px"
    pictures = page.evaluate("[...document.images].map((image) => image.naturalWidth)")
    assert 0 not in pictures
    for drawing in page.locator("figure svg").all():
        box = drawing.bounding_box()
        assert box is not None
        assert box["height"] > 50
    levels = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map((each) => Number(each.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


# All of them take minutes; the pages are of two kinds.
FEW = [
    pytest.param(path, marks=[] if path in (INDEX, IRIS) else pytest.mark.exhaustive, id=path.stem)
    for path in PAGES
]


@pytest.mark.parametrize("path", FEW)
def test_a_page_keeps_no_reader_out(path: Path, opened: Open, axe: str) -> None:
    page = opened(path, reduced_motion="reduce")
    page.evaluate(axe)
    schemes: dict[Literal["light", "dark"], str] = {
        "light": "{}",
        # The scheme changes nothing but colours.
        "dark": "{ runOnly: ['color-contrast'] }",
    }
    for scheme, rules in schemes.items():
        page.emulate_media(color_scheme=scheme)
        found = page.evaluate(f"axe.run({rules})")
        serious = {
            each["id"]: each["nodes"][0]["html"][:300]
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        }
        assert serious == {}, scheme


def test_figures_are_on_white_in_the_dark(opened: Open) -> None:
    page = opened(ISOLET, color_scheme="dark")
    ground = "(each) => getComputedStyle(each).backgroundColor"
    assert page.locator("figure > .scroll").first.evaluate(ground) == "rgb(255, 255, 255)"
    assert page.locator("body").evaluate(ground) != "rgb(255, 255, 255)"


def test_what_goes_on_fades_until_its_end_is_seen(opened: Open) -> None:
    page = opened(ISOLET, width=390)
    box = page.locator("#fig5 > .scroll")
    assert box.evaluate("(each) => each.classList.contains('more')")
    assert box.evaluate("(each) => getComputedStyle(each).maskImage") != "none"
    box.evaluate("(each) => { each.scrollLeft = each.scrollWidth; }")
    page.wait_for_function("!document.querySelector('#fig5 > .scroll').matches('.more')")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_function("!document.querySelector('figure > .more')")
    # A table that was closed.
    page.set_viewport_size({"width": 390, "height": 900})
    page.locator("#fig5 summary").click()
    page.wait_for_function("document.querySelector('#fig5 details .scroll').matches('.more')")


def test_small_figures_are_whole(opened: Open) -> None:
    images = opened(INDEX).locator(".thumbnails img")
    assert images.count() > 0
    fit = "(all) => all.map((each) => getComputedStyle(each).objectFit)"
    assert set(images.evaluate_all(fit)) == {"contain"}


def test_nothing_moves(opened: Open) -> None:
    """A reader who asks for less motion (prefers-reduced-motion) finds none: there is none."""
    page = opened(INDEX, reduced_motion="no-preference")
    moving = """[...document.querySelectorAll("*")].filter((each) => {
        const style = getComputedStyle(each);
        return style.scrollBehavior !== "auto" || style.animationName !== "none" ||
            parseFloat(style.transitionDuration) > 0;
    }).length"""
    assert page.evaluate(moving) == 0


@pytest.mark.parametrize("path", [INDEX, ISOLET], ids=["index", "isolet"])
def test_a_page_prints(path: Path, opened: Open) -> None:
    page = opened(path, color_scheme="dark")
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 794, "height": 1123})
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert not page.locator("header").is_visible()
    ink = "(each) => getComputedStyle(each).color"
    assert page.locator("body").evaluate(ink) == "rgb(0, 0, 0)"


# --- figures that answer --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figure", "path", "words"),
    [
        ("ledger_figure", INDEX, ("K7. Sigmoid", "clean", "Verdict: reproduced")),
        ("fig4", ISOLET, ("epoch 1: test 1", "% [", "n = 30 seeds")),
        ("fig5", ISOLET, ("learning rate 1e-05", "hidden units", "n = 10 seeds", "0 diverged")),
        ("fig8", ISOLET, ("SGD: median", "quartiles", "n = 30 seeds", "diverged")),
        ("record", REPORTS / "chapters/record.html", ("points [", "n = ")),
        ("iris", IRIS, ("logistic regression: leave-one-out accuracy", "% [", "n = 150 flowers")),
        (
            "mnist_errors",
            REPORTS / "chapters/mnist.html",
            ("true digit", "predicted", "of 5 seeds"),
        ),
        ("parity", REPORTS / "chapters/parity.html", ("epoch 1: jax.grad", "e-17", "n = 1 seed")),
        (
            "benchmark_single",
            REPORTS / "benchmark.html",
            ("batch size 2", "NumPy", "(least, most)"),
        ),
    ],
)
def test_a_figure_tells_its_numbers(
    figure: str, path: Path, words: tuple[str, ...], opened: Open
) -> None:
    page = opened(path)
    places, telling = page.locator(f"#{figure} .told"), page.locator("#telling")
    first = places.first
    first.scroll_into_view_if_needed()
    assert telling.inner_text() == ""
    # Near its corner: at its middle there may be a place within it.
    first.hover(position={"x": 3, "y": 3})
    told = telling.inner_text()
    for word in words:
        assert word in told
    page.mouse.move(0, 0)
    assert telling.inner_text() == ""
    # By a finger, which has no hover.
    first.click(position={"x": 3, "y": 3})
    assert telling.inner_text() == told
    # By the keyboard: one stop for the figure, then the arrows.
    assert places.evaluate_all("(all) => all.filter((each) => each.tabIndex === 0).length") == 1
    for key in ("ArrowRight", "ArrowDown", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.classList.contains('told')")
    page.keyboard.press("Escape")
    assert telling.inner_text() == ""


def test_every_figure_has_its_table_and_its_files(opened: Open) -> None:
    page = opened(ISOLET)
    figure = page.locator("#fig5")
    assert figure.locator("a[download]").all_inner_texts() == ["SVG", "PNG", "CSV"]
    table = figure.locator("details table")
    assert not table.is_visible()
    figure.locator("summary").click()
    assert table.is_visible()
    assert table.locator("tr").count() > 20


def test_a_number_leads_to_how_it_was_made(opened: Open) -> None:
    page = opened(INDEX)
    page.locator(".headline a").first.click()
    row = page.locator(":target")
    assert row.get_attribute("id") == "k3.test_accuracy"
    row.locator("summary").click()
    made = row.inner_text()
    for word in ("measure", "logs/isolet/measure/K3.log", "snakemake --cores 8 results/isolet"):
        assert word in made


# --- the ledger -----------------------------------------------------------------------------------


def shown(page: Page) -> list[str]:
    """The claims of the ledger that can be seen, in their order."""
    return page.locator("tbody:not([hidden]) > tr.claim").evaluate_all(
        "(rows) => rows.map((row) => row.id)"
    )


def test_the_ledger_is_filtered_and_sorted_and_the_address_says_how(opened: Open) -> None:
    page = opened(INDEX)
    every = shown(page)
    form = page.locator("form.ledger")
    form.locator("[name=verdict]").select_option("refuted")
    refuted = shown(page)
    assert 0 < len(refuted) < len(every)
    assert form.locator("output").inner_text() == f"{len(refuted)} of {len(every)} claims"
    assert page.locator(".counts .refuted").inner_text() == f"{len(refuted)} refuted"
    form.locator("[name=source]").select_option("Kreft")
    form.locator("[name=text]").fill("adam")
    assert shown(page) == ["K15"]
    assert "verdict=refuted&source=Kreft&text=adam" in page.url
    page.reload()
    assert shown(page) == ["K15"]
    form.locator("[name=text]").fill("")
    form.locator("[name=source]").select_option("")
    assert shown(page) == refuted
    form.locator("[name=verdict]").select_option("")
    form.locator("[name=sort]").select_option("effect")
    assert shown(page) != every
    effects = page.locator("tbody[data-effect]").evaluate_all(
        "(all) => all.map((each) => Number(each.dataset.effect))"
    )
    assert effects == sorted(effects, reverse=True)
    form.locator("[name=sort]").select_option("")
    assert shown(page) == every


def test_a_count_of_verdicts_leads_to_its_claims(opened: Open) -> None:
    page = opened(INDEX)
    page.locator(".counts .not-measured").click()
    page.wait_for_url("**verdict=not+measured**")
    assert len(shown(page)) == 1
    # A link to a claim that is not shown shows all again.
    page.evaluate("location.hash = '#K1'")
    page.wait_for_function("!document.getElementById('K1').closest('tbody').hidden")


def test_without_scripts_all_is_there(opened: Open) -> None:
    page = opened(INDEX, query="?verdict=refuted", java_script_enabled=False)
    assert not page.locator("form.ledger").is_visible()
    assert page.locator("#K1").is_visible()
    title = page.locator("#ledger_figure .told title").first
    assert "Verdict: " in (title.text_content() or "")
