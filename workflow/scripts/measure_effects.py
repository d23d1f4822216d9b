"""The effects behind the claims on ISOLET: differences, slopes and chosen cells, in both arms.

"As published" repeats the source, which tuned and read on the same test rows. In the clean arm
every learning rate comes from cross-validation over training speakers; the test rows are opened
after it.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cells
import job
import numpy as np
import polars as pl
from cells import Counts, Runs
from choices import Choices, named
from covers import SEEDS_BOOTSTRAP, SEEDS_T, SPEAKERS_AND_SEEDS
from tables import write_csv

from nnjax import stats

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

FRACTION = "fraction"
DIFFERENCE = "difference of fractions"
OPTIMIZERS = ("sgd", "sgd_momentum", "adagrad", "rmsprop", "adam")
SMALL_BATCHES = 128
"""The claim that small batches are worse is about this side of the figure: batches up to here."""
MANY_UPDATES = 256
"""Overfitting is looked for in batches up to here; larger ones have hardly trained by epoch 20."""

Row = dict[str, Any]


def row(
    key: str,
    what: str,
    interval: stats.Interval,
    unit: str = DIFFERENCE,
    p: float | None = None,
    covers: str = SPEAKERS_AND_SEEDS,
) -> Row:
    """One effect."""
    found = interval._asdict()
    return {"key": key, "what": what, **found, "p": p, "unit": unit, "interval": covers}


def accuracy(key: str, what: str, counts: Counts) -> Row:
    """An accuracy over speakers and seeds."""
    return row(key, what, stats.two_level_interval(*counts, cells.rng()), FRACTION)


def same_speakers(key: str, what: str, counts: Counts) -> Row:
    """An accuracy on these test speakers, as one would repeat a printed one: over seeds alone."""
    seeds = stats.mean_interval(counts[0].sum(axis=1) / counts[1].sum())
    return row(key, f"{what}; on these 30 speakers", seeds, FRACTION, covers=SEEDS_T)


def contrast(key: str, what: str, a: Counts, b: Counts) -> Row:
    """Cell a minus cell b, paired by seeds (the first that both have) and speakers."""
    seeds = min(len(a[0]), len(b[0]))
    a, b = (a[0][:seeds], a[1]), (b[0][:seeds], b[1])
    by_speaker = (a[0] - b[0]).mean(axis=0)
    return row(key, what, cells.difference(a, b), p=stats.sign_flip_test(by_speaker, cells.rng()))


def diverged(key: str, name: str, refits: Runs) -> Row:
    """How many refits of an experiment ended without finite losses, or guessing."""
    final = refits.final()
    lost = int(cells.diverged(final).sum())
    unknown = stats.Interval(lost, float("nan"), float("nan"), len(final))
    what = f"clean arm, {name.replace('_', ' ')}: runs that diverged, of {len(final)}"
    return row(key, what, unknown, "runs", covers="none: a count")


def adjusted(rows: Iterable[Row]) -> list[Row]:
    """Rows of one family with Holm's p-values."""
    family = list(rows)
    p_values = stats.holm([effect["p"] for effect in family])
    return [effect | {"p": float(p)} for effect, p in zip(family, p_values, strict=True)]


def average(several: list[Counts]) -> Counts:
    """The counts of several cells averaged, seed by seed and speaker by speaker."""
    return np.mean([counts for counts, _ in several], axis=0), several[0][1]


def slope(key: str, what: str, of: list[Counts], x: list[float]) -> Row:
    """Least-squares slope of the accuracy over x, with seeds and speakers resampled."""
    correct = np.stack([counts for counts, _ in of])
    return row(key, what, stats.two_level_slope(correct, of[0][1], np.array(x), cells.rng()))


def momentum(published: dict[str, Runs], clean: dict[str, Runs], chosen: Choices) -> Iterator[Row]:
    """K3, K4, K5, K7, K16: with and without momentum, sigmoid, large initial weights."""
    runs = published["momentum"]
    reference = runs.counts(momentum=0.9)
    yield same_speakers("k3.same_speakers_accuracy", "one hidden layer, momentum 0.9", reference)
    yield same_speakers(
        "k16.same_speakers_accuracy",
        "weights from N(0, 1)",
        published["standard_normal"].counts(),
    )
    without = runs.counts(momentum=0.0)
    yield contrast("k4.difference", "momentum 0 minus momentum 0.9", without, reference)
    early = min(10, runs.epochs["epoch"].max())  # type: ignore[type-var]
    yield contrast(
        "k4.early_difference",
        f"momentum 0 minus momentum 0.9, after {early} epochs",
        runs.counts(momentum=0.0, epoch=early),
        runs.counts(momentum=0.9, epoch=early),
    )
    for key, experiment, what in (
        ("k5.difference", "long", "momentum 0, long, minus momentum 0.9"),
        ("k5.high_rate_difference", "high_rate", "momentum 0, high rate, minus momentum 0.9"),
        ("k16.difference", "standard_normal", "weights from N(0, 1) minus N(0, 0.01^2)"),
    ):
        yield contrast(key, what, published[experiment].counts(), reference)
    sigmoid = published["sigmoid"]
    rates = sigmoid.final().group_by("learning_rate").agg(pl.col("test_accuracy").mean())
    best = rates.sort("test_accuracy", "learning_rate")["learning_rate"][-1]
    for key, rate, what in (
        ("k7.difference", 0.01, "sigmoid minus ReLU"),
        ("k7.best_rate_difference", best, f"sigmoid at its best rate on the test set ({best:g})"),
    ):
        yield contrast(key, what, sigmoid.counts(learning_rate=rate), reference)

    tuned = {m: clean["momentum"].counts(**chosen.cell("momentum", momentum=m)) for m in (0.0, 0.9)}
    tuned_sigmoid = clean["sigmoid"].counts(**chosen.cell("sigmoid"))
    yield accuracy("k3.clean_accuracy", chosen.words("momentum", momentum=0.9), tuned[0.9])
    yield same_speakers(
        "k3.clean_same_speakers_accuracy", chosen.words("momentum", momentum=0.9), tuned[0.9]
    )
    yield contrast(
        "k4.clean_difference", "momentum 0 minus momentum 0.9, both tuned", tuned[0.0], tuned[0.9]
    )
    yield contrast(
        "k7.clean_difference", "sigmoid minus ReLU, both tuned", tuned_sigmoid, tuned[0.9]
    )
    yield accuracy("k7.clean_accuracy", chosen.words("sigmoid"), tuned_sigmoid)
    yield contrast(
        "k7.optimism",
        "sigmoid at its best rate on the test set, minus the rate chosen on training speakers",
        sigmoid.counts(learning_rate=best),
        tuned_sigmoid,
    )


def units(published: dict[str, Runs], clean: dict[str, Runs], chosen: Choices) -> Iterator[Row]:
    """K8: learning rate and hidden units."""
    runs = published["fig5"]
    grid = runs.final().group_by("learning_rate", "units").agg(pl.col("test_accuracy").mean())
    grid = grid.sort("test_accuracy", "learning_rate", "units")
    best, worst, next_worst = (_cell(grid, i, "learning_rate", "units") for i in (-1, 0, 1))
    corner = {"learning_rate": min(grid["learning_rate"]), "units": min(grid["units"])}
    few = {"learning_rate": 0.001, "units": min(grid["units"])}
    yield contrast(
        "k8.few_units_difference",
        f"{few['units']} units minus the best cell on the test set ({best['units']} units, "
        f"rate {best['learning_rate']:g}), rate 0.001",
        runs.counts(**few),
        runs.counts(**best),
    )
    other = next_worst if worst == corner else worst
    yield contrast(
        "k8.worst_difference",
        f"fewest units and smallest rate minus the worst other cell ({other['units']} units, "
        f"rate {other['learning_rate']:g})",
        runs.counts(**corner),
        runs.counts(**other),
    )
    tuned, winner = clean["units"], chosen.best("units")
    few_tuned = {"units": corner["units"]}
    best_counts = tuned.counts(**chosen.cell("units", **winner))
    few_counts = tuned.counts(**chosen.cell("units", **few_tuned))
    yield accuracy(
        "k8.clean_accuracy",
        chosen.words("units", **winner),
        best_counts,
    )
    yield accuracy(
        "k8.clean_few_units_accuracy",
        chosen.words("units", **few_tuned),
        few_counts,
    )
    yield contrast(
        "k8.clean_few_units_difference",
        f"{corner['units']} units minus {winner['units']} units, both tuned",
        few_counts,
        best_counts,
    )
    yield contrast(
        "k8.optimism",
        "the best cell on the test set minus the cell chosen on training speakers",
        runs.counts(**best),
        best_counts,
    )


def batches(published: dict[str, Runs], clean: dict[str, Runs], chosen: Choices) -> Iterator[Row]:
    """K9, K10, K11: one epoch, many epochs, small batches."""
    runs, tuned = published["fig6"], clean["batch_size"]
    first = runs.epochs.filter(epoch=1).group_by("batch_size").agg(pl.col("test_accuracy").mean())
    best = int(first.sort("test_accuracy", "batch_size")["batch_size"][-1])
    one = runs.counts(batch_size=best, epoch=1)
    yield accuracy(
        "k9.one_epoch_accuracy",
        f"after one epoch, the best batch size on the test set ({best})",
        one,
    )
    winner = chosen.best("batch_size", epoch=1)
    refit = tuned.counts(**chosen.cell("batch_size", **winner))
    yield accuracy("k9.clean_one_epoch_accuracy", chosen.words("batch_size", **winner), refit)
    yield contrast(
        "k9.optimism",
        "one epoch: the best batch size on the test set minus the choice on training speakers",
        one,
        refit,
    )

    def as_published(size: int, epoch: int) -> Counts:
        return runs.counts(batch_size=size, epoch=epoch)

    def as_tuned(size: int, epoch: int) -> Counts:
        return tuned.counts(batch_size=size, judged=judged, epoch=epoch)

    last = int(runs.epochs["epoch"].max())  # type: ignore[arg-type]
    judged = int(chosen.tables["batch_size"]["epoch"].max())  # type: ignore[arg-type]
    refit_last = int(tuned.epochs["epoch"].max())  # type: ignore[arg-type]
    yield from over_batches("", runs, as_published, (last // 3, last), "rate 0.001")
    yield from over_batches("clean_", tuned, as_tuned, (judged, refit_last), "rates tuned")


def over_batches(
    arm: str,
    table: Runs,
    counts: Callable[[int, int], Counts],
    epochs: tuple[int, int],
    rate: str,
) -> Iterator[Row]:
    """K10 and K11 in one arm; counts(batch size, epoch)."""
    early, late = epochs
    sizes = sorted(set(table.epochs["batch_size"].to_list()))
    trained = [size for size in sizes if size <= MANY_UPDATES]
    yield contrast(
        f"k10.{arm}difference",
        f"epoch {late} minus epoch {early}, mean over batches of {trained[0]} to {trained[-1]}, "
        f"{rate}",
        average([counts(size, late) for size in trained]),
        average([counts(size, early) for size in trained]),
    )
    yield from adjusted(
        contrast(
            f"k10.{arm}difference_{size}",
            f"epoch {late} minus epoch {early}, batches of {size}, {rate}",
            counts(size, late),
            counts(size, early),
        )
        for size in trained
    )
    small = [size for size in sizes if size <= SMALL_BATCHES]
    yield slope(
        f"k11.{arm}slope",
        f"accuracy after {early} epochs per doubling of the batch, batches of {small[0]} to "
        f"{small[-1]}, {rate}",
        [counts(size, early) for size in small],
        [float(np.log2(size)) for size in small],
    )


def depth(published: dict[str, Runs], clean: dict[str, Runs], chosen: Choices) -> Iterator[Row]:
    """K13, K14: hidden layers and Adam's beta1."""
    for arm, table, rate in (
        ("", published["fig7"], "rate 0.001"),
        ("clean_", clean["depth"], "rates tuned"),
    ):
        yield contrast(
            f"k13.{arm}difference",
            f"no hidden layer minus one, Adam, beta1 0.9, {rate}",
            table.counts(layers=0, b1=0.9),
            table.counts(layers=1, b1=0.9),
        )
        layers = sorted(set(table.epochs["layers"].to_list()))
        betas = sorted(set(table.epochs["b1"].to_list()))
        grid = {n: [table.counts(layers=n, b1=b1) for b1 in betas] for n in layers}
        over = f"accuracy per unit of beta1, {betas[0]:g} to {betas[-1]:g}, {rate}"
        means = [average(list(column)) for column in zip(*grid.values(), strict=True)]
        depths = ", ".join(map(str, layers))
        yield slope(f"k14.{arm}slope", f"{over}, mean over {depths} hidden layers", means, betas)
        yield contrast(
            f"k14.{arm}default_difference",
            f"beta1 0.9 minus 0, mean over {depths} hidden layers, {rate}",
            means[betas.index(0.9)],
            means[betas.index(0.0)],
        )
        for n, column in grid.items():
            yield slope(f"k14.{arm}slope_{n}", f"{over}, {n} hidden layers", column, betas)
    yield accuracy(
        "k13.clean_no_hidden_accuracy",
        chosen.words("depth", layers=0, b1=0.9),
        clean["depth"].counts(layers=0, b1=0.9),
    )


def optimizers(
    published: dict[str, Runs], clean: dict[str, Runs], chosen: Choices
) -> Iterator[Row]:
    """K15: all pairs of optimizers, Holm over the pairs of an arm; P(A > B) over seeds."""
    for arm, table, rate in (
        ("", published["fig8"], "shared rate"),
        ("clean_", clean["optimizers"], "rates tuned"),
    ):
        found = {name: table.counts(optimizer=name) for name in OPTIMIZERS}
        pairs = list(itertools.combinations(reversed(OPTIMIZERS), 2))
        yield from adjusted(
            contrast(
                f"k15.{arm}{a}_minus_{b}",
                f"{named(a)} minus {named(b)}, {rate}",
                found[a],
                found[b],
            )
            for a, b in pairs
        )
        for a, b in pairs:
            better = stats.probability_of_improvement(
                found[a][0].sum(axis=1), found[b][0].sum(axis=1), cells.rng()
            )
            yield row(
                f"k15.{arm}p_{a}_above_{b}",
                f"probability that {named(a)} ends above {named(b)} from the same seed, {rate}",
                better,
                FRACTION,
                covers=SEEDS_BOOTSTRAP,
            )
        if arm:
            for name in OPTIMIZERS:
                words = chosen.words("optimizers", optimizer=name)
                yield accuracy(f"k15.clean_{name}_accuracy", words, found[name])


def _cell(table: pl.DataFrame, index: int, *names: str) -> Row:
    return table.select(names).row(index, named=True)


PARTS = {
    "momentum": momentum,
    "units": units,
    "batches": batches,
    "depth": depth,
    "optimizers": optimizers,
}


def main(
    part: str,
    published: dict[str, str],
    clean: dict[str, str],
    choices: dict[str, str],
    record: Path,
    output: Path,
) -> None:
    """Write the effects of one part of the study.

    Args:
        part: a name of PARTS.
        published: experiment to the folder of its runs.
        clean: experiment of the clean arm to the folder of its refit.
        choices: experiment of the clean arm to its table of choices.
        record: the data's source record (JSON).
        output: CSV to write: key (as in numbers.json), what, value, lo, hi, n (seeds), p
            (sign-flip test over speakers; after Holm where several pairs stand together), unit,
            interval (what it covers), data.
    """
    runs = {name: Runs(Path(folder)) for name, folder in published.items()}
    refits = {name: Runs(Path(folder)) for name, folder in clean.items()}
    chosen = Choices({name: pl.read_parquet(path) for name, path in choices.items()})
    rows = list(PARTS[part](runs, refits, chosen))
    rows += [diverged(f"clean.{name}_diverged", name, refit) for name, refit in refits.items()]
    data = json.loads(record.read_text(encoding="utf-8"))["data"]
    write_csv(pl.DataFrame(rows, infer_schema_length=None).with_columns(data=pl.lit(data)), output)


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        snakemake.wildcards["part"],
        snakemake.params["published"],
        snakemake.params["clean"],
        snakemake.params["choices"],
        Path(snakemake.input.record),
        Path(snakemake.output.table),
    )
