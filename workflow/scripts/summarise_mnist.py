"""What the classifiers of digits reach, which images they get wrong, and the chapter's numbers."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import numpy as np
import polars as pl
from covers import IMAGES_AND_SEEDS, IMAGES_WILSON, SEEDS_T
from tables import write_csv

from nnjax import stats

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

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
    """Which images every seed of a classifier got right, (seeds, images)."""
    rows = predictions.filter(network=classifier).sort("seed", "image")
    return rows["correct"].to_numpy().reshape(rows["seed"].n_unique(), -1)


def accuracy(right: np.ndarray, resamples: int) -> stats.Interval:
    """The mean accuracy over images, and over seeds where there are more; n counts seeds."""
    if len(right) == 1:
        return stats.proportion_interval(int(right.sum()), right.shape[1])._replace(n=1)
    return _two_level(right, resamples)


def difference(a: np.ndarray, b: np.ndarray, resamples: int) -> stats.Interval:
    """Accuracy of a minus that of b on the same images, over the seeds that both have.

    A classifier of one seed, in which nothing is drawn, is compared with every seed of the other.
    """
    seeds = max(len(a), len(b)) if 1 in (len(a), len(b)) else min(len(a), len(b))
    a, b = (right[:seeds].astype(float) for right in (a, b))
    return _two_level(a - b, resamples)


def _two_level(right: np.ndarray, resamples: int) -> stats.Interval:
    rng = np.random.default_rng(0)
    return stats.two_level_interval(right, np.ones(right.shape[1]), rng, resamples=resamples)


def curves(epochs: pl.DataFrame, trained: dict[str, stats.Interval]) -> pl.DataFrame:
    """Accuracy after every epoch (interval over seeds) and of the trained (over images as well).

    Args:
        epochs: what training recorded.
        trained: classifier to its accuracy; n counts seeds.
    """
    rows: list[dict[str, Any]] = []
    for (network, epoch), part in epochs.group_by("network", "epoch", maintain_order=True):
        found = stats.mean_interval(part["accuracy"].to_numpy())
        row = {"kind": "epoch", "network": network, "epoch": epoch}
        rows.append(row | _interval(found, "mean"))
    for network, found in trained.items():
        last = epochs.filter(network=network)["epoch"].max() or 0
        row = {"kind": "trained", "network": network, "epoch": last}
        rows.append(row | _interval(found, "mean"))
    return pl.DataFrame(rows, infer_schema_length=None)


def errors(predictions: pl.DataFrame, images: np.ndarray, shown: int) -> pl.DataFrame:
    """The images that the first seed is most sure and wrong about.

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


def confusions(predictions: pl.DataFrame) -> pl.DataFrame:
    """How often a digit is taken for another: label, predicted, and the mean number of images."""
    seeds = predictions["seed"].n_unique()
    return (
        predictions.filter(~pl.col("correct"))
        .group_by("label", "predicted")
        .agg((pl.len() / seeds).alias("images"))
        .sort("images", "label", "predicted", descending=[True, False, False])
        .with_columns(pl.lit(seeds).alias("n"))
    )


def numbers(
    predictions: pl.DataFrame,
    trained: dict[str, stats.Interval],
    checks: dict[str, dict[str, float]],
    resamples: int,
) -> list[dict[str, Any]]:
    """The chapter's numbers.

    Args:
        predictions: of all classifiers.
        trained: classifier to its accuracy.
        checks: check to value, by training job.
        resamples: bootstrap samples.
    """
    right = {name: hits(predictions, name) for name in trained}
    rows = []
    for name, key in ACCURACIES.items():
        alone = len(right[name]) == 1
        covers = IMAGES_WILSON if alone else IMAGES_AND_SEEDS
        # Beside Wilson's interval n is the images, beside the bootstrap's the seeds.
        found = trained[name]._replace(n=right[name].shape[1] if alone else len(right[name]))
        rows.append(_number(key, found, "fraction", covers, f"test accuracy: {WORDS[name]}"))
    for key, (a, b) in DIFFERENCES.items():
        found = difference(right[a], right[b], resamples)
        what = f"test accuracy on the same images: {WORDS[a]} minus {WORDS[b]}"
        rows.append(_number(key, found, "difference of fractions", IMAGES_AND_SEEDS, what))
    wrong = ~right["convolutional"]
    found = stats.mean_interval(wrong.sum(axis=1))
    what = f"convolutional network: wrong among {wrong.shape[1]} test images, mean of the seeds"
    rows.append(_number("s6.errors", found, "rows", SEEDS_T, what))
    diverged = predictions.filter(pl.col("network").is_in(NETWORKS), predicted=-1)
    counts = {
        "s6.errors_of_all": (wrong.all(axis=0).sum(), "test images that all seeds err on"),
        "s6.errors_of_any": (wrong.any(axis=0).sum(), "test images that some seed errs on"),
        "s6.diverged": (
            diverged.select("network", "seed").n_unique(),
            "networks without finite scores after training",
        ),
        "s6.parameters": (
            checks["convolutional"]["parameters"],
            "parameters of the convolutional network",
        ),
        "m4.parameters": (checks["perceptrons"]["parameters"], "parameters of the perceptron"),
        "s6.gradient_difference": (
            checks["convolutional"]["gradient_difference"],
            "largest difference of our gradient from jax.grad's over the largest gradient, float64",
        ),
        "s6.softmax_ratio": (
            checks["convolutional"]["softmax_ratio"],
            "how many times the second output of softmax is the first, for the inputs 1 and 2",
        ),
    }
    seeds = {
        "s6.errors_of_all": len(wrong),
        "s6.errors_of_any": len(wrong),
        "s6.diverged": sum(len(right[name]) for name in NETWORKS),
    }
    for key, (value, what) in counts.items():
        unit = "number" if key.endswith(("difference", "ratio")) else "count"
        found = stats.Interval(float(value), float("nan"), float("nan"), seeds.get(key, 1))
        rows.append(_number(key, found, unit, "none", what))
    return rows


def _interval(found: stats.Interval, value: str) -> dict[str, Any]:
    return {value: found.value, "lo": found.lo, "hi": found.hi, "n": found.n}


def _number(key: str, found: stats.Interval, unit: str, interval: str, what: str) -> dict[str, Any]:
    return {
        "key": key,
        **_interval(found, "value"),
        "unit": unit,
        "interval": interval,
        "what": what,
    }


def main(
    epochs: list[Path],
    predictions: list[Path],
    checks: list[Path],
    filters: Path,
    arrays: Path,
    record: Path,
    settings: dict[str, Any],
    outputs: dict[str, Path],
) -> None:
    """Write all tables.

    Args:
        epochs: Parquet files of what training recorded.
        predictions: Parquet files of what the classifiers say of the test images.
        checks: Parquet files of checks, each in the folder of its training job.
        filters: Parquet of the first convolution.
        arrays: images and labels (.npz).
        record: the data's source record (JSON).
        settings: the chapter's settings.
        outputs: CSV to write for curves, errors, filters, confusions and numbers.
    """
    data = pl.lit(json.loads(record.read_text(encoding="utf-8"))["data"]).alias("data")
    said = pl.concat([pl.read_parquet(path) for path in predictions])
    ours = said.filter(network="convolutional")
    with np.load(arrays) as file:
        images = file["x_test"]
    checked = {path.parent.name: dict(pl.read_parquet(path).iter_rows()) for path in checks}
    recorded = pl.concat([pl.read_parquet(path) for path in epochs])
    resamples = settings["resamples"]
    trained = {name: accuracy(hits(said, name), resamples) for name in WORDS}
    tables = {
        "curves": curves(recorded, trained),
        "errors": errors(ours, images, settings["shown_errors"]),
        "filters": pl.read_parquet(filters).with_columns(pl.col("weight").round(4)),
        "confusions": confusions(ours),
        "numbers": pl.DataFrame(
            numbers(said, trained, checked, resamples), infer_schema_length=None
        ),
    }
    for name, table in tables.items():
        write_csv(table.with_columns(data), outputs[name])


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        [Path(path) for path in snakemake.input.epochs],
        [Path(path) for path in snakemake.input.predictions],
        [Path(path) for path in snakemake.input.checks],
        Path(snakemake.input.filters),
        Path(snakemake.input.arrays),
        Path(snakemake.input.record),
        snakemake.params["settings"],
        {name: Path(path) for name, path in snakemake.output.items()},
    )
