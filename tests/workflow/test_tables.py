"""A figure's table that cannot be used is refused with a sentence that names the file."""

from pathlib import Path

import polars as pl
import pytest

from workflow.lib.tables import TableError, read_figure

ROWS = pl.DataFrame({"mean": [0.5, None], "data": ["isolet", "isolet"]})


def test_empty_numbers_are_not_numbers(tmp_path: Path) -> None:
    ROWS.write_csv(tmp_path / "t.csv")
    read = read_figure(tmp_path / "t.csv")
    assert read.rows["mean"].is_nan().to_list() == [False, True]
    assert (read.source, read.stand_in) == ("isolet", "")


@pytest.mark.parametrize(
    "rows",
    [
        ROWS.head(0),
        ROWS.drop("data"),
        ROWS.with_columns(data=pl.lit("cifar")),
        ROWS.with_columns(data=pl.Series(["isolet", "xor"])),
    ],
)
def test_the_source_of_the_data_is_one_and_known(rows: pl.DataFrame, tmp_path: Path) -> None:
    rows.write_csv(tmp_path / "t.csv")
    with pytest.raises(TableError, match=r"t\.csv: expected rows with one data source"):
        read_figure(tmp_path / "t.csv")


def test_an_absent_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"absent\.csv: cannot be read"):
        read_figure(tmp_path / "absent.csv")
