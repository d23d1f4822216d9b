"""Made-up runs: tables as a training leaves them, whose accuracy is a function of the cell."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from workflow.lib.runs.counts import Runs
from workflow.lib.runs.found import Source

ROWS = 1000
"""Rows of every speaker."""


def runs(
    folder: Path, accuracy: Callable[..., float], *, epochs: int = 1, seeds: int = 2, **grid: Any
) -> Runs:
    """Runs over all combinations of a grid, of two speakers, written and read back.

    Args:
        folder: to write to.
        accuracy: takes every setting of the grid and the epoch.
        epochs: 1, 2, ... of every run.
        seeds: 0, 1, ... of every cell.
        grid: values by setting.
    """
    counts = []
    for values in itertools.product(*grid.values(), range(1, epochs + 1)):
        cell = dict(zip([*grid, "epoch"], values, strict=True))
        for seed, speaker in itertools.product(range(seeds), (1, 2)):
            correct = round(ROWS * accuracy(**cell))
            counts.append(
                {**cell, "seed": seed, "speaker": speaker, "rows": ROWS, "correct": correct}
            )
    folder.mkdir(parents=True, exist_ok=True)
    speakers = pl.DataFrame(counts)
    speakers.write_parquet(folder / "speakers.parquet")
    speakers.group_by(*grid, "epoch", "seed", maintain_order=True).agg(
        test_accuracy=pl.col("correct").sum() / pl.col("rows").sum()
    ).with_columns(train_loss=0.1, test_loss=pl.col("test_accuracy")).write_parquet(
        folder / "epochs.parquet"
    )
    return Runs(folder)


def clean(
    folder: Path, accuracy: Callable[..., float], *, at: dict[int, int], **grid: Any
) -> Source:
    """An experiment of the clean protocol; the rate 0.001 is chosen, later cells are better.

    Args:
        folder: to write to.
        accuracy: takes every setting of the grid, the rate, the epoch and `judged`.
        at: epoch of a choice to the epochs that it is trained for.
        grid: values by setting.
    """
    parts = [
        runs(
            folder / str(judged), accuracy, epochs=n, **grid, learning_rate=[0.001], judged=[judged]
        )
        for judged, n in at.items()
    ]
    for name in ("epochs", "speakers"):
        pl.concat(getattr(part, name) for part in parts).write_parquet(folder / f"{name}.parquet")
    cells = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    choice = {"learning_rate": 0.001, "trials": 2, "edge": False}
    rows = [
        {**cell, "epoch": judged, **choice, "cv_accuracy": 0.9 + i / 1000}
        for judged in at
        for i, cell in enumerate(cells)
    ]
    pl.DataFrame(rows).write_parquet(folder / "choices.parquet")
    return Source(Runs(folder), pl.read_parquet(folder / "choices.parquet"))
