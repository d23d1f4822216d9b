"""Time per epoch, its ratios, and the time to a test accuracy, from measured epochs and figure 6.

Times are of one machine and one run and never come out the same twice: they stand in a table of
their own, with the machine and its threads.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import numpy as np
import polars as pl
from cells import Runs, difference
from scipy.special import bdtr
from tables import write_csv

from nnjax import stats

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

OURS, TORCH = "hand-derived", "PyTorch"
ABSENT = "PyTorch is not installed"


def epoch_seconds(measured: pl.DataFrame) -> list[dict[str, Any]]:
    """Seconds of one epoch: the median of the repeats for each arm and batch size."""
    return [
        _row("epoch_seconds", str(arm), median_interval(cell["seconds"].to_numpy()), "s")
        | {"batch_size": size}
        for (arm, size), cell in measured.group_by("arm", "batch_size", maintain_order=True)
    ]


def ratios(measured: pl.DataFrame, torch: str | None) -> list[dict[str, Any]]:
    """Seconds of an epoch over PyTorch's in the same repeat; the median of the repeats."""
    peers = measured.filter(pl.col("arm") != TORCH)
    rows = []
    for arm in peers["arm"].unique(maintain_order=True):
        for size in peers.filter(pl.col("arm") != OURS)["batch_size"].unique().sort():
            ours, theirs = (
                measured.filter(arm=name, batch_size=size).sort("repeat")["seconds"].to_numpy()
                for name in (arm, TORCH)
            )
            name, where = f"over_{TORCH}", {"batch_size": size}
            if torch is None:
                rows.append(_row(name, arm, None, "ratio") | where | {"note": ABSENT})
            else:
                rows.append(_row(name, arm, median_interval(ours / theirs), "ratio") | where)
    return rows


def slowest_over_fastest(measured: pl.DataFrame) -> dict[str, Any]:
    """How much the batch size matters: the slowest one's epoch over the fastest one's."""
    ours = measured.filter(arm=OURS)
    medians = ours.group_by("batch_size").agg(pl.col("seconds").median()).sort("seconds")
    fast, slow = medians["batch_size"][0], medians["batch_size"][-1]
    pair = [
        ours.filter(batch_size=size).sort("repeat")["seconds"].to_numpy() for size in (slow, fast)
    ]
    return _row("slowest_over_fastest", OURS, median_interval(pair[0] / pair[1]), "ratio") | {
        "batch_size": slow,
        "note": f"an epoch of batch size {slow} over one of {fast}",
    }


def first_epochs(runs: pl.DataFrame, target: float) -> np.ndarray:
    """For each seed the first epoch whose test accuracy reaches the target, infinite if none."""
    # A float32 accuracy of exactly the target is read as the fraction it stands for.
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
    """Accuracy and time of the source's short training beside the best cell of figure 6.

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


def _row(quantity: str, arm: str, interval: stats.Interval | None, unit: str) -> dict[str, Any]:
    found = interval._asdict() if interval else {"value": None, "lo": None, "hi": None, "n": 0}
    empty = {"batch_size": None, "epochs": None, "target": None, "never": None, "note": ""}
    return {"quantity": quantity, "arm": arm, **found, "unit": unit, **empty}


def _seconds(measured: pl.DataFrame, size: int) -> np.ndarray:
    return measured.filter(arm=OURS, batch_size=size)["seconds"].to_numpy()


def main(
    epochs: Path,
    runs: Path,
    record: Path,
    settings: dict[str, Any],
    torch: str | None,
    output: Path,
) -> None:
    """Write the table.

    Args:
        epochs: as time_training writes it.
        runs: folder of the runs of figure 6.
        record: the data's source record (JSON).
        settings: the configuration's `timing`: `target`, and `short` (batch_size, epochs).
        torch: version of PyTorch, or None.
        output: CSV to write: one row per quantity, arm and batch size.
    """
    measured = pl.read_parquet(epochs)
    fig6 = Runs(runs)
    short = settings["short"]
    rows = [
        *epoch_seconds(measured),
        *ratios(measured, torch),
        slowest_over_fastest(measured),
        *seconds_to_target(measured, fig6, settings["target"]),
        *short_training(measured, fig6, short["batch_size"], short["epochs"]),
    ]
    table = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        threads=pl.lit(measured["threads"][0]),
        machine=pl.lit(measured["machine"][0]),
        data=pl.lit(json.loads(record.read_text(encoding="utf-8"))["data"]),
    )
    write_csv(table, output)


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        Path(snakemake.input.epochs),
        Path(snakemake.input.runs[0]).parent,
        Path(snakemake.input.record),
        snakemake.params["settings"],
        snakemake.params["torch"],
        Path(snakemake.output.table),
    )
