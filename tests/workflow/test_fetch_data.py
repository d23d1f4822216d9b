"""The job that fetches a data set: its files, its log, and its last sentence."""

import json
from pathlib import Path
from typing import Any

import fetch_data
import figtable
import polars as pl
import pytest

from nnjax.datasets import fetch
from nnjax.datasets.sources.isolet import ISOLET
from nnjax.datasets.sources.mnist import MNIST
from nnjax.datasets.sources.text import TEXT


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No data within reach."""
    monkeypatch.delenv(fetch.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)


def section(**changes: object) -> dict[str, object]:
    return {
        "folders": [],
        "url": [],
        "cache": "cache",
        "standin": True,
        "standin_seed": 0,
    } | changes


def test_script_writes_its_files() -> None:
    fetch_data.main(
        ISOLET, section(), ["out/train.parquet", "out/test.parquet", "out/isolet.json"], "log"
    )
    assert json.loads(Path("out/isolet.json").read_text())["data"] == "stand-in"
    assert pl.read_parquet("out/train.parquet").height == 6238
    assert pl.read_parquet("out/test.parquet").height == 1559
    assert "WARNING" in Path("log").read_text()


def test_script_ends_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        fetch_data.main(ISOLET, section(standin=False), ["out/a", "out/b", "out/c.json"], "log")
    assert caught.value.code == 1
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("error: ISOLET was not found in")
    assert Path("log").read_text().splitlines() == said
    assert not Path("out").exists()


@pytest.mark.parametrize("dataset", [ISOLET, MNIST, TEXT], ids=lambda dataset: dataset.data)
def test_every_stand_in_has_a_label(dataset: fetch.Dataset[Any]) -> None:
    assert dataset.standin.data in figtable.STAND_INS
