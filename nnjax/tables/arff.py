"""ARFF, the format of Weka and OpenML: a header with names and types of columns, then rows."""

import csv
import io
import re
from collections.abc import Collection, Iterator

import polars as pl

from nnjax.tables import text
from nnjax.tables.errors import TableError, counted

_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_ATTRIBUTE = re.compile(rf"@attribute\s+({_QUOTED}|[^\s{{]+)\s*(.+)", re.IGNORECASE)
_FIELD = re.compile(rf"\s*({_QUOTED}|[^,]*?)\s*(?:,|$)")
_NUMBERS = ("numeric", "real", "integer")


def is_arff(content: str) -> bool:
    """Whether a text is ARFF: the first line after comments begins with `@relation`.

    Example:
        >>> is_arff("% iris\\n@RELATION iris"), is_arff("a,b")
        (True, False)
    """
    return re.match(r"(\s|%[^\n]*\n)*@(relation|attribute)\b", content, re.IGNORECASE) is not None


def read(where: str, content: str, as_text: Collection[str] = ()) -> pl.DataFrame:
    """Read a table in ARFF; nominal and string attributes become strings.

    Args:
        where: the file's name, for messages.
        content: its text, with lines that end in \\n.
        as_text: names of columns whose values stay strings.

    Returns:
        The table.

    Raises:
        TableError: if a line is not ARFF, or a value does not have its column's type.

    Example:
        >>> read("a.arff", "@relation a\\n@attribute 'x y' real\\n@attribute c {u,'v w'}\\n@data\\n"
        ...     "1,u\\n?,'v w'").rows()
        [(1, 'u'), (None, 'v w')]
    """
    names, kinds, lines = [], [], enumerate(content.split("\n"), 1)
    for number, line in lines:
        stripped = line.strip()
        if stripped.lower().startswith("@data"):
            break
        found = _ATTRIBUTE.match(stripped)
        if found:
            names.append(_unquoted(found[1]))
            kinds.append(found[2].strip().lower())
        elif stripped and not stripped.startswith("%") and not stripped.lower().startswith("@rel"):
            raise TableError(
                f"{where}, line {number}: {stripped[:40]!r}; expected @attribute NAME TYPE or @data"
            )
    else:
        raise TableError(f"{where} has no @data line; expected one before the rows")
    if not names:
        raise TableError(f"{where} has no @attribute line; expected one for each column")
    names = text.header(where, names)
    rows = list(_rows(where, lines, len(names)))
    if not rows:
        raise TableError(f"{where} has column names but no rows; expected at least one row")
    line_of = [number for number, _ in rows]
    body = "\n".join([",".join(f"c{i}" for i in range(len(names))), *(row for _, row in rows)])
    table = text.fields(where, body, ",", names)
    texts = {
        name for name, kind in zip(names, kinds, strict=True) if kind.startswith(("{", "string"))
    }
    result = text.typed(table, {*texts, *as_text})
    for name, kind in zip(names, kinds, strict=True):
        column = result[name]
        if kind.startswith(_NUMBERS) and column.dtype == pl.String and name not in as_text:
            wrong = column.cast(pl.Float64, strict=False).is_null() & column.is_not_null()
            if wrong.any():
                row = wrong.arg_true()[0]
                raise TableError(
                    f"{where}, line {line_of[row]}: {column[row]!r} in column {name!r}; "
                    f"expected a number, since the attribute is {kind}"
                )
    return result


def _rows(where: str, lines: Iterator[tuple[int, str]], expected: int) -> Iterator[tuple[int, str]]:
    """Line number and fields of each row, written as CSV."""
    for number, line in lines:
        row = line.strip()
        if not row or row.startswith("%"):
            continue
        if row.startswith("{"):
            raise TableError(
                f"{where}, line {number}: a sparse row; expected a value for each attribute, so "
                "save the table as CSV"
            )
        if "'" in row or '"' in row:
            values = [_unquoted(found[1]) for found in _FIELD.finditer(row)]
            # The pattern also finds an empty field at the end of a row.
            if not row.endswith(","):
                values = values[:-1]
            buffer = io.StringIO()
            csv.writer(buffer, lineterminator="").writerow(values)
            row, count = buffer.getvalue(), len(values)
        else:
            count = row.count(",") + 1
        if count != expected:
            raise TableError(
                f"{where}, line {number}: {counted(count, 'field')}, expected {expected}, one for "
                "each attribute"
            )
        yield number, row


def _unquoted(field: str) -> str:
    if len(field) > 1 and field[0] in "'\"" and field[-1] == field[0]:
        return re.sub(r"\\(.)", r"\1", field[1:-1])
    return field
