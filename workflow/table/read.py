"""Read a table, say what was found in it, and set the test rows aside."""

import dataclasses
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit

from nnjax import tables
from nnjax.tables.findings import about_rows
from workflow.lib import job
from workflow.lib.runs.folds import SPLIT_SEED
from workflow.lib.tables import write_parquet, write_text
from workflow.table.rows import GROUP, NUMBER, TARGET, TEST, Rows, encoded, folds, units
from workflow.table.settings import Table

SPLITS = 100
"""Most splits to try until the training rows have all classes and enough groups."""


FEWEST_TEST = 2
"""Groups (or rows) for testing: a single one does not show how much others would differ."""


def split(problem: tables.Problem, share: float, k: int) -> np.ndarray:
    """Which rows are for testing if the user names none: whole groups, or a mix of classes.

    Raises:
        TableError: if the other rows do not suffice for `k` folds.
    """
    numbers = np.arange(len(problem.y))
    size: float = share
    if problem.groups is None and problem.task == "classification":
        # At least one row of each class, which few rows of many classes would not give.
        size = max(math.ceil(share * len(numbers)), len(problem.classes))
    options: dict[str, Any] = {"test_size": size, "random_state": SPLIT_SEED}
    if problem.groups is not None:
        count = len(np.unique(problem.groups))
        size = max(math.ceil(share * count), FEWEST_TEST)
        if count - size < k:
            raise tables.TableError(
                f"groups {problem.roles['groups']!r}: {count} groups, of which {size} are set "
                f"aside for testing; expected at least {k} others, one for each fold, so use fewer "
                "folds"
            )
        options["test_size"] = size
        parts = GroupShuffleSplit(SPLITS, **options).split(numbers, groups=problem.groups)
    elif problem.task == "classification":
        parts = StratifiedShuffleSplit(1, **options).split(numbers, problem.y)
    else:
        parts = ShuffleSplit(1, **options).split(numbers)
    fault = None
    for _, chosen in parts:
        test = np.isin(numbers, chosen)
        try:
            tables.check_training(problem, ~test, k)
        except tables.TableError as error:
            fault = fault or error
        else:
            return test
    raise tables.TableError(f"{fault} ({share:.0%} are set aside for testing)")


def check_folds(train: Rows, test: Rows, k: int) -> None:
    """Refuse, before any training, rows that a later job could not encode or train on.

    Raises:
        TableError: if the rows of a fold have one class, or no usable column, or a value that is
            not finite.
    """
    count = len(np.unique(units(test)))
    if count < FEWEST_TEST:
        what = "row" if test.groups is None else "group"
        raise tables.TableError(
            f"the test part has {count} {what}, too few for an interval; expected at least "
            f"{FEWEST_TEST} {what}s"
        )
    encoded(train, test)
    for fold, (known, held_out) in enumerate(folds(train, k), 1):
        some = train.where(known)
        if train.classes is not None and np.ptp(some.y) == 0:
            raise tables.TableError(
                f"without the groups of fold {fold} of {k}, all training rows have one class, "
                f"{train.classes[some.y[0]]!r}; use other groups or another number of folds"
            )
        try:
            encoded(some, train.where(held_out))
        except tables.TableError as error:
            raise tables.TableError(f"fold {fold} of {k}: {error}") from None


def main(table: Table, source: list[Path], rows: Path, about: Path) -> None:
    """Write the rows and what is known about them, and print it.

    Args:
        table: what is asked for.
        source: the file; empty for a table of scikit-learn.
        rows: Parquet to write: the columns to predict from, the target, the group, and whether the
            row is for testing.
        about: JSON to write: task, classes, findings, counts and the table's fingerprint.
    """
    try:
        frame = tables.read_table(source[0] if source else table.file)
        problem = tables.problem(
            frame, table.target, groups=table.groups, test=table.test, task=table.task,
            folds=table.folds,
        )  # fmt: skip
        taken = {TARGET, GROUP, TEST, NUMBER} & {*problem.features.columns}
        if taken:
            raise tables.TableError(
                f"column {min(taken)!r}: the study adds a column with this name; rename yours"
            )
        test = (
            split(problem, table.test_share, table.folds) if problem.test is None else problem.test
        )
        is_class = problem.task == "classification"
        classes = list(problem.classes) if is_class else None
        number = {name: i for i, name in enumerate(problem.classes)}
        y = np.array([number[name] for name in problem.y]) if is_class else problem.y
        every = Rows(problem.features, y, problem.groups, classes, problem.rows)
        train, held_out = (every.where(np.flatnonzero(part)) for part in (~test, test))
        check_folds(train, held_out, table.folds)
    except tables.TableError as error:
        raise job.JobError(str(error)) from None
    own = {TARGET: y, TEST: test, NUMBER: problem.rows}
    if problem.groups is not None:
        own[GROUP] = problem.groups
    whole = problem.features.with_columns(**{k: pl.Series(v) for k, v in own.items()})
    write_parquet(whole, rows)
    if problem.test is None:
        alike = about_rows(whole.drop(TEST, NUMBER), test)
        problem.findings.extend(found for found in alike if found.what == "test rows")
    findings = [dataclasses.asdict(found) for found in problem.findings]
    content = source[0].read_bytes() if source else table.file.encode()
    described = {
        "file": table.file,
        "sha256": hashlib.sha256(content).hexdigest(),
        "task": problem.task,
        "target": table.target,
        "groups": table.groups,
        "roles": problem.roles,
        "classes": classes,
        "rows": len(y),
        "test_rows": int(test.sum()),
        "columns": problem.features.columns,
        "group_count": None if problem.groups is None else len(np.unique(problem.groups)),
        "test_groups": None if problem.groups is None else len(np.unique(problem.groups[test])),
        "named_test": table.test,
        "findings": findings,
    }
    write_text(json.dumps(described, indent=2, default=str) + "\n", about)
    print(
        f"{table.file}: {len(y)} rows, {int(test.sum())} of them for testing, "
        f"{problem.features.width} columns, {problem.task} of {table.target}"
    )
    for finding in problem.findings:
        print(f"  {finding}")


job.run(main, globals().get("snakemake"))
