"""Tables in text files: the separator, the names of columns, the fields, and the types."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence

import polars as pl

from nnjax.tables.errors import TableError, counted, listed

SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "?", "-")
_NAMED = re.compile(r'\s*"?sep=([^\n])"?[^\n]*(?:\n|$)', re.IGNORECASE)
"""The first line with which Excel names the separator: `sep=;`."""

LOOKED_AT = 50
"""Rows from which the separator is found."""

FIRST = 50
"""Rows that decide which types are tried on all rows."""


def read(where: str, content: str, as_text: Collection[str] = ()) -> pl.DataFrame:
    """Read a table with separators.

    Args:
        where: the file's name, for messages.
        content: its text, with lines that end in \\n.
        as_text: names of columns whose values stay strings.

    Returns:
        The table.

    Raises:
        TableError: if a name occurs twice, or a row does not have as many fields as the header.

    Example:
        >>> read("a.csv", "x,y\\n1,a\\n2,b\\n").rows()
        [(1, 'a'), (2, 'b')]
    """
    named = _NAMED.match(content)
    if named:
        # An empty line in its place, so that messages number the lines of the file.
        content = "\n" + content[named.end() :]
        if named[1] not in SEPARATORS or not content.strip():
            raise TableError(
                f"{where}, line 1: sep={named[1]}; expected sep= followed by "
                f"{' or '.join(SEPARATORS.values())}, then a line of column names"
            )
    separator = named[1] if named else _separator(content)
    line, given = next(_rows(where, content, separator))
    names = header(where, given, line)
    table = fields(where, content, separator, names)
    if not table.height:
        raise TableError(f"{where} has column names but no rows; expected at least one row")
    return typed(table, as_text, separator=separator, where=where)


def header(where: str, given: Sequence[str], line: int = 1) -> list[str]:
    """The names of the columns; a column without a name gets its number as name."""
    names = [name.strip() or f"column {i}" for i, name in enumerate(given, 1)]
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        places = [i for i, name in enumerate(names, 1) if name == double[0]]
        raise TableError(
            f"{where}, line {line}: {listed(double)} names more than one column (columns "
            f"{', '.join(map(str, places))}); expected different names, so rename them, or add a "
            "line of names if the file has none"
        )
    return names


def fields(where: str, content: str, separator: str, names: Sequence[str]) -> pl.DataFrame:
    """The fields of the rows below the header, as strings."""
    rows = io.BytesIO(_without_empty_lines(where, content, separator).encode())
    try:
        table = pl.read_csv(rows, separator=separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        _check_lengths(where, content, separator, len(names))
        raise TableError(
            f"{where} cannot be read ({str(error).splitlines()[0]}); expected fields separated by "
            f"{SEPARATORS[separator]}, and quotes around whole fields, doubled within them"
        ) from None
    # polars fills short rows with nulls, and guesses where a wrong quote ends.
    if table.width != len(names) or table[:, -1].has_nulls() or '"' in content:
        _check_lengths(where, content, separator, len(names))
    table.columns = list(names)
    return table


def typed(
    table: pl.DataFrame,
    as_text: Collection[str] = (),
    *,
    separator: str = ",",
    where: str = "the table",
) -> pl.DataFrame:
    """Convert strings to values, column by column; missing values become null.

    Args:
        table: the fields.
        as_text: names of columns whose values stay strings.
        separator: of the fields; unless it is a comma, numbers may have decimal commas.
        where: the file's name, for messages.

    Returns:
        The values.

    Raises:
        TableError: if it is unclear whether commas in numbers are decimal or separate thousands.

    Example:
        >>> typed(pl.DataFrame({"a": ["1", "NA"], "b": ["x", "?"], "c": ["1,000", "25"]})).rows()
        [(1, 'x', 1000.0), (None, None, 25.0)]
    """
    # All columns at once, which takes a hundredth of the time; by number, since a name such as
    # "^x$" would be a pattern.
    result = table.clone()
    result.columns = [str(i) for i in range(table.width)]
    result = result.select(pl.all().str.strip_chars().replace(list(MISSING), None))
    rest = [
        str(i)
        for i, column in enumerate(result)
        if table.columns[i] not in as_text and column.null_count() < len(column)
    ]
    for convert in (*_CONVERSIONS, *_WITH_COMMAS[separator]):
        # The first values decide most types: a long column of texts is not converted in vain.
        first, _ = _converted(result.head(FIRST), rest, convert)
        fit, converted = _converted(result, first, convert)
        if convert is _thousands and separator in _OPEN:
            _check_commas(where, table, result, fit)
        result = result.with_columns(converted)
        rest = [name for name in rest if name not in fit]
    result.columns = table.columns
    return result


def _check_commas(where: str, table: pl.DataFrame, texts: pl.DataFrame, fit: set[str]) -> None:
    """Refuse numbers such as 1,234, unless another in the column shows what the comma means."""
    both, _ = _converted(texts, fit, _thousands_and_comma)
    if both:
        name = min(both, key=int)
        shown = texts[name].filter(texts[name].str.contains(",", literal=True))[0]
        raise TableError(
            f"{where}, column {table.columns[int(name)]!r}: the comma in {shown!r} "
            "may be decimal or separate thousands; expected decimal points and no thousands "
            "separators, or a semicolon between fields if commas are decimal"
        )


def _converted(
    table: pl.DataFrame, names: Collection[str], convert: Callable[[pl.Expr], pl.Expr]
) -> tuple[set[str], pl.DataFrame]:
    """The columns that a conversion fits: their names, and the converted columns."""
    if not names:
        return set(), pl.DataFrame()
    given = table.select(names)
    converted = given.select(convert(pl.all()))
    lost = zip(given.columns, given.null_count().row(0), converted.null_count().row(0), strict=True)
    fit = [name for name, before, after in lost if before == after]
    return set(fit), converted.select(fit)


def _whole(column: pl.Expr) -> pl.Expr:
    return column.cast(pl.Int64, strict=False)


def _number(column: pl.Expr) -> pl.Expr:
    return column.cast(pl.Float64, strict=False)


def _thousands(column: pl.Expr) -> pl.Expr:
    """1,234.5."""
    fits = column.str.contains(r"^[+-]?([1-9]\d{0,2}(,\d{3})+|\d+)(\.\d*)?$")
    return _number(pl.when(fits).then(column.str.replace_all(",", "", literal=True)))


def _thousands_and_comma(column: pl.Expr) -> pl.Expr:
    """1.234,5."""
    fits = column.str.contains(r"^[+-]?([1-9]\d{0,2}(\.\d{3})+|\d+)(,\d*)?$")
    plain = column.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return _number(pl.when(fits).then(plain))


def _decimal_comma(column: pl.Expr) -> pl.Expr:
    return _number(column.str.replace(",", ".", literal=True))


def _boolean(column: pl.Expr) -> pl.Expr:
    known = {"true": True, "false": False}
    lower = column.str.to_lowercase()
    return lower.replace_strict(known, default=None, return_dtype=pl.Boolean)


def _date(column: pl.Expr) -> pl.Expr:
    return column.str.to_date("%Y-%m-%d", strict=False)


def _moment(column: pl.Expr) -> pl.Expr:
    spaced = column.str.replace("T", " ", literal=True)
    return spaced.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False)


_CONVERSIONS = (_whole, _number, _boolean, _date, _moment)
_OPEN = "\t|"
"""Separators with which commas in numbers are decimal or separate thousands."""

_WITH_COMMAS = {
    ",": (_thousands,),
    ";": (_thousands_and_comma, _decimal_comma, _thousands),
    **dict.fromkeys(_OPEN, (_thousands, _thousands_and_comma, _decimal_comma)),
}
"""What is tried on texts, by the separator of the fields; the first that fits a column counts."""


# --- rows and their lengths -----------------------------------------------------------------------


def _rows(where: str, content: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of each row, without empty lines."""
    reader = csv.reader(io.StringIO(content), delimiter=separator, strict=True)
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        reason = str(error)
        if reason == "unexpected end of data":
            reason = "a quote is opened and never closed"
        raise TableError(
            f"{where}, line {line}: {reason}; expected fields separated by "
            f"{SEPARATORS[separator]}, and quotes in pairs"
        ) from None


def _separator(content: str) -> str:
    """The separator with which most of the first rows have equally many fields."""
    head = "\n".join(content.split("\n", LOOKED_AT)[:LOOKED_AT])
    best, separator = (0.0, 1), ","
    for candidate in SEPARATORS:
        lengths = [len(row) for row in csv.reader(io.StringIO(head), delimiter=candidate) if row]
        if lengths and lengths[0] > 1:
            rank = (lengths.count(lengths[0]) / len(lengths), lengths[0])
            if rank > best:
                best, separator = rank, candidate
    return separator


def _without_empty_lines(where: str, content: str, separator: str) -> str:
    """The text without empty lines, which polars would read as rows of nulls."""
    # Of a last line without an end, polars overlooks an empty last field.
    content = content.strip("\n") + "\n"
    if "\n\n" not in content:
        return content
    if '"' not in content:
        return re.sub("\n+", "\n", content)
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator="\n")
    writer.writerows(row for _, row in _rows(where, content, separator))
    return buffer.getvalue()


def _check_lengths(where: str, content: str, separator: str, expected: int) -> None:
    """Refuse the first row that does not have as many fields as the header."""
    for line, row in _rows(where, content, separator):
        if len(row) != expected:
            raise TableError(
                f"{where}, line {line}: {counted(len(row), 'field')}, expected {expected} as in "
                f"the header, separated by {SEPARATORS[separator]}; correct the line, or quote "
                "fields that contain the separator"
            )
