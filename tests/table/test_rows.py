"""The rows of a table: folds, scores, units, and what is asked for."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import r2_score

from workflow.lib.settings import SettingsError, gathered
from workflow.table.rows import FARTHEST, Rows, encoded, folds, scores, units
from workflow.table.settings import asked, other_table, written

RNG = np.random.default_rng(0)
FRAME = pl.DataFrame({"a": RNG.normal(size=60), "b": ["x", "y", "z"] * 20})
LABELS = RNG.integers(3, size=60)
GROUPS = np.repeat(np.arange(12), 5)


def rows(y: np.ndarray = LABELS, groups: Any = None, regression: bool = False) -> Rows:
    classes = None if regression else ["p", "q", "r"]
    return Rows(FRAME, y, groups, classes, np.arange(len(y)))


@pytest.mark.parametrize("kind", ["classes", "groups", "amounts"])
def test_every_row_is_held_out_once(kind: str) -> None:
    some = {
        "classes": rows(),
        "groups": rows(groups=GROUPS),
        "amounts": rows(RNG.normal(size=60), regression=True),
    }[kind]
    parts = folds(some, 4)
    assert sorted(np.concatenate([held for _, held in parts])) == list(range(60))
    for known, held_out in parts:
        assert not set(known) & set(held_out)
        if kind == "groups":
            assert not set(GROUPS[known]) & set(GROUPS[held_out])
    if kind == "groups":
        split = folds(some, 4, by_row=True)
        assert any(set(GROUPS[known]) & set(GROUPS[held]) for known, held in split)


def test_features_are_scaled_by_the_rows_trained_on() -> None:
    known, held_out = np.arange(40), np.arange(40, 60)
    data = encoded(rows().where(known), rows().where(held_out))
    np.testing.assert_allclose(data.x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(data.x.std(axis=0), 1, rtol=1e-5)
    a = FRAME["a"].to_numpy()
    expected = (a[held_out] - a[known].mean()) / a[known].std()
    np.testing.assert_allclose(data.others[:, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("unit", [1e300, 1e-300])
def test_features_of_any_unit_are_scaled(unit: float) -> None:
    """Squares of such numbers are infinite or 0, and models need float32."""
    known, held_out = np.arange(40), np.arange(40, 60)
    some = rows()
    other = some._replace(frame=FRAME.with_columns(pl.col("a") * unit))
    plain = encoded(some.where(known), some.where(held_out))
    found = encoded(other.where(known), other.where(held_out))
    np.testing.assert_allclose(found.x, plain.x, rtol=1e-5)
    np.testing.assert_allclose(found.others, plain.others, rtol=1e-5)
    far = some._replace(frame=FRAME.with_columns(pl.lit(1e300).alias("a")))
    assert encoded(some.where(known), far.where(held_out)).others.max() == FARTHEST


def test_scores_are_accuracy_and_r2() -> None:
    predicted = RNG.integers(3, size=(2, 60))
    np.testing.assert_array_equal(scores(rows(), predicted), predicted == LABELS)
    y = RNG.normal(size=60)
    guess = y + RNG.normal(size=60)
    found = scores(rows(y, regression=True), guess).mean()
    np.testing.assert_allclose(found, r2_score(y, guess))


def test_units_are_groups_or_rows() -> None:
    assert units(rows(groups=np.array(["b", "a", "b"] * 20))).tolist() == [1, 0, 1] * 20
    assert units(rows()).tolist() == list(range(60))


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("my.csv", "my"),
        ("../data/iris.data.csv.gz", "iris.data"),
        ("sklearn:wine", "wine"),
        ("a table (1).PARQUET", "a_table_1_"),
        ("größen.tsv", "größen"),
        ("..csv", "table"),
        ("data/...csv", "table"),
        (".a.csv", "a"),
    ],
)
def test_name_of_a_table(file: str, name: str) -> None:
    table = asked({"study": "full", "table": file, "target": "y"})
    assert table is not None
    assert table.name == name


def test_a_name_can_be_given() -> None:
    given = {"study": "full", "table": "b/data.csv", "target": "y", "name": "second"}
    table = asked(given)
    assert table is not None
    assert table.name == "second"
    for name in ("..", "a/b", ""):
        with pytest.raises(SettingsError, match=r"table\.name.*letters, digits"):
            asked({"study": "full", "table": "a.csv", "target": "y", "name": name})


def test_a_folder_belongs_to_one_table(tmp_path: Path) -> None:
    """Of two of one name; the same one elsewhere, or changed, is no other."""
    for folder, content in {"a": "1", "b": "2", "c": "1"}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "data.csv").write_text(content, encoding="utf-8")
    about, numbers = tmp_path / "about.json", tmp_path / "numbers.json"
    known = {"file": "a/data.csv", "sha256": hashlib.sha256(b"1").hexdigest()}

    def other(file: str) -> str | None:
        table = asked({"study": "full", "table": file, "target": "y"})
        assert table is not None
        return other_table(table, about, numbers, tmp_path)

    assert other("b/data.csv") is None
    numbers.write_text('{"test_accuracy": {"data": "a/data.csv"}}', encoding="utf-8")
    assert other("b/data.csv") == "a/data.csv"
    assert other("a/data.csv") is None
    about.write_text(json.dumps(known), encoding="utf-8")
    assert other("b/data.csv") == "a/data.csv"
    assert other("c/data.csv") is None
    assert other(str(tmp_path / "b" / ".." / "a" / "data.csv")) is None
    (tmp_path / "a" / "data.csv").write_text("3", encoding="utf-8")
    assert other("a/data.csv") is None


def test_what_is_asked_leaves_the_rest_of_the_settings() -> None:
    config = {"study": "quick", "table": "a.csv", "target": 3, "groups": "who", "isolet": {}}
    table = asked(config)
    assert config == {"study": "quick", "isolet": {}}
    assert table is not None
    assert (table.target, table.groups, table.folds) == ("3", "who", 3)
    assert [*table.optimizers] == ["adam"]
    assert asked({"study": "full"}) is None
    section = {"file": "a.csv", "target": "y", "folds": 4}
    changed = asked({"study": "full", "table": section})
    assert changed is not None
    assert changed.folds == 4


@pytest.mark.parametrize(
    "target", ["y", "01", "1e3", "true", "a: b", "a: b: c", "{x}", "[x]", "*", "a=b", "größe 😀"]
)
def test_names_are_those_that_are_written(target: str) -> None:
    table = asked({"study": "full", **gathered([], written([f"target={target}", "table=007"]))})
    assert table is not None
    assert (table.file, table.target) == ("007", target)
    quoted = gathered([], written(["table={file: b.csv}", 'target="01"', "groups="]))
    table = asked({"study": "full", **quoted})
    assert table is not None
    assert (table.file, table.target, table.groups) == ("b.csv", "01", None)


def test_a_name_leaves_the_settings_of_a_file(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("table: {folds: 7, epochs: 3}\n", encoding="utf-8")
    config = gathered([mine], written(["table=a.csv", "target=y"]))
    table = asked({"study": "full", **config})
    assert table is not None
    assert (table.file, table.folds, table.epochs) == ("a.csv", 7, 3)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"target": "y"}, "target: needs a table; use --config table=FILE target=..."),
        ({"table": "a.csv"}, "target: is missing"),
        ({"table": {"file": "a.csv", "target": "y", "fold": 2}}, "table.fold: unknown key"),
        ({"table": "a.csv", "target": "y", "task": "sorting"}, "table.task"),
    ],
)
def test_what_cannot_be_asked(config: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        asked({"study": "full", **config})
