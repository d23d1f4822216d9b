"""Summarise the sample-by-sample runs and gradient checks: tables of the figures and numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nnjax import stats
from workflow.lib import job
from workflow.lib.estimates import SEEDS_T, SEEDS_WILSON, geometric_mean, number, single
from workflow.lib.estimates import table as numbers_table
from workflow.lib.tables import write_csv

DATA = pl.lit("points").alias("data")
ALL_OF_THEM = "smallest to largest of all random networks"
FORMS = {
    "loop_as_printed": "the generic loop as printed, with f(y)",
    "general_step_as_printed": "the general step as printed, with f(y) and dL(x)",
    "final_code": "the loop with f′(y), as in the first two steps and the final code",
    "nnjax": "nnjax: dense, leaky_relu and mean_squared_error",
}


def mean(values: np.ndarray) -> stats.Interval:
    """Mean of one value per seed with Student's t interval."""
    return stats.mean_interval(values)


def share(hits: np.ndarray) -> stats.Interval:
    """Fraction of seeds with Wilson's interval."""
    return stats.proportion_interval(int(hits.sum()), len(hits))


def zero_target_numbers(runs: pl.DataFrame, printed: dict[str, float]) -> list[dict[str, Any]]:
    """M1: losses before and after training, and the printed run among them."""
    first, last = (runs.filter(step=step).sort("seed") for step in (0, runs["step"].max()))
    before, after = first["loss"].to_numpy(), last["loss"].to_numpy()
    # A diverged seed has no ratio, and the mean of the logarithms is then unknown.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = after / before
        geometric = geometric_mean(ratio)
    large, negative = before >= np.median(before), first["negative"].to_numpy()
    geometric_large = geometric_mean(ratio[large])
    once = printed["m1.after"] / printed["m1.before"]
    return [
        number("m1.before", "summed loss before training, mean", mean(before), "number", SEEDS_T),
        number("m1.after", "summed loss after training, mean", mean(after), "number", SEEDS_T),
        number("m1.ratio", "loss after over loss before, geometric mean", geometric, "ratio",
               "95 % over seeds (Student's t on the logarithms)"),
        number("m1.ratio_of_large", "the same for the half of the seeds with the larger losses "
               "before (a split made after the run)", geometric_large, "ratio",
               "95 % over seeds (Student's t on the logarithms)"),
        single("m1.published_ratio", "the printed run: loss after over loss before", once,
               "ratio"),
        number("m1.negative_of_small", "outputs below 0 before training, the half of the seeds "
               "with the smaller losses, mean", mean(negative[~large]), "fraction",
               SEEDS_T),
        number("m1.negative_of_large", "outputs below 0 before training, the half of the seeds "
               "with the larger losses, mean", mean(negative[large]), "fraction",
               SEEDS_T),
        number("m1.negative_after", "outputs below 0 after training, all seeds, mean",
               mean(last["negative"].to_numpy()), "fraction", SEEDS_T),
        number("m1.fell", "seeds whose loss falls", share(ratio < 1), "fraction", SEEDS_WILSON),
        number("m1.fell_hundredfold", "seeds whose loss falls to less than a hundredth",
               share(ratio < 0.01), "fraction", SEEDS_WILSON),
        number("m1.before_below_published", "seeds that begin below the printed run",
               share(before < printed["m1.before"]), "fraction", SEEDS_WILSON),
        number("m1.after_below_published", "seeds that end below the printed run",
               share(after < printed["m1.after"]), "fraction", SEEDS_WILSON),
        number("m1.step_lowers_loss_before", "samples whose own loss falls in one step, before "
               "training, mean", mean(first["lowered"].to_numpy()), "fraction", SEEDS_T),
        number("m1.step_lowers_loss_after", "samples whose own loss falls in one step, after "
               "training, mean", mean(last["lowered"].to_numpy()), "fraction", SEEDS_T),
        number("m1.diverged", "seeds whose final loss is not finite",
               share(~np.isfinite(after)), "fraction", SEEDS_WILSON),
    ]  # fmt: skip


def quadrants_numbers(
    curve: pl.DataFrame, pictures: pl.DataFrame, tested: int, best_line: float
) -> list[dict[str, Any]]:
    """M2: accuracies before and after training, on points that were not trained on."""
    first, last = (curve.filter(step=step).sort("seed") for step in (0, curve["step"].max()))
    before, after = (part["right"].to_numpy() / tested for part in (first, last))
    lost = pictures.filter(part="after").group_by("seed").agg(pl.col("lead").is_finite().all())
    seeds = len(after)
    return [
        number("m2.accuracy_before", "accuracy before training, mean", mean(before), "fraction",
               SEEDS_T),
        number("m2.accuracy_after", "accuracy after training, mean", mean(after), "fraction",
               SEEDS_T),
        number("m2.difference", "accuracy after minus before, the same seeds",
               mean(after - before), "difference of fractions", SEEDS_T),
        number("m2.one_answer_before", "seeds that give all points one answer before training",
               share(first["one_answer"].to_numpy()), "fraction", SEEDS_WILSON),
        number("m2.one_answer_after", "seeds that give all points one answer after training",
               share(last["one_answer"].to_numpy()), "fraction", SEEDS_WILSON),
        single("m2.best_line", "accuracy of the best straight line on the whole square, by "
               "exhaustive search", best_line, "fraction"),
        number("m2.above_line", "seeds above 2/3, the best straight line", share(after > 2 / 3),
               "fraction", SEEDS_WILSON),
        number("m2.above_nine_tenths", "seeds with at least nine points in ten right",
               share(after >= 0.9), "fraction", SEEDS_WILSON),
        single("m2.worst", "accuracy after training, the worst seed", after.min(), "fraction",
               seeds),
        single("m2.median", "accuracy after training, the median seed", float(np.median(after)),
               "fraction", seeds),
        single("m2.best", "accuracy after training, the best seed", after.max(), "fraction",
               seeds),
        number("m2.diverged", "seeds whose final scores are not finite",
               share(~lost["lead"].to_numpy()), "fraction", SEEDS_WILSON),
    ]  # fmt: skip


def form_rows(errors: pl.DataFrame) -> list[dict[str, Any]]:
    """M3: smallest, median and largest error of each form."""
    rows = []
    for form, what in FORMS.items():
        part = errors.filter(form=form)
        found = part["error"].to_numpy()
        row = {"form": form, "what": what, "widths": part["widths"][0], "n": len(found)}
        rows.append(row | {"lo": found.min(), "value": np.median(found), "hi": found.max()})
    return rows


def shown_seeds(curve: pl.DataFrame) -> dict[str, int]:
    """The worst, the median (the lower one of two) and the best seed after training."""
    order = curve.filter(step=curve["step"].max()).sort("right", "seed")["seed"].to_list()
    return {"worst": order[0], "median": order[(len(order) - 1) // 2], "best": order[-1]}


def quadrants_figure(curve: pl.DataFrame, pictures: pl.DataFrame, tested: int) -> pl.DataFrame:
    """The figure's rows: points and regions of the shown seeds, accuracies of all.

    Returns:
        part ("before", "after", "region", "accuracy before", "accuracy after"), shown (worst,
        median, best, or all), seed, index, x, y (null for accuracies) and value: the lead of "one
        sign", or the accuracy.
    """
    seeds = shown_seeds(curve)
    columns = ["part", "shown", "seed", "index", "x", "y", "value"]
    chosen = {"before": ["median"], "after": ["median"], "region": list(seeds)}
    parts = []
    for part, names in chosen.items():
        for shown in names:
            rows = pictures.filter(part=part, seed=seeds[shown])
            parts.append(
                rows.with_columns(
                    pl.lit(shown).alias("shown"),
                    *(pl.col(c).cast(pl.Float64).round(3) for c in ("x", "y")),
                    pl.col("lead").cast(pl.Float64).round(4).alias("value"),
                ).select(columns)
            )
    for part, step in (("accuracy before", 0), ("accuracy after", curve["step"].max())):
        rows = curve.filter(step=step).with_columns(
            pl.lit(part).alias("part"), pl.lit("all").alias("shown"),
            pl.col("seed").alias("index"), (pl.col("right") / tested).alias("value"),
            pl.lit(None, pl.Float64).alias("x"), pl.lit(None, pl.Float64).alias("y"),
        )  # fmt: skip
        parts.append(rows.select(columns))
    return pl.concat(parts)


def zero_target_figure(runs: pl.DataFrame, printed: dict[str, float]) -> pl.DataFrame:
    """The figure's rows: quantiles over the seeds by step, and the printed values."""
    last = runs["step"].max()
    quantiles = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
    return (
        runs.group_by("step")
        .agg(
            *(pl.col("loss").quantile(q, "linear").alias(name) for name, q in quantiles.items()),
            pl.len().alias("n"),
        )
        .sort("step")
        .with_columns(
            pl.when(pl.col("step") == 0)
            .then(printed["m1.before"])
            .when(pl.col("step") == last)
            .then(printed["m1.after"])
            .alias("printed")
        )
    )


def main(
    tested: int,
    printed: dict[str, float],
    runs: Path,
    zero_target: Path,
    quadrants: Path,
    errors: Path,
    refused: Path,
    numbers: Path,
) -> None:
    """Write the tables.

    Args:
        tested: points on which guesses were counted.
        printed: the losses that the source prints, by the keys of their numbers.
        runs: folder that `train` wrote.
        zero_target: CSV of the figure of the target zero.
        quadrants: CSV of the figure of the quadrants.
        errors: CSV of the article's forms and their errors.
        refused: CSV of the messages for shapes that do not fit.
        numbers: CSV of the chapter's numbers.
    """
    read = {path.stem: pl.read_parquet(path) for path in runs.glob("*.parquet")}
    forms = form_rows(read["errors"])
    best_line = read["line"]["accuracy"][0]
    rows = [
        *zero_target_numbers(read["zero_target"], printed),
        *quadrants_numbers(read["curve"], read["pictures"], tested, best_line),
        *(
            number(
                f"m3.{form['form']}",
                f"error of {form['what']}, median",
                stats.Interval(*(form[end] for end in stats.Interval._fields)),
                "number",
                ALL_OF_THEM,
            )
            for form in forms
        ),
    ]
    drawn = quadrants_figure(read["curve"], read["pictures"], tested)
    write_csv(zero_target_figure(read["zero_target"], printed).with_columns(DATA), zero_target)
    write_csv(drawn.with_columns(DATA), quadrants)
    write_csv(pl.DataFrame(forms).with_columns(DATA), errors)
    write_csv(read["refused"].with_columns(DATA), refused)
    write_csv(numbers_table(rows, "points"), numbers)


job.run(main, globals().get("snakemake"))
