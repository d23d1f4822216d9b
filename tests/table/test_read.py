"""What the job that reads a table sets aside, finds, and refuses before anything is trained."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from workflow.lib.job import JobError
from workflow.table.read import main
from workflow.table.rows import Rows, folds, stored
from workflow.table.settings import asked

ROWS = 60


def frame(**changes: Any) -> pl.DataFrame:
    """Sixty rows of two classes by turns, ten groups of six."""
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {
        "x": rng.normal(size=ROWS).tolist(),
        "kind": ["a", "b"] * (ROWS // 2),
        "who": [f"g{i // 6}" for i in range(ROWS)],
        "part": [int(i >= 50) for i in range(ROWS)],
    }
    columns |= changes
    return pl.DataFrame(columns)


def read(folder: Path, table: pl.DataFrame, **given: Any) -> tuple[Rows, Rows]:
    table.write_csv(folder / "a.csv")
    config = {"study": "full", "table": {"file": "a.csv", "target": "kind", **given}}
    settings = asked(config)
    assert settings is not None
    rows, about = folder / "rows.parquet", folder / "about.json"
    try:
        main(settings, [folder / "a.csv"], rows, about)
    except JobError:
        assert not rows.exists()
        raise
    return stored(rows, about)


def test_few_rows_of_many_classes_are_split(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(20)]
    train, test = read(tmp_path, frame(kind=names * 3), folds=2)
    assert (len(train.y), len(test.y)) == (40, 20)
    assert sorted(test.y) == list(range(20))


def test_training_groups_have_all_classes(tmp_path: Path) -> None:
    """A class of two groups: whichever of them are set aside, one has to stay."""
    for rare in ([0, 1], [3, 7], [2, 9]):
        kind = ["r" if i // 6 in rare else "ab"[i % 2] for i in range(ROWS)]
        train, test = read(tmp_path, frame(kind=kind), groups="who", folds=3)
        assert {*train.y} == {0, 1, 2}
        assert train.groups is not None
        assert test.groups is not None
        assert not {*train.groups} & {*test.groups}
        (tmp_path / "rows.parquet").unlink()


@pytest.mark.parametrize(
    ("changes", "given", "message"),
    [
        ({"kind": ["a"] * 55 + ["b"] * 5}, {}, "fewer training rows than the 5 folds: 'b' 4"),
        ({"who": [f"g{i % 6}" for i in range(ROWS)]}, {"groups": "who"}, "6 groups, of which 2"),
        (
            {"kind": ["b" if i in (0, 1, 2, 9, 10, 11, 20) else "a" for i in range(ROWS)],
             "who": ["p"] * 30 + [f"g{i}" for i in range(30)]},
            {"groups": "who", "test": "part"},
            "training rows have one class, 'a'",
        ),
        ({"part": [int(i == 7) for i in range(ROWS)]}, {"test": "part"}, "has 1 row, too few for"),
        (
            {"part": [int(i < 6) for i in range(ROWS)]},
            {"test": "part", "groups": "who"},
            "has 1 group, too few for",
        ),
        (
            {"kind": [*np.arange(50) / 7, *[1.5] * 10]},
            {"test": "part"},
            r"target 'kind' is 1.5 in every test row \(10 rows\)",
        ),
        (
            {"kind": [*[1.5] * 50, *np.arange(10) / 7]},
            {"test": "part"},
            r"target 'kind' is 1.5 in every training row \(50 rows\)",
        ),
        (
            {"x": [None, *[1.0] * 58, float("inf")]},
            {"test": "part"},
            "column 'x', row 60: inf; expected finite",
        ),
        (
            {"x": [0.5, 1.5, 2.5, *[2.0] * 57]},
            {"groups": "who", "test": "part"},
            r"fold \d of 5: no usable column among 1",
        ),
        ({"target of the study": [1, 2] * 30}, {}, "'target of the study': the study adds"),
        ({"group of the study": [1, 2] * 30}, {}, "'group of the study': the study adds"),
    ],
)  # fmt: skip
def test_what_a_later_job_could_not_use_is_refused(
    tmp_path: Path, changes: dict[str, Any], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(JobError, match=message):
        read(tmp_path, frame(**changes), **given)


def test_no_class_is_short_of_folds(tmp_path: Path) -> None:
    train, _ = read(tmp_path, frame(kind=["a"] * 53 + ["b"] * 7), folds=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all({*train.y[held]} == {0, 1} for _, held in folds(train, 5))


def test_names_of_the_study_may_be_those_of_roles(tmp_path: Path) -> None:
    table = frame().rename({"kind": "target of the study", "x": "row of the table, from 0"})
    train, _ = read(tmp_path, table, target="target of the study")
    assert train.frame.columns == ["row of the table, from 0", "who", "part"]
    assert {*train.y} == {0, 1}


def test_copies_of_training_rows_among_test_rows_are_counted(tmp_path: Path) -> None:
    table = frame()
    train, test = read(tmp_path, pl.concat([table, table]))
    known = set(train.frame.rows())
    expected = sum(row in known for row in test.frame.rows())
    about = json.loads((tmp_path / "about.json").read_text(encoding="utf-8"))
    found = {(f["what"], f["where"]): f["count"] for f in about["findings"]}
    assert found["test rows", "equal to a training row"] == expected > 0
