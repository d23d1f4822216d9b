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
from covers import REPEATS_ORDER, SEEDS_ORDER
from summarise_timing import median_interval
from tables import write_csv

from nnjax import stats

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

OURS, AUTODIFF, TORCH = "hand-derived", "jax.grad", "PyTorch"
MEASURED = "measured"
NETWORKS = {"mlp": "fully connected", "cnn": "convolutional"}
DATA = "random"
KEYS = {OURS: "hand_derived", AUTODIFF: "autodiff", TORCH: "torch"}
UNKNOWN = {"value": None, "lo": None, "hi": None, "n": 0}

Side = tuple[str, str]
"""A platform and an arm."""

# Images per second of the first over those of the second, in the same repeat.
PAIRS: list[tuple[Side, Side]] = [
    *(
        ((platform, OURS), (platform, other))
        for platform in ("cpu", "gpu")
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
        seconds["layer"].unique(maintain_order=True), ("cpu", "gpu"), forms.items()
    ):
        if known[platform, arm] != MEASURED:
            labels = {"layer": layer, "platform": platform, "form": form}
            rows.append(labels | UNKNOWN | {"worst": None, "state": known[platform, arm]})
    return rows


def number(key: str, interval: stats.Interval, covers: str, what: str) -> dict[str, Any]:
    """A row of the table of numbers; all of them are ratios."""
    found = {"key": f"s4.{key}", **interval._asdict(), "unit": "ratio", "interval": covers}
    return found | {"what": what}


def numbers(
    steps: pl.DataFrame,
    gradients: pl.DataFrame,
    differences: pl.DataFrame,
    seconds: pl.DataFrame,
    settings: dict[str, Any],
) -> list[dict[str, Any]]:
    """The chapter's numbers; what was not measured has none.

    Args:
        steps: as train_platforms writes them.
        gradients: likewise.
        differences: of the convolutions, likewise.
        seconds: of the convolutions, likewise.
        settings: the chapter's.
    """
    sizes = sorted(settings["batch_sizes"])
    rows = []

    def compare(key: str, network: str, first: Side, second: Side, what: str, mean: bool) -> None:
        pair = [speeds(steps, network, side) for side in (first, second)]
        if pair[0] is None or pair[1] is None:
            return
        ratio = pair[0] / pair[1]
        values = np.exp(np.log(ratio).mean(axis=1)) if mean else ratio[:, -1]
        which = "geometric mean over the batch sizes" if mean else f"batches of {sizes[-1]}"
        words = f"{NETWORKS[network]}, images per second: {what}, {which}"
        rows.append(number(f"{network}_{key}", median_interval(values), REPEATS_ORDER, words))

    for network in settings["networks"]:
        compare(
            "gpu_over_cpu", network, ("gpu", OURS), ("cpu", OURS),
            "hand-derived, GPU over CPU", mean=False,
        )  # fmt: skip
        for platform, other in product(("cpu", "gpu"), (AUTODIFF, TORCH)):
            prefix = "" if platform == "cpu" else "gpu_"
            compare(
                f"{prefix}over_{KEYS[other]}", network, (platform, OURS), (platform, other),
                f"hand-derived over {other} on the {platform.upper()}", mean=True,
            )  # fmt: skip
        own = speeds(steps, network, ("cpu", OURS))
        if own is not None:
            words = f"{NETWORKS[network]}, hand-derived, CPU, images per second: batches of "
            rows.append(
                number(
                    f"{network}_batching",
                    median_interval(own[:, -1] / own[:, 0]),
                    REPEATS_ORDER,
                    f"{words}{sizes[-1]} over single images",
                )
            )

    worst = gradients.group_by("platform", "arm", "dtype", "seed", maintain_order=True).agg(
        pl.col("difference").max()
    )
    for (platform, arm, dtype), cell in worst.group_by(
        "platform", "arm", "dtype", maintain_order=True
    ):
        if (platform, arm, dtype) == ("cpu", AUTODIFF, "float64"):
            continue
        prefix = "gradients_" if platform == "cpu" else "gpu_gradients_"
        values = cell.sort("seed")["difference"].to_numpy()
        rows.append(
            number(
                f"{prefix}{KEYS[str(arm)]}_{dtype}",
                median_interval(values),
                SEEDS_ORDER,
                f"gradients, {arm}, {str(platform).upper()}, {dtype}: largest relative difference "
                f"of any parameter of both networks to jax.grad in float64",
            )
        )

    for (layer,), cells in seconds.group_by("layer", maintain_order=True):
        name = str(layer).replace("convolution ", "convolution_")
        ours = _seconds(cells, "nn.conv2d")
        for form, key in (
            ("definition, NumPy", "definition"),
            ("im2col, NumPy", "im2col"),
            ("im2col, compiled", "compiled_im2col"),
            (TORCH, "torch"),
        ):
            other = _seconds(cells, form)
            if len(other):
                what = f"{layer}, CPU, forward and backward: speed of nn.conv2d over {form}"
                found = median_interval(other / ours)
                rows.append(number(f"{name}_over_{key}", found, REPEATS_ORDER, what))
    by_seed = (
        differences.filter(pl.col("form") != "definition, NumPy")
        .group_by("seed", maintain_order=True)
        .agg(pl.col("difference").max())
    )
    rows.append(
        number(
            "convolution_forms",
            median_interval(by_seed["difference"].to_numpy()),
            SEEDS_ORDER,
            "convolutions, float64: largest relative difference of y, dK, dbias or dx in any form "
            "to the definition",
        )
    )
    for i, found in enumerate(column_factors(settings), start=1):
        words = f"convolution {i}: elements of the im2col matrix over those of the images"
        exact = {"value": found, "lo": None, "hi": None, "n": 1, "interval": "none: a count"}
        rows.append({"key": f"s4.convolution_{i}_memory", **exact, "unit": "ratio", "what": words})
    return rows


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


def main(
    where: Path,
    gradients: Path,
    steps: Path,
    differences: Path,
    seconds: Path,
    settings: dict[str, Any],
    table: Path,
    ratio_table: Path,
    gradient_table: Path,
    convolution_table: Path,
    number_table: Path,
) -> None:
    """Write the tables.

    Args:
        where: as train_platforms writes it.
        gradients: likewise.
        steps: likewise.
        differences: of the convolutions, likewise.
        seconds: of the convolutions, likewise.
        settings: the chapter's.
        table: CSV of the figure: images per second.
        ratio_table: CSV: ratios of images per second.
        gradient_table: CSV: differences of gradients by parameter.
        convolution_table: CSV: the forms of a convolution.
        number_table: CSV: the numbers.
    """
    places, grads, timed, worst, forms = (
        pl.read_parquet(path) for path in (where, gradients, steps, differences, seconds)
    )
    about = {"threads": settings["threads"], "data": DATA}
    for rows, path in (
        (throughput(timed, places, settings), table),
        (ratios(timed, places, settings), ratio_table),
        (agreement(grads, places, settings), gradient_table),
        (convolutions(worst, forms, places), convolution_table),
    ):
        made = pl.DataFrame(rows, infer_schema_length=None)
        write_csv(made.with_columns(**{k: pl.lit(v) for k, v in about.items()}), path)
    made = pl.DataFrame(
        numbers(timed, grads, worst, forms, settings), infer_schema_length=None
    ).with_columns(data=pl.lit(DATA))
    write_csv(made, number_table)


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        *(
            Path(snakemake.input[name])
            for name in ("where", "gradients", "steps", "differences", "convolutions")
        ),
        snakemake.params["settings"],
        *(
            Path(snakemake.output[name])
            for name in ("table", "ratios", "gradients", "convolutions", "numbers")
        ),
    )
