"""The numbers of the study, read from its tables: each with its interval, n and meaning."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from baseline_numbers import from_audit, from_leak
from covers import SEEDS_T, SPEAKERS_AND_SEEDS
from peer_numbers import from_parity, from_record, from_timing

Entries = dict[str, dict[str, Any]]
"""Key, such as `k3.test_accuracy`, to what is known of the number."""

NAMES = {
    "sgd": "SGD without momentum",
    "sgd_momentum": "SGD with momentum 0.9",
    "adagrad": "Adagrad",
    "rmsprop": "RMSprop",
    "adam": "Adam",
}


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


def from_experiments(table: pl.DataFrame) -> Entries:
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
            "interval": SEEDS_T,
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


def from_fig5(table: pl.DataFrame) -> Entries:
    """K8: cells of the grid of learning rate and hidden units."""
    best = table.sort("mean").row(-1, named=True)
    few = table.row(
        by_predicate=(pl.col("hidden") == 16) & (pl.col("learning_rate") == 0.001), named=True
    )
    return {
        "k8.best_accuracy": accuracy(
            best,
            f"best cell of figure 5, chosen on the test set: learning rate "
            f"{best['learning_rate']:g}, {best['hidden']} hidden units",
        ),
        "k8.few_units_accuracy": accuracy(few, "learning rate 0.001, 16 hidden units"),
    }


def from_fig7(table: pl.DataFrame) -> Entries:
    """K13: with and without a hidden layer."""
    depth = table.filter(pl.col("beta1") == 0.9)
    return {
        f"k13.{key}_accuracy": accuracy(
            depth.row(by_predicate=pl.col("hidden_layers") == layers, named=True),
            f"{key.replace('_', ' ')} layer, Adam, beta1 0.9",
        )
        for key, layers in (("no_hidden", 0), ("one_hidden", 1))
    }


def from_fig8(table: pl.DataFrame) -> Entries:
    """K15: the optimizers at one learning rate."""
    return {
        f"k15.{optimizer}_accuracy": accuracy(
            cell.row(0, named=True), f"{NAMES[str(optimizer)]} at the learning rate that all share"
        )
        for (optimizer,), cell in table.group_by("optimizer", maintain_order=True)
    }


def from_effects(table: pl.DataFrame) -> Entries:
    """Effects, baselines and the like: tables that hold one number a row."""
    return {
        str(row["key"]): {name: value for name, value in row.items() if name in ENTRY}
        for row in table.iter_rows(named=True)
    }


ENTRY = ("value", "lo", "hi", "n", "unit", "interval", "what", "p")
"""What is known of a number; `p` only where a test was made."""

FROM: dict[str, Callable[[pl.DataFrame], Entries]] = {
    "experiments": from_experiments,
    "fig5": from_fig5,
    "fig7": from_fig7,
    "fig8": from_fig8,
    "leak": from_leak,
    "audit_counts": from_audit,
    "parity": from_parity,
    "timing": from_timing,
    "record": from_record,
}
"""How the numbers of a table are read; tables that are not listed hold one number a row."""


def collect(tables: list[Path]) -> Entries:
    """The numbers of some tables.

    Args:
        tables: CSV files of reports/tables.

    Returns:
        Key to value, lo, hi, n, unit, interval (what it covers) and what, in words.

    Raises:
        ValueError: if two tables give the same key.
    """
    entries: Entries = {}
    for path in tables:
        found = FROM.get(path.stem, from_effects)(pl.read_csv(path, infer_schema_length=None))
        twice = entries.keys() & found.keys()
        if twice:
            raise ValueError(f"{path} gives {sorted(twice)}, which another table gives too")
        entries |= found
    return {key: {k: _known(v) for k, v in entry.items()} for key, entry in entries.items()}


def _known(value: Any) -> Any:
    """JSON has neither NaN nor infinity: an end of an interval that is not known is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
