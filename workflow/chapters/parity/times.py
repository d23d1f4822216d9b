"""Time per epoch, its ratios, and the time to a test accuracy, from measured epochs and figure 6.

Times are of one machine and one run and differ every time, so they have their own table, with
the machine and its threads.
"""

from typing import Any

import numpy as np
import polars as pl
from agreement import KEYS
from settings import Timing

from nnjax import stats
from workflow.lib.estimates import (
    REPEATS_ORDER,
    SEEDS_ORDER,
    SPEAKERS_AND_SEEDS,
    median_interval,
    number,
)
from workflow.lib.numbers import Number
from workflow.lib.runs.counts import Runs, difference

OURS, TORCH = "hand-derived", "PyTorch"
ABSENT = "PyTorch is not installed"


def epoch_seconds(measured: pl.DataFrame) -> list[dict[str, Any]]:
    """Seconds of one epoch: the median of the repeats for each implementation and batch size."""
    return [
        _row("epoch_seconds", str(implementation), median_interval(cell["seconds"].to_numpy()), "s")
        | {"batch_size": size}
        for (implementation, size), cell in measured.group_by(
            "implementation", "batch_size", maintain_order=True
        )
    ]


def ratios(measured: pl.DataFrame, torch: str | None) -> list[dict[str, Any]]:
    """Seconds of an epoch over PyTorch's in the same repeat; the median of the repeats."""
    peers = measured.filter(pl.col("implementation") != TORCH)
    rows = []
    for implementation in peers["implementation"].unique(maintain_order=True):
        for size in peers.filter(pl.col("implementation") != OURS)["batch_size"].unique().sort():
            ours, theirs = (
                measured.filter(implementation=each, batch_size=size)
                .sort("repeat")["seconds"]
                .to_numpy()
                for each in (implementation, TORCH)
            )
            name, where = f"over_{TORCH}", {"batch_size": size}
            if torch is None:
                rows.append(
                    _row(name, implementation, None, "ratio of times") | where | {"note": ABSENT}
                )
            else:
                rows.append(
                    _row(name, implementation, median_interval(ours / theirs), "ratio of times")
                    | where
                )
    return rows


def slowest_over_fastest(measured: pl.DataFrame) -> dict[str, Any]:
    """How much the batch size matters: the slowest one's epoch over the fastest one's."""
    ours = measured.filter(implementation=OURS)
    medians = ours.group_by("batch_size").agg(pl.col("seconds").median()).sort("seconds")
    fast, slow = medians["batch_size"][0], medians["batch_size"][-1]
    pair = [
        ours.filter(batch_size=size).sort("repeat")["seconds"].to_numpy() for size in (slow, fast)
    ]
    return _row(
        "slowest_over_fastest", OURS, median_interval(pair[0] / pair[1]), "ratio of times"
    ) | {
        "batch_size": slow,
        "note": f"an epoch of batch size {slow} over one of {fast}",
    }


def first_epochs(runs: pl.DataFrame, target: float) -> np.ndarray:
    """For each seed the first epoch whose test accuracy reaches the target, infinite if none."""
    # A float32 accuracy of exactly the target counts as reaching it.
    reached = runs.filter(pl.col("test_accuracy").cast(pl.Float64) >= target - 1e-7)
    first = dict(reached.group_by("seed").agg(pl.col("epoch").min()).iter_rows())
    return np.array([first.get(seed, np.inf) for seed in sorted(set(runs["seed"]))], float)


def seconds_to_target(measured: pl.DataFrame, runs: Runs, target: float) -> list[dict[str, Any]]:
    """Time in which our training reaches an accuracy, by batch size; the median of the seeds."""
    rows = []
    for (size,), table in runs.epochs.sort("batch_size").group_by(
        "batch_size", maintain_order=True
    ):
        epochs = first_epochs(table, target)
        seconds = float(np.median(_seconds(measured, size)))
        rows.append(
            _row("seconds_to_target", OURS, median_interval(epochs * seconds), "s")
            | {
                "batch_size": size,
                "epochs": float(np.median(epochs)),
                "target": target,
                "never": int(np.isinf(epochs).sum()),
                "note": "epochs of figure 6 times the median seconds of one; interval over seeds",
            }
        )
    return rows


def short_training(
    measured: pl.DataFrame, runs: Runs, batch_size: int, epochs: int
) -> list[dict[str, Any]]:
    """Accuracy and time of the source's short training and of the best cell of figure 6.

    The best is picked on the test set, as in the source, and therefore a little too good. Seconds
    have their interval over the repeats, accuracies over speakers and seeds.
    """
    short = {"batch_size": batch_size, "epoch": epochs}
    if runs.epochs.filter(**short).is_empty():
        # The quick study leaves out most batch sizes.
        missing = f"figure 6 was not run with batch size {batch_size} for {epochs} epochs"
        where = {"batch_size": batch_size, "epochs": float(epochs), "note": missing}
        return [_row("short_accuracy", OURS, None, "fraction") | where]
    means = runs.epochs.group_by(*short).agg(pl.col("test_accuracy").cast(pl.Float64).mean())
    # Of equally good cells the one of fewer epochs.
    best = (
        means.sort("test_accuracy", -pl.col("epoch"), "batch_size")
        .select(*short)
        .row(-1, named=True)
    )
    rows = []
    for name, cell in (("short", short), ("best", best)):
        where = {"batch_size": cell["batch_size"], "epochs": float(cell["epoch"])}
        seconds = median_interval(cell["epoch"] * _seconds(measured, cell["batch_size"]))
        rows.append(_row(f"{name}_accuracy", OURS, runs.accuracy(**cell), "fraction") | where)
        rows.append(_row(f"{name}_seconds", OURS, seconds, "s") | where)
    gap = difference(runs.counts(**best), runs.counts(**short))
    note = {"epochs": float(best["epoch"]), "note": "the best cell is picked on the test set"}
    rows.append(
        _row("best_minus_short", OURS, gap, "difference of fractions")
        | {"batch_size": best["batch_size"]}
        | note
    )
    return rows


def _row(
    quantity: str, implementation: str, interval: stats.Interval | None, unit: str
) -> dict[str, Any]:
    found = interval._asdict() if interval else {"value": None, "lo": None, "hi": None, "n": 0}
    empty = {"batch_size": None, "epochs": None, "target": None, "never": None, "note": ""}
    return {"quantity": quantity, "implementation": implementation, **found, "unit": unit, **empty}


def _seconds(measured: pl.DataFrame, size: int) -> np.ndarray:
    return measured.filter(implementation=OURS, batch_size=size)["seconds"].to_numpy()


def table(measured: pl.DataFrame, runs: Runs, timing: Timing, torch: str | None) -> pl.DataFrame:
    """One row per quantity, implementation and batch size.

    Args:
        measured: as `measure` writes it.
        runs: the runs of figure 6.
        timing: `target`, and `short` (batch_size, epochs).
        torch: version of PyTorch, or None.
    """
    short = timing.short
    rows = [
        *epoch_seconds(measured),
        *ratios(measured, torch),
        slowest_over_fastest(measured),
        *seconds_to_target(measured, runs, timing.target),
        *short_training(measured, runs, short.batch_size, short.epochs),
    ]
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(
        threads=pl.lit(measured["threads"][0]), machine=pl.lit(measured["machine"][0])
    )


def numbers(table: pl.DataFrame) -> list[Number]:
    """K12 and K17: ratios of seconds per epoch, time to an accuracy, and 256 x 5."""
    found = []
    for row in table.filter(pl.col("n") > 0).iter_rows(named=True):
        size, implementation = row["batch_size"], KEYS[row["implementation"]]
        interval = stats.Interval(row["value"], row["lo"], row["hi"], row["n"])
        per_epoch = f"seconds per epoch, batches of {size}: {row['implementation']} over PyTorch"
        short = f"batches of {size}, {row['epochs'] or 0:g} epochs"
        match row["quantity"]:
            case "over_PyTorch":
                key = f"k17.{implementation}_over_torch" + ("" if size == 128 else f"_batch_{size}")
                found.append(number(key, per_epoch, interval, "ratio of times", REPEATS_ORDER))
            case "slowest_over_fastest":
                key, what = "k12.slowest_over_fastest", f"seconds per epoch: {row['note']}"
                found.append(number(key, what, interval, "ratio of times", REPEATS_ORDER))
            case "seconds_to_target":
                key = f"k12.seconds_to_target_{size}"
                what = (
                    f"seconds to test accuracy {row['target']:g}, batches of {size} "
                    f"({row['never']} of {row['n']} seeds never)"
                )
                found.append(number(key, what, interval, "s", SEEDS_ORDER))
            case "short_accuracy":
                key, what = f"k12.batch_{size}_accuracy", f"{short}: test accuracy"
                found.append(number(key, what, interval, "fraction", SPEAKERS_AND_SEEDS))
            case "short_seconds":
                key, what = f"k12.batch_{size}_seconds", f"{short}: seconds"
                found.append(number(key, what, interval, "s", REPEATS_ORDER))
            case "best_minus_short":
                key = "k12.best_minus_short"
                what = "best cell of figure 6 on the test set minus batches of 256, 5 epochs"
                unit = "difference of fractions"
                found.append(number(key, what, interval, unit, SPEAKERS_AND_SEEDS))
    return found
