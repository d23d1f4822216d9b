"""Numbers and figure of the equations, and of the losses before training."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from equations import AGREES

from nnjax import stats
from workflow.lib.estimates import DRAWS_WILSON, SEEDS_T, number, single
from workflow.lib.numbers import Number

CHECKS = {
    "3.11 printed": ("labels.eq311_printed", "3.11 as printed, a sum for every row's derivative"),
    "3.11": ("labels.eq311_meant", "3.11 without the sum"),
    "3.16 printed": ("labels.eq316_printed", "3.15 and 3.16 as printed, with the sum"),
    "3.16": ("labels.eq316_meant", "3.15 and 3.16 without the sum"),
    "3.18": ("labels.eq318", "3.18, weights to the output, summed over rows"),
    "3.22": ("labels.eq322_meant", "3.22, with respect to the value before activation"),
    "3.25": ("labels.eq325", "3.25, weights to the hidden layer, summed over rows"),
    "3.29": ("labels.eq329", "3.29, the inputs, p from 0 to one less than the size"),
    "output bias": ("labels.output_bias", "bias of the output: the sum of grad_output"),
    "hidden bias": ("labels.hidden_bias", "biases of the hidden layer: sums of gradient_n"),
    "nnjax": ("labels.library_agrees", "gradients of the public rules, all parameters"),
    "2.5, 2.6": ("labels.step_agrees", "a step of optax.sgd is equations 2.5 and 2.6"),
    "proportions": ("labels.softmax_proportions", "softmax keeps the proportions of its inputs"),
    "order": ("labels.softmax_order", "softmax keeps the order of its inputs"),
    "sum": ("labels.softmax_sum", "softmax sums to 1"),
    "two classes": ("labels.two_classes", "equation 2.4 is 2.3 with two classes"),
    "sigmoid of two": ("labels.sigmoid_softmax", "the sigmoid is the softmax of (a, 0)"),
    "uniform in [0, 1]": (
        "s2.uniform_inside",
        "losses in [0, 1] for a uniform probability of the class",
    ),
}
"""The key of each check, and what agrees as a share of random networks or draws."""


def of_equations(
    slopes: pl.DataFrame, checks: pl.DataFrame, failure: pl.DataFrame
) -> Iterator[Number]:
    """S1, and all other checked equations."""
    for name, equation in (("printed", "3.13"), ("corrected", "3.14")):
        apart = (slopes[name] - slopes["complex_step"]).abs() / slopes["complex_step"].abs()
        share = stats.proportion_interval(int((apart <= AGREES).sum()), len(apart))
        what = f"points where equation {equation} agrees with the complex step to nine digits"
        yield number(f"s1.{name}_agrees", what, share, "fraction", DRAWS_WILSON)
    apart = (slopes["differences"] / slopes["complex_step"] - 1).abs().max()
    what = "central differences against the complex step, worst relative difference"
    yield single("s1.oracles_apart", what, float(apart), "number", slopes.height)  # type: ignore[arg-type]
    what = "equation 3.13 over the true slope, at 0"
    yield single("s1.printed_over_true", what, failure["printed_over_true"][0], "ratio")
    for check, agreed, n in checks.iter_rows():
        key, what = CHECKS[check]
        yield number(key, what, stats.proportion_interval(agreed, n), "fraction", DRAWS_WILSON)
    what = "smallest score at which 3.16, evaluated in float32, is NaN (label 0)"
    yield single("labels.unfused_fails_at", what, failure["score"][0], "number")


def of_losses(losses: pl.DataFrame, counter: pl.DataFrame) -> Iterator[Number]:
    """S2: losses of single rows before training, and the counter-example."""
    by_seed = losses.group_by("seed", maintain_order=True).agg(
        inside=pl.col("loss").is_between(0, 1).mean(), mean=pl.col("loss").mean()
    )
    what = "rows whose cross-entropy lies in [0, 1] before training"
    inside = stats.mean_interval(by_seed["inside"].to_numpy())
    yield number("s2.inside_fraction", what, inside, "fraction", SEEDS_T)
    mean = stats.mean_interval(by_seed["mean"].to_numpy())
    yield number(
        "s2.start_loss", "mean cross-entropy of ten classes before training", mean, "nats", SEEDS_T
    )
    largest = float(losses["loss"].max())  # type: ignore[arg-type]
    yield single(
        "s2.largest", "largest cross-entropy of a row before training", largest, "nats",
        losses.height,
    )  # fmt: skip
    least = counter.sort("probability").row(0, named=True)
    what = f"counter-example: cross-entropy of a class given probability {least['probability']:g}"
    yield single("s2.counter_example", what, least["loss"], "nats")


def equations_figure(slopes: pl.DataFrame, losses: pl.DataFrame) -> pl.DataFrame:
    """part (slope or loss), name, x, value, n (seeds): slopes by point, share of losses by bin."""
    shown = slopes.filter(pl.col("x").abs() <= 4).sort("x")
    lines = [
        pl.DataFrame({"part": "slope", "name": name, "x": shown["x"], "value": shown[name], "n": 1})
        for name in ("printed", "corrected", "complex_step", "differences")
    ]
    edges = np.arange(0, 8.01, 0.25)
    counts, _ = np.histogram(np.minimum(losses["loss"].to_numpy(), edges[-1] - 1e-9), edges)
    bins = pl.DataFrame(
        {
            "part": "loss",
            "name": "start",
            "x": edges[:-1],
            "value": counts / losses.height,
            "n": losses["seed"].n_unique(),
        }
    )
    return pl.concat([*lines, bins], how="vertical_relaxed")
