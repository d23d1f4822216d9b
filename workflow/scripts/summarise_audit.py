"""What the correlations of runs and the letter counts say, and the pairs that the figure shows."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import polars as pl
from tables import write_csv

from nnjax import stats

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

SAME_SPEAKER = pl.col("speaker") == pl.col("other_speaker")
FIRST_AND_SECOND = (pl.col("utterance") == 1) & (pl.col("other_utterance") == 2)
SAME_UTTERANCE = pl.col("utterance") == pl.col("other_utterance")


def findings(pairs: pl.DataFrame) -> list[dict[str, Any]]:
    """What one group's correlations say.

    Args:
        pairs: correlations of every two different runs of the group, both ways.

    Returns:
        quantity, value, lo, hi, n, what; no interval where the pairs share their runs.
    """
    same = pairs.filter(SAME_SPEAKER & FIRST_AND_SECOND)["correlation"]
    other = pairs.filter(~SAME_SPEAKER & FIRST_AND_SECOND)["correlation"]
    inside = pairs.filter(SAME_UTTERANCE & (pl.col("speaker") < pl.col("other_speaker")))
    # Pairs of runs that follow each other: what would belong together if a range held both
    # utterances of half as many speakers.
    first = pairs["speaker"].min()
    next_run = inside.filter(
        (pl.col("other_speaker") == pl.col("speaker") + 1) & ((pl.col("speaker") - first) % 2 == 0)
    )["correlation"]
    nearest = pairs.sort("correlation", descending=True).unique(
        ["speaker", "utterance"], keep="first", maintain_order=True
    )
    found = stats.proportion_interval(nearest.filter(SAME_SPEAKER).height, nearest.height)
    return [
        _row(
            "same_speaker",
            "correlation of a speaker's two runs, mean",
            *stats.mean_interval(same.to_numpy()),
        ),
        _row("same_speaker_lowest", "the lowest of them", same.min(), n=len(same)),
        _row(
            "other_speaker",
            "correlation of a first and a second run of two speakers, mean",
            other.mean(),
            n=len(other),
        ),
        _row("other_speaker_highest", "the highest of them", other.max(), n=len(other)),
        _row(
            "inside_highest",
            "highest correlation of two first, or two second, runs",
            inside["correlation"].max(),
            n=inside.height,
        ),
        _row(
            "next_run",
            "correlation of the 1st and 2nd, 3rd and 4th, ... first (or second) run, mean",
            next_run.mean(),
            n=len(next_run),
        ),
        _row(
            "nearest_is_partner",
            "runs whose nearest of all other runs is the same speaker's, fraction",
            *found,
        ),
    ]


def letter_rows(letters: pl.DataFrame, speakers: int) -> list[dict[str, Any]]:
    """How often a group says each letter; n is what two utterances of every speaker make."""
    return [
        _row(f"rows_{chr(64 + letter)}", f"rows of letter {chr(64 + letter)}", rows, n=2 * speakers)
        for letter, rows in letters.sort("letter").select("letter", "rows").iter_rows()
    ]


def _row(
    quantity: str,
    what: str,
    value: Any,
    lo: float | None = None,
    hi: float | None = None,
    n: int = 1,
) -> dict[str, Any]:
    row = {"quantity": quantity, "value": float(value), "lo": lo, "hi": hi, "n": n}
    return row | {"what": what}


def main(pairs: Path, letters: Path, record: Path, table: Path, counts: Path) -> None:
    """Write both tables.

    Args:
        pairs: Parquet of the correlations of runs, by group.
        letters: Parquet of the rows of every letter, by group.
        record: the data's source record (JSON).
        table: CSV to write for the figure: group, first and second (the speakers of a first and a
            second run), correlation.
        counts: CSV to write: group, quantity, value, lo, hi, n, what.
    """
    data = pl.lit(json.loads(record.read_text(encoding="utf-8"))["data"]).alias("data")
    all_pairs, all_letters = pl.read_parquet(pairs), pl.read_parquet(letters)
    shown = all_pairs.filter(FIRST_AND_SECOND).select(
        "group", pl.col("speaker").alias("first"), pl.col("other_speaker").alias("second"),
        pl.col("correlation").round(3), data,
    )  # fmt: skip
    rows = []
    for (group,), part in all_pairs.group_by("group", maintain_order=True):
        speakers = part["speaker"].n_unique()
        found = [*findings(part), *letter_rows(all_letters.filter(group=group), speakers)]
        rows += [{"group": group, **row} for row in found]
    floats: dict[str, type[pl.DataType]] = {"lo": pl.Float64, "hi": pl.Float64}
    summary = pl.DataFrame(rows, infer_schema_length=None, schema_overrides=floats)
    write_csv(shown, table)
    write_csv(summary.with_columns(data), counts)


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        Path(snakemake.input.pairs),
        Path(snakemake.input.letters),
        Path(snakemake.input.record),
        Path(snakemake.output.table),
        Path(snakemake.output.counts),
    )
