"""A table as a task: what is found in it before training, and what is refused."""

import re
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from nnjax import tables

ROWS = 60


def table(**changes: Any) -> pl.DataFrame:
    """Sixty rows of two classes by turns, six groups of ten."""
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {
        "x": rng.normal(size=ROWS),
        "colour": rng.choice(["red", "blue"], ROWS).tolist(),
        "kind": ["a", "b"] * (ROWS // 2),
        "person": [f"p{i // 10}" for i in range(ROWS)],
        "fold": [i % 5 for i in range(ROWS)],
        "split": ["train"] * 40 + ["test"] * 20,
    }
    columns |= changes
    return pl.DataFrame({name: values for name, values in columns.items() if values is not None})


def findings(task: tables.Problem) -> dict[tuple[str, str], tuple[int, str]]:
    return {(f.what, f.where): (f.count, f.done) for f in task.findings}


def test_roles() -> None:
    task = tables.problem(table(), "kind", groups="person", test="split", folds=4)
    assert task.task == "classification"
    assert task.roles == {"target": "kind", "groups": "person", "test": "split"}
    assert task.features.columns == ["x", "colour", "fold"]
    assert task.classes == ("a", "b")
    assert task.y.tolist() == ["a", "b"] * 30
    assert task.groups is not None
    assert task.groups[[0, 9, 10]].tolist() == ["p0", "p0", "p1"]
    assert task.test is not None
    assert task.test.tolist() == [False] * 40 + [True] * 20
    assert task.training.tolist() == [True] * 40 + [False] * 20
    assert [str(f) for f in task.findings] == ["classes (a 30, b 30), kind: 2; kept"]


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["no", "yes"], "classification", ("no", "yes")),
        ([True, False], "classification", ("false", "true")),
        ([0, 1], "classification", ("0", "1")),
        ([1.0, 2.0], "classification", ("1", "2")),
        ([*range(20)], "classification", tuple(map(str, range(20)))),
        ([*range(30)], "regression", ()),
        ([0.5, 1.0], "regression", ()),
        (["10", "9", "x"], "classification", ("10", "9", "x")),
    ],
)
def test_the_task_is_found(values: list[Any], task: str, classes: tuple[str, ...]) -> None:
    repeated = (values * ROWS)[:ROWS]
    found = tables.problem(table(kind=repeated), "kind", folds=2)
    assert (found.task, found.classes) == (task, classes)
    if task == "regression":
        assert found.y.dtype == np.float64
        assert found.y.tolist() == repeated


def test_the_task_is_given() -> None:
    whole = table(kind=[1, 2, 3] * 20)
    assert tables.problem(whole, "kind", task="regression").y.tolist() == [1.0, 2.0, 3.0] * 20
    parts = table(kind=[0.5, 1.5] * 30)
    assert tables.problem(parts, "kind", task="classification").classes == ("0.5", "1.5")


@pytest.mark.parametrize(("count", "expected"), [(20, 20), (21, 1)])
def test_gaps_of_many_columns_are_one_finding(count: int, expected: int) -> None:
    gaps = {f"gene {i:02d}": [None, *np.arange(59) / (i + 2)] for i in range(count)}
    found = tables.problem(table(**gaps), "kind").findings
    missing = [each for each in found if "missing values" in each.what]
    assert len(missing) == expected
    assert (missing[0].where, missing[0].count) == (
        ("gene 00", 1)
        if count == 20
        else ("'gene 00', 'gene 01', 'gene 02', 'gene 03', 'gene 04' and 16 more", 21)
    )


def test_an_amount_far_from_the_others() -> None:
    amounts = np.arange(ROWS) / 7
    what = ("amounts far from all others", "kind")
    assert what not in findings(tables.problem(table(kind=amounts), "kind"))
    amounts[3] = 1e9
    assert findings(tables.problem(table(kind=amounts), "kind"))[what][0] == 1


def test_whole_numbers_may_be_classes_or_amounts() -> None:
    """Letters numbered 1 to 26 are more than the most classes that are taken for granted."""
    what = ("target of whole numbers", "kind")
    few = tables.problem(table(kind=[1, 2, 3] * 20), "kind")
    many = tables.problem(table(kind=(pl.int_range(120, eager=True) % 26)[:60].to_list()), "kind")
    assert findings(few)[what] == (3, "treated as classes; to change this, use task=regression")
    assert what not in findings(many)  # 26 classes of 60 rows are no classes
    letters = pl.DataFrame({"x": np.arange(260) % 7, "kind": np.arange(260) % 26})
    done = "treated as amounts; to change this, use task=classification"
    assert findings(tables.problem(letters, "kind"))[what] == (26, done)
    given = tables.problem(letters, "kind", task="classification")
    assert what not in findings(given)
    assert given.classes == tuple(map(str, range(26)))
    assert what not in findings(tables.problem(table(kind=[0, 1] * 30), "kind"))


@pytest.mark.parametrize(
    ("changes", "options", "expected"),
    [
        (
            {"split": [*[0] * 30, 2, *[1] * 29]},
            {"test": "split"},
            "test: 2 in row 31 of column",
        ),
        ({"kind": [None, None, *["1"] * 40, *["x"] * 18]}, {"task": "regression"}, "row 43: 'x'"),
        ({"kind": [None, *[0.5, 1.5] * 29, np.inf]}, {}, "target 'kind', row 60: inf"),
        ({"x": [*[0.5, 1.5] * 29, 0.5, np.inf]}, {}, "column 'x', row 60: inf"),
    ],
)
def test_rows_in_messages_are_those_of_the_table(
    changes: dict[str, Any], options: dict[str, Any], expected: str
) -> None:
    """Also if rows before them are left out."""
    options = {"groups": "person"} | options
    changes = {"person": [None, *[f"p{i // 10}" for i in range(1, ROWS)]]} | changes
    with pytest.raises(tables.TableError, match=re.escape(expected)):
        tables.problem(table(**changes), "kind", **options)


@pytest.mark.parametrize(
    ("test", "changes", "expected"),
    [
        ("split", {}, [False] * 40 + [True] * 20),
        ("split", {"split": [0] * 40 + [1] * 20}, [False] * 40 + [True] * 20),
        ("split", {"split": [0.0] * 40 + [1.0] * 20}, [False] * 40 + [True] * 20),
        ("split", {"split": [False] * 40 + [True] * 20}, [False] * 40 + [True] * 20),
        ("split", {"split": ["Train"] * 40 + [" TEST"] * 20}, [False] * 40 + [True] * 20),
        ("fold=4", {}, [False, False, False, False, True] * 12),
        ("person=p5", {}, [False] * 50 + [True] * 10),
        ("a=b", {"a=b": [False] * 40 + [True] * 20}, [False] * 40 + [True] * 20),
        ("a=b=1", {"a=b": [0] * 40 + [1] * 20}, [False] * 40 + [True] * 20),
    ],
)
def test_test_rows(test: str, changes: dict[str, Any], expected: list[bool]) -> None:
    task = tables.problem(table(**changes), "kind", test=test)
    assert task.test is not None
    assert task.test.tolist() == expected
    assert task.roles["test"] not in task.features.columns


def test_rows_without_target_or_group_are_left_out() -> None:
    kinds = [None, *["a", "b"] * 29, None]
    people = [None if i == 5 else f"p{i // 10}" for i in range(ROWS)]
    task = tables.problem(table(kind=kinds, person=people), "kind", groups="person")
    assert task.features.height == len(task.y) == 57
    assert findings(task)["rows without a value", "kind"] == (2, "left out")
    assert findings(task)["rows without a value", "person"] == (1, "left out")


def test_equal_rows() -> None:
    frame = table(split=None)
    frame = pl.concat([frame, frame[:3], frame[:1]])
    plain = findings(tables.problem(frame, "kind"))
    assert plain["rows", "equal in all columns"] == (4, "kept")
    frame = frame.with_columns(test=pl.int_range(64) >= 60)
    split = findings(tables.problem(frame, "kind", test="test"))
    assert split["test rows", "equal to a training row"] == (
        4,
        "kept; the model has seen them in training",
    )


def test_columns_of_no_use_and_missing_values() -> None:
    frame = table(
        x=[None, 1.5, 2.5, float("nan")] * 15,
        colour=["red", None, "blue"] * 20,
        site=["here"] * ROWS,
        version=[3] * ROWS,
        note=[f"words {i}" for i in range(ROWS)],
        row=range(ROWS),
    )
    found = findings(tables.problem(frame, "kind"))
    assert found["missing values", "x"] == (30, "filled by the median of the training rows")
    assert found["missing values", "colour"] == (20, "treated as a separate category")
    assert found["columns with one value", "'site', 'version'"] == (2, "left out")
    assert ("left out (60 strings in 60 rows, like names or ids)", "note") in found
    assert ("left out (numbers the rows)", "row") in found


def test_leaks() -> None:
    frame = table(
        code=[7, 9] * 30,
        room=[f"r{5 - i // 10}" for i in range(ROWS)],
        almost=[7, 9] * 29 + [7, 7],
    )
    found = findings(tables.problem(frame, "kind", groups="person"))
    assert ("determines the target kind", "code") in found
    assert ("determines the group person", "room") in found
    assert len([what for what, _ in found if what.startswith("determines")]) == 2


def test_a_target_in_other_units() -> None:
    y = np.random.default_rng(1).normal(size=ROWS)
    found = findings(tables.problem(table(y=y, fahrenheit=32 + 1.8 * y, near=y + 0.01), "y"))
    assert [where for what, where in found if what == "determines the target y"] == [
        "fahrenheit",
        "near",
    ]


def test_unbalanced_classes() -> None:
    found = findings(tables.problem(table(kind=["a"] * 50 + ["b"] * 10), "kind"))
    assert found["classes (a 50, b 10)", "kind"] == (2, "kept")
    unbalanced = "unbalanced classes (the smallest is b, the largest a)"
    assert found[unbalanced, "kind"] == (
        10,
        "kept; always predicting a is right for 83.3% of the rows",
    )


def test_groups_in_training_and_test_rows() -> None:
    found = findings(tables.problem(table(), "kind", groups="person", test="fold=1"))
    count, done = found["groups in training and test rows", "person"]
    assert count == 6
    assert "not independent" in done


BAD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no target": ({}, {"target": "Kinds"}, "target: no column 'Kinds'; did you mean 'kind'?"),
    "no target at all": ({}, {"target": "q"}, "the table has 'x', 'colour', 'kind', 'person', 'f"),
    "no names": (
        {"x": None, "colour": None, "person": None, "fold": None, "split": None}
        | {"5.1": [1, 2] * 30, "3.5": [2, 1] * 30},
        {"target": "q"},
        "the first line has values, such as 'kind', '5.1', '3.5', in place of names",
    ),
    "no groups": ({}, {"groups": "persons"}, "groups: no column 'persons'; did you mean 'person'"),
    "no test": ({}, {"test": "folds=3"}, "test: no column 'folds'; did you mean 'fold'?"),
    "test of no value": ({}, {"test": "fold=9"}, "no row has '9' in column 'fold'; its values are"),
    "test of others": ({}, {"test": "fold"}, "test: 2 in row 3 of column 'fold'; expected 0"),
    "test with gaps": ({"split": [1, None] * 30}, {"test": "split"}, "test: None in row 2"),
    "all test": ({"split": [1] * ROWS}, {"test": "split"}, "makes all of the 60 rows test rows"),
    "no test rows": ({"split": [0] * ROWS}, {"test": "split"}, "makes none of the 60 rows"),
    "one column twice": (
        {},
        {"groups": "kind"},
        "must be different columns, got 'kind', 'kind'",
    ),
    "task": ({}, {"task": "ranking"}, "expected classification or regression, got 'ranking'"),
    "one class": ({"kind": ["a"] * ROWS}, {}, "has one class, 'a'; expected at least two"),
    "rare class": (
        {"kind": ["a"] * 57 + ["b"] * 3},
        {},
        "classes with fewer training rows than the 5 folds: 'b' 3; leave them out",
    ),
    "class in test rows only": (
        {"kind": ["a", "b"] * 20 + ["c"] * 20},
        {"test": "split"},
        "fewer training rows than the 5 folds: 'c' 0",
    ),
    "names": (
        {"kind": [f"n{i}" for i in range(ROWS)]},
        {},
        "60 classes in 60 rows, more than a thi",
    ),
    "nearly numbers": (
        {"kind": [*map(str, range(59)), "many"]},
        {},
        "59 are numbers, 'many' is not",
    ),
    "regression of texts": (
        {"kind": ["1", "x"] * 30},
        {"task": "regression"},
        "target 'kind', row 2: 'x'; expected numbers for a regression",
    ),
    "infinite": ({"kind": [0.5, 1.5, np.inf] * 20}, {}, "target 'kind', row 3: inf; expected fini"),
    "one number": ({"kind": [0.5] * ROWS}, {}, "target 'kind' is 0.5 in all rows"),
    "groups of one class": (
        {"person": ["a", "b"] * 30},
        {"groups": "person", "folds": 2},
        "each class is in only one group",
    ),
    "few groups": ({}, {"groups": "person", "folds": 7}, "6 groups in the training rows, expected"),
    "few rows": ({"kind": ["a", "b"] * 4 + [None] * 52}, {}, "8 rows with a value of 'kind'; exp"),
    "numbers as classes": (
        {"kind": [i / 7 for i in range(ROWS)]},
        {"task": "classification"},
        "60 classes in 60 rows, more than a third; choose another target, or use task=regression",
    ),
    "no other column": (
        {"x": None, "colour": None, "person": None, "fold": None},
        {"test": "split"},
        "no column besides 'kind', 'split'; expected at least one to predict from",
    ),
    "regression of dates": (
        {"kind": [date(2024, 1, 1 + i % 28) for i in range(ROWS)]},
        {},
        "target 'kind', row 1: 2024-01-01; expected numbers",
    ),
    "huge amounts": ({"kind": [1e200, -1e200, 0.5] * 20}, {}, "between -1e+200 and 1e+200, and sq"),
    "tiny amounts": ({"kind": [1e-200, 2e-200] * 30}, {"task": "regression"}, "use another unit"),
    "no features": (
        {"x": None, "colour": None, "person": None, "fold": None, "split": [1] * ROWS},
        {},
        "no usable column among 1 ('split': one value, 1)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refused(case: str) -> None:
    changes, options, expected = BAD[case]
    with pytest.raises(tables.TableError, match=re.escape(expected)) as caught:
        tables.problem(table(**changes), **{"target": "kind", **options})
    assert "\n" not in str(caught.value)


def test_ten_thousand_classes() -> None:
    frame = pl.DataFrame(
        {"x": np.arange(40_000) % 7, "kind": [f"k{i % 10_000}" for i in range(40_000)]}
    )
    with pytest.raises(tables.TableError, match="10000 classes in 40000 rows, more than 1000;"):
        tables.problem(frame, "kind", folds=2)


def test_names_that_are_patterns() -> None:
    """To polars, "^.*$" in a selection is all columns."""
    names = {"x": "^.*$", "colour": "*", "kind": "^k", "person": "^.+$", "fold": "^$"}
    gaps = table(x=[0.5, None, float("nan"), 2.5] * 15)
    plain = tables.problem(gaps, "kind", groups="person", test="fold=1")
    task = tables.problem(gaps.rename(names), "^k", groups="^.+$", test="^$=1")
    assert task.features.columns == ["^.*$", "*", "split"]
    assert task.y.tolist() == plain.y.tolist()
    assert [finding.count for finding in task.findings] == [f.count for f in plain.findings]
