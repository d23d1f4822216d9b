"""The job that fetches a data set: its files, its messages, and its last sentence."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nnjax.datasets import fetch
from workflow.lib import tables
from workflow.lib.job import JobError
from workflow.scripts.fetch import DATASETS, main

OUTPUTS = {name: Path("out") / f"{name}.parquet" for name in ("train", "test")}


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No data within reach."""
    monkeypatch.delenv(fetch.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)


def places(**changes: Any) -> dict[str, Any]:
    """Where to look, as rules/data.smk gives it."""
    section = {"folders": [], "urls": [], "cache": "cache", "standin": True, "standin_seed": 0}
    section["project"] = "."
    return section | changes


def test_the_job_writes_its_files(capsys: pytest.CaptureFixture[str]) -> None:
    main("isolet", places(), Path("out/isolet.json"), **OUTPUTS)
    assert json.loads(Path("out/isolet.json").read_text())["data"] == "stand-in"
    assert pl.read_parquet(OUTPUTS["train"]).height == 6238
    assert pl.read_parquet(OUTPUTS["test"]).height == 1559
    said = capsys.readouterr().err
    assert "WARNING" in said
    assert said.splitlines()[-1].startswith("stand-in: ")


def test_the_warning_names_what_is_not_used(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("mine/isolet").mkdir(parents=True)
    Path("mine/isolet/isolet.arff").write_text("@relation isolet")
    monkeypatch.setenv(fetch.VARIABLE, "mine")
    # What the user sees: the messages of a job go to its log.
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", terminal)
    main("isolet", places(), Path("out/isolet.json"), **OUTPUTS)
    (warning,) = terminal.getvalue().splitlines()
    assert warning in capsys.readouterr().err.splitlines()
    assert "Not used: mine/isolet/isolet.arff (one table, such as OpenML's, lacks the" in warning
    assert "; data (no such folder); ../shared/data (" in warning


def test_without_data_and_stand_in_it_ends_with_a_sentence() -> None:
    with pytest.raises(JobError, match=r"^error: ISOLET was not found in"):
        main("isolet", places(standin=False), Path("out/isolet.json"), **OUTPUTS)
    assert not Path("out").exists()


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_every_stand_in_has_a_mark(dataset: fetch.Dataset[Any]) -> None:
    assert dataset.standin.data in tables.STAND_INS
    assert {dataset.data, dataset.standin.data} <= set(tables.SOURCES)
