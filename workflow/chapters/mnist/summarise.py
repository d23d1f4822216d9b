"""Accuracies of the classifiers of digits, the images they get wrong, and the chapter's numbers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nnjax import stats
from workflow.lib import job
from workflow.lib.estimates import IMAGES_AND_SEEDS, IMAGES_WILSON, SEEDS_T, number, over_units
from workflow.lib.estimates import table as numbers_table
from workflow.lib.numbers import Number
from workflow.lib.tables import write_csv

NETWORKS = ("convolutional", "perceptron", "sample_by_sample")
WORDS = {
    "convolutional": "convolutional network",
    "perceptron": "perceptron, mini-batches",
    "sample_by_sample": "perceptron, sample by sample",
    "mlp_classifier": "scikit-learn's MLPClassifier",
    "logistic_regression": "scikit-learn's logistic regression",
}
ACCURACIES = {
    "convolutional": "s4.mnist_accuracy",
    "sample_by_sample": "m4.mnist_accuracy",
    "perceptron": "m4.minibatch_accuracy",
    "mlp_classifier": "s6.mlp_classifier_accuracy",
    "logistic_regression": "s6.linear_accuracy",
}
DIFFERENCES = {
    "s6.minus_perceptron": ("convolutional", "perceptron"),
    "s6.minus_mlp_classifier": ("convolutional", "mlp_classifier"),
    "m4.minus_linear": ("sample_by_sample", "logistic_regression"),
    "m4.minus_mlp_classifier": ("perceptron", "mlp_classifier"),
}


def hits(predictions: pl.DataFrame, classifier: str) -> np.ndarray:
    """Which images each seed of a classifier gets right, (seeds, images)."""
    rows = predictions.filter(network=classifier).sort("seed", "image")
    return rows["correct"].to_numpy().reshape(rows["seed"].n_unique(), -1)


def accuracy(right: np.ndarray, resamples: int) -> stats.Interval:
    """The mean accuracy over images, and over seeds where there are several.

    Args:
        right: which images each seed gets right, (seeds, images).
        resamples: bootstrap samples.

    Returns:
        The accuracy; with several seeds n counts them, with one it counts the images.
    """
    if len(right) == 1:
        return stats.proportion_interval(int(right.sum()), right.shape[1])
    return over_units(right, np.ones(right.shape[1]), resamples)


def difference(a: np.ndarray, b: np.ndarray, resamples: int) -> stats.Interval:
    """Accuracy of a minus that of b on the same images, over the seeds that both have.

    A classifier with one seed, whose training draws nothing, is compared with every seed of the
    other.
    """
    seeds = max(len(a), len(b)) if 1 in (len(a), len(b)) else min(len(a), len(b))
    a, b = (right[:seeds].astype(float) for right in (a, b))
    return over_units(a - b, np.ones(a.shape[1]), resamples)


def accuracy_rows(
    epochs: pl.DataFrame, right: dict[str, np.ndarray], resamples: int
) -> pl.DataFrame:
    """The figure's rows: accuracy after every epoch, and of every classifier at the end.

    Args:
        epochs: the histories.
        right: classifier to the images that each seed gets right, (seeds, images).
        resamples: bootstrap samples.

    Returns:
        kind (epoch: interval over seeds; trained: over images too), network, epoch, mean, lo, hi
        and n (seeds).
    """
    rows: list[dict[str, Any]] = []

    def add(kind: str, network: Any, epoch: Any, found: stats.Interval, seeds: int) -> None:
        ends = {"mean": found.value, "lo": found.lo, "hi": found.hi}
        rows.append({"kind": kind, "network": network, "epoch": epoch, **ends, "n": seeds})

    for (network, epoch), part in epochs.group_by("network", "epoch", maintain_order=True):
        found = stats.mean_interval(part["accuracy"].to_numpy())
        add("epoch", network, epoch, found, found.n)
    for network, hit in right.items():
        last = epochs.filter(network=network)["epoch"].max() or 0
        add("trained", network, last, accuracy(hit, resamples), len(hit))
    return pl.DataFrame(rows, infer_schema_length=None)


def confident_errors(predictions: pl.DataFrame, images: np.ndarray, shown: int) -> pl.DataFrame:
    """The images that the first seed gets wrong with the highest confidence.

    Args:
        predictions: of the convolutional network.
        images: test images (rows, height, width), uint8.
        shown: how many.

    Returns:
        rank, image, label, predicted, probability, wrong_seeds, n (seeds), height, and pixels in
        hexadecimal, row by row.
    """
    wrong_seeds = predictions.group_by("image").agg((~pl.col("correct")).sum().alias("wrong_seeds"))
    found = (
        predictions.filter(seed=0, correct=False)
        .sort("probability", "image", descending=[True, False])
        .head(shown)
        .join(wrong_seeds, on="image", how="left", maintain_order="left")
        .with_row_index("rank")
    )
    return found.select(
        "rank", "image", "label", "predicted", "probability", "wrong_seeds",
        pl.lit(predictions["seed"].n_unique()).alias("n"),
        pl.lit(images.shape[1]).alias("height"),
        pl.Series("pixels", [images[i].tobytes().hex() for i in found["image"]], pl.String),
    )  # fmt: skip


def confusion_rows(predictions: pl.DataFrame) -> pl.DataFrame:
    """Digits taken for others: label, predicted, images (mean over the seeds), n (seeds)."""
    seeds = predictions["seed"].n_unique()
    return (
        predictions.filter(~pl.col("correct"))
        .group_by("label", "predicted")
        .agg((pl.len() / seeds).alias("images"))
        .sort("images", "label", "predicted", descending=[True, False, False])
        .with_columns(pl.lit(seeds).alias("n"))
    )


def number_rows(
    predictions: pl.DataFrame,
    right: dict[str, np.ndarray],
    checks: dict[str, dict[str, float]],
    resamples: int,
) -> list[Number]:
    """The chapter's numbers.

    Args:
        predictions: of all classifiers.
        right: classifier to the images that each seed gets right, (seeds, images).
        checks: check to value, by training job.
        resamples: bootstrap samples.
    """
    rows = []
    for name, key in ACCURACIES.items():
        covers = IMAGES_WILSON if len(right[name]) == 1 else IMAGES_AND_SEEDS
        found = accuracy(right[name], resamples)
        rows.append(number(key, f"test accuracy: {WORDS[name]}", found, "fraction", covers))
    for key, (a, b) in DIFFERENCES.items():
        found = difference(right[a], right[b], resamples)
        what = f"test accuracy on the same images: {WORDS[a]} minus {WORDS[b]}"
        rows.append(number(key, what, found, "difference of fractions", IMAGES_AND_SEEDS))
    wrong = ~right["convolutional"]
    found = stats.mean_interval(wrong.sum(axis=1))
    what = f"convolutional network: wrong among {wrong.shape[1]} test images, mean of the seeds"
    rows.append(number("s6.errors", what, found, "rows", SEEDS_T))
    return rows + _counts(predictions, wrong, checks)


def _counts(
    predictions: pl.DataFrame, wrong: np.ndarray, checks: dict[str, dict[str, float]]
) -> list[Number]:
    """The numbers without an interval.

    Args:
        predictions: of all classifiers.
        wrong: which images the convolutional network gets wrong, (seeds, images).
        checks: check to value, by training job.
    """
    networks = predictions.filter(pl.col("network").is_in(NETWORKS)).select(
        "network", "seed", "predicted"
    )
    of_all = networks.select("network", "seed").n_unique()
    diverged = networks.filter(predicted=-1).select("network", "seed").n_unique()
    convolutional, perceptrons = checks["convolutional"], checks["perceptrons"]
    counts = [
        ("s6.errors_of_all", "test images that all seeds err on", wrong.all(axis=0).sum(),
         "count", len(wrong)),
        ("s6.errors_of_any", "test images that some seed errs on", wrong.any(axis=0).sum(),
         "count", len(wrong)),
        ("s6.diverged", "networks without finite scores after training", diverged,
         "count", of_all),
        ("s6.parameters", "parameters of the convolutional network",
         convolutional["parameters"], "count", 1),
        ("m4.parameters", "parameters of the perceptron", perceptrons["parameters"], "count", 1),
        ("s6.gradient_difference",
         "largest difference of our gradient from jax.grad's over the largest gradient, float64",
         convolutional["gradient_difference"], "number", 1),
        ("s6.softmax_ratio",
         "ratio of the second to the first output of softmax for the inputs 1 and 2",
         convolutional["softmax_ratio"], "number", 1),
    ]  # fmt: skip
    unknown = float("nan")
    return [
        number(key, what, stats.Interval(float(value), unknown, unknown, n), unit, "none")
        for key, what, value, unit, n in counts
    ]


def main(
    convolutional: Path,
    perceptrons: Path,
    arrays: Path,
    origin: Path,
    shown_errors: int,
    resamples: int,
    accuracies: Path,
    errors: Path,
    filters: Path,
    confusions: Path,
    numbers: Path,
) -> None:
    """Write all tables.

    Args:
        convolutional: folder of the convolutional network.
        perceptrons: folder of the perceptrons and of scikit-learn.
        arrays: images and labels (.npz).
        origin: JSON with the origin of the data.
        shown_errors: images in the figure of errors.
        resamples: bootstrap samples.
        accuracies: CSV of the figure of accuracies.
        errors: CSV of the figure of errors.
        filters: CSV of the figure of filters.
        confusions: CSV of the digits taken for another.
        numbers: CSV of the chapter's numbers.
    """
    source = json.loads(origin.read_text(encoding="utf-8"))["data"]
    folders = (convolutional, perceptrons)
    epochs, predictions = (
        pl.concat([pl.read_parquet(folder / f"{name}.parquet") for folder in folders])
        for name in ("epochs", "predictions")
    )
    checks = {
        folder.name: dict(pl.read_parquet(folder / "checks.parquet").iter_rows())
        for folder in folders
    }
    with np.load(arrays) as file:
        images = file["x_test"]
    right = {name: hits(predictions, name) for name in WORDS}
    first = predictions.filter(network="convolutional")
    tables = {
        accuracies: accuracy_rows(epochs, right, resamples),
        errors: confident_errors(first, images, shown_errors),
        filters: pl.read_parquet(convolutional / "filters.parquet").with_columns(
            pl.col("weight").round(4)
        ),
        confusions: confusion_rows(first),
    }
    for path, table in tables.items():
        write_csv(table.with_columns(pl.lit(source).alias("data")), path)
    write_csv(numbers_table(number_rows(predictions, right, checks, resamples), source), numbers)


job.run(main, globals().get("snakemake"))
