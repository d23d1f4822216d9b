"""Choose width, learning rate, optimizer's rate and epochs of the networks by cross-validation."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tqdm import tqdm

from workflow.lib import job
from workflow.lib.runs.folds import SPLIT_SEED, Fold, of_one_shape
from workflow.lib.tables import write_parquet
from workflow.table.networks import trained
from workflow.table.rows import Rows, encoded, folds, stored
from workflow.table.settings import Table


def trials(train: Rows, table: Table, hidden_units: int, optimizer: str) -> list[dict[str, Any]]:
    """One row per learning rate: its best epoch, with accuracy and loss over folds and seeds."""
    rates = table.optimizers[optimizer]  # pyright: ignore[reportArgumentType]
    losses, values = [], []
    parts = folds(train, table.folds)
    for (rows, held_out), (_, real) in zip(of_one_shape(even(parts)), parts, strict=True):
        # A fold that is short of held-out rows repeats some, which count nothing.
        weights = (np.arange(len(held_out)) < len(real)).astype(np.float32)
        known, others = train.where(rows), train.where(held_out)
        _, history = trained(
            encoded(known, others), known, others, hidden_units, optimizer, rates, table.seeds,
            table.epochs, table.batch_rows, weights,
        )  # fmt: skip
        losses.append(history.validation_loss)
        values.append(history.validation_accuracy)
    loss, value = np.asarray(losses), np.asarray(values)  # (folds, rates, seeds, epochs)
    found = []
    for i, rate in enumerate(rates):
        # A diverged replica has NaN, which is never the best.
        mean = loss[:, i].mean(axis=(0, 1))
        epoch = int(np.nan_to_num(mean, nan=np.inf).argmin())
        there = values_of(train, loss, value)[:, i, :, epoch]
        found.append(
            {
                "hidden_units": hidden_units,
                "optimizer": optimizer,
                "learning_rate": rate,
                "epochs": epoch + 1,
                "loss": float(mean[epoch]),
                "mean": float(there.mean()),
                "sd": float(there.std(ddof=1)),
                "n": there.size,
                "losses": mean.tolist(),
                "values": values_of(train, loss, value)[:, i].mean(axis=(0, 1)).tolist(),
                "diverged": int((~np.isfinite(loss[:, i, :, -1])).sum()),
            }
        )
    return found


def values_of(train: Rows, loss: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Accuracy, or R²: amounts are standardised, so it is 1 - loss."""
    return 1 - loss if train.is_regression else value


def best(trials: list[dict[str, Any]]) -> list[bool]:
    """One trial of each optimizer, and of the networks without a hidden layer: the least loss.

    The first of equal ones, as where all rows are certain; a diverged one only if all are.
    """
    least: dict[tuple[str, bool], int] = {}
    losses = np.nan_to_num([trial["loss"] for trial in trials], nan=np.inf)
    for i, trial in enumerate(trials):
        key = (trial["optimizer"], trial["hidden_units"] == 0)
        if losses[i] < losses[least.setdefault(key, i)]:
            least[key] = i
    return [i in least.values() for i in range(len(trials))]


def even(parts: list[Fold]) -> list[Fold]:
    """Folds with equally many rows to train on: of larger ones, some that are drawn.

    Where one group has most rows, most are left out, and the last rows of a table are often of
    one class.
    """
    fewest, rng = min(len(known) for known, _ in parts), np.random.default_rng(SPLIT_SEED)
    return [
        (known if len(known) == fewest else np.sort(rng.choice(known, fewest, replace=False)), held)
        for known, held in parts
    ]


def main(rows: Path, about: Path, table: Table, chosen: Path) -> None:
    """Try all widths with Adam (or the first optimizer), then the others at the best width.

    Args:
        rows: the table's rows.
        about: what is known about them.
        table: the settings.
        chosen: Parquet to write, one row per trial, with the held-out loss and value of each epoch,
            and `best` for the best of its optimizer and of the networks without a hidden layer.
    """
    train, _ = stored(rows, about)
    first, *others = table.optimizers
    widths = [0, *table.hidden_units]
    with tqdm(total=len(widths) + len(others), desc="networks", file=sys.stderr) as bar:

        def tried(hidden_units: int, optimizer: str) -> list[dict[str, Any]]:
            rows = trials(train, table, hidden_units, optimizer)
            bar.update()
            return rows

        found = [row for units in widths for row in tried(units, first)]
        deep = [row for row in found if row["hidden_units"]]
        width = min(deep, key=lambda row: np.nan_to_num(row["loss"], nan=np.inf))["hidden_units"]
        found += [row for name in others for row in tried(width, name)]
    write_parquet(pl.DataFrame(found).with_columns(best=pl.Series(best(found))), chosen)


job.run(main, globals().get("snakemake"))
