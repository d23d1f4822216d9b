"""What the result depends on: the number of rows, each column, and the kind of split."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nnjax import tables
from workflow.lib import job
from workflow.lib.tables import write_parquet
from workflow.table.networks import Targets, outputs, refitted, trained
from workflow.table.rows import Rows, encoded, folds, scores, stored
from workflow.table.settings import Table

CURVE_SEEDS = 3


def part(train: Rows, share: float, rng: np.random.Generator) -> np.ndarray:
    """A share of the training groups (or rows of each class), by number."""
    if train.groups is not None:
        names = np.unique(train.groups)
        chosen = rng.choice(names, max(1, round(share * len(names))), replace=False)
        return np.flatnonzero(np.isin(train.groups, chosen))
    order = rng.permutation(len(train.y))
    if train.is_regression:
        return np.sort(order[: max(2, round(share * len(order)))])
    # As many of each class as its share of the rows, and at least one.
    parts = [order[train.y[order] == label] for label in np.unique(train.y)]
    return np.sort(np.concatenate([p[: max(1, round(share * len(p)))] for p in parts]))


def curve(train: Rows, test: Rows, best: Any, table: Table) -> list[dict[str, Any]]:
    """Accuracy on the test rows of networks trained on a part of the rows."""
    found = []
    for share in [*table.shares, 1.0]:
        values, rows = [], []
        for draw in range(CURVE_SEEDS):
            chosen = part(train, share, np.random.default_rng(draw))
            some = train.where(chosen)
            if not some.is_regression and len(np.unique(some.y)) < len(some.classes or []):
                continue  # a class is missing: another problem
            try:
                predicted, _ = refitted(some, test, best, 1, table.batch_rows)
            except tables.TableError:
                continue  # so few rows that no column can be used
            values.append(float(scores(test, predicted[0]).mean()))
            rows.append(len(chosen))
        if values:
            found.append({"rows": float(np.mean(rows)), "values": values})
    return found


def importance(train: Rows, test: Rows, best: Any, table: Table) -> list[dict[str, Any]]:
    """How much accuracy is lost if a column of the test rows is permuted."""
    columns, data, targets = tables.learn(train.frame), encoded(train, test), Targets(train)
    params, _ = trained(
        data, train, None, best["hidden_units"], best["optimizer"], [best["learning_rate"]], 1,
        best["epochs"], table.batch_rows,
    )  # fmt: skip

    def value(x: np.ndarray) -> np.ndarray:
        made = outputs(params, best["hidden_units"], train, x)[0, 0]
        return scores(test, targets.predicted(made))

    whole, rng = value(data.others), np.random.default_rng(0)
    found, first = [], 0
    for column in columns.used:
        made_of_it = len(tables.feature_names(columns._replace(used=(column,))))
        features, first = slice(first, first + made_of_it), first + made_of_it
        drops = []
        for _ in range(table.repeats):
            x = data.others.copy()
            x[:, features] = x[rng.permutation(len(x))][:, features]
            drops.append(whole - value(x))
        found.append({"column": column.name, "lost": np.mean(drops, axis=0).tolist()})
    return found


def leak(train: Rows, best: Any, table: Table) -> list[dict[str, Any]]:
    """Held-out accuracy if groups are kept together, and if their rows are split."""
    if train.groups is None:
        return []
    found = []
    for by_row in (False, True):
        guess = np.zeros(len(train.y))
        for known, held_out in folds(train, table.folds, by_row):
            predicted, _ = refitted(
                train.where(known), train.where(held_out), best, 1, table.batch_rows
            )
            guess[held_out] = predicted[0]
        # Of all rows at once: in one fold amounts may be equal, and have no R².
        value = scores(train, guess)
        found.append({"split": "rows" if by_row else "groups", "value": value.tolist()})
    return found


def main(rows: Path, about: Path, table: Table, chosen: Path, found: Path) -> None:
    """Write what was found.

    Args:
        rows: the table's rows.
        about: what is known about them.
        table: the settings.
        chosen: Parquet of the trials, with `best`.
        found: Parquet to write, with the columns kind, name and values.
    """
    train, test = stored(rows, about)
    best = pl.read_parquet(chosen).filter("best").sort("loss").row(0, named=True)
    parts = [
        *({"kind": "curve", "name": f"{p['rows']:g}", "values": p["values"]}
          for p in curve(train, test, best, table)),
        *({"kind": "importance", "name": p["column"], "values": p["lost"]}
          for p in importance(train, test, best, table)),
        *({"kind": "leak", "name": p["split"], "values": p["value"]}
          for p in leak(train, best, table)),
    ]  # fmt: skip
    write_parquet(pl.DataFrame(parts), found)


job.run(main, globals().get("snakemake"))
