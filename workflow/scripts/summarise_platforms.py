"""Images per second, their ratios, and how far gradients are apart; and what was not measured.

Times are of one machine and one run and never come out the same twice.
"""

import math
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import numpy as np
import polars as pl
from chapter_numbers import number, single
from chapter_numbers import table as numbers_table
from covers import REPEATS_ORDER, SEEDS_ORDER
from platform_arms import AUTODIFF, MEASURED, OURS, PLATFORMS, TORCH
from summarise_timing import median_interval
from tables import write_csv

from nnjax import stats

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

NETWORKS = {"mlp": "fully connected", "cnn": "convolutional"}
DATA = "random"
KEYS = {OURS: "hand_derived", AUTODIFF: "autodiff", TORCH: "torch"}
DEFINITION = "definition, NumPy"
FORMS = {
    DEFINITION: "definition",
    "im2col, NumPy": "im2col",
    "im2col, compiled": "compiled_im2col",
    TORCH: "torch",
}
"""The other forms of a convolution, and how numbers call them."""

UNKNOWN = {"value": None, "lo": None, "hi": None, "n": 0}

Side = tuple[str, str]
"""A platform and an arm."""

# Images per second of the first over those of the second, in the same repeat.
PAIRS: list[tuple[Side, Side]] = [
    *(
        ((platform, OURS), (platform, other))
        for platform in PLATFORMS
        for other in (AUTODIFF, TORCH)
    ),
    *((("gpu", arm), ("cpu", arm)) for arm in (OURS, AUTODIFF, TORCH)),
]


def states(where: pl.DataFrame) -> dict[Side, str]:
    """For each platform and arm: measured, or why not."""
    return {(row["platform"], row["arm"]): row["state"] for row in where.iter_rows(named=True)}


def throughput(
    steps: pl.DataFrame, where: pl.DataFrame, settings: dict[str, Any]
) -> list[dict[str, Any]]:
    """Images per second of every network, platform, arm and batch size, measured or not.

    Args:
        steps: as train_platforms writes them.
        where: likewise.
        settings: the chapter's.
    """
    rows = []
    for network, place, size in product(
        settings["networks"], where.iter_rows(named=True), settings["batch_sizes"]
    ):
        cell = steps.filter(
            network=network, platform=place["platform"], arm=place["arm"], batch_size=size
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
    cells = steps.filter(network=network, platform=side[0], arm=side[1])
    if cells.is_empty():
        return None
    wide = cells.with_columns(speed=pl.col("batch_size") / pl.col("seconds")).sort(
        "repeat", "batch_size"
    )
    return wide["speed"].to_numpy().reshape(wide["repeat"].n_unique(), -1)


def ratios(
    steps: pl.DataFrame, where: pl.DataFrame, settings: dict[str, Any]
) -> list[dict[str, Any]]:
    """Speed of one arm over another's in the same repeat; the median of the repeats.

    One row for each batch size, and one (batch size 0) for the geometric mean over them, taken in
    each repeat.
    """
    rows, known = [], states(where)
    sizes = sorted(settings["batch_sizes"])
    for network, (first, second) in product(settings["networks"], PAIRS):
        sides = {"platform": first[0], "arm": first[1], "over": second[1], "over_on": second[0]}
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


def agreement(
    gradients: pl.DataFrame, where: pl.DataFrame, settings: dict[str, Any]
) -> list[dict[str, Any]]:
    """For each parameter the median of the relative differences over the seeds, and the largest.

    The rows of jax.grad in float64 on the CPU are left out: they are the reference.
    """
    names = gradients.select("network", "parameter").unique(maintain_order=True)
    rows = []
    for (network, parameter), place, dtype in product(
        names.iter_rows(), where.iter_rows(named=True), ("float64", "float32")
    ):
        side = {key: place[key] for key in ("platform", "arm")}
        if (place["platform"], place["arm"], dtype) == ("cpu", AUTODIFF, "float64"):
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


def convolutions(
    differences: pl.DataFrame, seconds: pl.DataFrame, where: pl.DataFrame
) -> list[dict[str, Any]]:
    """Milliseconds of each form of a convolution, and its difference to the definition."""
    rows = []
    for (layer, platform, form), cell in seconds.group_by(
        "layer", "platform", "form", maintain_order=True
    ):
        worst = differences.filter(layer=layer, platform=platform, form=form)["difference"]
        found = median_interval(1e3 * cell["seconds"].to_numpy())._asdict()
        labels = {"layer": layer, "platform": platform, "form": form}
        rows.append(labels | found | {"worst": worst.max(), "state": MEASURED})
    known = states(where)
    forms = {"im2col, compiled": OURS, "nn.conv2d": OURS, "PyTorch": TORCH}
    for layer, platform, (form, arm) in product(
        seconds["layer"].unique(maintain_order=True), PLATFORMS, forms.items()
    ):
        if known[platform, arm] != MEASURED:
            labels = {"layer": layer, "platform": platform, "form": form}
            rows.append(labels | UNKNOWN | {"worst": None, "state": known[platform, arm]})
    return rows


def ratio_numbers(rows: list[dict[str, Any]], largest: int) -> list[dict[str, Any]]:
    """GPU over CPU at the largest batch size; ours over the others' on the mean of all sizes."""
    found = []
    for row in rows:
        network, platform, over = row["network"], row["platform"], row["over"]
        words = f"{NETWORKS[network]}, images per second: "
        if row["state"] != MEASURED or row["arm"] != OURS:
            continue
        ratio = stats.Interval(*(row[end] for end in stats.Interval._fields))
        if row["over_on"] != platform and row["batch_size"] == largest:
            words += f"hand-derived, GPU over CPU, batches of {largest}"
            key = f"s4.{network}_gpu_over_cpu"
            found.append(number(key, words, ratio, "ratio", REPEATS_ORDER))
        elif row["over_on"] == platform and row["batch_size"] == 0:
            words += f"hand-derived over {over} on the {platform.upper()}, "
            words += "geometric mean over the batch sizes"
            key = f"s4.{network}_{'gpu_' if platform == 'gpu' else ''}over_{KEYS[over]}"
            found.append(number(key, words, ratio, "ratio", REPEATS_ORDER))
    return found


def batching_numbers(steps: pl.DataFrame, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """What large batches gain on the CPU over single images."""
    smallest, largest = min(settings["batch_sizes"]), max(settings["batch_sizes"])
    found = []
    for network in settings["networks"]:
        own = speeds(steps, network, ("cpu", OURS))
        if own is not None:
            what = (
                f"{NETWORKS[network]}, images per second: hand-derived on the CPU, batches of "
                f"{largest} over {smallest}"
            )
            gain = median_interval(own[:, -1] / own[:, 0])
            found.append(number(f"s4.{network}_batching", what, gain, "ratio", REPEATS_ORDER))
    return found


def gradient_numbers(gradients: pl.DataFrame) -> list[dict[str, Any]]:
    """The largest difference of any parameter in each seed; the median of the seeds."""
    sides = ["platform", "arm", "dtype"]
    worst = gradients.group_by(*sides, "seed", maintain_order=True).agg(pl.col("difference").max())
    found = []
    for (platform, arm, dtype), cell in worst.group_by(*sides, maintain_order=True):
        if (platform, arm, dtype) == ("cpu", AUTODIFF, "float64"):
            continue
        prefix = "s4.gradients_" if platform == "cpu" else "s4.gpu_gradients_"
        what = (
            f"gradients, {arm}, {str(platform).upper()}, {dtype}: largest relative difference of "
            "any parameter of both networks to jax.grad in float64"
        )
        median = median_interval(cell["difference"].to_numpy())
        key = f"{prefix}{KEYS[str(arm)]}_{dtype}"
        found.append(number(key, what, median, "ratio", SEEDS_ORDER))
    return found


def convolution_numbers(
    differences: pl.DataFrame, seconds: pl.DataFrame, settings: dict[str, Any]
) -> list[dict[str, Any]]:
    """Speed of our convolution over that of its other forms, their agreement, their memory."""
    found = []
    for (layer,), cells in seconds.group_by("layer", maintain_order=True):
        ours = _seconds(cells, "nn.conv2d")
        for form, key in FORMS.items():
            other = _seconds(cells, form)
            if len(other):
                what = f"{layer}, forward and backward on the CPU: speed of nn.conv2d over {form}"
                name = f"s4.{str(layer).replace(' ', '_')}_over_{key}"
                ratio = median_interval(other / ours)
                found.append(number(name, what, ratio, "ratio", REPEATS_ORDER))
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
    for i, factor in enumerate(column_factors(settings), start=1):
        what = f"convolution {i}: elements of the im2col matrix over those of the images"
        found.append(single(f"s4.convolution_{i}_memory", what, factor, "ratio"))
    return found


def column_factors(settings: dict[str, Any]) -> list[float]:
    """Elements of the im2col matrix over those of the images, for each convolution.

    Example:
        >>> cnn = {"filters": [8, 16], "kernel": 5, "pool": 2}
        >>> [round(f, 1) for f in column_factors({"image": [28, 28, 1], "networks": {"cnn": cnn}})]
        [18.4, 11.1]
    """
    cnn, (height, width, _) = settings["networks"]["cnn"], settings["image"]
    factors = []
    for _ in cnn["filters"]:
        out = height - cnn["kernel"] + 1, width - cnn["kernel"] + 1
        factors.append(math.prod(out) * cnn["kernel"] ** 2 / (height * width))
        height, width = out[0] // cnn["pool"], out[1] // cnn["pool"]
    return factors


def _seconds(cells: pl.DataFrame, form: str) -> np.ndarray:
    return cells.filter(platform="cpu", form=form).sort("repeat")["seconds"].to_numpy()


def main(folder: Path, settings: dict[str, Any], tables: Path) -> None:
    """Write the tables (CSV).

    platforms: images per second, for the figure. platforms_ratios: their ratios.
    platforms_gradients: differences of gradients by parameter. platforms_convolutions: the forms of
    a convolution. numbers_platforms: the numbers.

    Args:
        folder: where train_platforms wrote.
        settings: the chapter's.
        tables: folder to write to.
    """
    places, grads, timed, worst, forms = (
        pl.read_parquet(folder / f"{name}.parquet")
        for name in ("where", "gradients", "steps", "differences", "convolutions")
    )
    compared = ratios(timed, places, settings)
    numbers = [
        *ratio_numbers(compared, max(settings["batch_sizes"])),
        *batching_numbers(timed, settings),
        *gradient_numbers(grads),
        *convolution_numbers(worst, forms, settings),
    ]
    for rows, name in (
        (throughput(timed, places, settings), "platforms"),
        (compared, "platforms_ratios"),
        (agreement(grads, places, settings), "platforms_gradients"),
        (convolutions(worst, forms, places), "platforms_convolutions"),
        (numbers_table(numbers, DATA), "numbers_platforms"),
    ):
        made = pl.DataFrame(rows, infer_schema_length=None)
        made = made.with_columns(threads=settings["threads"], data=pl.lit(DATA))
        write_csv(made, tables / f"{name}.csv")


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        Path(snakemake.input.where).parent,
        snakemake.params["settings"],
        Path(snakemake.output.table).parent,
    )
