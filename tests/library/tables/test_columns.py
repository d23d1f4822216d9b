"""Columns as numbers: learnt from training rows, and the same for any rows later."""

import json
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnjax import tables
from nnjax.tables import Categorical, Columns, Numeric, columns

ROWS = 12
TRAINING = pl.DataFrame(
    {
        "age": [30.0, None, 50.0, 45.0] * 3,
        "count": [1, 1, 2, 3] * 3,
        "ill": [True, False, False, None] * 3,
        "city": ["b", "a", None, "b"] * 3,
        "day": [date(1970, 1, 1 + i // 2) for i in range(ROWS)],
        "name": [f"n{i}" for i in range(ROWS)],
        "id": list(range(100, 100 + ROWS)),
        "unit": ["kg"] * ROWS,
        "tags": [["x"]] * ROWS,
        "note": pl.Series([None] * ROWS, dtype=pl.String),
    }
)
LEARNT = tables.learn(TRAINING)


def test_learn() -> None:
    assert LEARNT.used == (
        Numeric("age", 45.0, indicator=True),
        Numeric("count", 1.5),
        Numeric("ill", 0.0, indicator=True),
        Categorical("city", ("a", "b", None)),
        Numeric("day", 2.5, days=True),
    )
    assert LEARNT.left_out == {
        "name": "12 strings in 12 rows, like names or ids",
        "id": "numbers the rows",
        "unit": "one value, 'kg'",
        "tags": "values of type List(String)",
        "note": "no value",
    }


def test_encode() -> None:
    new = pl.DataFrame(
        {
            "city": ["a", "c", None],
            "day": [date(1970, 1, 11), None, date(1969, 12, 31)],
            "count": [7, 8, 9],
            "ill": [None, True, False],
            "age": [None, 1, 2],
        }
    )
    encoded = tables.encode(new, LEARNT)
    assert tables.feature_names(LEARNT) == [
        *("age", "age is missing", "count", "ill", "ill is missing"),
        *("city = a", "city = b", "city is missing", "day"),
    ]
    np.testing.assert_array_equal(
        encoded.x,
        [
            [45, 1, 7, 0, 1, 1, 0, 0, 10],
            [1, 0, 8, 1, 0, 0, 0, 0, 2.5],
            [2, 0, 9, 0, 0, 0, 0, 1, -1],
        ],
    )
    assert encoded.x.dtype == np.float64
    assert encoded.unknown == {"city": 1}
    assert encoded.filled == {"age": 1, "ill": 1, "day": 1}


def test_a_missing_category_is_unknown_where_training_rows_had_none() -> None:
    learnt = tables.learn(pl.DataFrame({"c": ["a", "b"] * 3}))
    encoded = tables.encode(pl.DataFrame({"c": [None, "b"]}), learnt)
    assert encoded.x.tolist() == [[0, 0], [0, 1]]
    assert encoded.unknown == {"c": 1}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([*map(str, range(9)), "a", "b"], "; 9 are numbers, 'a' is not"),
        (["1", "1", "2", "x"] * 2 + list("abcdefghijkl"), "16 strings"),
    ],
)
def test_texts_that_do_not_repeat(values: list[str], reason: str) -> None:
    learnt = tables.learn(pl.DataFrame({"a": values, "b": [i % 3 for i in range(len(values))]}))
    if reason == "16 strings":
        reason = f"{len(set(values))} strings in {len(values)} rows"
    assert reason in learnt.left_out["a"]


def test_a_column_of_few_whole_numbers_is_of_numbers() -> None:
    assert tables.learn(pl.DataFrame({"a": [1, 2] * 9})).used == (Numeric("a", 1.5),)


@pytest.mark.parametrize("part", [1.0, 0.8, 0.6])
def test_numbers_of_rows_are_left_out_in_any_fold(part: float) -> None:
    """They would betray the target of a sorted table."""
    rows = np.random.default_rng(0).permutation(100)[: int(100 * part)]
    frame = pl.DataFrame({"column 1": np.arange(1, 101), "x": np.arange(100) % 7})[rows]
    assert tables.learn(frame).left_out == {"column 1": "numbers the rows"}


def test_too_many_categories() -> None:
    texts = [f"c{i % 1001}" for i in range(4000)]
    learnt = tables.learn(pl.DataFrame({"a": texts, "b": range(0, 40000, 10)}))
    assert learnt.left_out == {"a": "1001 categories, more than 1000"}


def test_dates_with_times_are_days() -> None:
    series = [datetime(1970, 1, 2, 12), datetime(1970, 1, 3)]
    frame = pl.DataFrame({"t": series, "s": pl.Series(series).dt.time()})
    frame = frame.with_columns(d=pl.col("t") - datetime(1970, 1, 1))
    x = tables.encode(frame, tables.learn(frame)).x
    assert x.tolist() == [[1.5, 0.5, 1.5], [2.0, 0.0, 2.0]]


def test_categories_of_other_dtypes() -> None:
    frame = pl.DataFrame({"c": ["a", "b", "b", "a", None]})
    learnt = tables.learn(frame)
    for dtype in (pl.Categorical(), pl.Enum(["b", "a"])):
        same = frame.cast(dtype)
        assert tables.learn(same) == learnt
        assert tables.encode(same, learnt).x.argmax(axis=1).tolist() == [0, 1, 1, 0, 2]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"a": None}, "the table lacks 1 column, 'a'"),
    "renamed": ({"city": None, "City": ["x"]}, "'city'; was 'city' renamed to 'City'?"),
    "surplus": ({"z": [1]}, "has 1 column that the training rows lack; leave out 'z'"),
    "text": ({"a": ["12 kg"]}, "column 'a', row 1: '12 kg'; expected numbers, as in"),
    "infinite": ({"a": [np.inf]}, "column 'a', row 1: inf; expected finite numbers"),
    "number for a date": ({"d": [3]}, "column 'd' has values of type Int64; expected dates"),
    "date for a number": ({"a": [date(2024, 1, 1)]}, "of type Date; expected numbers"),
    "list": ({"city": [["x"]]}, "column 'city' has values of type List(String)"),
}


@pytest.mark.parametrize("case", BAD)
def test_rows_that_do_not_fit(case: str) -> None:
    days = [date(2024, 1, 1), date(2024, 1, 2)] * 2
    learnt = tables.learn(pl.DataFrame({"a": [1, 2] * 2, "city": ["x", "y"] * 2, "d": days}))
    change, expected = BAD[case]
    good: dict[str, Any] = {"a": [1], "city": ["x"], "d": [date(2024, 1, 1)]}
    new = {name: values for name, values in {**good, **change}.items() if values is not None}
    tables.encode(pl.DataFrame(good), learnt)
    with pytest.raises(tables.TableError) as caught:
        tables.encode(pl.DataFrame(new), learnt)
    assert expected in str(caught.value)


def test_no_usable_column() -> None:
    with pytest.raises(tables.TableError, match=r"no usable column among 1 \('a': one value, 1\)"):
        tables.learn(pl.DataFrame({"a": [1, 1, 1]}))


def test_larger_than_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        available = 16

    monkeypatch.setattr(columns.psutil, "virtual_memory", Memory)
    with pytest.raises(tables.TableError, match=r"3 rows of 1 features take 0\.0 GiB"):
        tables.encode(pl.DataFrame({"a": [1, 2, 3]}), Columns((Numeric("a", 0.0),), {}))


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"used": [], "left_out": {}},
        {"used": [{"name": "a"}], "left_out": {}},
        {"used": [{"name": "a", "categories": [1]}], "left_out": {}},
        {"used": [{"name": "a", "fill": float("nan"), "indicator": False, "days": False}],
         "left_out": {}},
    ],
)  # fmt: skip
def test_other_data_make_no_columns(data: Any) -> None:
    with pytest.raises(ValueError, match="expected the description of"):
        tables.made(data)


# --- any frame ------------------------------------------------------------------------------------

NUMBERS = st.floats(-1e9, 1e9) | st.none()
COLUMN = st.one_of(
    st.lists(NUMBERS, min_size=ROWS, max_size=ROWS).map(lambda v: pl.Series(v, dtype=pl.Float64)),
    st.lists(st.integers(-5, 5) | st.none(), min_size=ROWS, max_size=ROWS).map(
        lambda v: pl.Series(v, dtype=pl.Int64)
    ),
    st.lists(st.sampled_from(["a", "ß", "", "a "]) | st.none(), min_size=ROWS, max_size=ROWS).map(
        lambda v: pl.Series(v, dtype=pl.String)
    ),
    st.lists(st.booleans() | st.none(), min_size=ROWS, max_size=ROWS).map(
        lambda v: pl.Series(v, dtype=pl.Boolean)
    ),
    st.lists(st.dates() | st.none(), min_size=ROWS, max_size=ROWS).map(
        lambda v: pl.Series(v, dtype=pl.Date)
    ),
)
NAME = st.text(max_size=4) | st.sampled_from(["^.*$", "*", "^a", "0", "1"])
FRAME = st.dictionaries(NAME, COLUMN, min_size=1, max_size=5).map(
    lambda parts: pl.DataFrame({**parts, "always": [i % 5 for i in range(ROWS)]})
)


@given(FRAME, st.randoms(use_true_random=False))
def test_any_frame(frame: pl.DataFrame, random: Any) -> None:
    learnt = tables.learn(frame)
    assert tables.made(json.loads(json.dumps(tables.plain(learnt)))) == learnt
    assert {c.name for c in learnt.used} | set(learnt.left_out) == set(frame.columns)
    encoded = tables.encode(frame, learnt)
    x, names = encoded.x, tables.feature_names(learnt)
    assert x.shape == (ROWS, len(names))
    assert np.isfinite(x).all()
    assert encoded.unknown == {}
    start = 0
    for column in learnt.used:
        series = frame[column.name].alias("values")  # a name may be a pattern to polars
        if isinstance(column, Numeric):
            assert encoded.filled.get(column.name, 0) == series.null_count()
            assert column.indicator == series.has_nulls()
            if column.indicator:
                assert x[:, start + 1].tolist() == series.is_null().cast(pl.Float64).to_list()
            known = series.is_not_null().to_numpy()
            expected = [as_number(value) for value in series.drop_nulls()]
            assert x[known, start].tolist() == expected
            start += 1 + column.indicator
        else:
            width = len(column.categories)
            chosen = x[:, start : start + width]
            assert (chosen.sum(axis=1) == 1).all()
            assert [column.categories[i] for i in chosen.argmax(axis=1)] == series.to_list()
            start += width
    # Neither the order of the columns nor other rows change a row.
    order = random.sample(frame.columns, frame.width)
    rows = random.sample(range(ROWS), 5)
    np.testing.assert_array_equal(
        tables.encode(pl.DataFrame({name: frame[name] for name in order})[rows], learnt).x, x[rows]
    )


def as_number(value: Any) -> float:
    return float((value - date(1970, 1, 1)).days if isinstance(value, date) else value)
