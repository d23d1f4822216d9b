"""Files that are not tables are refused in one sentence that says what, where and what to do."""

import contextlib
import gzip
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nnjax import tables
from nnjax.tables import files

BAD: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.csv", b"", "is empty; expected a line of column names"),
    "blank": ("a.csv", b" \n\r\n", "is empty"),
    "a BOM alone": ("a.csv", b"\xef\xbb\xbf\n", "is empty"),
    "header only": ("a.csv", b"a,b\n", "has column names but no rows"),
    "double names": ("a.csv", b"a,b,a\n1,2,3\n", "line 1: 'a' names more than one column (columns"),
    "short row": ("a.csv", b"a,b\n1,2\n1\n3,4\n", "line 3: 1 field, expected 2"),
    "long row": ("a.csv", b"a,b\r\n1,2\r\n\r\n1,2,3\r\n", "line 4: 3 fields, expected 2"),
    "short row below a quoted line end": (
        "a.csv",
        b'a,b\n"x\ny",2\n1\n',
        "line 4: 1 field, expected 2",
    ),
    "open quote": ("a.csv", b'a,b\n"x,2\n1,2\n', "line 2: a quote is opened and never closed"),
    "web page": ("a.csv", b"\n<!DOCTYPE html><html></html>", "is a web page"),
    "workbook": ("a.csv", b"PK\x03\x04" + bytes(99), "an Excel workbook, not a table; save"),
    "binary": ("a.csv", b"a,b\n1,\x00\n", "is a binary file (a zero byte in line 2)"),
    "json": ("a.csv", b'[{"a": 1}]', "is JSON"),
    "lfs": ("a.csv", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "broken UTF-16": ("a.csv", b"\xff\xfea", "is broken UTF-16"),
    "broken gzip": ("a.csv.gz", gzip.compress(b"a,b\n1,2\n")[:-9], "is a broken gzip file"),
    "broken Parquet": ("a.parquet", b"PAR1" + bytes(50), "is a broken Parquet file"),
    "names twice below sep=": ("a.csv", b"sep=;\na;a\n1;2\n", "line 2: 'a' names more than one"),
    "long row below sep=": ("a.csv", b"sep=;\na;b\n1;2\n1;2;3\n", "line 4: 3 fields, expected 2"),
    "sep= of no separator": ("a.csv", b"sep=:\na:b\n1:2\n", "line 1: sep=:; expected sep= follow"),
    "sep= alone": ("a.csv", b"sep=;\n\n", "line 1: sep=;; expected sep= followed"),
    "commas of two meanings": ("a.csv", b"a\tb\n1,234\t2\n", "column 'a': the comma in '1,234'"),
    "ARFF, no data": ("a.arff", b"@relation a\n@attribute a real\n", "has no @data line"),
    "ARFF, no rows": ("a.arff", b"@relation a\n@attribute a real\n@data\n", "but no rows"),
    "ARFF, no columns": ("a.arff", b"@relation a\n@data\n1\n", "has no @attribute line"),
    "ARFF, a text": (
        "a.arff",
        b"@relation a\n@attribute 'a b' real\n@data\n1\n\nx\n",
        "line 6: 'x' in column 'a b'; expected a number, since the attribute is real",
    ),
    "ARFF, long row": (
        "a.arff",
        b"@relation a\n@attribute a real\n@data\n1,2\n",
        "line 4: 2 fields, expected 1",
    ),
    "ARFF, open quote": (
        "a.arff",
        b"@relation a\n@attribute a string\n@attribute b real\n@data\n'x,1,2\n",
        "line 5: 3 fields, expected 2",
    ),
    "ARFF, sparse": (
        "a.arff",
        b"@relation a\n@attribute a real\n@data\n{0 1}\n",
        "line 4: a sparse row",
    ),
    "ARFF, other line": ("a.arff", b"@relation a\nwhat\n@data\n1\n", "line 2: 'what'; expected @"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused(case: str, tmp_path: Path) -> None:
    name, content, expected = BAD[case]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(tables.TableError) as caught:
        tables.read_table(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert expected in message
    assert "\n" not in message


def test_no_such_file_names_one_like_it(tmp_path: Path) -> None:
    (tmp_path / "flowers.csv").write_text("a\n1\n", "utf-8")
    for name, expected in {
        "Flower.csv": "did you mean 'flowers.csv'",
        "x.csv": "contains 'flowers.csv'",
        "deep/x.csv": "there is no folder",
    }.items():
        with pytest.raises(tables.TableError, match=f"no such file; .*{expected}"):
            tables.read_table(tmp_path / name)


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "flowers.csv").write_text("a\n1\n", "utf-8")
    with pytest.raises(tables.TableError, match=r"is a folder.*such as 'flowers\.csv'"):
        tables.read_table(tmp_path)


def test_a_device() -> None:
    with pytest.raises(tables.TableError, match="is a device or a pipe"):
        tables.read_table("/dev/zero")


@pytest.mark.parametrize(("name", "near"), [("irsi", "did you mean iris"), ("mnist", "iris, wine")])
def test_no_such_table_of_scikit_learn(name: str, near: str) -> None:
    with pytest.raises(tables.TableError, match=near):
        tables.read_table(f"sklearn:{name}")


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=6 << 20))
    monkeypatch.setattr(files, "psutil", memory)


@pytest.mark.usefixtures("little_memory")
def test_larger_than_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(3 << 20)
    with pytest.raises(tables.TableError, match=r"has 3\.0 MiB.*at most 1\.0 MiB"):
        tables.read_table(path)


@pytest.mark.usefixtures("little_memory")
def test_inflates_beyond_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * (1 << 20)))
    with pytest.raises(tables.TableError, match=r"inflates from 0\.0 MiB to more than 1\.0 MiB"):
        tables.read_table(path)


@pytest.mark.parametrize("seed", range(40))
def test_no_bytes_end_in_another_error(seed: int, tmp_path: Path) -> None:
    """Whatever a file has, it is a table or a sentence."""
    rng = np.random.default_rng(seed)
    alphabet = list("abc019.-,;\t|\"'?@%{}\n\n\n\r ü") + [
        "@data\n",
        "@attribute a real\n",
        "@relation",
    ]
    content = "".join(rng.choice(alphabet, size=int(rng.integers(1, 120))))
    path = tmp_path / "a.csv"
    path.write_text(("@relation a\n" if seed % 4 == 0 else "") + content, "utf-8", newline="")
    with contextlib.suppress(tables.TableError):
        assert tables.read_table(path).height > 0
