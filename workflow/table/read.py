"""Read a table, say what was found in it, and set the test rows aside."""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit

from nnjax import tables
from workflow.lib import job
from workflow.lib.runs.folds import SPLIT_SEED
from workflow.lib.tables import write_parquet, write_text
from workflow.table.rows import GROUP, NUMBER, TARGET, TEST
from workflow.table.settings import Table


def split(problem: tables.Problem, share: float) -> np.ndarray:
    """Which rows are for testing, where no part is named: whole groups, or a mix of classes."""
    numbers = np.arange(len(problem.y))
    options = {"n_splits": 1, "test_size": share, "random_state": SPLIT_SEED}
    if problem.groups is not None:
        parts = GroupShuffleSplit(**options).split(numbers, groups=problem.groups)
    elif problem.task == "classification":
        parts = StratifiedShuffleSplit(**options).split(numbers, problem.y)
    else:
        parts = ShuffleSplit(**options).split(numbers)
    test = np.zeros(len(numbers), bool)
    test[next(iter(parts))[1]] = True
    return test


def main(table: Table, source: list[Path], rows: Path, about: Path) -> None:
    """Write the rows, and what is known of them; print it too.

    Args:
        table: what is asked for.
        source: the file; none of a set of scikit-learn.
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
    except tables.TableError as error:
        raise job.JobError(str(error)) from None
    is_class = problem.task == "classification"
    classes = [str(name) for name in problem.classes] if is_class else None
    y = np.unique(problem.y, return_inverse=True)[1] if is_class else problem.y
    test = split(problem, table.test_share) if problem.test is None else problem.test
    own = {TARGET: y, TEST: test, NUMBER: problem.rows}
    if problem.groups is not None:
        own[GROUP] = problem.groups
    write_parquet(problem.features.with_columns(**{k: pl.Series(v) for k, v in own.items()}), rows)
    findings = [dataclasses.asdict(found) for found in problem.findings]
    content = source[0].read_bytes() if source else table.file.encode()
    described = {
        "file": table.file,
        "sha256": hashlib.sha256(content).hexdigest(),
        "task": problem.task,
        "target": table.target,
        "groups": table.groups,
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
