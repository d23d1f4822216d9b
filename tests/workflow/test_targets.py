"""One figure or one claim, asked for in a fresh copy; what happens where data cannot be reached."""

from pathlib import Path

import polars as pl
import pytest
import yaml

from tests.workflow.conftest import QUICK, copied, needs, planned, snakemake, unreachable
from workflow.lib import chapters


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """With the chapters that tests ask for."""
    return copied(tmp_path, only=("isolet", "xor"))


@needs("isolet")
def test_one_claim_runs_what_it_needs(project: Path) -> None:
    """K13 compares networks with and without a hidden layer, published and clean.

    Figure 7 is trained by two jobs, its clean counterpart by three.
    """
    assert planned(project, "results/claims/K13.json") == {
        "fetch_isolet": 1,
        "train_isolet": 2,
        "tune_isolet": 3,
        "choose_isolet": 1,
        "refit_isolet": 3,
        "join": 3,
        "measure": 1,
        "judge": 1,
    }


def test_the_quick_study_finds_all_that_it_reads(tmp_path: Path) -> None:
    """It runs in a separate folder: a file of the project needs its path from there."""
    rules = planned(copied(tmp_path), "--configfile", QUICK)
    assert rules["write_page"] == len(list(chapters.FOLDER.glob("*/settings.yaml")))


@needs("isolet")
def test_committed_reports_do_not_pass_for_up_to_date(project: Path) -> None:
    """A fresh clone holds reports but no runs: whoever asks for a figure gets a new one."""
    for name in ("figures/fig5.svg", "figures/fig5.png", "tables/fig5.csv"):
        report = project / "reports" / name
        report.parent.mkdir(exist_ok=True)
        report.write_text("committed", encoding="utf-8")
    rules = planned(project, "reports/figures/fig5.svg")
    assert rules == {
        "fetch_isolet": 1,
        "train_isolet": 3,
        "join": 1,
        "summarise_isolet": 1,
        "plot": 1,
    }


def test_no_data_and_no_stand_in_is_one_sentence(project: Path) -> None:
    urls = {"isolet": ["http://127.0.0.1:9/isolet.zip"]}
    given = ("--configfile", unreachable(project, urls=urls), "--config", "data={standin: false}")
    status, output = snakemake(project, "--cores", "1", "results/data/train.parquet", *given)
    assert status != 0
    log = (project / "logs/fetch_isolet.log").read_text(encoding="utf-8").splitlines()
    assert log[-1].startswith("error: ISOLET was not found in")
    assert log[-1] in output
    assert "127.0.0.1" in output
    assert not list((project / "results").rglob("*.parquet"))


@needs("isolet")
def test_a_stand_in_marks_a_figure_and_its_table(project: Path) -> None:
    few = {"reference": {"epochs": 1, "seeds": 2}}
    (project / "few.yaml").write_text(yaml.safe_dump(few), encoding="utf-8")
    figure = ("reports/figures/fig4.svg", "--configfile", unreachable(project), "few.yaml")
    status, output = snakemake(project, "--cores", "1", *figure)
    assert status == 0, output
    assert "stand-in: " in (project / "logs/fetch_isolet.log").read_text(encoding="utf-8")
    assert "STAND-IN DATA" in (project / "reports/figures/fig4.svg").read_text(encoding="utf-8")
    table = pl.read_csv(project / "reports/tables/fig4.csv")
    assert table["data"].unique().to_list() == ["stand-in"]
    assert table["n"].unique().to_list() == [2]
    # Snakemake's report has the figure in its chapter, with its caption.
    status, output = snakemake(project, "--report", "report.html", *figure)
    assert status == 0, output
    report = (project / "report.html").read_text(encoding="utf-8")
    settings = yaml.safe_load(
        (project / "workflow/chapters/isolet/settings.yaml").read_text("utf-8")
    )
    assert settings["page"]["title"] in report
    assert settings["page"]["figures"]["fig4"]["alt"] in report


@needs("xor")
def test_snakemakes_own_views_need_no_cores(project: Path) -> None:
    status, output = snakemake(project, "--list")
    assert status == 0, output
    assert "chapter_xor" in output
    status, output = snakemake(project, "chapter_xor", "--rulegraph")
    assert status == 0, output
    assert 'label = "train_xor"' in output
    status, output = snakemake(project, "--summary", "reports/figures/xor.svg")
    assert status == 0, output
    assert "summarise_xor" in output
