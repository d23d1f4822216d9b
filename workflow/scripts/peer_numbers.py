"""The numbers of parity, timing and the record, from their tables."""

from typing import Any

import polars as pl
from covers import REPEATS_ORDER, SEEDS_ORDER, SPEAKERS, SPEAKERS_AND_SEEDS

ARMS = {"hand-derived": "nnjax", "jax.grad": "jax_grad", "PyTorch": "torch", "numpy": "numpy"}
ARMS["scikit-learn"] = "sklearn"


def from_parity(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """`k6.<arm>_<optimizer>_accuracy`, and differences; none of an arm that is not installed."""
    numbers = {}
    last = table.filter(pl.col("epoch") == pl.col("epoch").max())
    for row in last.filter(pl.col("n") > 0).iter_rows(named=True):
        arm, optimizer = ARMS[row["arm"]], row["optimizer"]
        words = f"{row['arm']}, {NAMED[optimizer]}"
        numbers[f"k6.{arm}_{optimizer}_accuracy"] = _number(
            row, ("accuracy", "lo", "hi"), "fraction", f"{words}: test accuracy"
        )
        if row["difference"] is None:
            continue
        other = ARMS[row["minus_arm"]], row["minus_optimizer"]
        key = f"k6.{arm}_{optimizer}_minus_{other[0]}_{other[1]}"
        if (arm, optimizer, *other) == ("nnjax", "sgd", "torch", "adam"):
            key = "k6.momentum_minus_torch_adam"
        numbers[key] = _number(
            row | {"n": row["pairs"]},
            ("difference", "difference_lo", "difference_hi"),
            "difference of fractions",
            f"{words}, minus {row['minus_arm']}, {NAMED[other[1]]}",
        )
    return numbers


NAMED = {"sgd": "SGD with momentum 0.9", "adam": "Adam"}


def from_timing(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """K12 and K17: ratios of seconds an epoch, time to an accuracy, and 256 x 5."""
    numbers = {}
    for row in table.filter(pl.col("n") > 0).iter_rows(named=True):
        quantity, size, arm = row["quantity"], row["batch_size"], ARMS[row["arm"]]
        ends = ("value", "lo", "hi")
        if quantity == "over_PyTorch":
            key = f"k17.{arm}_over_torch" + ("" if size == 128 else f"_batch_{size}")
            what = f"seconds an epoch, batches of {size}: {row['arm']} over PyTorch"
            numbers[key] = _number(row, ends, "ratio", what, REPEATS_ORDER)
        elif quantity == "slowest_over_fastest":
            what = f"seconds an epoch: {row['note']}"
            numbers["k12.slowest_over_fastest"] = _number(row, ends, "ratio", what, REPEATS_ORDER)
        elif quantity == "seconds_to_target":
            what = (
                f"seconds to test accuracy {row['target']:g}, batches of {size} "
                f"({row['never']} of {row['n']} seeds never)"
            )
            numbers[f"k12.seconds_to_target_{size}"] = _number(row, ends, "s", what, SEEDS_ORDER)
        elif quantity == "short_accuracy":
            what = f"batches of {size}, {row['epochs']:g} epochs: test accuracy"
            numbers[f"k12.batch_{size}_accuracy"] = _number(row, ends, "fraction", what)
        elif quantity == "short_seconds":
            what = f"batches of {size}, {row['epochs']:g} epochs: seconds"
            numbers[f"k12.batch_{size}_seconds"] = _number(row, ends, "s", what, REPEATS_ORDER)
        elif quantity == "best_minus_short":
            what = "best cell of figure 6, chosen on the test set, minus 256 x 5"
            unit = "difference of fractions"
            numbers["k12.best_minus_short"] = _number(row, ends, unit, what)
    return numbers


def from_record(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """`record.single_accuracy`, `record.ensemble_errors` and what they are compared with."""
    numbers = {}
    for row in table.filter(pl.col("lo").is_not_null()).iter_rows(named=True):
        name = row["what"].replace(" - ", "_minus_")
        covers = SPEAKERS if row["n"] == 1 else SPEAKERS_AND_SEEDS
        ends = ("accuracy", "lo", "hi")
        if "minus" in name:
            what = f"test accuracy, {row['what'].replace('-', 'minus')}"
            covers = "95 % over speakers and the study's seeds (bootstrap)"
            entry = _number(row, ends, "difference of fractions", what, covers)
            numbers[f"record.{name}"] = entry | {"p": row["p"]}
        else:
            words = f"record, {row['what']}"
            numbers[f"record.{name}_accuracy"] = _number(
                row, ends, "fraction", f"{words}: test accuracy", covers
            )
            errors = row | {
                "lo": row["rows"] * (1 - row["hi"]),
                "hi": row["rows"] * (1 - row["lo"]),
            }
            numbers[f"record.{name}_errors"] = _number(
                errors,
                ("errors", "lo", "hi"),
                "rows",
                f"{words}: errors of {row['rows']} rows",
                covers,
            )
    return numbers


def _number(
    row: dict[str, Any],
    ends: tuple[str, str, str],
    unit: str,
    what: str,
    interval: str = SPEAKERS_AND_SEEDS,
) -> dict[str, Any]:
    value, lo, hi = (row[name] for name in ends)
    return {
        "value": value,
        "lo": lo,
        "hi": hi,
        "n": row["n"],
        "unit": unit,
        "interval": interval,
        "what": what,
    }
