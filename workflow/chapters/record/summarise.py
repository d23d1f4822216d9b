"""The record in one table and in numbers: single networks, the ensemble, and the comparisons."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from settings import Literature
from train import ENSEMBLE

from nnjax import stats
from workflow.lib import job
from workflow.lib.estimates import SPEAKERS, SPEAKERS_AND_SEEDS, number
from workflow.lib.estimates import table as numbers_table
from workflow.lib.numbers import Number
from workflow.lib.tables import write_csv

DIFFERENCE = "95 % over speakers and the study's seeds (bootstrap)"


def main(
    speakers: Path,
    reference: Path,
    origin: Path,
    momentum: float,
    literature: Literature,
    recipe: str,
    ablation: Path,
    record: Path,
    numbers: Path,
) -> None:
    """Write the figure's table and the numbers.

    The part "result" of the table has the rows `single` (mean of the members), `ensemble`, `study`
    (the source's own network), `literature`, and the paired differences `ensemble - study` and
    `single - study`. The published count of errors came without its predictions: no paired test
    against it is possible, so it has no interval and no p value. The part "ablation" has the
    difference that each change of the recipe makes, the recipe itself first.

    Args:
        speakers: counts of `train`.
        reference: counts of the source's network on the same speakers.
        origin: where the data came from (JSON).
        momentum: the arm of the source's network.
        literature: errors and rows of the best published result.
        recipe: digest of the recipe.
        ablation: CSV of `ablate`.
        record: CSV to write: part, what, value (accuracy or difference), lo, hi (95 %), n (seeds),
            errors (mean over seeds), rows, speakers, p (sign flips of the speakers' differences),
            diverged (members), recipe, data.
        numbers: CSV of the chapter's numbers.

    Raises:
        ValueError: if the two count other speakers, or other rows of them.
    """
    ours = pl.read_parquet(speakers)
    members, together = (ours.filter(pl.col("seed") != ENSEMBLE), ours.filter(seed=ENSEMBLE))
    (single, rows), (ensemble, _) = counts(members), counts(together)
    diverged = members.filter("diverged")["seed"].n_unique()
    trained = pl.read_parquet(reference).filter(momentum=momentum)
    last = trained.filter(pl.col("epoch") == pl.col("epoch").max())
    study, study_rows = counts(last)
    if not np.array_equal(rows, study_rows):
        raise ValueError(f"{speakers} and {reference} do not count the same speakers' rows")
    wrong, of = literature.errors, literature.rows
    table = [
        line("single", single, rows) | {"diverged": diverged},
        line("ensemble", ensemble, rows) | {"diverged": int(together["diverged"].any())},
        line("study", study, rows),
        {"what": "literature", "value": 1 - wrong / of, "errors": float(wrong), "rows": of},
        compared("single - study", single, study, rows),
        compared("ensemble - study", ensemble, study, rows),
    ]
    data = json.loads(origin.read_text(encoding="utf-8"))["data"]
    # The row of the literature has fewer columns, and a column may begin with nothing.
    frame = pl.DataFrame(table, infer_schema_length=None).with_columns(
        part=pl.lit("result"), recipe=pl.lit(recipe), data=pl.lit(data)
    )
    if not ablation.exists():
        raise job.JobError(f"{ablation}: is missing; `snakemake record` makes it")
    changes = pl.read_csv(ablation).select(
        pl.lit("ablation").alias("part"),
        pl.col("arm").alias("what"),
        pl.col("difference").alias("value"),
        pl.col("difference_lo").alias("lo"),
        pl.col("difference_hi").alias("hi"),
        *("n", "recipe", "data"),
    )
    write_csv(pl.concat([frame, changes], how="diagonal_relaxed"), record)
    measured = [found for row in table if "lo" in row for found in numbers_of(row)]
    write_csv(numbers_table(measured, data), numbers)


def numbers_of(row: dict[str, Any]) -> list[Number]:
    """The numbers of a row of the table: an accuracy and its errors, or a difference."""
    accuracy = stats.Interval(row["value"], row["lo"], row["hi"], row["n"])
    if " - " in row["what"]:
        key = f"record.{row['what'].replace(' - ', '_minus_')}"
        what = f"test accuracy, {row['what'].replace('-', 'minus')}"
        unit = "difference of fractions"
        return [number(key, what, accuracy, unit, DIFFERENCE, row["p"])]
    covers = SPEAKERS if row["n"] == 1 else SPEAKERS_AND_SEEDS
    key, what, rows = f"record.{row['what']}", f"record, {row['what']}", row["rows"]
    errors = stats.Interval(row["errors"], rows * (1 - row["hi"]), rows * (1 - row["lo"]), row["n"])
    return [
        number(f"{key}_accuracy", f"{what}: test accuracy", accuracy, "fraction", covers),
        number(f"{key}_errors", f"{what}: errors of {rows} rows", errors, "rows", covers),
    ]


def counts(table: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Correct rows (seeds, speakers), and each speaker's rows."""
    table = table.sort("seed", "speaker")
    if table.select("seed", "speaker").is_duplicated().any():
        raise ValueError("a seed and speaker occur in two rows; name all that is varied")
    seeds = table["seed"].n_unique()
    correct = table["correct"].to_numpy().reshape(seeds, -1).astype(float)
    return correct, table["rows"].to_numpy().reshape(seeds, -1)[0]


def line(what: str, correct: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    """An accuracy with its interval over speakers and seeds, and its errors."""
    interval = stats.two_level_interval(correct, rows, np.random.default_rng(0))
    return {
        "what": what,
        "value": interval.value,
        "lo": interval.lo,
        "hi": interval.hi,
        "n": interval.n,
        "errors": float(rows.sum() - correct.sum(axis=1).mean()),
        "rows": int(rows.sum()),
        "speakers": len(rows),
        "p": None,
    }


def compared(what: str, a: np.ndarray, b: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    """Difference of two accuracies, paired by speaker; the seeds of the two are unrelated.

    The sign-flip test takes one difference per speaker, of the means over seeds. The interval
    resamples speakers and the seeds of `b`, of which there are more.
    """
    difference = line(what, a.mean(axis=0) - b, rows)
    p = stats.sign_flip_test(a.mean(axis=0) - b.mean(axis=0), np.random.default_rng(0))
    errors = (b.sum(axis=1).mean() - a.sum(axis=1).mean()).item()
    return difference | {"errors": errors, "p": p}


job.run(main, globals().get("snakemake"))
