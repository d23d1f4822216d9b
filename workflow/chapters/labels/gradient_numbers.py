"""Numbers and figure of the gradients before training, and of the training, by depth."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from trials import lost

from nnjax import stats
from workflow.lib.estimates import SEEDS_T, geometric_mean, number, single
from workflow.lib.numbers import Number

SIGMOID, RELU = ("sigmoid", "glorot"), ("relu", "he")
KEPT = {
    "sigmoid": SIGMOID,
    "relu": RELU,
    "sigmoid_wide": ("sigmoid", "4 x glorot"),
    "relu_glorot": ("relu", "glorot"),
    "relu_small": ("relu", "0.01"),
}
"""The networks of the numbers: activation and initialisation."""

NAMES = {
    "sigmoid": "sigmoid, Glorot",
    "relu": "ReLU, He",
    "sigmoid_wide": "sigmoid, four times Glorot's bound",
    "relu_glorot": "ReLU, Glorot",
    "relu_small": "ReLU, normal with sd 0.01",
}


def of_gradients(gradients: pl.DataFrame) -> Iterator[Number]:
    """S3 before training: the share of the first layer's gradient that depth keeps."""
    depths = gradients["hidden_layers"].unique().sort()
    shallow, deep = depths[0], depths[-1]

    def norm(network: tuple[str, str], depth: int, layer: int) -> np.ndarray:
        activation, init = network
        rows = gradients.filter(activation=activation, init=init, hidden_layers=depth, layer=layer)
        return rows.sort("seed")["norm"].to_numpy()

    for key, network in KEPT.items():
        kept = geometric_mean(norm(network, deep, 1) / norm(network, shallow, 1))
        what = f"{NAMES[key]}: first layer's gradient, {deep} hidden layers over {shallow}"
        yield number(f"s3.{key}_kept", what, kept, "ratio", SEEDS_T)
        ends = geometric_mean(norm(network, deep, 1) / norm(network, deep, deep + 1))
        what = f"{NAMES[key]}: first layer's gradient over the last layer's, {deep} hidden layers"
        yield number(f"s3.{key}_first_over_last", what, ends, "ratio", SEEDS_T)
    over = geometric_mean(norm(RELU, deep, 1) / norm(SIGMOID, deep, 1))
    what = f"first layer's gradient, ReLU (He) over sigmoid (Glorot), {deep} hidden layers"
    yield number("s3.relu_over_sigmoid", what, over, "ratio", SEEDS_T)


def best_rates(training: pl.DataFrame) -> pl.DataFrame:
    """The runs of each network at the rate with the lowest mean training loss at the end."""
    network = ["activation", "init", "hidden_layers"]
    end = training.filter(pl.col("epoch") == pl.col("epoch").max())
    mean = end.group_by(*network, "learning_rate").agg(
        pl.when(pl.col("loss").is_finite().all()).then(pl.col("loss").mean()).otherwise(np.inf)
        .first().alias("end")
    )  # fmt: skip
    best = mean.sort("end", "learning_rate").unique(network, keep="first", maintain_order=True)
    cell = [*network, "learning_rate"]
    return training.join(best.select(cell), on=cell, maintain_order="left")


def of_training(training: pl.DataFrame) -> Iterator[Number]:
    """S3 after training."""
    best = best_rates(training)
    end = best.filter(pl.col("epoch") == pl.col("epoch").max())
    right: dict[tuple[str, int], np.ndarray] = {}
    for network in end.select("activation", "hidden_layers").unique(maintain_order=True).rows():
        activation, depth = network
        rows = end.filter(activation=activation, hidden_layers=depth).sort("seed")
        right[network] = rows["accuracy"].to_numpy()
        rate = rows["learning_rate"][0]
        what = (
            f"{activation}, {depth} hidden layers, trained at its best rate ({rate:g}): training "
            "rows right"
        )
        accuracy = stats.mean_interval(right[network])
        yield number(f"s3.{activation}_{depth}_accuracy", what, accuracy, "fraction", SEEDS_T)
        what = f"{activation}, {depth} hidden layers, at its best rate: mean training loss"
        loss = stats.mean_interval(rows["loss"].to_numpy())
        yield number(f"s3.{activation}_{depth}_loss", what, loss, "nats", SEEDS_T)
        what = f"{activation}, {depth} hidden layers: the rate with the lowest training loss"
        yield single(f"s3.{activation}_{depth}_rate", what, rate, "number")
    deep = max(depth for _, depth in right)
    difference = stats.mean_interval(right["relu", deep] - right["sigmoid", deep])
    what = f"training rows right, ReLU minus sigmoid, {deep} hidden layers"
    yield number("s3.accuracy_difference", what, difference, "difference of fractions", SEEDS_T)
    yield from lost("s3", "runs of the deep and shallow networks", training, best)


def gradient_figure(gradients: pl.DataFrame, training: pl.DataFrame) -> pl.DataFrame:
    """part (first, layers, training), name, hidden_layers, x, value, lo, hi, n.

    first: geometric mean of the first layer's gradient by hidden layers; layers: of each layer's,
    at the greatest depth; training: geometric mean of the loss by epoch at the best rate.
    """
    names = {network: NAMES[key] for key, network in KEPT.items()}
    deep = gradients["hidden_layers"].max()
    rows: list[dict[str, Any]] = []
    keys = ["activation", "init", "hidden_layers", "layer"]
    for (activation, init, depth, layer), cell in gradients.group_by(keys, maintain_order=True):
        of = {"name": names[str(activation), str(init)], "hidden_layers": depth}
        found = geometric_mean(cell["norm"].to_numpy())._asdict()
        if layer == 1:
            rows.append({"part": "first", **of, "x": depth, **found})
        if depth == deep:
            rows.append({"part": "layers", **of, "x": layer, **found})
    keys = ["activation", "init", "hidden_layers", "epoch"]
    best = best_rates(training)
    for (activation, init, depth, epoch), cell in best.group_by(keys, maintain_order=True):
        of = {"name": names[str(activation), str(init)], "hidden_layers": depth}
        found = geometric_mean(cell["loss"].to_numpy().astype(float))._asdict()
        rows.append({"part": "training", **of, "x": epoch, **found})
    return pl.DataFrame(rows, infer_schema_length=None)
