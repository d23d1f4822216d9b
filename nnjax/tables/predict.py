"""Predict the rows of a new table with a model that was saved with its columns."""

import io
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

import nnjax as nn
from nnjax.store import load
from nnjax.tables.columns import Categorical, Columns, encode, feature_names, made, plain
from nnjax.tables.errors import TableError
from nnjax.tables.files import read_table
from nnjax.tables.problem import Problem
from nnjax.tables.values import is_flat, without

_KINDS = ("Classifier", "Regressor")
"""Imported on first use, since scikit-learn loads slowly and streams do not need it."""


def about_table(task: Problem, columns: Columns) -> dict[str, Any]:
    """What to store with a model about its table: `model.save(path, about_table(task, columns))`.

    Args:
        task: the task of the model.
        columns: the encoding of the rows that the model was trained on.

    Returns:
        Plain data; further keys may be added.

    Example:
        >>> from nnjax import tables
        >>> task = tables.problem(tables.read_table("sklearn:iris"), "target")
        >>> about_table(task, tables.learn(task.features))["roles"]
        {'target': 'target'}
    """
    return {"columns": plain(columns), "target": task.roles["target"], "roles": task.roles}


def predict_table(path: str | Path, frame: pl.DataFrame, *, show: bool = True) -> pl.DataFrame:
    """Predict the rows of a table with a saved model.

    Args:
        path: a file written by `Classifier.save` or `Regressor.save` with `about_table`.
        frame: the rows; columns are found by name, and those that are not features may be missing.
        show: whether to print how many values are unknown categories or missing numbers.

    Returns:
        The columns that are not features, such as ids; then `prediction`; and, for a classifier,
        `probability NAME` for each class.

    Raises:
        TableError: if the model cannot be read, or the table does not fit it.

    Example:
        >>> import pathlib, tempfile
        >>> import nnjax as nn
        >>> from nnjax import tables
        >>> task = tables.problem(tables.read_table("sklearn:iris"), "target")
        >>> columns = tables.learn(task.features)
        >>> model = nn.Classifier(hidden=(8,), epochs=30, learning_rate=0.01)
        >>> model = model.fit(tables.encode(task.features, columns).x, task.y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "iris.npz"
        ...     model.save(path, tables.about_table(task, columns))
        ...     tables.predict_table(path, task.features.head(2)).columns[:2]
        ['prediction', 'probability setosa']
    """
    return _predicted(_read(path), frame, show)


def predict_file(path: str | Path, table: str, output: str | Path) -> str:
    """Predict the rows of a file and write the predictions to another, completely or not at all.

    Args:
        path: the model, as for `predict_table`.
        table: the rows, as for `read_table`.
        output: the file to write: Parquet if its name ends in .parquet or .pq, otherwise CSV.

    Returns:
        A line that says what was written.

    Raises:
        TableError: as `predict_table` and `read_table`, or if the file cannot be written.
    """
    end = Path(output)
    if any(end.resolve() == Path(given).resolve() for given in (path, table)):
        raise TableError(f"{end} is an input and would be overwritten; choose another file")
    if end.is_dir() or not end.parent.is_dir():
        problem = "is a folder" if end.is_dir() else f"cannot be written: no folder {end.parent}"
        raise TableError(f"{end} {problem}; name a file such as predictions.csv")
    model = _read(path)
    texts = [column.name for column in model.columns.used if isinstance(column, Categorical)]
    predicted = _predicted(model, read_table(table, as_text=texts), show=True)
    buffer = io.BytesIO()
    if end.suffix in (".parquet", ".pq"):
        predicted.write_parquet(buffer)
    else:
        predicted.write_csv(buffer)
    temporary = end.with_name(f".{end.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(buffer.getvalue())
        temporary.replace(end)
    except OSError as error:
        raise TableError(f"{end} cannot be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)
    return f"{end}: {predicted.height} predictions"


class _Model(NamedTuple):
    """A saved model and the columns of its table."""

    path: Path
    estimator: Any
    columns: Columns
    roles: tuple[str, ...]


def _read(path: str | Path) -> _Model:
    path = Path(path)
    try:
        about = load(path).about
        known = about["about"] if isinstance(about, dict) else None
        if not isinstance(known, dict) or about["estimator"] not in _KINDS:
            raise TableError(f"{path} describes no table; expected a model saved with about_table")
        columns = made(known.get("columns"))
        roles = {str(known.get("target")), *map(str, dict(known.get("roles", {})).values())}
        estimator = getattr(nn, about["estimator"]).load(path)
    except OSError as error:
        raise TableError(f"{error}; expected a model file".removeprefix("load: ")) from None
    except (ValueError, TypeError, KeyError) as error:
        if isinstance(error, TableError):
            raise
        raise TableError(f"{path} is not a model of a table: {error}") from None
    expected, width = len(feature_names(columns)), estimator.n_features_in_
    if width != expected:
        raise TableError(
            f"{path} takes {width} features, but its columns make {expected}; save it again"
        )
    return _Model(path, estimator, columns, tuple(sorted(roles)))


def _predicted(model: _Model, frame: pl.DataFrame, show: bool) -> pl.DataFrame:
    ids = [
        series
        for series in frame
        if series.name in {*model.roles, *model.columns.left_out} and is_flat(series.dtype)
    ]
    encoded = encode(without(frame, model.roles), model.columns)
    x: Any = encoded.x
    if hasattr(model.estimator, "feature_names_in_"):
        x = pl.DataFrame(x, schema=list(model.estimator.feature_names_in_))
    found = [pl.Series("prediction", np.asarray(model.estimator.predict(x)))]
    if hasattr(model.estimator, "predict_proba"):
        shares = model.estimator.predict_proba(x)
        found += [
            pl.Series(f"probability {name}", share)
            for name, share in zip(model.estimator.classes_, shares.T, strict=True)
        ]
    taken = {series.name for series in found} & {series.name for series in ids}
    if taken:
        raise TableError(f"the table already has a column {min(taken)!r}; rename it")
    if show:
        for name, count in encoded.unknown.items():
            print(
                f"{name}: {count} of {frame.height} values are categories that no training row has"
            )
        for name, count in encoded.filled.items():
            print(f"{name}: {count} of {frame.height} values are missing; the median is used")
    return pl.DataFrame({series.name: series for series in (*ids, *found)})
