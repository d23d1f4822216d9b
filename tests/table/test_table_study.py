"""The study of a table, run once by the quick settings: numbers, page, model, and bad requests."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_wine

from tests.workflow.conftest import QUICK, copied, snakemake

WINE: Any = load_wine(as_frame=True)
ASKED = ["table", "--config"]
FOLDER = "quick/reports/table/my_wine"


def wine() -> pl.DataFrame:
    """Wine as someone might have it: names, a category, gaps, producers, an identifier."""
    rng = np.random.default_rng(0)
    frame = pl.from_pandas(WINE.data).with_columns(
        colour=pl.Series(np.where(WINE.data["hue"] > 0.9, "röt", "weiß")),
        bottle=pl.Series([f"no. {i}" for i in range(178)]),
        producer=pl.Series(rng.permutation(np.repeat(np.arange(30), 6)[:178])),
        sort=pl.Series(WINE.target_names[WINE.target]),
    )
    gaps = rng.random(178) < 0.1
    return frame.with_columns(ash=pl.when(pl.Series(gaps)).then(None).otherwise(pl.col("ash")))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied(tmp_path_factory.mktemp("table"), only=())
    wine().write_csv(folder / "my wine.csv", separator=";")
    asked = ("table", "--config", "table=my wine.csv", "target=sort", "groups=producer")
    status, output = snakemake(folder, "--cores", "2", *asked, "--configfile", QUICK)
    assert status == 0, output
    (folder / "output.txt").write_text(output, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def numbers(project: Path) -> dict[str, Any]:
    return json.loads((project / FOLDER / "numbers.json").read_text(encoding="utf-8"))


def test_what_was_found_is_said_before_training(project: Path) -> None:
    output = (project / "output.txt").read_text(encoding="utf-8")
    assert "178 rows" in output
    assert "missing values, ash" in output
    assert "bottle" in output
    assert output.index("178 rows") < output.index("tune_table", output.index("178 rows"))


def test_baselines_are_what_scikit_learn_gives(project: Path, numbers: dict[str, Any]) -> None:
    """The most frequent class, counted by hand on the rows that were set aside."""
    rows = pl.read_parquet(project / "quick/results/table/my_wine/rows.parquet")
    test = rows["test row of the study"]
    train, held_out = rows.filter(~test), rows.filter(test)
    assert not set(train["group of the study"]) & set(held_out["group of the study"])
    usual = train["target of the study"].mode().sort()[0]
    expected = (held_out["target of the study"] == usual).mean()
    assert numbers["majority_accuracy"]["value"] == pytest.approx(expected)
    for name in ("test_accuracy", "logistic_regression_accuracy", "random_forest_accuracy"):
        assert numbers[name]["value"] > 0.85
        assert numbers[name]["lo"] <= numbers[name]["value"] <= numbers[name]["hi"]
    assert numbers["test_accuracy"]["interval"] == "95 % over groups and seeds (bootstrap)"
    assert numbers["difference_to_best_baseline"]["unit"] == "difference of fractions"
    assert "leak" in numbers


def test_page_needs_no_other_file(project: Path, numbers: dict[str, Any]) -> None:
    page = (project / FOLDER / "index.html").read_text(encoding="utf-8")
    assert len(page) < 1_000_000
    for name in ("comparison", "tuning", "epochs", "outcome", "rows", "importance"):
        assert f'id="{name}"' in page
        assert (project / FOLDER / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert f"{100 * numbers['test_accuracy']['value']:.1f} %" in page
    assert "QUICK" in page
    assert page.count("<svg ") == 6
    assert "src=" not in page
    assert f"predict {FOLDER}/model.npz" in page


def test_model_predicts_new_rows(project: Path, tmp_path: Path) -> None:
    # With target and groups, as in the table itself; they are no features.
    new = wine().sample(40, seed=1, shuffle=True)
    new.write_csv(tmp_path / "new.csv")
    run = [sys.executable, "-m", "nnjax", "predict", str(project / FOLDER / "model.npz")]
    run += [str(tmp_path / "new.csv"), "-o", str(tmp_path / "out.csv")]
    subprocess.run(run, check=True, capture_output=True)
    found = pl.read_csv(tmp_path / "out.csv")
    truth = dict(zip(wine()["bottle"], wine()["sort"], strict=True))
    right = [truth[bottle] == said for bottle, said in zip(new["bottle"], found["prediction"])]  # noqa: B905
    assert np.mean(right) > 0.85


def test_another_table_in_its_place_is_read_again(project: Path) -> None:
    """Also if it is older than the results."""
    table, asked = project / "my wine.csv", ("table", "-n", "--configfile", QUICK, "--config")
    status, output = snakemake(
        project, *asked, "table=my wine.csv", "target=sort", "groups=producer"
    )
    assert status == 0
    assert "read_table" not in output
    before, times = table.read_bytes(), (table.stat().st_atime, table.stat().st_mtime)
    try:
        wine().head(170).write_csv(table, separator=";")
        os.utime(table, (0, 0))
        status, output = snakemake(
            project, *asked, "table=my wine.csv", "target=sort", "groups=producer"
        )
        assert status == 0
        assert "read_table" in output
    finally:
        table.write_bytes(before)
        os.utime(table, times)


@pytest.mark.exhaustive
def test_a_file_that_has_moved_is_the_same_table(project: Path) -> None:
    (project / "other").mkdir(exist_ok=True)
    (project / "other" / "my wine.csv").write_bytes((project / "my wine.csv").read_bytes())
    asked = ("table", "-n", "--configfile", QUICK, *ASKED[1:])
    status, output = snakemake(project, *asked, "table=other/my wine.csv", "target={sort}")
    assert status == 0, output
    assert "read_table" in output


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        pytest.param(asked, message, marks=() if often else pytest.mark.exhaustive, id=name)
        for name, often, asked, message in [
            ("no table", False, ["table"], "Name the table and the column to predict"),
            ("another file", True, [*ASKED, "table=my vine.csv", "target=sort"], "my wine.csv?"),
            (
                "braces",
                False,
                [*ASKED, "table=a{b}.csv", "target=sort"],
                "contains braces in its path",
            ),
            ("no target", False, [*ASKED, "table=my wine.csv"], "target: is missing"),
            (
                "a name that is taken",
                False,
                [*ASKED, "table=other/my wine.csv", "target=sort"],
                "reports/table/my_wine contains the study of my wine.csv; choose another",
            ),
            ("another column", True, [*ASKED, "table=my wine.csv", "target=sorte"], "sort"),
            ("too many classes", False, [*ASKED, "table=my wine.csv", "target=bottle"], "classes"),
        ]
    ],
)
def test_bad_requests_end_in_a_sentence(project: Path, asked: list[str], message: str) -> None:
    """Each request is a run of Snakemake; `asked`, `other_table` and `problem` have tests too."""
    (project / "other").mkdir(exist_ok=True)
    wine().head(100).write_csv(project / "other" / "my wine.csv")
    status, output = snakemake(project, "--cores", "2", *asked, "--configfile", QUICK)
    assert status != 0
    assert message in output
    assert "Traceback" not in output
