"""Images per second, their ratios, differences of gradients, and what was not measured.

The times belong to one machine and one run and differ in every run.
"""

import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from names import AUTODIFF, MEASURED, NETWORKS, OURS, PLATFORMS, TORCH
from settings import Cnn, Settings

from nnjax import stats
from workflow.lib import job
from workflow.lib.estimates import REPEATS_ORDER, SEEDS_ORDER, median_interval, number, single
from workflow.lib.estimates import table as numbers_table
from workflow.lib.numbers import Number, parted
from workflow.lib.tables import write_csv

DATA = "random"
KEYS = {OURS: "hand_derived", AUTODIFF: "autodiff", TORCH: "torch"}
DEFINITION = "definition, NumPy"
FORMS = {
    DEFINITION: "definition",
    "im2col, NumPy": "im2col",
    "im2col, compiled": "compiled_im2col",
    TORCH: "torch",
}
"""The other forms of a convolution, and their names in the keys of numbers."""

UNKNOWN = {"value": None, "lo": None, "hi": None, "n": 0}

Side = tuple[str, str]
"""A platform and an implementation."""

REFERENCE = ("cpu", AUTODIFF, "float64")
"""Platform, implementation and precision that all gradients are compared with."""

# Images per second of the first over those of the second, in the same repeat.
PAIRS: list[tuple[Side, Side]] = [
    *(
        ((platform, OURS), (platform, other))
        for platform in PLATFORMS
        for other in (AUTODIFF, TORCH)
    ),
    *((("gpu", name), ("cpu", name)) for name in (OURS, AUTODIFF, TORCH)),
]


def states(where: pl.DataFrame) -> dict[Side, str]:
    """For each platform and implementation: measured, or why not."""
    columns = where.select("platform", "implementation", "state")
    return {(platform, name): state for platform, name, state in columns.iter_rows()}


def throughput_rows(
    steps: pl.DataFrame, where: pl.DataFrame, settings: Settings
) -> list[dict[str, Any]]:
    """Images per second of every network, implementation and batch size, measured or not.

    Args:
        steps: as `measure` writes them.
        where: as `measure` writes it.
        settings: the chapter's.

    Returns:
        network, batch_size; platform, implementation, device, library, state; value, lo, hi and n
        (repeats).
    """
    rows = []
    for network, place, size in product(
        NETWORKS, where.iter_rows(named=True), settings.batch_sizes
    ):
        cell = steps.filter(
            network=network,
            platform=place["platform"],
            implementation=place["implementation"],
            batch_size=size,
        )
        found = (
            UNKNOWN
            if cell.is_empty()
            else median_interval(size / cell["seconds"].to_numpy())._asdict()
        )
        rows.append({"network": network, "batch_size": size, **place, **found})
    return rows


def speeds(steps: pl.DataFrame, network: str, side: Side) -> np.ndarray | None:
    """Images per second, (repeats, batch sizes in ascending order); None if not measured."""
    cells = steps.filter(network=network, platform=side[0], implementation=side[1])
    if cells.is_empty():
        return None
    wide = cells.with_columns(speed=pl.col("batch_size") / pl.col("seconds")).sort(
        "repeat", "batch_size"
    )
    return wide["speed"].to_numpy().reshape(wide["repeat"].n_unique(), -1)


def ratio_rows(
    steps: pl.DataFrame, where: pl.DataFrame, settings: Settings
) -> list[dict[str, Any]]:
    """Speed of one implementation over another's in the same repeat; the median of the repeats.

    One row for each batch size, and one (batch size 0) for the geometric mean over them, taken in
    each repeat.
    """
    rows, known = [], states(where)
    sizes = sorted(settings.batch_sizes)
    for network, (first, second) in product(NETWORKS, PAIRS):
        sides = dict(zip(("platform", "implementation"), first, strict=True))
        sides |= {"over": second[1], "over_on": second[0]}
        pair = [speeds(steps, network, side) for side in (first, second)]
        missing = [known[side] for side in (first, second) if known[side] != MEASURED]
        for column, size in enumerate([*sizes, 0]):
            row = {"network": network, "batch_size": size, **sides}
            if pair[0] is None or pair[1] is None:
                rows.append(row | UNKNOWN | {"state": missing[0]})
                continue
            ratio = pair[0] / pair[1]
            values = np.exp(np.log(ratio).mean(axis=1)) if size == 0 else ratio[:, column]
            rows.append(row | median_interval(values)._asdict() | {"state": MEASURED})
    return rows


def agreement_rows(gradients: pl.DataFrame, where: pl.DataFrame) -> list[dict[str, Any]]:
    """For each parameter the median of the relative differences over the seeds, and the largest.

    jax.grad in float64 on the CPU is left out: it is the reference.
    """
    names = gradients.select("network", "parameter").unique(maintain_order=True)
    rows = []
    for (network, parameter), place, dtype in product(
        names.iter_rows(), where.iter_rows(named=True), ("float64", "float32")
    ):
        side = {key: place[key] for key in ("platform", "implementation")}
        if (*side.values(), dtype) == REFERENCE:
            continue
        cell = gradients.filter(network=network, parameter=parameter, dtype=dtype, **side)
        row = {"network": network, "parameter": parameter, "dtype": dtype, **side}
        if cell.is_empty():
            rows.append(row | UNKNOWN | {"worst": None, "state": place["state"]})
        else:
            values = cell["difference"].to_numpy()
            found = median_interval(values)._asdict() | {"worst": float(values.max())}
            rows.append(row | found | {"state": MEASURED})
    return rows


def millisecond_rows(seconds: pl.DataFrame) -> list[dict[str, Any]]:
    """Milliseconds of each form of a convolution: the median of the repeats."""
    cells = seconds.group_by("layer", "platform", "form", maintain_order=True)
    return [
        {"layer": layer, "platform": platform, "form": form}
        | median_interval(1e3 * cell["seconds"].to_numpy())._asdict()
        for (layer, platform, form), cell in cells
    ]


def convolution_rows(
    differences: pl.DataFrame, seconds: pl.DataFrame, where: pl.DataFrame
) -> list[dict[str, Any]]:
    """The difference of each form of a convolution from the definition."""
    rows = []
    cells = seconds.select("layer", "platform", "form").unique(maintain_order=True)
    for labels in cells.iter_rows(named=True):
        worst = differences.filter(**labels)["difference"].max()
        rows.append(labels | {"worst": worst, "state": MEASURED})
    known = states(where)
    forms = {"im2col, compiled": OURS, "nn.conv2d": OURS, "PyTorch": TORCH}
    for layer, platform, (form, implementation) in product(
        seconds["layer"].unique(maintain_order=True), PLATFORMS, forms.items()
    ):
        state = known[platform, implementation]
        if state != MEASURED:
            labels = {"layer": layer, "platform": platform, "form": form}
            rows.append(labels | {"worst": None, "state": state})
    return rows


def ratio_numbers(rows: list[dict[str, Any]], largest: int) -> list[Number]:
    """GPU over CPU at the largest batch size; ours over the others in the mean of all sizes."""
    found = []
    for row in rows:
        network, platform, over = row["network"], row["platform"], row["over"]
        words = f"{NETWORKS[network]}, images per second: "
        if row["state"] != MEASURED or row["implementation"] != OURS:
            continue
        ratio = stats.Interval(*(row[end] for end in stats.Interval._fields))
        if row["over_on"] != platform and row["batch_size"] == largest:
            words += f"hand-derived, GPU over CPU, batches of {largest}"
            key = f"s4.{network}_gpu_over_cpu"
            found.append(number(key, words, ratio, "ratio of times", REPEATS_ORDER))
        elif row["over_on"] == platform and row["batch_size"] == 0:
            words += f"hand-derived over {over} on the {platform.upper()}, "
            words += "geometric mean over the batch sizes"
            key = f"s4.{network}_{'gpu_' if platform == 'gpu' else ''}over_{KEYS[over]}"
            found.append(number(key, words, ratio, "ratio of times", REPEATS_ORDER))
    return found


def batching_numbers(steps: pl.DataFrame, settings: Settings) -> list[Number]:
    """The gain of the largest batches over the smallest on the CPU."""
    smallest, largest = min(settings.batch_sizes), max(settings.batch_sizes)
    found = []
    for network in NETWORKS:
        own = speeds(steps, network, ("cpu", OURS))
        if own is not None:
            what = (
                f"{NETWORKS[network]}, images per second: hand-derived on the CPU, batches of "
                f"{largest} over {smallest}"
            )
            gain = median_interval(own[:, -1] / own[:, 0])
            found.append(
                number(f"s4.{network}_batching", what, gain, "ratio of times", REPEATS_ORDER)
            )
    return found


def gradient_numbers(gradients: pl.DataFrame) -> list[Number]:
    """The largest difference of any parameter in each seed; the median of the seeds."""
    sides = ["platform", "implementation", "dtype"]
    worst = gradients.group_by(*sides, "seed", maintain_order=True).agg(pl.col("difference").max())
    found = []
    for (platform, name, dtype), cell in worst.group_by(*sides, maintain_order=True):
        if (platform, name, dtype) == REFERENCE:
            continue
        prefix = "s4.gradients_" if platform == "cpu" else "s4.gpu_gradients_"
        what = (
            f"gradients, {name}, {str(platform).upper()}, {dtype}: largest relative difference of "
            "any parameter of both networks from jax.grad in float64"
        )
        median = median_interval(cell["difference"].to_numpy())
        key = f"{prefix}{KEYS[str(name)]}_{dtype}"
        found.append(number(key, what, median, "ratio", SEEDS_ORDER))
    return found


def convolution_numbers(
    differences: pl.DataFrame, seconds: pl.DataFrame, settings: Settings
) -> list[Number]:
    """Speed of our convolution over its other forms, their agreement, and their memory."""
    found = []
    for (layer,), cells in seconds.group_by("layer", maintain_order=True):
        ours = _seconds(cells, "nn.conv2d")
        for form, key in FORMS.items():
            other = _seconds(cells, form)
            if len(other):
                what = f"{layer}, forward and backward on the CPU: speed of nn.conv2d over {form}"
                name = f"s4.{str(layer).replace(' ', '_')}_over_{key}"
                ratio = median_interval(other / ours)
                found.append(number(name, what, ratio, "ratio of times", REPEATS_ORDER))
    by_seed = (
        differences.filter(pl.col("form") != DEFINITION)
        .group_by("seed")
        .agg(pl.col("difference").max())
    )
    what = (
        "convolutions, float64: largest relative difference of y, dK, dbias or dx of any form to "
        "the definition"
    )
    median = median_interval(by_seed["difference"].to_numpy())
    found.append(number("s4.convolution_forms", what, median, "ratio", SEEDS_ORDER))
    factors = column_factors(settings.image, settings.networks.cnn)
    for i, factor in enumerate(factors, start=1):
        what = f"convolution {i}: elements of the im2col matrix over those of the images"
        found.append(single(f"s4.convolution_{i}_memory", what, factor, "ratio"))
    return found


def column_factors(image: list[int], cnn: Cnn) -> list[float]:
    """Elements of the im2col matrix over those of the images, for each convolution.

    Args:
        image: height, width and channels.
        cnn: the network.

    Example:
        >>> cnn = Cnn(filters=[8, 16], kernel=5, pool=2)
        >>> [round(factor, 1) for factor in column_factors([28, 28, 1], cnn)]
        [18.4, 11.1]
    """
    height, width, _ = image
    factors = []
    for _ in cnn.filters:
        out = height - cnn.kernel + 1, width - cnn.kernel + 1
        factors.append(math.prod(out) * cnn.kernel**2 / (height * width))
        height, width = out[0] // cnn.pool, out[1] // cnn.pool
    return factors


def _seconds(cells: pl.DataFrame, form: str) -> np.ndarray:
    return cells.filter(platform="cpu", form=form).sort("repeat")["seconds"].to_numpy()


def main(
    settings: Settings,
    runs: Path,
    throughput: Path,
    ratios: Path,
    gradients: Path,
    convolutions: Path,
    milliseconds: Path,
    numbers: Path,
    clocks: Path,
) -> None:
    """Write the tables.

    Args:
        settings: the chapter's settings.
        runs: folder that `measure` wrote.
        throughput: CSV of the figure: images per second.
        ratios: CSV of their ratios.
        gradients: CSV of the differences of gradients by parameter.
        convolutions: CSV of the differences between the forms of a convolution.
        milliseconds: CSV of their times.
        numbers: CSV of the chapter's numbers.
        clocks: CSV of its clocks.
    """
    where, grads, steps, differences, seconds = (
        pl.read_parquet(runs / f"{name}.parquet")
        for name in ("where", "gradients", "steps", "differences", "convolutions")
    )
    compared = ratio_rows(steps, where, settings)
    tables = {
        throughput: throughput_rows(steps, where, settings),
        ratios: compared,
        gradients: agreement_rows(grads, where),
        convolutions: convolution_rows(differences, seconds, where),
        milliseconds: millisecond_rows(seconds),
    }
    labels = {"threads": pl.lit(settings.threads), "data": pl.lit(DATA)}
    for path, rows in tables.items():
        write_csv(pl.DataFrame(rows, infer_schema_length=None).with_columns(**labels), path)
    same, clocked = parted(
        [
            *ratio_numbers(compared, max(settings.batch_sizes)),
            *batching_numbers(steps, settings),
            *gradient_numbers(grads),
            *convolution_numbers(differences, seconds, settings),
        ]
    )
    write_csv(numbers_table(same, DATA), numbers)
    write_csv(numbers_table(clocked, DATA), clocks)


job.run(main, globals().get("snakemake"))
