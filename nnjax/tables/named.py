"""Find a column by its name."""

import polars as pl

from nnjax.tables.errors import TableError, listed, near


def find_column(frame: pl.DataFrame, name: str, role: str) -> str:
    """The name of a column that the table has.

    Args:
        frame: the table.
        name: the given name.
        role: what the column is for, for the message.

    Returns:
        The name.

    Raises:
        TableError: if there is no such column; the message suggests similar names.

    Example:
        >>> find_column(pl.DataFrame({"age": [1]}), "Age", "target")
        Traceback (most recent call last):
        nnjax.tables.errors.TableError: target: no column 'Age'; did you mean 'age'?
    """
    if name in frame.columns:
        return name
    alike = near(name, frame.columns)
    numbers = pl.Series(frame.columns).cast(pl.Float64, strict=False).is_not_null()
    if alike:
        hint = f"did you mean {listed(alike)}?"
    elif 2 * numbers.sum() > frame.width:
        hint = (
            f"the first line has values, such as {listed(frame.columns, 3)}, in place of names; "
            "add a line of column names"
        )
    else:
        hint = f"the table has {listed(frame.columns)}"
    raise TableError(f"{role}: no column {name!r}; {hint}")
