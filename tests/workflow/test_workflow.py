"""The workflow as a user runs it: the whole quick study from an empty folder, and its mistakes.

One copy of the project is made, the quick study is run in it once, and every test looks at what
came out, or changes something and asks Snakemake what it would run again.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import figtable
import judge_claim
import polars as pl
import pytest
import write_claims
import write_numbers
import write_report
import yaml
from digest import code_digest
from settings import checked, programs

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data"
QUICK = "workflow/config/quick.yaml"
PARTS = ["Snakefile", "nnjax", "workflow", "profiles", "reports/record", "pyproject.toml"]
NUMBERS = [
    "k1.solved_fraction",
    "k2.solved_fraction",
    "k3.test_accuracy",
    "k3.test_loss",
    "k4.test_accuracy",
    "k5.test_accuracy",
    "k7.test_accuracy",
    "k8.best_accuracy",
    "k13.no_hidden_accuracy",
    "k15.sgd_accuracy",
    "k15.sgd_momentum_accuracy",
    "k15.adagrad_accuracy",
    "k15.rmsprop_accuracy",
    "k15.adam_accuracy",
    "k16.test_accuracy",
    "k9.one_epoch_accuracy",
    "k3.clean_accuracy",
    "k13.clean_difference",
    "k15.clean_adam_minus_sgd",
    "k8.optimism",
    "optimism.random_row_cv_difference",
    "baseline.rbf_svm_accuracy",
    "audit.same_speaker",
    "k6.jax_grad_adam_minus_nnjax_adam",
    "k12.slowest_over_fastest",
    "record.single_accuracy",
    "record.ensemble_errors",
]
UNITS = set(write_report.UNITS)
FIGURES = [
    "xor",
    *(f"fig{i}" for i in range(1, 9)),
    *(f"sketch_{n}" for n in ("neuron", "xor", "isolet")),
    *("ledger", "tuning", "optimizers", "parity", "timing", "audit", "leak", "baselines", "record"),
]


def snakemake(folder: Path, *arguments: str, data: Path | None = None) -> tuple[int, str]:
    """Run Snakemake in a folder as a user would; exit status and everything it said."""
    variables = {k: v for k, v in os.environ.items() if k != "NNJAX_DATA"}
    if data:
        variables["NNJAX_DATA"] = str(data)
    finished = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return finished.returncode, finished.stdout


def copy_project(folder: Path) -> Path:
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            skip = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / part, ignore=skip, dirs_exist_ok=True)
        else:
            shutil.copy(source, folder / part)
    return folder


def unreachable(folder: Path, **changes: object) -> str:
    """A settings file without any place to get data from."""
    path = folder / "unreachable.yaml"
    data = {
        "folders": ["nowhere"],
        "url": ["http://127.0.0.1:9/isolet.zip"],
        "mnist": {"url": ["http://127.0.0.1:9/"]},
        "text": {"url": ["http://127.0.0.1:9/input.txt"]},
        **changes,
    }
    path.write_text(yaml.safe_dump({"data": data}), encoding="utf-8")
    return path.name


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quick study, on the real ISOLET where it is at hand and on the stand-in elsewhere."""
    folder = copy_project(tmp_path_factory.mktemp("study"))
    configs = [QUICK] if REAL.exists() else [QUICK, unreachable(folder)]
    status, said = snakemake(folder, "--cores", "2", "--configfile", *configs, data=real_data())
    assert status == 0, said
    return folder


def full_settings() -> dict:
    """The configuration of the full study, as the Snakefile reads it."""
    config: dict = {"chapters": {}}
    files = [ROOT / f"workflow/config/{name}.yaml" for name in ("study", "claims", "record")]
    for file in [*files, *sorted((ROOT / "workflow/config/chapters").glob("*.yaml"))]:
        for key, section in yaml.safe_load(file.read_text()).items():
            if key in ("chapters", "claims"):
                config.setdefault(key, {}).update(section)
            else:
                config[key] = section
    return config


def real_data() -> Path | None:
    return REAL if REAL.exists() else None


def would_run(study: Path) -> list[str]:
    """Rules that a second call would run, in the order of the summary."""
    configs = [QUICK] if REAL.exists() else [QUICK, "unreachable.yaml"]
    status, said = snakemake(
        study, "--dry-run", "--cores", "2", "--configfile", *configs, data=real_data()
    )
    assert status == 0, said
    if "Nothing to be done" in said:
        return []
    rows = re.search(r"Job stats:\njob +count\n[- ]+\n(.*?)\ntotal", said, re.DOTALL)
    assert rows, said
    return [row.split()[0] for row in rows[1].splitlines()]


@pytest.fixture
def changed(study: Path) -> Iterator[Path]:
    """The study for a test that edits code; what it edited is put back with its time."""
    kept = {p: (p.read_text(), p.stat()) for p in study.rglob("*.py") if ".snakemake" not in str(p)}
    yield study
    for path, (text, before) in kept.items():
        if path.read_text() != text:
            path.write_text(text)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


# --- what comes out -------------------------------------------------------------------------------


def test_every_number_has_an_interval_and_n(study: Path) -> None:
    numbers = json.loads((study / "reports/numbers.json").read_text())
    provenance = numbers.pop("provenance")
    assert set(NUMBERS) <= set(numbers)
    for key, entry in numbers.items():
        assert entry["n"] >= 1, key
        assert entry["unit"] in UNITS, key
        assert entry["interval"], key
        if entry["lo"] is None:
            # Three repeats of a clock have no interval for a median; a count needs none.
            assert key.startswith(("k12.", "k17.")) or entry["interval"].startswith("none"), key
            continue
        assert entry["lo"] <= entry["value"] <= entry["hi"], key
        assert entry["unit"] != "fraction" or 0 <= entry["lo"] <= entry["hi"] <= 1, key
    paired, apart = numbers["k4.difference"], numbers["k4.test_accuracy"]
    assert paired["value"] == pytest.approx(
        apart["value"] - numbers["k3.test_accuracy"]["value"], abs=1e-12
    )
    assert provenance["data"] == ("isolet" if REAL.exists() else "stand-in")
    assert provenance["study"] == "quick"
    assert set(provenance["fingerprint"]) == {"train", "test"}
    assert {"jax", "jaxlib", "numpy", "optax", "snakemake"} <= set(provenance["versions"])
    assert provenance["dtype"] == "float32"
    assert re.fullmatch("[0-9a-f]{16}", provenance["code"])


def test_the_numbers_are_those_of_a_network_that_learns(study: Path) -> None:
    """Ten epochs: well above guessing (1/26), and in the order that the mathematics demands."""
    numbers = json.loads((study / "reports/numbers.json").read_text())
    assert numbers["k3.test_accuracy"]["value"] > 0.9
    assert numbers["k3.test_accuracy"]["value"] > numbers["k4.test_accuracy"]["value"]
    assert numbers["k3.test_loss"]["value"] < 0.5
    assert numbers["k2.solved_fraction"]["value"] == 0
    assert numbers["k1.solved_fraction"]["value"] > 0.3
    xor = pl.read_csv(study / "reports/tables/xor.csv")
    assert xor.filter(network="2-2")["most_rows_right"].drop_nulls().max() <= 3  # pyright: ignore[reportOperatorIssue]
    assert xor.filter(pl.col("epoch") < xor["epoch"].max())["solved"].null_count() > 0


def test_the_tables_agree_with_the_runs(study: Path) -> None:
    """One cell of figure 5 and one point of figure 4, recomputed from the histories."""
    runs = pl.read_parquet(study / "results/runs/fig5/epochs.parquet").filter(units=64)
    cell = runs.filter(epoch=2, learning_rate=0.001)["test_accuracy"]
    row = pl.read_csv(study / "reports/tables/fig5.csv").filter(hidden=64, learning_rate=0.001)
    assert row["mean"].item() == pytest.approx(cell.to_numpy().mean(), rel=1e-6)
    assert row["n"].item() == len(cell) == 3
    speakers = pl.read_parquet(study / "results/runs/fig5/speakers.parquet")
    last = speakers.filter(units=64, learning_rate=0.001, epoch=2)
    counted = last.select(pl.col("correct", "rows").sum()).row(0)
    assert counted[0] / counted[1] == pytest.approx(row["mean"].item(), rel=1e-6)
    history = pl.read_parquet(study / "results/runs/momentum/epochs.parquet")
    point = history.filter(pl.col("epoch") == 10, pl.col("momentum") == 0.9)["test_accuracy"]
    drawn = pl.read_csv(study / "reports/tables/fig4.csv").filter(epoch=10)["mean"].item()
    assert drawn == pytest.approx(point.to_numpy().mean(), rel=1e-6)


def test_the_page_stands_alone(study: Path) -> None:
    """Pictures are inside; what it links to, apart from its own places, are pages beside it."""
    page = (study / "reports/index.html").read_text()
    assert not re.findall(r'src="(?!data:)[^"]*"', page)
    for name, place in re.findall(r'href="(?!#)([^"#]*)(?:#([^"]*))?"', page):
        beside = (study / "reports" / name).read_text()
        assert not place or f'id="{place}"' in beside, (name, place)
    assert "{{" not in page
    assert "{%" not in page
    for name in FIGURES:
        svg, png = (study / f"reports/figures/{name}.{form}" for form in ("svg", "png"))
        assert png.read_bytes().startswith(b"\x89PNG")
        assert base64.b64encode(svg.read_bytes()).decode() in page
    assert ("STAND-IN DATA" in page) == (not REAL.exists())
    assert "Quick settings" in page


def test_a_stand_in_is_marked_on_the_page_and_in_the_numbers(study: Path, tmp_path: Path) -> None:
    record = json.loads((study / "results/data/isolet.json").read_text())
    record |= {"data": "stand-in", "source": "generated from seed 0"}
    (tmp_path / "record.json").write_text(json.dumps(record))
    config = full_settings()
    numbers, page = tmp_path / "numbers.json", tmp_path / "index.html"
    tables, templates = study / "reports/tables", study / "workflow/report"
    named = [tables / f"{name}.csv" for name in ("xor", "experiments", "effects_momentum")]
    write_numbers.main(named, tmp_path / "record.json", [], config, "0" * 16, numbers)
    written = json.loads(numbers.read_text())["provenance"]
    assert written["data"] == "stand-in"
    whole = json.loads((study / "reports/numbers.json").read_text()) | {"provenance": written}
    numbers.write_text(json.dumps(whole))
    claims, figures = study / "reports/claims.json", study / "reports/figures"
    write_report.main(FIGURES, numbers, claims, tables, figures, templates, config, page)
    assert "STAND-IN DATA" in page.read_text()
    assert "Data: STAND-IN" in page.read_text()


def test_the_ledger(study: Path) -> None:
    """Every claim has a verdict, the rules' own, and its numbers are those of numbers.json."""
    ledger = json.loads((study / "reports/claims.json").read_text())
    config = full_settings()
    numbers = json.loads((study / "reports/numbers.json").read_text())
    assert write_claims.faults(ledger, list(config["claims"]), numbers) == []
    assert sorted(entry["id"] for entry in ledger) == sorted(config["claims"])
    for entry in ledger:
        claim = config["claims"][entry["id"]]
        judged = judge_claim.entry(entry["id"], claim, numbers, config["ledger"])
        assert {k: v for k, v in entry.items() if k != "data"} == judged | {"study": "quick"}
        assert entry["data"] in figtable.SOURCES
        assert (study / entry["figure"]).exists()
    by_id = {entry["id"]: entry for entry in ledger}
    assert by_id["K13"]["clean"]["key"] == "k13.clean_difference"
    page = (study / "reports/index.html").read_text()
    assert all(f'id="{entry["id"]}"' in page for entry in ledger)


def test_a_clean_effect_recomputed(study: Path) -> None:
    """K13 in the clean arm from the counts, without the project's code."""
    numbers = json.loads((study / "reports/numbers.json").read_text())
    counts = pl.read_parquet(study / "results/clean/depth/speakers.parquet")
    last = counts.filter(pl.col("epoch") == pl.col("epoch").max(), pl.col("b1") == 0.9)
    accuracy = {
        layers: last.filter(layers=layers).select(pl.col("correct").sum() / pl.col("rows").sum())
        for layers in (0, 1)
    }
    assert numbers["k13.clean_difference"]["value"] == pytest.approx(
        accuracy[0].item() - accuracy[1].item(), abs=1e-12
    )


def test_one_claim_runs_what_it_needs(tmp_path: Path) -> None:
    copy_project(tmp_path)
    status, said = snakemake(tmp_path, "--dry-run", "--cores", "2", "results/claims/K13.json")
    assert status == 0, said
    assert re.search(r"train_isolet +1\n", said), said
    assert re.search(r"tune +1\n", said), said
    assert not re.search(r"train_xor|leak|train_record|tune_baselines", said), said


# --- what is run again ----------------------------------------------------------------------------


def test_a_second_run_has_nothing_to_do(study: Path) -> None:
    assert would_run(study) == []


def test_a_comment_or_docstring_in_the_library_trains_nothing(changed: Path) -> None:
    """The page of rules is made of docstrings, and is all that is made anew."""
    replace(changed / "nnjax/losses/__init__.py", '"""Losses.', '# a comment\n"""Other words.')
    assert set(would_run(changed)) <= {"rules_page", "all"}


def test_the_page_of_rules(study: Path) -> None:
    """Every public rule, with what the verifier found; the sources' slips are wrong as printed."""
    result = json.loads((study / "results/verification.json").read_text())
    assert result["passed"]
    assert result["quick"]
    assert [d["name"] for d in result["defects"] if not d["found_by"]] == []
    for erratum in result["errata"]:
        assert erratum["printed_row"]["verdict"] == "wrong", erratum["name"]
        assert erratum["meant_row"]["verdict"] == "right", erratum["name"]
    assert max(row["loss"] for row in result["cross_entropy"]) > 1
    page = (study / "reports/rules.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page)
    for name in ("conv2d", "softmax_cross_entropy", "lstm", "serial", "l2", "huber"):
        assert f'<h3 id="{name}">' in page
    assert "Derivation." in page
    for left in ("{{", "{%", "Undefined", "&amp;lt;"):
        assert left not in page


def test_a_changed_library_function_retrains_what_uses_it(changed: Path) -> None:
    replace(changed / "nnjax/layers/dense.py", "dy @ params.weights.T", "1 * dy @ params.weights.T")
    rules = would_run(changed)
    assert {"train_isolet", "train_xor", "summarise_isolet", "plot", "report"} <= set(rules)
    assert "fetch_isolet" not in rules
    assert "sketch" not in rules


def test_changed_statistics_train_nothing(changed: Path) -> None:
    replace(
        changed / "nnjax/stats/intervals.py", "resamples: int = 10_000", "resamples: int = 10_001"
    )
    rules = would_run(changed)
    assert "summarise_isolet" in rules
    assert not [rule for rule in rules if rule.startswith(("train", "fetch"))]


def test_a_changed_plot_script_redraws_one_figure(changed: Path) -> None:
    replace(changed / "workflow/scripts/plot_fig5.py", "Figure 5. ", "Fig. 5. ")
    assert sorted(would_run(changed)) == ["all", "plot", "report"]
    status, said = snakemake(
        changed, "--dry-run", "--cores", "2", "--configfile", QUICK, data=real_data()
    )
    assert status == 0
    assert set(re.findall(r"reports/figures/(\w+)\.svg", said)) >= {"fig5"}
    assert re.search(r"plot +1\n", said)


def test_committed_reports_do_not_pass_for_up_to_date(tmp_path: Path) -> None:
    """A fresh clone holds reports but no runs: asking for a figure must make it."""
    copy_project(tmp_path)
    (tmp_path / "reports/figures").mkdir()
    for form in ("svg", "png"):
        (tmp_path / f"reports/figures/fig5.{form}").write_text("committed")
    (tmp_path / "reports/tables").mkdir()
    (tmp_path / "reports/tables/fig5.csv").write_text("committed")
    status, said = snakemake(tmp_path, "--dry-run", "--cores", "2", "reports/figures/fig5.svg")
    assert status == 0, said
    assert re.search(r"train_isolet +1\n", said), said


# --- mistakes -------------------------------------------------------------------------------------

MISTAKES = [
    ({"experiments": {"fig5": {"epoch": 3}}}, "experiments.fig5", "'epoch' was unexpected"),
    ({"experiments": {"fig9": {}}}, "experiments", "'fig9' was unexpected"),
    ({"experiments": {"long": {"seeds": "ten"}}}, "experiments.long.seeds", "'ten'"),
    ({"experiments": {"long": {"seeds": 0}}}, "experiments.long.seeds", "minimum of 1"),
    ({"experiments": {"long": {"epochs": 2.5}}}, "experiments.long.epochs", "2.5"),
    (
        {"experiments": {"long": {"arms": {"learning_rate": ["1e-3"]}}}},
        "experiments.long.arms.learning_rate.0",
        "'1e-3' is not of type 'number'",
    ),
    (
        {"experiments": {"long": {"arms": {"momentum": [1.5]}}}},
        "experiments.long.arms.momentum.0",
        "1.5",
    ),
    ({"experiments": {"fig6": {"batch_size": 4}}}, "experiments.fig6.batch_size", "vary"),
    ({"experiments": {"long": {"activation": "step"}}}, "experiments.long.activation", "'step'"),
    ({"data": {"standin": "maybe"}}, "data.standin", "'maybe'"),
    (
        {"experiments": {"momentum": {"arms": {"momentum": [0.0, 0.8]}}}},
        "experiments.momentum.arms.momentum",
        "0.9",
    ),
    (
        {"experiments": {"momentum": {"arms": {"learning_rate": [0.01, 0.1]}}}},
        "experiments.momentum.arms.learning_rate",
        "one value",
    ),
    (
        {"experiments": {"fig8": {"arms": {"momentum": [0.9]}}}},
        "experiments.fig8.arms",
        "'momentum' was unexpected",
    ),
    (
        {"experiments": {"fig5": {"vary": {"batch_size": [1, 2]}}}},
        "experiments.fig5.vary",
        "too many",
    ),
    ({"published": {"k3 accuracy": 1.0}}, "published", "key of numbers.json"),
    ({"study": "thesis"}, "study", "'thesis'"),
]


@pytest.mark.parametrize(("mistake", "place", "words"), MISTAKES)
def test_a_mistake_in_the_settings_is_one_line_that_names_the_key(
    mistake: dict[str, object], place: str, words: str
) -> None:
    config = full_settings()
    with pytest.raises(SystemExit) as stopped:
        checked(merged(config, mistake))
    lines = str(stopped.value).splitlines()
    assert len(lines) == 2
    assert lines[1].strip().startswith(f"{place}:")
    assert words in lines[1]


def merged(config: dict, changes: dict) -> dict:
    """Settings laid over others, as Snakemake does it."""
    both = {k: merged(config[k], v) for k, v in changes.items() if isinstance(config.get(k), dict)}
    return config | changes | both


def test_snakemake_shows_the_mistake_without_a_traceback(tmp_path: Path) -> None:
    copy_project(tmp_path)
    (tmp_path / "mine.yaml").write_text("experiments: {fig5: {seeds: -1}}\n")
    status, said = snakemake(tmp_path, "--dry-run", "--cores", "1", "--configfile", "mine.yaml")
    assert status != 0
    assert "experiments.fig5.seeds: -1 is less than the minimum of 1" in said
    assert "Traceback" not in said


def test_the_settings_files_are_valid() -> None:
    full = full_settings()
    quick = merged(full, yaml.safe_load((ROOT / QUICK).read_text()))
    for config in (full, quick):
        checked(config)
    assert all(experiment["seeds"] >= 10 for experiment in full["experiments"].values())
    assert set(programs(full["experiments"])) == set(programs(quick["experiments"]))


def test_no_data_and_no_stand_in_is_one_sentence(tmp_path: Path) -> None:
    copy_project(tmp_path)
    config = unreachable(tmp_path, standin=False)
    status, said = snakemake(
        tmp_path, "--cores", "1", "results/data/train.parquet", "--configfile", config
    )
    assert status != 0
    assert "127.0.0.1" in said
    assert not list((tmp_path / "results").rglob("*.parquet"))


def test_the_stand_in_marks_a_figure(tmp_path: Path) -> None:
    copy_project(tmp_path)
    config = unreachable(tmp_path)
    (tmp_path / "tiny.yaml").write_text("experiments: {momentum: {epochs: 1, seeds: 2}}\n")
    status, said = snakemake(
        tmp_path,
        *("--cores", "2", "reports/figures/fig4.svg", "--configfile", config, "tiny.yaml"),
    )
    assert status == 0, said
    assert "stand-in" in said.lower()
    assert "STAND-IN DATA" in (tmp_path / "reports/figures/fig4.svg").read_text()
    assert pl.read_csv(tmp_path / "reports/tables/fig4.csv")["data"].unique().to_list() == [
        "stand-in"
    ]


# --- the digest of code ---------------------------------------------------------------------------


def test_the_digest_follows_imports_and_ignores_words() -> None:
    trains = code_digest(Path("workflow/scripts/train_isolet.py"))
    assert trains == code_digest(Path("workflow/scripts/train_isolet.py"))
    assert trains != code_digest(Path("workflow/scripts/train_xor.py"))
