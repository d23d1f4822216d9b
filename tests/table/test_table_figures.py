"""Figures of tables whose names are numbers, or would be mathematics."""

import json
import re
from pathlib import Path

import matplotlib
import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from workflow.lib import letters, style
from workflow.table.plots import plot_comparison, plot_importance, plot_outcome

NAMES = ["$\\frac$", "$x_1$", "<b>a</b>", "weiß_1"]


@pytest.mark.parametrize("names", [NAMES, ["0", "1", "2", "03"]], ids=["signs", "numbers"])
def test_columns_are_drawn_by_their_names(tmp_path: Path, names: list[str]) -> None:
    csv, about, svg = (tmp_path / name for name in ("a.csv", "about.json", "a.svg"))
    values = {key: [0.1, 0.2, 0.0, 0.3] for key in ("value", "lo", "hi", "n")}
    pl.DataFrame({"column": names, **values}).write_csv(csv)
    known = {"task": "classification", "file": "$a$ $\\b$.csv", "groups": None}
    about.write_text(json.dumps(known), encoding="utf-8")
    plot_importance.main(csv, about, svg, tmp_path / "a.png")
    text = svg.read_text(encoding="utf-8")
    # Each text is a comment before its letters; signs of XML are written as their names.
    for name in names:
        assert f"<!-- {name.replace('<', '&lt;').replace('>', '&gt;')} -->" in text
    assert "<b>" not in text
    assert "$a$ $\\b$.csv. Decrease on the test rows" in text


def test_classes_are_drawn_by_their_names(tmp_path: Path) -> None:
    rows, about, networks, summary, svg = (
        tmp_path / name for name in ("r.parquet", "about.json", "n.parquet", "s.json", "a.svg")
    )
    y = np.arange(40) % 4
    pl.DataFrame(
        {"x": y, "target of the study": y, "test row of the study": np.arange(40) >= 20,
         "row number of the study": np.arange(40)}
    ).write_parquet(rows)  # fmt: skip
    about.write_text(json.dumps({"classes": NAMES, "file": "a.csv"}), encoding="utf-8")
    summary.write_text('{"network_key": "network_adam"}', encoding="utf-8")
    run = {"hidden_units": 8, "optimizer": "adam", "seed": 0, "predicted": y[20:].tolist()}
    pl.DataFrame([run | {"confidence": [0.9] * 20}]).write_parquet(networks)
    plot_outcome.main(rows, about, networks, summary, svg, tmp_path / "a.png")
    text = svg.read_text(encoding="utf-8")
    assert text.count("<!-- $\\frac$ -->") == text.count("<!-- $x_1$ -->") == 2


@pytest.mark.parametrize("regression", [False, True])
def test_axis_shows_what_there_can_be(regression: bool) -> None:
    """Of an interval beyond 0 or 100 %, and of models that are worse than a constant by far."""
    ends = [(-1e16, -1e16, -1e15), (0.0, -0.1, 0.9)] if regression else [(0.0, -0.1, 0.1)]
    rows = [
        {"key": "a", "name": "a", "kind": "network", "setting": "", "chosen": True}
        | dict(zip(("value", "lo", "hi"), row, strict=True))
        for row in ends
    ]
    figure = Figure()
    plot_comparison.draw(figure, pl.DataFrame(rows), "", 1 if regression else 100)
    left, right = figure.axes[0].get_xlim()
    assert -5 < left < right < (1.1 if regression else 12)


def test_constant_far_from_the_others_is_said_at_the_edge() -> None:
    shared = {"setting": "", "chosen": False, "kind": "baseline"}
    rows = [
        {"key": "majority", "name": "most frequent class", "value": 0.1, "lo": 0.08, "hi": 0.12},
        {"key": "svm", "name": "SVM", "value": 0.97, "lo": 0.96, "hi": 0.98},
    ]
    figure = Figure()
    plot_comparison.draw(figure, pl.DataFrame([row | shared for row in rows]), "", 100)
    assert figure.axes[0].get_xlim() == pytest.approx((95.9, 98.1))
    told = {str(artist.get_gid()) for artist in figure.axes[0].patches}
    assert "told:SVM: 97 [96, 98]" in told
    assert [text.get_text() for text in figure.axes[0].texts] == [" \N{LEFTWARDS ARROW} 10"]


def drawn(folder: Path, name: str) -> str:
    """An SVG with a text as title, label and footer."""
    svg = folder / "a.svg"

    def draw(figure: Figure) -> None:
        figure.add_subplot().set_xlabel(name)

    style.render(style.Page(8, 2, name, f"{name}."), draw, svg, folder / "a.png")
    return svg.read_text(encoding="utf-8")


def test_letters_come_from_any_font_that_has_them(tmp_path: Path) -> None:
    """A script A, which matplotlib's DejaVu Sans lacks and its STIX fonts have."""
    text = drawn(tmp_path, "table \U0001d49c")
    assert 'href="#STIXGeneral' in text or 'href="#DejaVuMath' in text
    assert style.NO_FONT not in text
    assert matplotlib.rcParams["svg.fonttype"] == "path"


def test_letters_without_a_font_stay_text_and_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warnings are errors here: matplotlib's about missing letters must not come."""
    own = [font for font in letters.fontManager.ttflist if font.name == letters.OWN]
    monkeypatch.setattr(letters.fontManager, "ttflist", own)
    text = drawn(tmp_path, "資料")
    assert re.findall(">(資料[^<]*)</text>", text) == ["資料", "資料", f"資料. {style.NO_FONT}"]
    assert "sans-serif" in text
    assert style.NO_FONT in text
    assert style.NO_FONT not in drawn(tmp_path, "größe")
