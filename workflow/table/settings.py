"""The settings of the study of a table."""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from workflow.lib.reading import parsed
from workflow.lib.settings import (
    Count,
    Fraction,
    Name,
    Rate,
    SettingsError,
    Strict,
    checked,
    read,
)

ASKED = ("target", "groups", "test", "task", "name")
"""Keys of the command line besides `table`."""


class Table(Strict):
    """A table, what to predict, and how the networks are trained."""

    file: Name = Field(description="a file, or sklearn:NAME")
    target: Name = Field(description="the column to predict")
    groups: str | None = Field(
        default=None, description="column that says which rows belong together"
    )
    test: str | None = Field(
        default=None, description="column that marks the test rows, or COLUMN=VALUE"
    )
    task: Literal["classification", "regression"] | None = None
    name: str = Field(
        pattern=r"^[\w-][\w.-]*$",
        description="a name of letters, digits, dots, _ and - for the folder of the results",
    )
    folds: int = Field(ge=2, le=20)
    test_share: float = Field(gt=0, lt=1, description="between 0 and 1")
    seeds: Count
    refit_seeds: int = Field(ge=2, description="a whole number from 2")
    epochs: Count
    batch_rows: Count
    hidden_units: list[Count] = Field(min_length=1)
    optimizers: dict[Literal["adam", "rmsprop", "adagrad", "momentum", "sgd"], list[Rate]] = Field(
        min_length=1
    )
    shares: list[Fraction]
    repeats: Count

    @property
    def is_file(self) -> bool:
        """Whether the table is a file, not one of scikit-learn's."""
        return not self.file.startswith("sklearn:")


def name_of(file: str) -> str:
    """The name of the folder of the results, if none is given: the file without its ending.

    Example:
        >>> name_of("../data/my table.csv.gz"), name_of("sklearn:wine")
        ('my_table', 'wine')
    """
    stem = file.removeprefix("sklearn:").rsplit("/", 1)[-1]
    stem = re.sub(r"(\.(csv|tsv|txt|parquet|arff|data))?(\.gz)?$", "", stem, flags=re.IGNORECASE)
    # Without dots at the ends: a folder ".." would be another.
    return re.sub(r"[^\w.-]+", "_", stem).strip(".") or "table"


def written(entries: Iterable[str]) -> list[str]:
    """What follows `--config`, with the names of tables and columns as they are written.

    YAML would take a column 01 for a number, and `a: b` for a section. The table's name is a part
    of its section, so that settings of a file stay.

    Example:
        >>> written(["target=01", "table=a.csv", "groups=null", "study=quick"])
        ['target="01"', 'table={"file": "a.csv"}', 'groups=null', 'study=quick']
    """
    return [_written(*entry.partition("=")) for entry in entries]


def _written(key: str, equals: str, value: str) -> str:
    if key not in ("table", *ASKED):
        return key + equals + value
    try:
        found = parsed(value, key)
    except SettingsError:
        found = value
    if found is None or (key == "table" and isinstance(found, dict)):
        return key + equals + value
    name = found if isinstance(found, str) else value
    made = {"file": name} if key == "table" else name
    return key + equals + json.dumps(made, ensure_ascii=False)


def asked(config: dict[str, Any]) -> Table | None:
    """The table that the command line or a settings file asks for; removes its keys from `config`.

    Raises:
        SettingsError: if `target` is missing, or a key cannot be used.
    """
    given = {key: config.pop(key) for key in ("table", *ASKED) if key in config}
    if not given:
        return None
    table = given.pop("table", None)
    if table is None:
        key = next(iter(given))
        raise SettingsError(f"  {key}: needs a table; use --config table=FILE {key}=...")
    section = {"file": str(table)} if not isinstance(table, dict) else table
    over = {key: value if value is None else str(value) for key, value in given.items()}
    if "target" not in over | section:
        raise SettingsError("  target: is missing; name the column to predict: target=COLUMN")
    base = read(Path(__file__).parent / "settings.yaml")
    if config["study"] == "quick":
        base |= read(Path(__file__).parent / "quick.yaml")
    # Not section by section: optimizers that are named replace the others.
    every = base | section | over
    if every.get("name") is None:
        every["name"] = name_of(str(every.get("file", "")))
    return checked(Table, every, "table")


def other_table(table: Table, about: Path, numbers: Path, project: Path) -> str | None:
    """The other table whose results are in this one's folder, if any.

    A file that has been moved, or changed in its place, is the same table.

    Args:
        table: what is asked for.
        about: what the job that reads a table wrote about it, or no file.
        numbers: the study's numbers, or no file; git keeps them without `about`.
        project: the folder that file names are relative to.
    """
    known = _content(about) or next(iter(_content(numbers).values()), None)
    if known is None:
        return None
    file = known.get("file") or known["data"]
    given = project / table.file
    if file == table.file or given.resolve() == (project / file).resolve():
        return None
    same = table.is_file and hashlib.sha256(given.read_bytes()).hexdigest() == known.get("sha256")
    return None if same else file


def _content(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
