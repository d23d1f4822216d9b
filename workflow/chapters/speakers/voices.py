"""Summarise the correlations of runs and the letter counts."""

from typing import Any

import polars as pl

from nnjax import stats
from workflow.lib.estimates import RUNS_WILSON, SPEAKERS_T, number

ASKED = "isolet3 and 4"
"""The group whose speakers the files do not name."""

SAME_SPEAKER = pl.col("speaker") == pl.col("other_speaker")
FIRST_AND_SECOND = (pl.col("utterance") == 1) & (pl.col("other_utterance") == 2)
SAME_UTTERANCE = pl.col("utterance") == pl.col("other_utterance")


def findings(pairs: pl.DataFrame) -> list[dict[str, Any]]:
    """Summarise the correlations of one group.

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
        _row(
            "same_speaker_lowest",
            "lowest correlation of a speaker's two runs",
            same.min(),
            n=len(same),
        ),
        _row(
            "other_speaker",
            "correlation of two speakers' first and second runs, mean",
            other.mean(),
            n=len(other),
        ),
        _row(
            "other_speaker_highest",
            "highest correlation of two speakers' runs",
            other.max(),
            n=len(other),
        ),
        _row(
            "inside_highest",
            "highest correlation of two first or two second runs",
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
            "fraction of runs whose nearest other run is the same speaker's",
            *found,
        ),
    ]


def letter_rows(letters: pl.DataFrame, speakers: int) -> list[dict[str, Any]]:
    """How often a group says each letter; n counts two utterances of every speaker."""
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


def pairs_drawn(pairs: pl.DataFrame) -> pl.DataFrame:
    """Rows of the figure: group, first and second (the speakers of a first and of a second run)
    and their correlation."""
    return pairs.filter(FIRST_AND_SECOND).select(
        "group",
        pl.col("speaker").alias("first"),
        pl.col("other_speaker").alias("second"),
        pl.col("correlation").round(3),
    )


def counted(pairs: pl.DataFrame, letters: pl.DataFrame) -> pl.DataFrame:
    """The findings and letter counts of every group.

    Args:
        pairs: correlations of runs, by group.
        letters: rows of every letter, by group.

    Returns:
        group, quantity, value, lo, hi, n, what.
    """
    rows = []
    for (group,), part in pairs.group_by("group", maintain_order=True):
        speakers = part["speaker"].n_unique()
        found = [*findings(part), *letter_rows(letters.filter(group=group), speakers)]
        rows += [{"group": group, **row} for row in found]
    floats: dict[str, type[pl.DataType]] = {"lo": pl.Float64, "hi": pl.Float64}
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=floats)


INTERVALS = {"same_speaker": SPEAKERS_T, "nearest_is_partner": RUNS_WILSON}


def numbers(counts: pl.DataFrame) -> list[dict[str, Any]]:
    """`audit.QUANTITY` of the speakers that the files do not name, `audit.known_...` of others.

    And `audit.missing_rows`: how many rows the files lack of two for each speaker and letter.

    Args:
        counts: as `counted` gives them.
    """
    of_letters = pl.col("quantity").str.starts_with("rows_")
    rows = []
    for row in counts.filter(~of_letters).iter_rows(named=True):
        prefix = "" if row["group"] == ASKED else f"known_{row['group']}_"
        lo, hi = (float("nan") if row[end] is None else row[end] for end in ("lo", "hi"))
        rows.append(
            number(
                f"audit.{prefix}{row['quantity']}",
                f"{row['group']}: {row['what']}",
                stats.Interval(row["value"], lo, hi, row["n"]),
                "fraction" if row["quantity"] == "nearest_is_partner" else "correlation",
                INTERVALS.get(row["quantity"], "none: the pairs share their runs"),
            )
        )
    letters = counts.filter(of_letters).with_columns(missing=pl.col("n") - pl.col("value"))
    missing = letters.filter(pl.col("missing") > 0)
    where = [
        f"{row['missing']:g} {row['quantity'].removeprefix('rows_')} in {row['group']}"
        for row in missing.iter_rows(named=True)
    ]
    no_interval = float("nan"), float("nan"), int(letters["n"].sum())
    rows.append(
        number(
            "audit.missing_rows",
            f"rows missing from two utterances of every letter: {', '.join(where)}",
            stats.Interval(float(missing["missing"].sum()), *no_interval),
            "rows",
            "none: a count",
        )
    )
    return rows
