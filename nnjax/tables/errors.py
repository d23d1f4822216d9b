"""The exception for tables, and helpers for its messages."""

import difflib
from collections.abc import Iterable


class TableError(ValueError):
    """An unusable table: one sentence on what is wrong, where, what was expected, and what to do.

    Example:
        >>> from nnjax import tables
        >>> try:
        ...     tables.read_table("sklearn:irsi")
        ... except tables.TableError as error:
        ...     print(error)
        sklearn:irsi: no such table in scikit-learn; did you mean iris?
    """


def listed(names: Iterable[object], most: int = 5) -> str:
    """Names in a sentence, at most the first `most`.

    Example:
        >>> listed(["a", "b", "c"], most=2)
        "'a', 'b' and 1 more"
    """
    shown = [repr(name) for name in names]
    more = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {more} more" if more > 0 else "")


def counted(count: int, what: str) -> str:
    """A count with its noun, singular or plural.

    Example:
        >>> counted(1, "row"), counted(2, "class")
        ('1 row', '2 classes')
    """
    return f"{count} {what}" + ("" if count == 1 else "es" if what.endswith("s") else "s")


def near(name: str, names: Iterable[str]) -> list[str]:
    """Names that are similar to a wrong one, ignoring case.

    Example:
        >>> near("Speces", ["species", "petal width"])
        ['species']
    """
    by_key: dict[str, str] = {}
    for known in names:
        by_key.setdefault(known.casefold(), known)
    return [by_key[key] for key in difflib.get_close_matches(name.casefold(), by_key, 3, 0.6)]
