"""The record in one table: single networks, the ensemble, and what they are compared with."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import numpy as np
import polars as pl
from covers import SPEAKERS_AND_SEEDS
from tables import write_csv
from train_record import ENSEMBLE

from nnjax import stats

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


NAMES = {
    "study": "the source's network",
    "single": "the record, one network",
    "ensemble": "the record, ensemble",
}


def main(
    speakers: Path,
    study: Path,
    arm: dict[str, float],
    published: dict[str, Any],
    record: Path,
    output: Path,
    beside: Path,
) -> None:
    """Write the table, and the rows that stand beside the baselines.

    Rows: `single` (mean of the members), `ensemble`, `study` (the source's own network),
    `published`, and the paired differences `ensemble - study` and `single - study`. A published
    count of errors came without its predictions: no paired test against it is possible, so it has
    no interval and no p value, and ours has its interval over speakers beside it.

    Args:
        speakers: counts of `train_record`.
        study: counts of the study's network on the same speakers.
        arm: which of its arms.
        published: errors and rows of the best published result.
        record: the data's source record (JSON).
        output: CSV to write: what, accuracy, lo, hi (95 %), n (seeds), errors (mean over seeds),
            rows, speakers, p (sign flips of the speakers' differences), diverged (members), data.
        beside: CSV to write: the study's network and ours as the table of baselines has its rows.
    """
    ours = pl.read_parquet(speakers)
    members, together = (ours.filter(pl.col("seed") != ENSEMBLE), ours.filter(seed=ENSEMBLE))
    (single, rows), (ensemble, _) = counts(members), counts(together)
    diverged = members.filter("diverged")["seed"].n_unique()
    trained = pl.read_parquet(study).filter(**arm)
    last = trained.filter(pl.col("epoch") == pl.col("epoch").max())
    source, source_rows = counts(last)
    if not np.array_equal(rows, source_rows):
        raise ValueError(f"{speakers} and {study} do not count the same speakers' rows")
    wrong, of = published["errors"], published["rows"]
    table = [
        line("single", single, rows) | {"diverged": diverged},
        line("ensemble", ensemble, rows) | {"diverged": int(together["diverged"].any())},
        line("study", source, rows),
        {"what": "published", "accuracy": 1 - wrong / of, "errors": float(wrong), "rows": of},
        compared("single - study", single, source, rows),
        compared("ensemble - study", ensemble, source, rows),
    ]
    data = json.loads(record.read_text(encoding="utf-8"))["data"]
    # The published row, with fewer columns, is not the first, and a column may begin with nothing.
    frame = pl.DataFrame(table, infer_schema_length=None)
    write_csv(frame.with_columns(data=pl.lit(data)), output)
    ours = frame.filter(pl.col("what").is_in(list(NAMES)))
    write_csv(
        ours.select(
            pl.col("what").alias("model"),
            pl.col("what").replace_strict(NAMES).alias("name"),
            pl.lit("study").alias("kind"),
            *("accuracy", "lo", "hi", "errors", "rows", "n", "speakers"),
            pl.lit(SPEAKERS_AND_SEEDS).alias("interval"),
            pl.lit(data).alias("data"),
        ),
        beside,
    )


def counts(table: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Correct rows (seeds, speakers), and each speaker's rows."""
    table = table.sort("seed", "speaker")
    if table.select("seed", "speaker").is_duplicated().any():
        raise ValueError("a seed and speaker stand in two rows; name all that is varied")
    seeds = table["seed"].n_unique()
    correct = table["correct"].to_numpy().reshape(seeds, -1).astype(float)
    return correct, table["rows"].to_numpy().reshape(seeds, -1)[0]


def line(what: str, correct: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    """An accuracy with its interval over speakers and seeds, and its errors."""
    interval = stats.two_level_interval(correct, rows, np.random.default_rng(0))
    return {
        "what": what,
        "accuracy": interval.value,
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


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        Path(snakemake.input.speakers),
        Path(snakemake.input.study),
        snakemake.params["arm"],
        snakemake.params["published"],
        Path(snakemake.input.record),
        Path(snakemake.output.table),
        Path(snakemake.output.beside),
    )
