"""The labels chapter: tables of its four figures, and its numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import numpy as np
import polars as pl
from cells import rng
from chapter_numbers import DRAWS_WILSON, ROWS, ROWS_AND_SEEDS, number, single, table
from covers import SEEDS_T
from intervals import geometric_mean
from tables import write_csv

from nnjax import stats

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

DATA = "bundled"
RESAMPLES = 2000
"""Bootstrap samples; a problem has up to 1797 rows to resample, each a unit of its own."""

Numbers = Iterator[dict[str, Any]]


def main(folder: Path, tables: Path) -> None:
    """Write the tables.

    Args:
        folder: what train_labels wrote.
        tables: folder to write labels, labels_equations, gradient_depth, coding and numbers_labels
            to, all CSV.
    """
    runs = {path.stem: pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    rows = [
        *of_equations(runs["slopes"], runs["checks"], runs["failure"]),
        *of_losses(runs["losses"], runs["counter"]),
        *of_gradients(runs["gradients"]),
        *of_depths(runs["depths"]),
        *of_coding(runs["coding"], runs["coding_tried"]),
        *of_binary(runs["binary"], runs["peers"], runs["tried"]),
    ]
    write_csv(table(rows, DATA), tables / "numbers_labels.csv")
    figures = {
        "labels_equations": equations_figure(runs["slopes"], runs["losses"]),
        "gradient_depth": gradient_figure(runs["gradients"], runs["depths"]),
        "coding": coding_figure(runs["coding"]),
        "labels": labels_figure(runs["binary"], runs["peers"], runs["tried"]),
    }
    for name, figure in figures.items():
        write_csv(figure.with_columns(data=pl.lit(DATA)), tables / f"{name}.csv")


# --- equations and losses -------------------------------------------------------------------------

CHECKS = {
    "3.11 printed": ("labels.eq311_printed", "3.11 as printed, a sum for every row's derivative"),
    "3.11": ("labels.eq311_meant", "3.11 without the sum"),
    "3.16 printed": ("labels.eq316_printed", "3.15 and 3.16 as printed, with the sum"),
    "3.16": ("labels.eq316_meant", "3.15 and 3.16 without the sum"),
    "3.18": ("labels.eq318", "3.18, weights to the output, summed over rows"),
    "3.22": ("labels.eq322_meant", "3.22 by the neuron's value before activation"),
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
        "losses in [0, 1] when the class's probability is uniform in (0, 1)",
    ),
}
"""Check to its key and what agrees, as a share of random networks or draws."""

AGREES = 1e-9


def of_equations(slopes: pl.DataFrame, checks: pl.DataFrame, failure: pl.DataFrame) -> Numbers:
    """S1, and every other equation that was checked."""
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
    what = "smallest score at which 3.16, multiplied out in float32, is no number (label 0)"
    yield single("labels.unfused_fails_at", what, failure["score"][0], "number")


def of_losses(losses: pl.DataFrame, counter: pl.DataFrame) -> Numbers:
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


# --- depth ----------------------------------------------------------------------------------------

SIGMOID, RELU = ("sigmoid", "glorot"), ("relu", "he")
KEPT = {
    "sigmoid": SIGMOID,
    "relu": RELU,
    "sigmoid_wide": ("sigmoid", "4 x glorot"),
    "relu_glorot": ("relu", "glorot"),
    "relu_small": ("relu", "0.01"),
}
NAMES = {
    "sigmoid": "sigmoid, Glorot",
    "relu": "ReLU, He",
    "sigmoid_wide": "sigmoid, four times Glorot's bound",
    "relu_glorot": "ReLU, Glorot",
    "relu_small": "ReLU, normal with sd 0.01",
}


def of_gradients(gradients: pl.DataFrame) -> Numbers:
    """S3 before training: what is left of the first layer's gradient."""
    shallow, deep = (int(end) for end in gradients.select(
        pl.col("depth").min().alias("a"), pl.col("depth").max().alias("b")).row(0))  # fmt: skip

    def norm(arm: tuple[str, str], depth: int, layer: int) -> np.ndarray:
        rows = gradients.filter(activation=arm[0], init=arm[1], depth=depth, layer=layer)
        return rows.sort("seed")["norm"].to_numpy()

    for key, arm in KEPT.items():
        kept = geometric_mean(norm(arm, deep, 1) / norm(arm, shallow, 1))
        what = f"{NAMES[key]}: first layer's gradient, {deep} hidden layers over {shallow}"
        yield number(f"s3.{key}_kept", what, kept, "ratio", SEEDS_T)
        ends = geometric_mean(norm(arm, deep, 1) / norm(arm, deep, deep + 1))
        what = f"{NAMES[key]}: first layer's gradient over the last layer's, {deep} hidden layers"
        yield number(f"s3.{key}_first_over_last", what, ends, "ratio", SEEDS_T)
    over = geometric_mean(norm(RELU, deep, 1) / norm(SIGMOID, deep, 1))
    what = f"first layer's gradient, ReLU (He) over sigmoid (Glorot), {deep} hidden layers"
    yield number("s3.relu_over_sigmoid", what, over, "ratio", SEEDS_T)


def best_rates(depths: pl.DataFrame) -> pl.DataFrame:
    """The runs at each network's rate with the lowest mean training loss at the end."""
    network = ["activation", "init", "depth"]
    end = depths.filter(pl.col("epoch") == pl.col("epoch").max())
    mean = end.group_by(*network, "learning_rate").agg(
        pl.when(pl.col("loss").is_finite().all()).then(pl.col("loss").mean()).otherwise(np.inf)
        .first().alias("end")
    )  # fmt: skip
    best = mean.sort("end", "learning_rate").unique(network, keep="first", maintain_order=True)
    return depths.join(best.select(*network, "learning_rate"), on=[*network, "learning_rate"])


def lost(key: str, what: str, trained: pl.DataFrame, chosen: pl.DataFrame) -> Numbers:
    """How many runs diverged, of all that were trained and of those at a rate that was chosen.

    Args:
        key: claim or chapter.
        what: the runs, in words.
        trained: epoch, loss of all runs.
        chosen: the same of the runs at chosen rates.
    """
    for name, rates, runs in (
        ("diverged", "any rate", trained),
        ("diverged_chosen", "a rate that was chosen", chosen),
    ):
        end = runs.filter(pl.col("epoch") == pl.col("epoch").max())
        count = int((~end["loss"].is_finite()).sum())
        yield single(
            f"{key}.{name}", f"{what} that diverged, at {rates}", count, "runs", end.height
        )


def at_an_end(key: str, problem: str, tried: pl.DataFrame) -> dict[str, Any]:
    """How many of the chosen rates lie at an end of their grid; each `problem` has its own."""
    rate = pl.col("learning_rate")
    ends = (rate == rate.min().over(problem)) | (rate == rate.max().over(problem))
    cells = tried.with_columns(end=ends).filter("chosen").unique([problem, "fold"])
    what = "chosen rates that lie at an end of their grid, of all folds"
    return single(f"{key}.at_an_end", what, int(cells["end"].sum()), "count", cells.height)


def of_depths(depths: pl.DataFrame) -> Numbers:
    """S3 after training."""
    best = best_rates(depths)
    end = best.filter(pl.col("epoch") == pl.col("epoch").max())
    found: dict[tuple[str, int], np.ndarray] = {}
    for (activation, depth), rows in end.group_by("activation", "depth", maintain_order=True):
        found[str(activation), int(depth)] = rows.sort("seed")["accuracy"].to_numpy()  # type: ignore[call-overload]
        what = (
            f"{activation}, {depth} hidden layers, trained at its best rate "
            f"({rows['learning_rate'][0]:g}): training rows right"
        )
        accuracy = stats.mean_interval(found[str(activation), int(depth)])  # type: ignore[call-overload]
        yield number(f"s3.{activation}_{depth}_accuracy", what, accuracy, "fraction", SEEDS_T)
        what = f"{activation}, {depth} hidden layers, at its best rate: mean training loss"
        loss = stats.mean_interval(rows["loss"].to_numpy())
        yield number(f"s3.{activation}_{depth}_loss", what, loss, "nats", SEEDS_T)
        what = f"{activation}, {depth} hidden layers: the rate with the lowest training loss"
        yield single(f"s3.{activation}_{depth}_rate", what, rows["learning_rate"][0], "number")
    deep = int(end["depth"].max())  # type: ignore[arg-type]
    difference = stats.mean_interval(found["relu", deep] - found["sigmoid", deep])
    what = f"training rows right, ReLU minus sigmoid, {deep} hidden layers"
    yield number("s3.accuracy_difference", what, difference, "difference of fractions", SEEDS_T)
    yield from lost("s3", "runs of the deep and shallow networks", depths, best)


def gradient_figure(gradients: pl.DataFrame, depths: pl.DataFrame) -> pl.DataFrame:
    """part (first, layers, training), name, depth, x, value, lo, hi, n.

    first: geometric mean of the first layer's gradient by hidden layers; layers: of each layer's,
    at the greatest depth; training: geometric mean of the loss by epoch at the best rate.
    """
    arms = {arm: NAMES[key] for key, arm in KEPT.items()}
    deep = int(gradients["depth"].max())  # type: ignore[arg-type]
    rows: list[dict[str, Any]] = []
    keys = ["activation", "init", "depth", "layer"]
    for (activation, init, depth, layer), cell in gradients.group_by(keys, maintain_order=True):
        name = arms[str(activation), str(init)]
        found = geometric_mean(cell["norm"].to_numpy())._asdict()
        if layer == 1:
            rows.append({"part": "first", "name": name, "depth": depth, "x": depth, **found})
        if depth == deep:
            rows.append({"part": "layers", "name": name, "depth": depth, "x": layer, **found})
    keys = ["activation", "init", "depth", "epoch"]
    for (activation, init, depth, epoch), cell in best_rates(depths).group_by(
        keys, maintain_order=True
    ):
        found = geometric_mean(cell["loss"].to_numpy().astype(float))._asdict()
        name = arms[str(activation), str(init)]
        rows.append({"part": "training", "name": name, "depth": depth, "x": epoch, **found})
    return pl.DataFrame(rows, infer_schema_length=None)


# --- cross-validated accuracies -------------------------------------------------------------------


def matrix(predicted: pl.DataFrame) -> np.ndarray:
    """Correct or not, (seeds, rows), with the folds put together."""
    ordered = predicted.sort("seed", "row")
    seeds = ordered["seed"].n_unique()
    return ordered["correct"].to_numpy().astype(float).reshape(seeds, -1)


def over_rows(correct: np.ndarray) -> stats.Interval:
    """Mean over rows and seeds, or of differences, with the bootstrap over both."""
    return stats.two_level_interval(correct, np.ones(correct.shape[1]), rng(), resamples=RESAMPLES)


def of_coding(coding: pl.DataFrame, tried: pl.DataFrame) -> Numbers:
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
    yield from lost("s5", "runs of the codings", tried, tried.filter("chosen"))
    yield at_an_end("s5", "coding", tried)


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


def of_binary(binary: pl.DataFrame, peers: pl.DataFrame, tried: pl.DataFrame) -> Numbers:
    """The binary network beside scikit-learn's classifiers, on both problems."""
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
                # Without seeds it is the rows that are counted.
                found = found._replace(n=theirs.shape[1])
            yield number(
                f"labels.{key}_{part}_accuracy", f"{problem}: held-out accuracy, {name}",
                found, "fraction", covers,
            )  # fmt: skip
            if name != "majority":
                # Their seeds draw other weights than ours: paired by row, not by seed.
                yield number(
                    f"labels.{key}_minus_{part}",
                    f"{problem}: held-out accuracy, ours minus {name} (mean of its seeds)",
                    over_rows(ours - theirs.mean(axis=0)), "difference of fractions",
                    ROWS_AND_SEEDS,
                )  # fmt: skip
    yield from lost("labels", "binary networks", tried, tried.filter("chosen"))
    yield at_an_end("labels", "problem", tried)


def labels_figure(binary: pl.DataFrame, peers: pl.DataFrame, tried: pl.DataFrame) -> pl.DataFrame:
    """part (loss or accuracy), problem, name, x, value, lo, hi, n.

    loss: mean training loss by epoch x of each rate (name), over folds and seeds; accuracy: of each
    classifier, x is 0.
    """
    keys = ["problem", "learning_rate", "epoch"]
    losses = tried.group_by(keys, maintain_order=True).agg(
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


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(Path(snakemake.input.tables[0]).parent, Path(snakemake.output.numbers).parent)
