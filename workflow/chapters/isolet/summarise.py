"""The tables of figures 1 to 8 and of the single experiments, from the runs as published."""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from nnjax import stats
from workflow.lib import job
from workflow.lib.runs.counts import Runs, diverged
from workflow.lib.tables import data_of, write_csv


def losses(runs: Runs, momentum: float) -> pl.DataFrame:
    """Figures 1 and 3: loss by epoch."""
    return curves(runs, momentum, {"train": "train_loss", "test": "test_loss"})


def accuracies(runs: Runs, momentum: float, printed: float) -> pl.DataFrame:
    """Figures 2 and 4: test accuracy by epoch, with the accuracy that the source prints."""
    return curves(runs, momentum, {"test": "test_accuracy"}).with_columns(printed=pl.lit(printed))


def curves(runs: Runs, momentum: float, columns: dict[str, str]) -> pl.DataFrame:
    """The mean and the middle 90 % of the seeds by epoch; columns: split to column."""
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
    return pl.concat(parts)


def cells(runs: Runs, *settings: str) -> pl.DataFrame:
    """Figures 5 and 7: final test accuracy in every cell of a grid."""
    rows = []
    for key, cell in runs.final().group_by(*settings, maintain_order=True):
        names = dict(zip(settings, key, strict=True))
        rows.append(names | _spread(cell, runs.accuracy(**names)))
    return pl.DataFrame(rows).sort(*settings)


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
    """The experiments with learning rate and momentum: final accuracy and loss of every arm."""
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


def main(table: str, epochs: list[Path], printed: float, origin: Path, output: Path) -> None:
    """Write one table.

    Args:
        table: its name.
        epochs: Parquet with the runs of each experiment, in a folder named like it, where the
            speakers' table is too.
        printed: the test accuracy that the source prints for momentum 0.9.
        origin: where the data came from (JSON).
        output: CSV to write.
    """
    runs = {path.parent.name: Runs(path.parent) for path in epochs}
    first, *_ = runs.values()
    tables: dict[str, Callable[[], pl.DataFrame]] = {
        "fig1": lambda: losses(first, 0.0),
        "fig2": lambda: accuracies(first, 0.0, printed),
        "fig3": lambda: losses(first, 0.9),
        "fig4": lambda: accuracies(first, 0.9, printed),
        "fig5": lambda: cells(first, "learning_rate", "hidden_units"),
        "fig6": lambda: epoch_cells(first, "batch_size"),
        "fig7": lambda: cells(first, "hidden_layers", "beta1"),
        "fig8": lambda: boxes(first),
        "experiments": lambda: experiments(runs),
    }
    write_csv(tables[table]().with_columns(data=pl.lit(data_of(origin))), output)


job.run(main, globals().get("snakemake"))
