"""The numbers of the study in one file, each with its interval, its n and what it stands for."""

import json
import math
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import polars as pl
from tables import write_text

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

PACKAGES = [
    "nnjax",
    "jax",
    "jaxlib",
    "numpy",
    "optax",
    "polars",
    "scipy",
    "matplotlib",
    "snakemake",
]
SPEAKERS_AND_SEEDS = "95 % over speakers and seeds (bootstrap)"
SEEDS = "95 % over seeds (Student's t)"
NAMES = {
    "sgd": "SGD without momentum",
    "sgd_momentum": "SGD with momentum 0.9",
    "adagrad": "Adagrad",
    "rmsprop": "RMSprop",
    "adam": "Adam",
}
WILSON = "95 % over seeds (Wilson)"


def accuracy(row: dict[str, Any], what: str, interval: str = SPEAKERS_AND_SEEDS) -> dict[str, Any]:
    """A test accuracy from a row of a table with columns mean, lo, hi and n."""
    value = row["accuracy_value"] if "accuracy_value" in row else row["mean"]
    lo, hi = (row[f"accuracy_{e}"] if f"accuracy_{e}" in row else row[e] for e in ("lo", "hi"))
    return {
        "value": value,
        "lo": lo,
        "hi": hi,
        "n": row["n"],
        "unit": "fraction",
        "interval": interval,
        "what": what,
    }


def from_xor(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """K1 and K2: how many seeds solve XOR."""
    last = table.filter(pl.col("reference"), pl.col("epoch") == pl.col("epoch").max())
    numbers = {}
    for key, network in (("k1", "2-3-2"), ("k2", "2-2")):
        row = last.row(by_predicate=pl.col("network") == network, named=True)
        numbers[f"{key}.solved_fraction"] = {
            "value": row["solved"],
            "lo": row["lo"],
            "hi": row["hi"],
            "n": row["n"],
            "unit": "fraction",
            "interval": WILSON,
            "what": f"XOR, {network}: seeds that solve it (our choice: {row['setting']})",
        }
    return numbers


def from_experiments(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """K3, K4, K5, K7, K16: the single experiments on ISOLET."""

    def row(experiment: str, **arm: float) -> dict[str, Any]:
        return table.filter(experiment=experiment, **arm).row(0, named=True)

    with_momentum = row("momentum", momentum=0.9)
    numbers = {
        "k3.test_accuracy": accuracy(with_momentum, "one hidden layer, momentum 0.9"),
        "k3.test_loss": {
            "value": with_momentum["loss_value"],
            "lo": with_momentum["loss_lo"],
            "hi": with_momentum["loss_hi"],
            "n": with_momentum["n"],
            "unit": "nats",
            "interval": SEEDS,
            "what": "one hidden layer, momentum 0.9: test cross-entropy",
        },
        "k4.test_accuracy": accuracy(row("momentum", momentum=0.0), "one hidden layer, momentum 0"),
    }
    for name, experiment in (("test_accuracy", "long"), ("high_rate_accuracy", "high_rate")):
        arm = row(experiment)
        numbers[f"k5.{name}"] = accuracy(
            arm, f"momentum 0 for {arm['epochs']} epochs, learning rate {arm['learning_rate']:g}"
        )
    numbers["k7.test_accuracy"] = accuracy(
        row("sigmoid", learning_rate=0.01), "sigmoid in the hidden layer, learning rate 0.01"
    )
    best = table.filter(experiment="sigmoid").sort("accuracy_value").row(-1, named=True)
    numbers["k7.best_rate_accuracy"] = accuracy(
        best, f"sigmoid, the best rate on the test set ({best['learning_rate']:g})"
    )
    numbers["k16.test_accuracy"] = accuracy(
        row("standard_normal"), "initial weights from a standard normal distribution"
    )
    return numbers


def from_grids(tables: dict[str, pl.DataFrame]) -> dict[str, dict[str, Any]]:
    """K8, K9, K13 and K15: cells of the figures 5 to 8."""
    best = tables["fig5"].sort("mean").row(-1, named=True)
    numbers = {
        "k8.best_accuracy": accuracy(
            best,
            f"best cell of figure 5, chosen on the test set: learning rate "
            f"{best['learning_rate']:g}, {best['hidden']} hidden units",
        )
    }
    few = tables["fig5"].row(
        by_predicate=(pl.col("hidden") == 16) & (pl.col("learning_rate") == 0.001), named=True
    )
    numbers["k8.few_units_accuracy"] = accuracy(few, "learning rate 0.001, 16 hidden units")
    first = tables["fig6"].filter(pl.col("epoch") == 1).sort("mean").row(-1, named=True)
    numbers["k9.one_epoch_accuracy"] = accuracy(
        first,
        f"after one epoch, the best batch size on the test set ({first['batch_size']})",
        SEEDS,
    )
    depth = tables["fig7"].filter(pl.col("beta1") == 0.9)
    for key, layers in (("no_hidden", 0), ("one_hidden", 1)):
        row = depth.row(by_predicate=pl.col("hidden_layers") == layers, named=True)
        numbers[f"k13.{key}_accuracy"] = accuracy(
            row, f"{key.replace('_', ' ')} layer, Adam, beta1 0.9"
        )
    for (optimizer,), cell in tables["fig8"].group_by("optimizer", maintain_order=True):
        row = cell.row(0, named=True)
        numbers[f"k15.{optimizer}_accuracy"] = accuracy(
            row, f"{NAMES[str(optimizer)]} at the learning rate that all four share"
        )
    return numbers


def from_differences(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Paired differences of test accuracies, as fractions."""
    numbers = {}
    for row in table.iter_rows(named=True):
        claim, _, name = str(row["claim"]).partition(".")
        numbers[f"{claim}.{name + '_' if name else ''}difference"] = {
            "value": row["value"],
            "lo": row["lo"],
            "hi": row["hi"],
            "n": row["n"],
            "unit": "difference of fractions",
            "interval": SPEAKERS_AND_SEEDS,
            "what": row["what"],
        }
    return numbers


def provenance(record: dict[str, Any], config: dict[str, Any], code: str) -> dict[str, Any]:
    """Where the numbers come from: data, settings, code, versions, device."""
    import jax

    device = jax.devices()[0]
    return {
        "data": record["data"],
        "source": record["source"],
        "fingerprint": record["fingerprint"],
        "coded_rows": record["coded_rows"],
        "rows": record["rows"],
        "study": config["study"],
        "seeds": {
            "xor": config["xor"]["seeds"],
            **{name: experiment["seeds"] for name, experiment in config["experiments"].items()},
        },
        "code": code,
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
        "device": f"{device.platform} ({device.device_kind}, {platform.machine()})",
        "dtype": "float32",
    }


def main(folder: Path, record: Path, config: dict[str, Any], code: str, output: Path) -> None:
    """Collect the numbers.

    Args:
        folder: where the tables are.
        record: the data's source record (JSON).
        config: the study's configuration.
        code: digest of the code of the whole study.
        output: JSON to write.
    """
    names = ["xor", "experiments", "differences", "fig5", "fig6", "fig7", "fig8"]
    tables = {name: pl.read_csv(folder / f"{name}.csv") for name in names}
    entries = {
        **from_xor(tables["xor"]),
        **from_experiments(tables["experiments"]),
        **from_grids(tables),
        **from_differences(tables["differences"]),
    }
    numbers: dict[str, Any] = dict(sorted(entries.items(), key=lambda item: _claim(item[0])))
    numbers["provenance"] = provenance(json.loads(record.read_text(encoding="utf-8")), config, code)
    write_text(json.dumps(_without_nan(numbers), indent=2, allow_nan=False) + "\n", output)


def _without_nan(tree: Any) -> Any:
    """JSON has no NaN: an end of an interval that is not known is null."""
    if isinstance(tree, dict):
        return {key: _without_nan(value) for key, value in tree.items()}
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree


def _claim(key: str) -> int:
    """The number of the claim that a key belongs to: 13 for `k13.no_hidden_accuracy`."""
    return int(key.split(".")[0].removeprefix("k"))


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        Path(snakemake.input.tables[0]).parent,
        Path(snakemake.input.record),
        snakemake.params["config"],
        snakemake.params["study_code"],
        Path(snakemake.output.numbers),
    )
