"""Tables of every format: what is written is read back, as what it stands for."""

import csv
import gzip
import io
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from nnjax import tables
from nnjax.tables import text

BUNDLED = ["iris", "wine", "breast_cancer", "digits", "diabetes"]


def as_arff(table: pl.DataFrame) -> str:
    """As OpenML writes it: names and texts in quotes, nominal attributes, ? for missing values."""

    def quoted(value: object) -> str:
        escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'" if isinstance(value, str) else str(value)

    lines = ["% a comment", "@RELATION 'a table'", ""]
    for column in table:
        kind = "NUMERIC"
        if column.dtype == pl.String:
            kind = "{" + ",".join(map(quoted, column.drop_nulls().unique().sort())) + "}"
        lines.append(f"@ATTRIBUTE {quoted(column.name)} {kind}")
    lines += ["@DATA", "% rows"]
    lines += [",".join("?" if v is None else quoted(v) for v in row) for row in table.iter_rows()]
    return "\n".join([*lines, ""])


def as_parquet(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


def separated(table: pl.DataFrame, separator: str) -> str:
    """Written by Python's csv, not by polars, which reads it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.iter_rows())
    return buffer.getvalue()


FORMATS: dict[str, Callable[[pl.DataFrame], str | bytes]] = {
    "t.csv": lambda table: separated(table, ","),
    "t.tsv": lambda table: separated(table, "\t"),
    "bars.txt": lambda table: separated(table, "|"),
    "semicolons.csv": lambda table: separated(table, ";"),
    "bom.csv": lambda table: "\ufeff" + separated(table, ","),
    "crlf.csv": lambda table: separated(table, ",").replace("\n", "\r\n"),
    "cr.csv": lambda table: separated(table, ",").replace("\n", "\r"),
    "utf16.csv": lambda table: separated(table, "\t").encode("utf-16"),
    "empty_lines.csv": lambda table: "\n\n" + separated(table, ",").replace("\n", "\n\n"),
    "t.arff": as_arff,
    "t.parquet": as_parquet,
}


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("bundled", BUNDLED)
def test_round_trip(bundled: str, name: str, packed: str, tmp_path: Path) -> None:
    table = tables.read_table(f"sklearn:{bundled}")
    table = table.head(60).rename({table.columns[0]: "Länge, größte"})
    table = table.with_columns(pl.when(pl.int_range(60) % 7 != 3).then(pl.nth(0)).name.keep())
    content = FORMATS[name](table)
    data = content.encode() if isinstance(content, str) else content
    path = tmp_path / (name + packed)
    path.write_bytes(gzip.compress(data) if packed else data)
    # Numbers without a fraction are whole numbers in a text.
    assert_frame_equal(tables.read_table(path), table, check_dtypes=False, check_exact=True)


def test_the_tables_of_scikit_learn_name_their_classes() -> None:
    found = {name: tables.read_table(f"sklearn:{name}") for name in BUNDLED}
    assert {name: table.shape for name, table in found.items()} == {
        "iris": (150, 5),
        "wine": (178, 14),
        "breast_cancer": (569, 31),
        "digits": (1797, 65),
        "diabetes": (442, 11),
    }
    assert found["breast_cancer"]["target"].value_counts().sort("target").rows() == [
        ("benign", 357),
        ("malignant", 212),
    ]
    assert found["digits"]["target"].head(3).to_list() == [0, 1, 2]


def read(content: str | bytes, tmp_path: Path, **options: list[str]) -> pl.DataFrame:
    path = tmp_path / "table.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return tables.read_table(path, **options)


@pytest.mark.parametrize("missing", text.MISSING)
def test_missing_values(missing: str, tmp_path: Path) -> None:
    table = read(f"a,b,c\n1,x,true\n{missing},{missing},{missing}\n3,y,false\n", tmp_path)
    assert table.rows() == [(1, "x", True), (None, None, None), (3, "y", False)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["1", "-2", "+3"], [1, -2, 3]),
        (["1", "2.5", "1e3"], [1.0, 2.5, 1000.0]),
        ([" 1 ", "2 "], [1, 2]),
        (["true", "FALSE"], [True, False]),
        (["1", "true"], ["1", "true"]),
        (["2024-02-29", ""], [date(2024, 2, 29), None]),
        (["2024-02-30"], ["2024-02-30"]),
        (["2024-02-29T12:30:00"], [datetime(2024, 2, 29, 12, 30)]),
        (["a", "1"], ["a", "1"]),
        (["-", "- "], [None, None]),
    ],
)
def test_types(written: list[str], expected: list[object], tmp_path: Path) -> None:
    rows = "".join(f"{value}|x\n" for value in written)
    column = read(f"a|b\n{rows}", tmp_path)["a"]
    assert column.to_list() == expected
    assert {type(v) for v in column if v is not None} <= {type(v) for v in expected}


def test_a_text_after_thousands_of_numbers_makes_texts(tmp_path: Path) -> None:
    values = [*map(str, range(5000)), "none"]
    assert read("a\n" + "\n".join(values), tmp_path)["a"].to_list() == values


def test_columns_stay_as_they_are_written(tmp_path: Path) -> None:
    table = read("code,n\n01,01\n002,2\n", tmp_path, as_text=["code"])
    assert table.rows() == [("01", 1), ("002", 2)]


def test_decimal_commas_need_semicolons(tmp_path: Path) -> None:
    assert read("a;b\n1,5;2\n-,;3,25\n2.5;x\n", tmp_path).rows()[0] == ("1,5", "2")
    assert read("a;b\n1,5;2\n-;3,25\n2.5;4\n", tmp_path).rows() == [
        (1.5, 2.0),
        (None, 3.25),
        (2.5, 4.0),
    ]
    assert read('a,b\n"1,5",2\n"2,5",3\n', tmp_path).rows() == [("1,5", 2), ("2,5", 3)]


@pytest.mark.parametrize(
    ("separator", "written", "expected"),
    [
        (",", ["1,234.5", "-12,345,678", "7"], [1234.5, -12345678.0, 7.0]),
        (",", ["1,234", "999"], [1234.0, 999.0]),
        (",", ["0,123", "1,234"], ["0,123", "1,234"]),
        (";", ["1.234,5", "-12.345.678,25", "7"], [1234.5, -12345678.25, 7.0]),
        (";", ["1,234", "2,5"], [1.234, 2.5]),
        (";", ["1,234.5", "2.5"], [1234.5, 2.5]),
        # A point among decimal commas separates thousands, unless another of them cannot.
        (";", ["1.234", "999,5"], [1234.0, 999.5]),
        (";", ["1.234", "999,5", "1.5"], [1.234, 999.5, 1.5]),
        ("\t", ["1.234,5", "7,25"], [1234.5, 7.25]),
        ("\t", ["1,234.5", "7.25"], [1234.5, 7.25]),
        ("|", ["1,234", "12,345,678"], [1234.0, 12345678.0]),
    ],
)
def test_separators_of_thousands(
    separator: str, written: list[str], expected: list[object], tmp_path: Path
) -> None:
    table = separated(pl.DataFrame({"x": written, "y": written}), separator)
    assert read(table, tmp_path)["y"].to_list() == expected


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;;"])
def test_first_line_of_excel_names_the_separator(line: str, tmp_path: Path) -> None:
    table = read(f"\ufeff{line}\r\na;b\r\n1,5;x,y,z\r\n2,5;u,v,w\r\n", tmp_path)
    assert table.rows() == [(1.5, "x,y,z"), (2.5, "u,v,w")]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_separator_is_found_among_texts_with_others(separator: str, tmp_path: Path) -> None:
    others = "".join(c for c in ",;\t|" if c != separator)
    rows = [f'"{others * (i % 3)}"{separator}{i}{separator}x y' for i in range(9)]
    table = read("\n".join([separator.join("abc"), *rows]), tmp_path)
    assert table.columns == ["a", "b", "c"]
    assert table["b"].to_list() == list(range(9))


def test_quotes_and_lines_within_fields(tmp_path: Path) -> None:
    table = read('a,"b\n""c"""\r\n"x,\n\ny",1\r\n\r\n"say ""no""",2\r\n', tmp_path)
    assert table.columns == ["a", 'b\n"c"']
    assert table.rows() == [("x,\n\ny", 1), ('say "no"', 2)]


def test_names_are_those_written_or_the_number(tmp_path: Path) -> None:
    assert read(",größe, b \n1,2,3\n", tmp_path).columns == ["column 1", "größe", "b"]


def test_one_column(tmp_path: Path) -> None:
    assert read("a\n1\n2\n", tmp_path).rows() == [(1,), (2,)]


def test_latin_1_is_said(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"not UTF-8 \(byte 0xfc in line 3\).*as Latin-1"):
        table = read("a;b\n1;x\n2;Müller\n".encode("latin-1"), tmp_path)
    assert table["b"].to_list() == ["x", "Müller"]


def test_arff_with_everything(tmp_path: Path) -> None:
    path = tmp_path / "a.arff"
    path.write_text(
        """% by hand
@relation t
@attribute 'a b' REAL
@attribute "c,d" {x, 'y z', "it's"}
@attribute code {01,02}
@attribute note string
@attribute day date "yyyy-MM-dd"
@data

1.5,x,01,'it\\'s, ok',2024-01-02
% between
?,'y z',?,?,?
-2, "it's" ,02,"a ""b",2024-01-03
""".replace('""b', '\\"b'),
        "utf-8",
    )
    assert tables.read_table(path).rows() == [
        (1.5, "x", "01", "it's, ok", date(2024, 1, 2)),
        (None, "y z", None, None, None),
        (-2.0, "it's", "02", 'a "b', date(2024, 1, 3)),
    ]


def test_names_that_are_patterns(tmp_path: Path) -> None:
    """To polars, "^.*$" in a selection is all columns."""
    table = read("^.*$,*,^a$,a\n1,x,2,3\n", tmp_path)
    assert table.rows(named=True) == [{"^.*$": 1, "*": "x", "^a$": 2, "a": 3}]


def test_work_grows_with_the_table_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a column of texts the first values are tried as other types, and rows are read once."""
    tried: list[int] = []

    def record(column: pl.Series) -> pl.Series:
        tried.append(len(column))
        return column

    def counted(convert: Callable[[pl.Expr], pl.Expr]) -> Callable[[pl.Expr], pl.Expr]:
        return lambda column: convert(column.map_batches(record, return_dtype=pl.String))

    monkeypatch.setattr(text, "_CONVERSIONS", tuple(map(counted, text._CONVERSIONS)))
    monkeypatch.setattr(text, "_check_lengths", lambda *_: pytest.fail("rows were read again"))
    rows, types = 3000, len(text._CONVERSIONS)
    read("a,b\n" + "".join(f"x{i},{i}\n" for i in range(rows)), tmp_path)
    assert rows <= sum(tried) <= rows + 2 * types * text.FIRST
