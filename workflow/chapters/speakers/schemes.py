"""Accuracy by splitting scheme, and how much each scheme flatters, with intervals."""

from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs

from nnjax import stats
from workflow.lib.estimates import SPEAKERS, SPEAKERS_AND_SEEDS, number
from workflow.lib.runs.classifiers import NAMES
from workflow.lib.runs.counts import rng

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
    interval = stats.two_level_interval(correct, rows, rng())
    return {name: interval.value, f"{name}_lo": interval.lo, f"{name}_hi": interval.hi}


def _diverged(cell: pl.DataFrame) -> int:
    """Fits no better than guessing one of 26 letters, 1/26 and three standard errors."""
    fits = cell.group_by("seed", "fold").agg(pl.col("rows", "correct").sum())
    rows, p = pl.col("rows"), 1 / 26
    guessing = p + 3 * (p * (1 - p) / rows).sqrt()
    return fits.filter(pl.col("correct") / rows < guessing).height


CELLS = {
    "random_row_cv_difference": ("rows", "all", "difference"),
    "range_cv_difference": ("ranges", "all", "difference"),
    "range_4_difference": ("ranges", "4", "difference"),
    "speaker_cv_accuracy": ("speakers", "all", "value"),
}
"""Number to scheme, range and column of the table."""


def numbers(table: pl.DataFrame) -> list[dict[str, Any]]:
    """`optimism.WHAT` of the study's network, `optimism.WHAT_MODEL` of the others.

    What: random_row_cv_difference (single rows dealt to the folds), range_cv_difference (row ranges
    left out in turn), range_4_difference (trained on ranges 1-3, read on range 4), each minus whole
    speakers held out, on the same rows; speaker_cv_accuracy is what they are compared with.

    Args:
        table: as `table` gives it.
    """
    rows = []
    for what, (scheme, part, column) in CELLS.items():
        for row in table.filter(scheme=scheme, range=part).iter_rows(named=True):
            model = "" if row["model"] == "network" else f"_{row['model']}"
            against = ", minus whole speakers held out" if column == "difference" else ""
            ends = (row[name] for name in (column, f"{column}_lo", f"{column}_hi", "n"))
            rows.append(
                number(
                    f"optimism.{what}{model}",
                    f"{row['name']}: accuracy of held-out {_rows(scheme, part)}{against}",
                    stats.Interval(*ends),
                    "difference of fractions" if column == "difference" else "fraction",
                    SPEAKERS_AND_SEEDS if row["n"] > 1 else SPEAKERS,
                )
            )
    return rows


def _rows(scheme: str, part: str) -> str:
    if part != "all":
        return f"row range {part}"
    return {"rows": "single rows", "ranges": "row ranges", "speakers": "whole speakers"}[scheme]
