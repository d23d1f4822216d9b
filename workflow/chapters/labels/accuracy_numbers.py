"""Numbers and figures of the cross-validated accuracies: class codings, and binary labels."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from trials import at_an_end, lost

from nnjax import stats
from workflow.lib.estimates import ROWS, ROWS_AND_SEEDS, number
from workflow.lib.numbers import Number
from workflow.lib.runs.counts import rng

RESAMPLES = 2000
"""Bootstrap samples; a problem has up to 1797 rows to resample, each a unit."""


def matrix(predicted: pl.DataFrame) -> np.ndarray:
    """Correct or not, all folds together, (seeds, rows)."""
    ordered = predicted.sort("seed", "row")
    seeds = ordered["seed"].n_unique()
    return ordered["correct"].to_numpy().astype(float).reshape(seeds, -1)


def over_rows(correct: np.ndarray) -> stats.Interval:
    """Mean over rows and seeds with the bootstrap over both; also of differences."""
    return stats.two_level_interval(correct, np.ones(correct.shape[1]), rng(), resamples=RESAMPLES)


def of_coding(coding: pl.DataFrame, trials: pl.DataFrame) -> Iterator[Number]:
    """S5: accuracies of the codings, and their paired differences."""
    short = {
        "one-hot, cross-entropy": "one_hot",
        "one-hot, squared error": "squared",
        "label number": "number",
        "label number, renumbered": "renumbered",
    }
    found = {key: matrix(coding.filter(coding=name)) for name, key in short.items()}
    for name, key in short.items():
        yield number(
            f"s5.{key}_accuracy", f"digits, {name}: held-out accuracy", over_rows(found[key]),
            "fraction", ROWS_AND_SEEDS,
        )  # fmt: skip
    words = {key: name for name, key in short.items()}
    for a, b in (
        ("one_hot", "number"), ("squared", "number"),
        ("one_hot", "squared"), ("renumbered", "number"),
    ):  # fmt: skip
        what = f"held-out accuracy, {words[a]} minus {words[b]}"
        yield number(
            f"s5.{a}_minus_{b}", what, over_rows(found[a] - found[b]), "difference of fractions",
            ROWS_AND_SEEDS,
        )  # fmt: skip
    yield from lost("s5", "runs of the codings", trials, trials.filter("chosen"))
    yield at_an_end("s5", "coding", trials)


def coding_figure(coding: pl.DataFrame) -> pl.DataFrame:
    """part (all or digit), name, x (the digit; 0 for all), value, lo, hi, n."""
    rows: list[dict[str, Any]] = []
    for (name,), cell in coding.group_by("coding", maintain_order=True):
        of = {"name": name}
        rows.append({"part": "all", **of, "x": 0, **over_rows(matrix(cell))._asdict()})
        for (digit,), part in cell.group_by("digit", maintain_order=True):
            found = over_rows(matrix(part))._asdict()
            rows.append({"part": "digit", **of, "x": digit, **found})
    return pl.DataFrame(rows, infer_schema_length=None).sort("part", "name", "x")


CLASSIFIERS = ["nnjax", "MLPClassifier", "logistic regression", "majority"]


def of_binary(binary: pl.DataFrame, peers: pl.DataFrame, trials: pl.DataFrame) -> Iterator[Number]:
    """The binary network and scikit-learn's classifiers, on both problems."""
    for (problem,), cell in binary.group_by("problem", maintain_order=True):
        key = str(problem).replace(" ", "_")
        ours = matrix(cell)
        yield number(
            f"labels.{key}_accuracy", f"{problem}: held-out accuracy, one hidden layer",
            over_rows(ours), "fraction", ROWS_AND_SEEDS,
        )  # fmt: skip
        for name in CLASSIFIERS[1:]:
            theirs = matrix(peers.filter(problem=problem, classifier=name))
            covers = ROWS_AND_SEEDS if len(theirs) > 1 else ROWS
            part = name.lower().replace(" ", "_")
            found = over_rows(theirs)
            if len(theirs) == 1:
                # Without seeds, n counts the rows.
                found = found._replace(n=theirs.shape[1])
            yield number(
                f"labels.{key}_{part}_accuracy", f"{problem}: held-out accuracy, {name}",
                found, "fraction", covers,
            )  # fmt: skip
            if name != "majority":
                # Their seeds draw other weights: paired by row, not by seed.
                yield number(
                    f"labels.{key}_minus_{part}",
                    f"{problem}: held-out accuracy, ours minus {name} (mean of its seeds)",
                    over_rows(ours - theirs.mean(axis=0)), "difference of fractions",
                    ROWS_AND_SEEDS,
                )  # fmt: skip
    yield from lost("labels", "binary networks", trials, trials.filter("chosen"))
    yield at_an_end("labels", "problem", trials)


def labels_figure(binary: pl.DataFrame, peers: pl.DataFrame, trials: pl.DataFrame) -> pl.DataFrame:
    """part (loss or accuracy), problem, name, x, value, lo, hi, n.

    loss: mean training loss by epoch x of each rate (name), over folds and seeds; accuracy: of each
    classifier, x is 0.
    """
    keys = ["problem", "learning_rate", "epoch"]
    losses = trials.group_by(keys, maintain_order=True).agg(
        value=pl.col("loss").cast(pl.Float64).mean(), n=pl.len()
    )
    rows = [
        {"part": "loss", "problem": r["problem"], "name": f"{r['learning_rate']:g}",
         "x": r["epoch"], "value": r["value"], "lo": None, "hi": None, "n": r["n"]}
        for r in losses.iter_rows(named=True)
    ]  # fmt: skip
    columns = ["problem", "seed", "row", "correct", "classifier"]
    ours = binary.with_columns(classifier=pl.lit("nnjax")).select(columns)
    everyone = pl.concat([ours, peers.select(columns)], how="vertical_relaxed")
    for (problem, name), cell in everyone.group_by("problem", "classifier", maintain_order=True):
        found = over_rows(matrix(cell))._asdict()
        rows.append({"part": "accuracy", "problem": problem, "name": name, "x": 0, **found})
    return pl.DataFrame(rows, infer_schema_length=None)
