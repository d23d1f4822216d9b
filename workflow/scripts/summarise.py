"""One tidy table per figure, from the runs: means, spreads, intervals, and how many seeds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import polars as pl
from cells import Runs, diverged
from tables import write_csv

from nnjax import stats

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def curves(runs: Runs, momentum: float, quantity: str, published: float | None) -> pl.DataFrame:
    """Figures 1-4: loss or accuracy by epoch, the mean and the middle 90 % of the seeds."""
    columns = {"train": "train_loss", "test": "test_loss"}
    if quantity == "accuracy":
        columns = {"test": "test_accuracy"}
    rows = runs.epochs.filter(pl.col("momentum") == momentum)
    parts = [
        rows.group_by("epoch")
        .agg(
            split=pl.lit(split),
            mean=pl.col(column).mean(),
            q05=pl.col(column).quantile(0.05, "linear"),
            q95=pl.col(column).quantile(0.95, "linear"),
            n=pl.len(),
        )
        .sort("epoch")
        for split, column in columns.items()
    ]
    table = pl.concat(parts)
    if quantity == "accuracy":
        table = table.with_columns(published=pl.lit(published, dtype=pl.Float64))
    return table


def cells(runs: Runs, keys: dict[str, str]) -> pl.DataFrame:
    """Figures 5 and 7: final test accuracy in every cell of a grid.

    Args:
        runs: the runs.
        keys: column of the runs to column of the table.
    """
    rows = []
    for key, cell in runs.final().group_by(*keys, maintain_order=True):
        names = dict(zip(keys, key, strict=True))
        interval = runs.accuracy(**names)
        rows.append({keys[name]: value for name, value in names.items()} | _spread(cell, interval))
    return pl.DataFrame(rows).sort(*keys.values())


def epoch_cells(runs: Runs, key: str) -> pl.DataFrame:
    """Figure 6: test accuracy by epoch and one setting; the interval is over seeds alone."""
    rows = []
    for (value, epoch), cell in runs.epochs.group_by(key, "epoch", maintain_order=True):
        interval = stats.mean_interval(cell["test_accuracy"].cast(pl.Float64).to_numpy())
        rows.append({key: value, "epoch": epoch} | _spread(cell, interval))
    return pl.DataFrame(rows).sort(key, "epoch")


def _spread(cell: pl.DataFrame, interval: stats.Interval) -> dict[str, float | int]:
    accuracy = cell["test_accuracy"].cast(pl.Float64).to_numpy()
    return {
        "mean": interval.value,
        "sd": float(accuracy.std(ddof=1)) if len(accuracy) > 1 else float("nan"),
        "lo": interval.lo,
        "hi": interval.hi,
        "n": interval.n,
        "diverged": int(diverged(cell).sum()),
    }


def boxes(runs: Runs) -> pl.DataFrame:
    """Figure 8: final test accuracy of every run, by optimizer, with the cell's interval."""
    parts = []
    for (optimizer,), cell in runs.final().group_by("optimizer", maintain_order=True):
        interval = runs.accuracy(optimizer=str(optimizer))
        parts.append(
            cell.with_columns(
                # A diverged run has no accuracy; the figure counts it.
                test_accuracy=pl.when(~diverged(cell)).then(pl.col("test_accuracy")),
            )
            .select("optimizer", "seed", "test_accuracy")
            .with_columns(
                mean=pl.lit(interval.value),
                lo=pl.lit(interval.lo),
                hi=pl.lit(interval.hi),
                n=pl.lit(interval.n),
            )
        )
    return pl.concat(parts)


def experiments(all_runs: dict[str, Runs]) -> pl.DataFrame:
    """The experiments that have no figure of their own: final accuracy and loss of every arm."""
    rows = []
    for name, runs in all_runs.items():
        for (rate, momentum), cell in runs.final().group_by(
            "learning_rate", "momentum", maintain_order=True
        ):
            arm = {"learning_rate": rate, "momentum": momentum}
            accuracy = runs.accuracy(**arm)
            loss = stats.mean_interval(cell["test_loss"].to_numpy())
            rows.append(
                {"experiment": name, **arm, "epochs": int(cell["epoch"][0])}
                | {f"accuracy_{k}" if k != "n" else k: v for k, v in accuracy._asdict().items()}
                | {f"loss_{k}": v for k, v in loss._asdict().items() if k != "n"}
                | {"diverged": _spread(cell, accuracy)["diverged"]}
            )
    return pl.DataFrame(rows)


def main(
    figure: str,
    sources: dict[str, str],
    record: Path | None,
    settings: dict[str, Any],
    output: Path,
) -> None:
    """Write the table of one figure.

    Args:
        figure: its name.
        sources: experiment to the folder of its runs; for XOR the file.
        record: the data's source record (JSON); None for XOR, which needs no data.
        settings: `accuracy` (the published test accuracy) and `xor` (the reference setting).
        output: CSV to write.
    """
    runs = {name: Runs(Path(folder)) for name, folder in sources.items() if name != "xor"}
    published = settings["accuracy"]
    tables: dict[str, Callable[[], pl.DataFrame]] = {
        "fig1": lambda: curves(runs["momentum"], 0.0, "loss", None),
        "fig2": lambda: curves(runs["momentum"], 0.0, "accuracy", published),
        "fig3": lambda: curves(runs["momentum"], 0.9, "loss", None),
        "fig4": lambda: curves(runs["momentum"], 0.9, "accuracy", published),
        "fig5": lambda: cells(runs["fig5"], {"learning_rate": "learning_rate", "units": "hidden"}),
        "fig6": lambda: epoch_cells(runs["fig6"], "batch_size"),
        "fig7": lambda: cells(runs["fig7"], {"layers": "hidden_layers", "b1": "beta1"}),
        "fig8": lambda: boxes(runs["fig8"]),
        "experiments": lambda: experiments(runs),
    }
    data = "xor" if record is None else json.loads(record.read_text(encoding="utf-8"))["data"]
    write_csv(tables[figure]().with_columns(data=pl.lit(data)), output)


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        snakemake.wildcards["figure"],
        snakemake.params["sources"],
        Path(snakemake.input.record) if "record" in snakemake.input.keys() else None,  # noqa: SIM118
        snakemake.params["settings"],
        Path(snakemake.output.table),
    )
