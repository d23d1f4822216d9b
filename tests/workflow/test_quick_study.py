"""The quick study, run once from an empty folder: what comes out, and what a change runs again.

By default with three chapters, which have a job of every kind; the exhaustive tests run all.
It uses the real data where available, otherwise stand-ins.
"""

import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.pages.links import broken
from tests.workflow.conftest import QUICK, ROOT, copied, needs, planned, snakemake, unreachable
from tests.workflow.edits import pages, replace, restored
from workflow.lib import chapters, page, settings
from workflow.lib.claims import entry, without_clocks
from workflow.lib.numbers import collect
from workflow.lib.settings import merged, read
from workflow.lib.study import Study
from workflow.lib.tables import SOURCES, STAND_INS
from workflow.scripts import collect_numbers, write_index

REAL = ROOT.parent / "shared" / "data"
DATA = REAL if REAL.exists() else None
CONFIGURATION = [QUICK] if DATA else [QUICK, "unreachable.yaml"]
CONFIG = merged(read(ROOT / "workflow/config/study.yaml"), read(ROOT / QUICK))
STUDY = settings.checked(Study, CONFIG, "")

FEW = ("isolet", "quadrants", "xor")
"""One declares its numbers in claims and trains on fetched data; two summarise made-up data."""

Rooms = dict[str, chapters.Chapter]

TORCH = find_spec("torch") is not None
LETTERS = re.compile(r'<path id="g-[^>]*/>\n')
"""A page has each letter once, whatever the number of its figures."""
MAY_LACK = {"k12.batch_256_accuracy", "s4.mlp_gpu_over_cpu", "s4.cnn_gpu_over_cpu"}
"""Numbers of claims that need a batch size that is not in the quick study, or a GPU."""


@pytest.fixture(scope="module", params=["few", pytest.param("all", marks=pytest.mark.exhaustive)])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the study has run, with a committed report beside it."""
    only = FEW if request.param == "few" else None
    folder = copied(tmp_path_factory.mktemp("study"), only=only)
    unreachable(folder)
    committed = folder / "reports/numbers.json"
    committed.write_text("committed", encoding="utf-8")
    status, output = snakemake(folder, "--cores", "2", "--configfile", *CONFIGURATION, data=DATA)
    assert status == 0, output
    return folder


@pytest.fixture(scope="module")
def study(project: Path) -> Path:
    """The folder of the quick study."""
    return project / "quick"


@pytest.fixture(scope="module")
def rooms(project: Path) -> Rooms:
    """The chapters of the study."""
    return chapters.found(CONFIG, STUDY, project / "workflow/chapters")


@pytest.fixture(scope="module")
def numbers(study: Path) -> dict[str, Any]:
    """With the clocks, and where all of them come from."""
    timed = json.loads((study / "reports/clocks.json").read_text(encoding="utf-8"))["numbers"]
    return json.loads((study / "reports/numbers.json").read_text(encoding="utf-8")) | timed


@pytest.fixture(scope="module")
def ledger(study: Path) -> list[dict[str, Any]]:
    return json.loads((study / "reports/claims.json").read_text(encoding="utf-8"))


# --- what comes out -------------------------------------------------------------------------------


def test_every_chapter_has_its_page_and_figures(study: Path, rooms: Rooms) -> None:
    for chapter in rooms.values():
        for name in chapter.page.figures:
            page_of = "clocks" if name in chapter.page.clocks else f"chapters/{chapter.name}"
            text = pages(study)[f"{page_of}.html"]
            svg, png = (study / f"reports/figures/{name}.{form}" for form in ("svg", "png"))
            assert png.read_bytes().startswith(b"\x89PNG")
            drawing = page.figure(svg, chapter.page.figures[name].alt)
            assert LETTERS.sub("", drawing) in LETTERS.sub("", text), name
            assert f'id="{name}"' in text
        assert chapter.page.question in pages(study)["index.html"].replace("&#39;", "'")


def test_every_page_holds_all_that_it_shows(study: Path, rooms: Rooms) -> None:
    """Pictures are inside; links lead to places of this page and to other pages of the study."""
    texts = pages(study)
    shared = {"index.html", "rules.html", "api.html", "clocks.html"}
    assert set(texts) == shared | {f"chapters/{name}.html" for name in rooms}
    assert broken(study / "reports") == []
    for name, text in texts.items():
        assert not re.findall(r'src="(?!data:)[^"]*"', text), name
        words = re.sub(r"(?s)base64,[^\"]*|<(pre|code|math|script)\b.*?</\1>", "", text)
        for left in ("{{", "{%", "Undefined", "&amp;lt;", ">None<", ">nan"):
            assert left not in words, (name, left)


def test_every_page_and_figure_says_that_it_is_quick(study: Path) -> None:
    style = (ROOT / "workflow/report/page.css").read_text(encoding="utf-8").strip()
    for name, text in pages(study).items():
        assert text.startswith("<!doctype html>"), name
        assert style in text, name
        assert text.index("QUICK settings") < text.index("<h1>"), name
    for figure in (study / "reports/figures").glob("*.svg"):
        assert "QUICK SETTINGS" in figure.read_text(encoding="utf-8"), figure.name


def test_a_quick_study_leaves_the_full_one_alone(project: Path) -> None:
    assert not (project / "results").exists()
    assert not (project / "logs").exists()
    reports = [path for path in (project / "reports").rglob("*") if path.is_file()]
    assert {path.parent.name for path in reports} <= {"reports", "record"}
    assert (project / "reports/numbers.json").read_text(encoding="utf-8") == "committed"


def test_pages_and_figures_say_where_data_are_stand_ins(study: Path, rooms: Rooms) -> None:
    texts = pages(study)
    for chapter in rooms.values():
        data = pl.read_csv(study / chapter.numbers)["data"].unique().to_list()
        assert len(data) == 1
        mark = STAND_INS.get(data[0], "STAND-IN DATA")
        marked = data[0] in STAND_INS
        assert (mark in texts[f"chapters/{chapter.name}.html"]) == marked, chapter.name
        for name, figure in chapter.page.figures.items():
            if figure.table:
                svg = (study / f"reports/figures/{name}.svg").read_text(encoding="utf-8")
                assert (mark in svg) == marked, name
    assert ("STAND-IN DATA" in texts["index.html"]) == (DATA is None)


def test_every_number_has_a_unit_an_interval_and_n(numbers: dict[str, Any]) -> None:
    entries = {key: number for key, number in numbers.items() if key != "provenance"}
    assert set(STUDY.headline) <= set(entries)
    for key, number in entries.items():
        assert number["n"] >= 1, key
        assert number["unit"] in page.UNITS, key
        assert number["interval"], key
        assert number["what"], key
        if number["lo"] is None:
            # Three repeats of a clock have no interval for a median; a count needs none.
            assert key.startswith(("k12.", "k17.")) or number["interval"].startswith("none"), key
            continue
        assert number["lo"] <= number["value"] <= number["hi"], key
        assert number["unit"] != "fraction" or 0 <= number["lo"] <= number["hi"] <= 1, key


def test_numbers_are_those_of_chapters(study: Path, numbers: dict[str, Any], rooms: Rooms) -> None:
    tables = collect([study / table for each in rooms.values() for table in each.all_numbers()])
    assert {key: number for key, number in numbers.items() if key != "provenance"} == tables


def test_where_the_numbers_come_from(numbers: dict[str, Any]) -> None:
    provenance = numbers["provenance"]
    assert provenance["data"] == ("isolet" if DATA else "stand-in")
    assert provenance["study"] == "quick"
    assert provenance["seeds"]["reference"] == STUDY.reference.seeds
    assert set(provenance["fingerprint"]) == {"train", "test"}
    assert set(provenance["chapters"]) == {"mnist", "text"}
    assert {"jax", "jaxlib", "numpy", "optax", "snakemake"} <= set(provenance["versions"])
    assert provenance["dtype"] == "float32"
    assert provenance["environment"]["JAX_DISABLE_MOST_OPTIMIZATIONS"] == "1"
    assert re.fullmatch("[0-9a-f]{16}", provenance["code"])


def test_the_ledger(
    study: Path, numbers: dict[str, Any], ledger: list[dict[str, Any]], rooms: Rooms
) -> None:
    """Every claim has the verdict that the rules give, on numbers of the study."""
    declared = {name: claim for each in rooms.values() for name, claim in each.claims.items()}
    assert sorted(each["id"] for each in ledger) == sorted(declared)
    text = pages(study)["index.html"]
    for each in ledger:
        claim = declared[each["id"]]
        judged = without_clocks(entry(each["id"], claim, numbers, STUDY.ledger))
        assert {k: v for k, v in each.items() if k != "data"} == judged | {"study": "quick"}
        assert each["data"] in SOURCES
        assert (study / each["figure"]).exists()
        assert f'id="{each["id"]}"' in text
        absent = MAY_LACK | {key for key in claim.named() if "torch" in key and not TORCH}
        assert set(claim.named()) - absent <= set(numbers), each["id"]


@needs("isolet")
@needs("xor")
def test_the_numbers_are_those_of_a_network_that_learns(
    study: Path, numbers: dict[str, Any]
) -> None:
    """Ten epochs: well above guessing (1/26), and in the order that the mathematics demands."""
    value = {key: number.get("value") for key, number in numbers.items()}
    assert value["k3.test_accuracy"] > 0.9
    assert value["k3.test_accuracy"] > value["k4.test_accuracy"]
    assert value["k4.difference"] == pytest.approx(
        value["k4.test_accuracy"] - value["k3.test_accuracy"], abs=1e-12
    )
    assert value["k3.test_loss"] < 0.5
    assert value["k2.solved_fraction"] == 0
    assert value["k1.solved_fraction"] > 0.3
    xor = pl.read_csv(study / "reports/tables/xor.csv")
    assert set(xor.filter(network="2-2")["most_rows_right"].drop_nulls()) <= {0, 1, 2, 3}
    assert xor.filter(pl.col("epoch") < xor["epoch"].max())["solved"].null_count() > 0


@needs("isolet")
def test_the_tables_agree_with_the_runs(study: Path) -> None:
    """One cell of figure 5 and one point of figure 4, recomputed from the histories."""
    folder, last = study / "results/isolet/runs/fig5", pl.col("epoch") == pl.col("epoch").max()
    cell = (pl.col("hidden_units") == 64) & (pl.col("learning_rate") == 0.001)
    runs = pl.read_parquet(folder / "epochs.parquet").filter(cell & last)["test_accuracy"]
    row = pl.read_csv(study / "reports/tables/fig5.csv").filter(cell)
    assert row["mean"].item() == pytest.approx(runs.to_numpy().mean(), rel=1e-6)
    assert row["n"].item() == len(runs) == 3
    counts = pl.read_parquet(folder / "speakers.parquet").filter(cell & last)
    correct, rows = counts.select(pl.col("correct", "rows").sum()).row(0)
    assert correct / rows == pytest.approx(row["mean"].item(), rel=1e-6)
    history = pl.read_parquet(study / "results/reference/epochs.parquet")
    point = history.filter(pl.col("epoch") == 10, pl.col("momentum") == 0.9)["test_accuracy"]
    drawn = pl.read_csv(study / "reports/tables/fig4.csv").filter(epoch=10)["mean"].item()
    assert drawn == pytest.approx(point.to_numpy().mean(), rel=1e-6)


@needs("isolet")
def test_a_clean_effect_recomputed(study: Path, numbers: dict[str, Any]) -> None:
    """K13 in the clean protocol from the counts, without the project's code."""
    counts = pl.read_parquet(study / "results/isolet/clean/depth/speakers.parquet")
    last = counts.filter(pl.col("epoch") == pl.col("epoch").max(), pl.col("beta1") == 0.9)
    accuracy = [
        last.filter(hidden_layers=layers).select(pl.col("correct").sum() / pl.col("rows").sum())
        for layers in (0, 1)
    ]
    assert numbers["k13.clean_difference"]["value"] == pytest.approx(
        accuracy[0].item() - accuracy[1].item(), abs=1e-12
    )


def test_the_page_of_rules(study: Path) -> None:
    """Every public rule, with what the verifier found; the sources' slips are wrong as printed."""
    result = json.loads((study / "results/verification.json").read_text(encoding="utf-8"))
    assert result["passed"]
    assert result["quick"]
    assert [defect["name"] for defect in result["defects"] if not defect["found_by"]] == []
    for erratum in result["errata"]:
        assert erratum["printed_row"]["verdict"] == "wrong", erratum["name"]
        assert erratum["meant_row"]["verdict"] == "right", erratum["name"]
    assert max(row["loss"] for row in result["cross_entropy"]) > 1
    text = pages(study)["rules.html"]
    for name in ("conv2d", "softmax_cross_entropy", "lstm", "serial", "l2", "huber"):
        assert f'<h3 id="{name}">' in text
    assert "Derivation." in text


def test_a_stand_in_is_marked_on_the_front_page_and_in_the_numbers(
    study: Path, numbers: dict[str, Any], tmp_path: Path, rooms: Rooms
) -> None:
    data, reports = study / "results/data", study / "reports"
    origin = json.loads((data / "isolet.json").read_bytes()) | {"data": "stand-in", "source": "0"}
    (tmp_path / "isolet.json").write_text(json.dumps(origin), encoding="utf-8")
    written, text = tmp_path / "numbers.json", tmp_path / "index.html"
    tables = [study / chapter.numbers for chapter in rooms.values()]
    others = [data / "mnist.json", data / "text.json"]
    collect_numbers.main(tables, tmp_path / "isolet.json", others, "quick", {}, "0" * 16, written)
    assert json.loads(written.read_text())["provenance"]["data"] == "stand-in"
    write_index.main(
        chapters={name: chapter.page for name, chapter in rooms.items()},
        claims_of={name: list(chapter.claims) for name, chapter in rooms.items()},
        headline=STUDY.headline,
        ledger=STUDY.ledger,
        verdict_rules={},
        study="quick",
        numbers=written,
        claims=reports / "claims.json",
        tables={name: study / chapter.numbers for name, chapter in rooms.items()},
        ledger_figure=reports / "figures/ledger.svg",
        ledger_table=reports / "tables/ledger.csv",
        thumbnails=[],
        index=text,
    )
    assert "STAND-IN DATA" in text.read_text(encoding="utf-8")


# --- what a change runs again ---------------------------------------------------------------------


@pytest.fixture
def changed(project: Path) -> Iterator[Path]:
    """The project for a test that edits files; what it edited is put back with its time."""
    with restored(project, "nnjax", "workflow"):
        yield project


def again(project: Path, *more: str) -> dict[str, int]:
    """The rules that a second call would run; `more` configuration files may change settings."""
    return planned(project, "--configfile", *CONFIGURATION, *more, data=DATA)


def test_a_second_run_has_nothing_to_do(project: Path) -> None:
    assert again(project) == {}


def test_a_report_of_another_run_is_made_anew_however_new_it_is(project: Path, study: Path) -> None:
    """As `git pull` and `git checkout reports` leave it: other content, and the time of today."""
    report = study / "reports/tables/numbers_quadrants.csv"
    own = report.read_bytes()
    with restored(study, "reports/tables"):
        report.write_bytes(own + b"\n")
        rules = again(project)
        assert {"summarise_quadrants", "write_page", "collect_numbers", "all"} <= set(rules)
        assert not [rule for rule in rules if rule.startswith(("train", "fetch"))]
        report.write_bytes(own)  # the same content with a new time is still one's own
        assert again(project) == {}


def test_a_new_layer_makes_the_page_of_rules_anew_and_trains_nothing(changed: Path) -> None:
    replace(changed / "nnjax/layers/lstm.py", "@recorded\n", "_x = 1\n\n\n@recorded\n")
    (changed / "nnjax/layers/new.py").write_text("def new() -> int:\n    return 1\n", "utf-8")
    replace(
        changed / "nnjax/__init__.py",
        "from nnjax.layers.rnn",
        "from nnjax.layers.new import new\nfrom nnjax.layers.rnn",
    )
    assert {*again(changed)} <= {"verify_rules", "write_rules", "write_api", "write_costs", "all"}
    (changed / "nnjax/layers/new.py").unlink()


def test_words_in_the_library_train_nothing(changed: Path) -> None:
    """The pages of rules and of the interface are made of docstrings; no other is made anew."""
    replace(changed / "nnjax/losses/__init__.py", '"""Losses', '# a comment\n"""Other words')
    assert set(again(changed)) == {"write_rules", "write_api", "write_costs", "all"}


def test_a_changed_library_function_retrains_what_uses_it(changed: Path, rooms: Rooms) -> None:
    replace(changed / "nnjax/layers/dense.py", "dy @ params.weights.T", "1 * dy @ params.weights.T")
    rules = again(changed)
    trained = {f"train_{name}" for name in ("isolet", "xor", "record") if name in rooms}
    assert {"train", *trained} <= set(rules)
    assert {"collect_numbers", "write_ledger", "write_index", "verify_rules"} <= set(rules)
    assert not [rule for rule in rules if rule.startswith("fetch")]


def test_changed_statistics_train_nothing(changed: Path) -> None:
    replace(
        changed / "nnjax/stats/intervals.py", "resamples: int = 10_000", "resamples: int = 10_001"
    )
    rules = again(changed)
    assert [rule for rule in rules if rule.startswith("summarise")]
    assert not [rule for rule in rules if rule.startswith(("train", "tune", "refit", "fetch"))]


JUDGED = ["write_ledger", "plot_ledger", "write_index", "write_clocks"]


@needs("quadrants")
@pytest.mark.parametrize(
    ("file", "old", "new", "rules"),
    [
        ("plot_quadrants.py", "points right (%)", "right points (%)", ["plot"]),
        ("settings.yaml", "title: ", "title: Again, ", ["write_index"]),
        # Judged anew; nothing is measured.
        ("claims.yaml", "w, bound: 0.01", "w, bound: 0.02", JUDGED),
    ],
)
def test_a_change_makes_anew_what_shows_it(
    changed: Path, file: str, old: str, new: str, rules: list[str]
) -> None:
    replace(changed / "workflow/chapters/quadrants" / file, old, new)
    assert again(changed) == dict.fromkeys([*rules, "write_page", "write_costs", "all"], 1)


@needs("quadrants")
def test_a_changed_setting_trains_its_chapter_alone(changed: Path, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("quadrants: {seeds: 11}\n", encoding="utf-8")
    rules = again(changed, str(tmp_path / "more.yaml"))
    once = {"train_quadrants", "summarise_quadrants", "write_page", "collect_numbers", *JUDGED}
    assert rules == {**dict.fromkeys({*once, "write_costs", "all"}, 1), "plot": 2}


@needs("quadrants")
def test_a_printed_value_trains_nothing(changed: Path, tmp_path: Path) -> None:
    printed = "quadrants: {printed: {m1.before: 9.0}}\n"
    (tmp_path / "more.yaml").write_text(printed, encoding="utf-8")
    rules = again(changed, str(tmp_path / "more.yaml"))
    assert rules["summarise_quadrants"] == 1
    assert "train_quadrants" not in rules
