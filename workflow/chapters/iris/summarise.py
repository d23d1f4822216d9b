"""Summarise the iris runs and the formula checks: tables of the figures and numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from settings import Settings

from nnjax import stats
from workflow.lib import job
from workflow.lib.estimates import N_SEEDS, SEEDS_WILSON, number, over_units, single
from workflow.lib.estimates import table as numbers_table
from workflow.lib.tables import write_csv

DATA = pl.lit("iris").alias("data")
FLOWERS_WILSON = "95 % over flowers (Wilson)"
FLOWERS_BOOTSTRAP = "95 % over flowers (bootstrap)"
FLOWERS_AND_SEEDS = "95 % over flowers and seeds (bootstrap)" + N_SEEDS
ALL_CASES = "smallest to largest of all random cases"
ALL_NETWORKS = "smallest to largest of all networks"

MODELS = {
    "logistic": "logistic regression",
    "quadratic": "quadratic basis functions",
    "network": "one hidden layer",
}
SPECIES = ["setosa", "versicolor", "virginica"]
"""In the order of their numbers in scikit-learn's copy."""

SOFTMAX = ["nnjax, fused, labels", "nnjax, fused, one-hot", "nnjax, softmax then loss"]
WRITTEN = ["sum of -log P", "cross-entropy of one-hot targets"]


def spread(values: pl.Series) -> stats.Interval:
    """Median, smallest and largest."""
    found = values.to_numpy()
    return stats.Interval(
        float(np.median(found)), float(found.min()), float(found.max()), len(found)
    )


def hits(left_out: pl.DataFrame, flowers: pl.DataFrame) -> dict[str, np.ndarray]:
    """Which flowers each model gets right when they are left out, by model: (seeds, flowers).

    A diverged training is right nowhere.
    """
    chosen = flowers.select("row", "chosen")
    joined = left_out.join(chosen, on="row", maintain_order="left").sort(
        "seed", "row", maintain_order=True
    )
    found = {}
    for (model,), part in joined.group_by("model", maintain_order=True):
        probability = part["probability"].to_numpy()
        right = np.isfinite(probability) & ((probability > 0.5) == part["chosen"].to_numpy())
        found[str(model)] = right.reshape(part["seed"].n_unique(), -1)
    return found


def difference(a: np.ndarray, b: np.ndarray) -> stats.Interval:
    """Accuracy of a minus that of b, paired by flowers (and by seeds where a has several)."""
    d = a.astype(float) - b
    return over_units(d, np.ones(d.shape[1]))


def model_numbers(right: dict[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Leave-one-out accuracy of each model."""
    found = {}
    for model, what in MODELS.items():
        hit = right[model]
        if len(hit) == 1:
            interval = stats.proportion_interval(int(hit.sum()), hit.size)
            covers = FLOWERS_WILSON
        else:
            interval = over_units(hit, np.ones(hit.shape[1]))
            covers = FLOWERS_AND_SEEDS
        words = f"{what}: leave-one-out accuracy"
        found[model] = number(f"h1.{model}_accuracy", words, interval, "fraction", covers)
    return found


def iris_numbers(
    left_out: pl.DataFrame,
    flowers: pl.DataFrame,
    widths: pl.DataFrame,
    reached: float,
) -> list[dict[str, Any]]:
    """H1: accuracies, their differences, scikit-learn's, and how many hidden units it takes."""
    right = hits(left_out, flowers)
    rows = list(model_numbers(right).values())
    left = flowers.filter(pl.col("row").is_in(left_out["row"].unique().to_list()))
    rows.append(
        number("h1.always_no", "accuracy of always answering no",
               stats.proportion_interval(int((~left["chosen"]).sum()), left.height), "fraction",
               FLOWERS_WILSON)
    )  # fmt: skip
    for a, b in (("quadratic", "logistic"), ("network", "logistic"), ("network", "quadratic")):
        covers = FLOWERS_AND_SEEDS if len(right[a]) > 1 else FLOWERS_BOOTSTRAP
        what = f"{MODELS[a]} minus {MODELS[b]}, the same flowers"
        found = difference(right[a], right[b])
        rows.append(number(f"h1.{a}_minus_{b}", what, found, "difference of fractions", covers))
    for model, what in MODELS.items():
        peer = right[f"{model}, scikit-learn"]
        own = right[model]
        rows.append(
            number(f"h1.{model}_sklearn_accuracy",
                   f"{what}, scikit-learn: leave-one-out accuracy",
                   stats.proportion_interval(int(peer.sum()), peer.size), "fraction",
                   FLOWERS_WILSON)
        )  # fmt: skip
        covers = FLOWERS_AND_SEEDS if len(own) > 1 else FLOWERS_BOOTSTRAP
        words = f"{what}: nnjax minus scikit-learn, the same flowers"
        found = difference(own, peer)
        rows.append(
            number(f"h1.{model}_minus_sklearn", words, found, "difference of fractions", covers)
        )
        if model != "network":
            words = f"{what}: largest difference of probabilities from scikit-learn's"
            rows.append(single(f"h1.{model}_probability_gap", words, *_gap(left_out, model)))
    lost = left_out.filter(pl.col("model") == "network").group_by("seed").agg(
        (~pl.col("probability").is_finite()).any().alias("lost")
    )["lost"]  # fmt: skip
    rows.append(
        number("h1.diverged", "seeds of the network with a diverged run",
               stats.proportion_interval(int(lost.sum()), len(lost)), "fraction", SEEDS_WILSON)
    )  # fmt: skip
    for (hidden,), part in widths.group_by("hidden_units", maintain_order=True):
        found = stats.proportion_interval(int((part["accuracy"] >= reached).sum()), part.height)
        units = "hidden unit" if hidden == 1 else "hidden units"
        what = f"seeds with {100 * reached:g} % of all flowers right, {hidden} {units}"
        rows.append(number(f"h1.reached_{hidden}", what, found, "fraction", SEEDS_WILSON))
    return rows


def _gap(left_out: pl.DataFrame, model: str) -> tuple[float, str, int]:
    pair = [
        left_out.filter(model=name).sort("row")["probability"].to_numpy()
        for name in (model, f"{model}, scikit-learn")
    ]
    return float(np.abs(pair[0] - pair[1]).max()), "number", len(pair[0])


def nll_numbers(nll: pl.DataFrame) -> list[dict[str, Any]]:
    """H2: errors of the ways to write the same number."""

    def of(ways: list[str]) -> pl.DataFrame:
        return nll.filter(pl.col("way").is_in(ways))

    binary, composed = ["nnjax, binary, fused"], ["nnjax, sigmoid then loss"]
    table = [
        ("h2.as_written", "as written in the source, relative error, median", WRITTEN, "error64"),
        ("h2.float64", "nnjax's softmax losses in float64, relative error, median", SOFTMAX,
         "error64"),
        ("h2.float32_ulps", "nnjax's softmax losses in float32, units in the last place, median",
         SOFTMAX, "ulps32"),
        ("h2.gradient", "gradient against p - y, float64, median", ["gradient p - y"], "error64"),
        ("h2.binary_fused_ulps", "binary form, fused, in float32, units in the last place, median",
         binary, "ulps32"),
        ("h2.binary_composed_ulps", "binary form, sigmoid then loss, in float32, units in the last "
         "place, median", composed, "ulps32"),
    ]  # fmt: skip
    return [
        number(key, what, spread(of(ways)[column]), "number", ALL_CASES)
        for key, what, ways, column in table
    ]


def formula_numbers(formulas: pl.DataFrame, forks: pl.DataFrame) -> list[dict[str, Any]]:
    """H3: errors of the formulas against central differences."""

    def of(*keys: str) -> stats.Interval:
        return spread(formulas.filter(pl.col("key").is_in(keys))["error"])

    def group(name: str) -> stats.Interval:
        return spread(formulas.filter(group=name)["error"])

    by_differences = forks.filter(oracle="central differences")
    planted = pl.col("network") == "residual, one branch alone"
    by_jax = forks.filter(~planted, pl.col("oracle") == "jax.grad")["error64"]
    cases = [
        ("h3.recursion", "multilayer recursion, both forms", of("recursion", "combined")),
        ("h3.fork", "fork: error signals add up", of("fork")),
        ("h3.l2", "L2 as a fork", of("l2")),
        ("h3.one_branch", "planted mistake, fork with one branch only", of("one_branch")),
        ("h3.l2_left_out", "planted mistake, L2 branch omitted", of("l2_left_out")),
        ("h3.preliminaries", "vector derivatives of the preliminaries", group("preliminaries")),
        ("h3.other_order", "planted mistake, vector chain rule in reverse", of("other_order")),
        ("h3.blocks", "common blocks", group("blocks")),
    ]  # fmt: skip
    networks = [
        ("h3.nnjax_forks", "nnjax, networks with and without forks, central differences",
         spread(by_differences.filter(~planted)["error64"])),
        ("h3.nnjax_jax_grad", "nnjax, the same networks, against jax.grad", spread(by_jax)),
        ("h3.nnjax_one_branch", "planted mistake, nnjax's residual block with one branch only",
         spread(by_differences.filter(planted)["error64"])),
    ]  # fmt: skip
    return [
        number(key, f"{what}: error, median", found, "number", covers)
        for rows, covers in ((cases, ALL_CASES), (networks, ALL_NETWORKS))
        for key, what, found in rows
    ]


def iris_figure(runs: dict[str, pl.DataFrame], settings: Settings) -> pl.DataFrame:
    """The figure's rows.

    Args:
        runs: as `train` writes them.
        settings: the chapter's.

    Returns:
        part, model, name, index, x, y, value, share, lo, hi, n, empty where they have no meaning;
        name: a flower's species, an axis' feature ("axis"), else the species that is asked for.
        "flower": value = species, share = of the seeds that get it wrong when it is left out;
        "region": value = probability by the first seed, share = of the seeds that say yes;
        "unit": the line x x1 + y x2 + value = 0; "accuracy": value, lo, hi, n.
    """
    right = hits(runs["left_out"], runs["flowers"])
    accuracies = model_numbers(right)
    left_out = np.sort(runs["left_out"]["row"].unique().to_numpy())
    axes = {"part": "axis", "model": "all", "index": [0, 1], "name": settings.features}
    parts = [pl.DataFrame(axes)]
    for model in MODELS:
        wrong = pl.DataFrame({"row": left_out, "share": 1 - right[model].mean(axis=0)})
        flowers = runs["flowers"].sort("row")
        points = flowers.join(wrong, on="row", how="left", maintain_order="left")
        region = runs["regions"].filter(model=model)
        parts += [
            points.select(
                pl.lit("flower").alias("part"), pl.lit(model).alias("model"),
                pl.col("row").alias("index"), "x", "y", pl.col("species").alias("value"), "share",
                pl.col("species").cast(pl.Int64).replace_strict(dict(enumerate(SPECIES))).alias("name"),
            ),
            region.select(
                pl.lit("region").alias("part"), pl.lit(model).alias("model"), "index", "x", "y",
                pl.col("probability").alias("value"), "share",
            ),
            pl.DataFrame(
                {"part": ["accuracy"], "model": [model], "index": [0]}
                | {name: [accuracies[model][name]] for name in ("value", "lo", "hi", "n")}
            ),
        ]  # fmt: skip
    units = runs["units"]
    parts.append(
        pl.DataFrame({"part": ["unit"] * units.height, "model": ["network"] * units.height}).hstack(
            units.select(
                pl.int_range(pl.len()).alias("index"),
                pl.col("w1").alias("x"), pl.col("w2").alias("y"), pl.col("b").alias("value"),
            )
        )
    )  # fmt: skip
    columns = ("x", "y", "value", "share", "lo", "hi", "n")
    joined = pl.concat(
        [part.with_columns(pl.col("index").cast(pl.Int64)) for part in parts],
        how="diagonal_relaxed",
    )
    return joined.select(
        "part", "model", pl.col("name").fill_null(settings.species), "index",
        *(pl.col(name).cast(pl.Float64).round(4) for name in columns),
    )  # fmt: skip


def forks_figure(formulas: pl.DataFrame, forks: pl.DataFrame) -> pl.DataFrame:
    """The figure's rows: group, check, lo, value (median), hi and n, by formula and network."""
    rows = []
    for (group, check), part in formulas.group_by("group", "check", maintain_order=True):
        value, lo, hi, n = spread(part["error"])
        rows.append({"group": group, "check": check, "lo": lo, "value": value, "hi": hi, "n": n})
    for row in forks.filter(oracle="central differences").iter_rows(named=True):
        group = "planted mistake" if "alone" in row["network"] else "nnjax"
        found = dict.fromkeys(("lo", "value", "hi"), row["error64"])
        rows.append({"group": group, "check": f"nnjax: {row['network']}", **found, "n": 1})
    return pl.DataFrame(rows)


def nll_table(nll: pl.DataFrame) -> pl.DataFrame:
    """Largest errors of every way to write the loss; `classes` lists the numbers of classes."""
    return nll.group_by("way", maintain_order=True).agg(
        pl.col("classes").unique().sort().cast(pl.String).str.join(", "),
        pl.len().alias("n"),
        pl.col("error64").max(),
        pl.col("ulps32").median().alias("ulps32_median"),
        pl.col("ulps32").max().alias("ulps32_largest"),
    )


def main(settings: Settings, runs: Path, iris: Path, forks: Path, nll: Path, numbers: Path) -> None:
    """Write the tables.

    Args:
        settings: the chapter's settings.
        runs: folder that `train` wrote.
        iris: CSV of the figure of three boundaries.
        forks: CSV of the figure of formulas.
        nll: CSV of the ways to write the loss.
        numbers: CSV of the chapter's numbers.
    """
    read = {path.stem: pl.read_parquet(path) for path in runs.glob("*.parquet")}
    rows = [
        *iris_numbers(read["left_out"], read["flowers"], read["widths"], settings.widths.reached),
        *nll_numbers(read["nll"]),
        *formula_numbers(read["formulas"], read["forks"]),
    ]
    write_csv(iris_figure(read, settings).with_columns(DATA), iris)
    write_csv(forks_figure(read["formulas"], read["forks"]).with_columns(DATA), forks)
    write_csv(nll_table(read["nll"]).with_columns(DATA), nll)
    write_csv(numbers_table(rows, "iris"), numbers)


job.run(main, globals().get("snakemake"))
