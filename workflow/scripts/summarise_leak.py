"""Accuracy by splitting scheme, and how much each scheme flatters, with intervals."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import job
import numpy as np
import polars as pl
import polars.selectors as cs
from baselines import NAMES
from tables import write_csv

from nnjax import stats

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

HONEST = "speakers"
ALL = "all"
MODELS = {"network": "this study's network", "1_nn": "nearest neighbour"} | NAMES


def table(counts: pl.DataFrame) -> pl.DataFrame:
    """One row per model, scheme and range of held-out rows.

    value: accuracy on the rows of the range when held out. difference: that minus the accuracy on
    the same rows when whole speakers are held out, paired by seed and speaker; empty for that
    scheme itself. The intervals, `_lo` and `_hi`, are over speakers and seeds.
    """
    rows = []
    ranges = [ALL, *map(str, sorted(counts["range"].unique()))]
    for model in counts["model"].unique(maintain_order=True):
        for part in ranges:
            cells = counts.filter(model=model)
            cells = cells if part == ALL else cells.filter(range=int(part))
            honest, _ = _counts(cells.filter(scheme=HONEST))
            for scheme in counts["scheme"].unique(maintain_order=True):
                cell = cells.filter(scheme=scheme)
                correct, total = _counts(cell)
                # Against itself there is nothing to compare.
                versus = (
                    correct - honest if scheme != HONEST else np.full_like(correct, np.nan, float)
                )
                rows.append(
                    {"model": model, "name": MODELS[model], "scheme": scheme, "range": part}
                    | _ends("value", correct, total)
                    | _ends("difference", versus, total)
                    | {
                        "n": len(correct),
                        "speakers": len(total),
                        "rows": int(total.sum()),
                        "diverged": _diverged(cell),
                    }
                )
    return pl.DataFrame(rows).with_columns(cs.float().fill_nan(None))


def _counts(cell: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Correct rows (seeds, speakers) and rows (speakers,), summed over folds and ranges."""
    sums = cell.group_by("seed", "speaker").agg(pl.col("rows", "correct").sum())
    sums = sums.sort("seed", "speaker")
    shape = (sums["seed"].n_unique(), -1)
    return sums["correct"].to_numpy().reshape(shape), sums["rows"].to_numpy().reshape(shape)[0]


def _ends(name: str, correct: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    interval = stats.two_level_interval(correct, rows, np.random.default_rng(0))
    return {name: interval.value, f"{name}_lo": interval.lo, f"{name}_hi": interval.hi}


def _diverged(cell: pl.DataFrame) -> int:
    """Fits no better than guessing one of 26 letters, 1/26 and three standard errors."""
    fits = cell.group_by("seed", "fold").agg(pl.col("rows", "correct").sum())
    rows, p = pl.col("rows"), 1 / 26
    guessing = p + 3 * (p * (1 - p) / rows).sqrt()
    return fits.filter(pl.col("correct") / rows < guessing).height


def main(counts: Path, record: Path, output: Path) -> None:
    """Write the table.

    Args:
        counts: Parquet of the counts per scheme, model, seed, fold, range and speaker.
        record: the data's source record (JSON).
        output: CSV to write.
    """
    data = json.loads(record.read_text(encoding="utf-8"))["data"]
    write_csv(table(pl.read_parquet(counts)).with_columns(data=pl.lit(data)), output)


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        Path(snakemake.input.counts),
        Path(snakemake.input.record),
        Path(snakemake.output.table),
    )
