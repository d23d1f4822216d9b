"""The numbers of the audit and the leak, from their tables."""

from typing import Any

import polars as pl
from covers import RUNS_WILSON, SPEAKERS, SPEAKERS_AND_SEEDS, SPEAKERS_T


def from_leak(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """`optimism.<what>` of the study's network, `optimism.<what>_<model>` of the others.

    What: random_row_cv_difference (single rows dealt to the folds), range_cv_difference (row ranges
    left out in turn), range_4_difference (trained on ranges 1-3, read on range 4), each minus whole
    speakers held out, on the same rows; speaker_cv_accuracy is what they are compared with.
    """
    cells = {
        "random_row_cv_difference": ("rows", "all", "difference"),
        "range_cv_difference": ("ranges", "all", "difference"),
        "range_4_difference": ("ranges", "4", "difference"),
        "speaker_cv_accuracy": ("speakers", "all", "value"),
    }
    numbers = {}
    for what, (scheme, part, column) in cells.items():
        for row in table.filter(scheme=scheme, range=part).iter_rows(named=True):
            model = "" if row["model"] == "network" else f"_{row['model']}"
            against = ", minus whole speakers held out" if column == "difference" else ""
            numbers[f"optimism.{what}{model}"] = {
                "value": row[column],
                "lo": row[f"{column}_lo"],
                "hi": row[f"{column}_hi"],
                "n": row["n"],
                "unit": "difference of fractions" if column == "difference" else "fraction",
                "interval": SPEAKERS_AND_SEEDS if row["n"] > 1 else SPEAKERS,
                "what": f"{row['name']}: accuracy of held-out {_rows(scheme, part)}{against}",
            }
    return numbers


def _rows(scheme: str, part: str) -> str:
    if part != "all":
        return f"row range {part}"
    return {"rows": "single rows", "ranges": "row ranges", "speakers": "whole speakers"}[scheme]


def from_audit(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """`audit.<quantity>` of the speakers that the files do not name, `audit.known_...` of others.

    And `audit.missing_rows`: how many rows the files lack of two for each speaker and letter.
    """
    intervals = {
        "same_speaker": SPEAKERS_T,
        "nearest_is_partner": RUNS_WILSON,
    }
    numbers = {}
    for row in table.filter(~pl.col("quantity").str.starts_with("rows_")).iter_rows(named=True):
        asked = row["group"] == "isolet3 and 4"
        prefix = "" if asked else f"known_{row['group']}_"
        numbers[f"audit.{prefix}{row['quantity']}"] = {
            "value": row["value"],
            "lo": row["lo"],
            "hi": row["hi"],
            "n": row["n"],
            "unit": "fraction" if row["quantity"] == "nearest_is_partner" else "correlation",
            "interval": intervals.get(row["quantity"], "none: the pairs share their runs"),
            "what": f"{row['group']}: {row['what']}",
        }
    rows = table.filter(pl.col("quantity").str.starts_with("rows_"))
    missing = rows.with_columns(missing=pl.col("n") - pl.col("value")).filter(pl.col("missing") > 0)
    numbers["audit.missing_rows"] = {
        "value": missing["missing"].sum(),
        "lo": None,
        "hi": None,
        "n": rows["n"].sum(),
        "unit": "rows",
        "interval": "none: a count",
        "what": "rows missing from two utterances of every letter: "
        + ", ".join(
            f"{row['missing']:g} {row['quantity'].removeprefix('rows_')} in {row['group']}"
            for row in missing.iter_rows(named=True)
        ),
    }
    return numbers
