"""Training advice on ISOLET: paired differences of the ablations, learning curves, and numbers."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from nnjax import stats
from workflow.lib import job
from workflow.lib.estimates import SEEDS_T, SPEAKERS_AND_SEEDS, number, single
from workflow.lib.estimates import table as numbers_table
from workflow.lib.runs.counts import Counts, difference, diverged, rng
from workflow.lib.tables import data_of, write_csv

Epoch = int | str
"""A number from 1, or `best`."""

Differences = dict[str, tuple[str, Epoch, str, Epoch]]
"""Key to arm, epoch, and the arm and epoch to subtract."""


def best_epochs(by_epoch: pl.DataFrame, arm: str) -> pl.DataFrame:
    """The epoch of each seed with the lowest loss on the held-out training speakers.

    Raises:
        ValueError: if no speakers were held out in this arm.
    """
    rows = by_epoch.filter(pl.col("arm") == arm, pl.col("held_out_loss").is_not_null())
    if rows.is_empty():
        raise ValueError(f"arm {arm!r} holds out no speakers, so it has no best epoch")
    return rows.sort("held_out_loss", "epoch").unique("seed", keep="first", maintain_order=True)


def counts(by_epoch: pl.DataFrame, by_speaker: pl.DataFrame, arm: str, epoch: Epoch) -> Counts:
    """Correct rows (seeds, speakers) of an arm after an epoch, and each speaker's rows."""
    rows = by_speaker.filter(pl.col("arm") == arm)
    if epoch == "best":
        chosen = best_epochs(by_epoch, arm).select("seed", "epoch")
        rows = rows.join(chosen, on=["seed", "epoch"], maintain_order="left")
    else:
        rows = rows.filter(pl.col("epoch") == epoch)
    if rows.is_empty():
        raise ValueError(f"arm {arm!r} has no epoch {epoch}")
    rows = rows.sort("seed", "speaker")
    seeds = rows["seed"].n_unique()
    correct = rows["correct"].to_numpy().reshape(seeds, -1)
    return correct, rows["rows"].to_numpy().reshape(seeds, -1)[0]


class Comparison(NamedTuple):
    """The comparison in words, the paired difference, and its p value."""

    what: str
    difference: stats.Interval
    p: float


def compared(
    by_epoch: pl.DataFrame, by_speaker: pl.DataFrame, differences: Differences
) -> dict[str, Comparison]:
    """All comparisons by key; p by test speaker, after Holm over all of them."""
    found = {}
    for key, (arm, epoch, minus, minus_epoch) in differences.items():
        cells = [
            counts(by_epoch, by_speaker, a, e) for a, e in ((arm, epoch), (minus, minus_epoch))
        ]
        what = f"{arm} ({_when(epoch)}) minus {minus} ({_when(minus_epoch)})"
        (a, _), (b, _) = cells
        p = stats.sign_flip_test((a - b).mean(axis=0), rng())
        found[key] = Comparison(what, difference(*cells), p)
    adjusted = stats.holm([one.p for one in found.values()])
    return {
        key: one._replace(p=float(p)) for (key, one), p in zip(found.items(), adjusted, strict=True)
    }


def _when(epoch: Epoch) -> str:
    return "stopped early" if epoch == "best" else f"epoch {epoch}"


def _key(arm: str) -> str:
    return arm.replace(", ", "_").replace(" ", "_")


def accuracies(by_epoch: pl.DataFrame, by_speaker: pl.DataFrame) -> list[dict[str, Any]]:
    """The test accuracy of every arm at its end, and how many of its runs diverged."""
    rows = []
    for arm in by_epoch["arm"].unique(maintain_order=True):
        last = int(by_epoch.filter(arm=arm)["epoch"].max())  # type: ignore[arg-type]
        correct, of = counts(by_epoch, by_speaker, arm, last)
        key = _key(arm)
        accuracy = stats.two_level_interval(correct, of, rng())
        what = f"test accuracy of arm '{arm}' after {last} epochs"
        rows.append(number(f"h6.{key}_accuracy", what, accuracy, "fraction", SPEAKERS_AND_SEEDS))
        end = by_epoch.filter(arm=arm, epoch=last).sort("seed")
        lost = diverged(
            pl.DataFrame(
                {
                    "train_loss": end["train_loss"],
                    "test_loss": 0.0,
                    "test_accuracy": correct.sum(axis=1) / of.sum(),
                }
            )
        )
        what = f"runs of arm '{arm}' that diverged or only guess"
        rows.append(single(f"h6.{key}_lost", what, int(lost.sum()), "runs", len(lost)))
    return rows


def stopping(by_epoch: pl.DataFrame) -> list[dict[str, Any]]:
    """The epochs at which early stopping stops."""
    held = by_epoch.filter(pl.col("held_out_loss").is_not_null())
    rows = []
    for arm in held["arm"].unique(maintain_order=True):
        epochs = stats.mean_interval(best_epochs(by_epoch, arm)["epoch"].to_numpy())
        what = f"epoch with the lowest held-out loss, arm '{arm}', mean"
        key = _key(arm)
        rows.append(number(f"h6.{key}_stopped_at", what, epochs, "number", SEEDS_T))
    return rows


def figure(
    by_epoch: pl.DataFrame,
    by_speaker: pl.DataFrame,
    found: dict[str, Comparison],
) -> pl.DataFrame:
    """part (difference or curve), name (key or arm), epoch, updates, value, lo, hi, n.

    Curves are means over seeds and speakers; only the paired differences can be compared.
    """
    rows: list[dict[str, Any]] = [
        {"part": "difference", "name": key, "epoch": 0, "updates": 0, **one.difference._asdict()}
        for key, one in found.items()
    ]
    updates = by_epoch.filter(seed=0).select("arm", "epoch", "updates")
    curves = (
        by_speaker.group_by("arm", "epoch", maintain_order=True)
        .agg(value=pl.col("correct").sum() / pl.col("rows").sum(), n=pl.col("seed").n_unique())
        .join(updates, on=["arm", "epoch"], maintain_order="left")
    )
    for row in curves.iter_rows(named=True):
        ends = {"lo": np.nan, "hi": np.nan}
        rows.append({"part": "curve", "name": row.pop("arm"), **row, **ends})
    ends = pl.col("lo", "hi").fill_nan(None)
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(ends)


def main(
    runs: Path,
    speakers: Path,
    origin: Path,
    differences: Differences,
    practice: Path,
    numbers: Path,
) -> None:
    """Write the tables.

    Args:
        runs: Parquet of `train`, by arm, seed and epoch.
        speakers: Parquet of `train`, by test speaker as well.
        origin: where the data came from (JSON).
        differences: what is compared with what.
        practice: CSV of the figure.
        numbers: CSV of the chapter's numbers.
    """
    data = data_of(origin)
    by_epoch, by_speaker = pl.read_parquet(runs), pl.read_parquet(speakers)
    found = compared(by_epoch, by_speaker, differences)
    rows = [
        *(
            number(f"h6.{key}", f"test accuracy: {one.what}", one.difference,
                   "difference of fractions", SPEAKERS_AND_SEEDS, one.p)
            for key, one in found.items()
        ),
        *accuracies(by_epoch, by_speaker),
        *stopping(by_epoch),
    ]  # fmt: skip
    write_csv(numbers_table(rows, data), numbers)
    write_csv(figure(by_epoch, by_speaker, found).with_columns(data=pl.lit(data)), practice)


job.run(main, globals().get("snakemake"))
