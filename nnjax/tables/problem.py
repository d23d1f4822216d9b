"""What to predict from a table: target, groups and test rows, checked before training."""

from typing import NamedTuple

import numpy as np
import polars as pl

from nnjax.tables.columns import learn
from nnjax.tables.errors import TableError, counted, listed
from nnjax.tables.findings import Finding, about_columns, about_rows
from nnjax.tables.named import find_column
from nnjax.tables.values import as_text, column, is_flat, short, sorted_names, spoilt, without

FEWEST_ROWS = 10
MOST_VALUES = 20
"""A target of whole numbers has classes if it has at most this many different values."""

MOST_CLASSES = 1000
LARGEST = 1e100
"""Amounts are at most this, and differ by at least its inverse: squares are finite and not 0."""

_CLASSIFICATION, _REGRESSION = "classification", "regression"
TASKS = (_CLASSIFICATION, _REGRESSION)

_TRAIN, _TEST = {"0", "false", "train"}, {"1", "true", "test"}


class Problem(NamedTuple):
    """A table as a task: its rows, the roles of its columns, and what was found.

    Args:
        task: "classification" or "regression".
        roles: the names of the columns that are not features, by "target", "groups" and "test".
        features: all columns but target, groups and test, for `learn` and `encode`.
        y: classes as strings, or float64 numbers, (rows,).
        classes: the classes, sorted, numbers by value; () in regression.
        groups: the group of each row as a string, (rows,), or None.
        test: which rows are test rows, (rows,), or None.
        findings: what to know before training.
        rows: the number of each row in the table, from 0, (rows,).
    """

    task: str
    roles: dict[str, str]
    features: pl.DataFrame
    y: np.ndarray
    classes: tuple[str, ...]
    groups: np.ndarray | None
    test: np.ndarray | None
    findings: list[Finding]
    rows: np.ndarray

    @property
    def training(self) -> np.ndarray:
        """Which rows are training rows, (rows,); all, if no test rows are given."""
        return np.ones(len(self.y), bool) if self.test is None else ~self.test


def problem(
    frame: pl.DataFrame,
    target: str,
    *,
    groups: str | None = None,
    test: str | None = None,
    task: str | None = None,
    folds: int = 5,
) -> Problem:
    """Choose target, groups and test rows of a table, and check them before training.

    Args:
        frame: the table.
        target: the column to predict.
        groups: a column such as a person, whose rows belong together; None: rows are independent.
        test: a column that says which rows are test rows (0 and 1, true and false, train and test),
            or `COLUMN=VALUE`, such as `fold=5`; None: no test rows are chosen here.
        task: "classification" or "regression". By default, a target of strings, booleans or at most
            20 different whole numbers has classes.
        folds: number of folds in cross-validation; each class needs at least as many training
            rows, and there must be at least as many groups.

    Returns:
        The task, without the rows whose target or group is missing.

    Raises:
        TableError: if training would fail: an unknown column, one class, a class with fewer
            training rows than folds, too many classes, each class in only one group, fewer groups
            than folds, fewer than 10 rows, no usable column.

    Example:
        >>> from nnjax import tables
        >>> task = tables.problem(tables.read_table("sklearn:iris"), "target")
        >>> task.task, task.classes, task.features.width
        ('classification', ('setosa', 'versicolor', 'virginica'), 4)
        >>> print(task.findings[0])
        rows, equal in all columns: 1; kept
    """
    find_column(frame, target, "target")
    if groups is not None:
        find_column(frame, groups, "groups")
    if task not in (None, *TASKS):
        raise TableError(f"task: expected {' or '.join(TASKS)}, got {task!r}")
    test_column = None if test is None else _test_column(frame, test)
    given = {"target": target, "groups": groups, "test": test_column}
    roles = {role: name for role, name in given.items() if name is not None}
    if len({*roles.values()}) < len(roles):
        raise TableError(
            f"target, groups and test must be different columns, got {listed(roles.values())}"
        )
    findings: list[Finding] = []
    rows, frame = _with_values(frame, [name for name in (target, groups) if name], findings)
    if frame.height < FEWEST_ROWS:
        raise TableError(
            f"{frame.height} rows with a value of {target!r}; expected at least {FEWEST_ROWS}"
        )
    is_test = None if test is None else _test_rows(frame, test, rows)
    if task is None:
        task = _task(column(frame, target))
        findings += _about_task(target, column(frame, target), task)
    is_class = task == _CLASSIFICATION
    y = (
        _classes(target, column(frame, target))
        if is_class
        else _numbers(target, column(frame, target), rows)
    )
    training = np.ones(frame.height, bool) if is_test is None else ~is_test
    by_group = None if groups is None else as_text(column(frame, groups)).to_numpy().astype(str)
    _check_training(roles, y, is_class, by_group, training, folds)
    features = without(frame, roles.values())
    if not features.width:
        raise TableError(
            f"the table has no column besides {listed(roles.values())}; expected at least one to "
            "predict from"
        )
    _check_finite(features, rows)
    columns = learn(features.filter(training))
    findings += about_rows(without(frame, [test_column] if test_column else []), is_test)
    if by_group is not None and groups is not None and is_test is not None:
        both = set(by_group[training]) & set(by_group[~training])
        if both:
            done = "kept; a test row is not independent of its group's training rows"
            findings.append(Finding("groups in training and test rows", groups, len(both), done))
    findings += about_columns(features, columns, target, y, is_class, groups, by_group)
    names = sorted_names(y) if is_class else ()
    return Problem(task, roles, features, y, names, by_group, is_test, findings, rows)


def check_training(task: Problem, training: np.ndarray, folds: int) -> None:
    """Check that training rows that were chosen later suffice as `problem` requires.

    Args:
        task: of all rows.
        training: which rows are training rows, (rows,).
        folds: of the cross-validation.

    Raises:
        TableError: as `problem`.

    Example:
        >>> from nnjax import tables
        >>> task = tables.problem(tables.read_table("sklearn:iris"), "target")
        >>> check_training(task, np.arange(150) < 100, 5)
        Traceback (most recent call last):
        nnjax.tables.errors.TableError: target 'target' has classes with fewer training rows ...
    """
    is_class = task.task == _CLASSIFICATION
    _check_training(task.roles, task.y, is_class, task.groups, training, folds)


def _check_training(
    roles: dict[str, str],
    y: np.ndarray,
    is_class: bool,
    groups: np.ndarray | None,
    training: np.ndarray,
    folds: int,
) -> None:
    if is_class:
        _check_classes(roles["target"], y, training, folds)
    else:
        _check_spread(roles["target"], y, training)
    if groups is not None:
        _check_groups(roles["groups"], groups[training], y[training] if is_class else None, folds)


def _with_values(
    frame: pl.DataFrame, names: list[str], findings: list[Finding]
) -> tuple[np.ndarray, pl.DataFrame]:
    """The rows that have a value in these columns, and their numbers."""
    rows = np.arange(frame.height)
    for name in names:
        series = column(frame, name)
        series = series.fill_nan(None) if series.dtype.is_float() else series
        missing = series.is_null()
        if missing.any():
            count = int(missing.sum())
            findings.append(Finding("rows without a value", name, count, "left out"))
            rows, frame = rows[~missing.to_numpy()], frame.filter(~missing)
    return rows, frame


def _check_finite(features: pl.DataFrame, rows: np.ndarray) -> None:
    """Refuse infinite numbers, also of test rows, and name the row of the table."""
    for series in features:
        if series.dtype.is_float() and len(places := series.is_infinite().arg_true()):
            raise TableError(
                f"column {series.name!r}, row {rows[places[0]] + 1}: {series[places[0]]}; expected "
                "finite numbers, so leave the value empty if it is missing"
            )


# --- test rows ------------------------------------------------------------------------------------


def _test_column(frame: pl.DataFrame, test: str) -> str:
    """The column of `COLUMN` or `COLUMN=VALUE`."""
    name, equals, _ = test.rpartition("=")
    if test in frame.columns or not equals:
        return find_column(frame, test, "test")
    return find_column(frame, name, "test")


def _test_rows(frame: pl.DataFrame, test: str, rows: np.ndarray) -> np.ndarray:
    """Which rows are test rows; `rows` are their numbers in the table, for messages."""
    name, _, value = ("", "", "") if test in frame.columns else test.rpartition("=")
    if name:
        series = as_text(column(frame, name))
        found = (series == value).fill_null(False)
        if not found.any():
            some = series.drop_nulls().unique(maintain_order=True).to_list()
            raise TableError(
                f"test: no row has {value!r} in column {name!r}; its values are {listed(some)}"
            )
    else:
        series = as_text(column(frame, test)).str.strip_chars().str.to_lowercase()
        wrong = ~series.is_in([*_TRAIN, *_TEST]).fill_null(False)
        if wrong.any():
            row = wrong.arg_true()[0]
            raise TableError(
                f"test: {frame[test][row]!r} in row {rows[row] + 1} of column {test!r}; "
                "expected 0 or 1, true or false, train or test; or use test=COLUMN=VALUE"
            )
        found = series.is_in([*_TEST])
    if found.all() or not found.any():
        raise TableError(
            f"test: {test} makes {'all' if found.all() else 'none'} of the {frame.height} rows "
            "test rows; expected both training and test rows"
        )
    return found.to_numpy().astype(bool)


# --- targets --------------------------------------------------------------------------------------


def _task(series: pl.Series) -> str:
    if series.dtype.is_float() and not (series == series.round()).all():
        return _REGRESSION
    if series.dtype.is_temporal():
        return _REGRESSION
    few = series.n_unique() <= MOST_VALUES
    return _REGRESSION if series.dtype.is_numeric() and not few else _CLASSIFICATION


def _classes(name: str, series: pl.Series) -> np.ndarray:
    if not is_flat(series.dtype):
        raise TableError(
            f"target {name!r} has values of type {series.dtype}; expected strings or numbers"
        )
    return as_text(series).to_numpy().astype(str)


def _about_task(name: str, series: pl.Series, task: str) -> list[Finding]:
    """Whole numbers may be the names of classes, or amounts."""
    count, whole = series.n_unique(), series.dtype.is_numeric() and (series == series.round()).all()
    if not whole or not 2 < count <= min(MOST_CLASSES, len(series) // 3):
        return []
    taken, other = (
        ("classes", _REGRESSION) if task == _CLASSIFICATION else ("amounts", _CLASSIFICATION)
    )
    done = f"treated as {taken}; to change this, use task={other}"
    return [Finding("target of whole numbers", name, count, done)]


def _numbers(name: str, series: pl.Series, rows: np.ndarray) -> np.ndarray:
    if not series.dtype.is_numeric():
        numbers = series.cast(pl.String).cast(pl.Float64, strict=False)
        row = numbers.is_null().arg_true()
        shown = f", row {rows[row[0]] + 1}: {short(series[row[0]])}" if len(row) else ""
        raise TableError(
            f"target {name!r}{shown}; expected numbers for a regression, or use task=classification"
        )
    numbers = series.cast(pl.Float64).to_numpy()
    if not np.isfinite(numbers).all():
        row = int(np.argmin(np.isfinite(numbers)))
        raise TableError(
            f"target {name!r}, row {rows[row] + 1}: {numbers[row]}; expected finite numbers"
        )
    if np.ptp(numbers) == 0:
        raise TableError(f"target {name!r} is {numbers[0]:g} in all rows; nothing to learn")
    if np.abs(numbers).max() > LARGEST or np.ptp(numbers) < 1 / LARGEST:
        raise TableError(
            f"target {name!r} is between {numbers.min():g} and {numbers.max():g}, and squared "
            "errors of such numbers cannot be represented; use another unit"
        )
    return numbers


def _check_classes(target: str, y: np.ndarray, training: np.ndarray, folds: int) -> None:
    names = np.unique(y)
    if len(names) == 1:
        raise TableError(
            f"target {target!r} has one class, {str(names[0])!r}; expected at least two"
        )
    if len(names) > min(MOST_CLASSES, len(y) // 3):
        most = "a third" if len(names) <= MOST_CLASSES else MOST_CLASSES
        raise TableError(
            f"target {target!r} has {len(names)} classes in {len(y)} rows, more than {most}"
            f"{spoilt(pl.Series(names))}; choose another target, or use task=regression if it is "
            "numeric"
        )
    counts = {str(name): int((y[training] == name).sum()) for name in names}
    few = {name: count for name, count in counts.items() if count < folds}
    if few:
        shown = ", ".join(f"{name!r} {count}" for name, count in list(few.items())[:5])
        more = f" and {len(few) - 5} more" if len(few) > 5 else ""
        raise TableError(
            f"target {target!r} has classes with fewer training rows than the {folds} folds: "
            f"{shown}{more}; leave them out, merge them, or use fewer folds"
        )


def _check_spread(target: str, y: np.ndarray, training: np.ndarray) -> None:
    """Refuse amounts that are all the same: nothing to learn, or no R²."""
    for part, rows in (("training", training), ("test", ~training)):
        if rows.any() and np.ptp(y[rows]) == 0:
            raise TableError(
                f"target {target!r} is {y[rows][0]:g} in every {part} row "
                f"({counted(int(rows.sum()), 'row')}); expected different values, so choose other "
                "test rows"
            )


def _check_groups(name: str, groups: np.ndarray, y: np.ndarray | None, folds: int) -> None:
    """Refuse fewer groups than folds, and groups of one class each."""
    count = len(np.unique(groups))
    if count < folds:
        raise TableError(
            f"groups {name!r}: {counted(count, 'group')} in the training rows, expected at least "
            f"{folds}, one for each fold; use fewer folds"
        )
    if y is None:
        return
    of_class = {str(c): len(np.unique(groups[y == c])) for c in np.unique(y)}
    if max(of_class.values()) == 1:
        raise TableError(
            f"groups {name!r}: each class is in only one group, so a class held out with its "
            "group cannot be learnt; choose other groups, or none"
        )
