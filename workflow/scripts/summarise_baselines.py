"""Baselines, published results and rows of other tables side by side, each with its interval."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import numpy as np
import polars as pl
import yaml
from baselines import NAMES
from covers import SPEAKERS
from tables import write_csv

from nnjax import stats

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

IID = "95 % Wilson, rows as if independent: too narrow"


def ours(speakers: pl.DataFrame) -> pl.DataFrame:
    """One row per baseline; the fit is deterministic, so the interval is over the speakers alone.

    `design_effect` says how much wider that interval is than one that takes rows for independent:
    the squared ratio of their widths.
    """
    rows = []
    for (model, setting), cell in speakers.group_by("model", "setting", maintain_order=True):
        correct, total = (int(cell[name].sum()) for name in ("correct", "rows"))
        interval = _over_speakers(cell)
        iid = stats.proportion_interval(correct, total)
        rows.append(
            {
                "model": model,
                "name": NAMES[str(model)],
                "kind": "ours",
                "accuracy": interval.value,
                "lo": interval.lo,
                "hi": interval.hi,
                "errors": float(total - correct),
                "rows": total,
                "n": interval.n,
                "speakers": cell.height,
                "setting": setting,
                "source": "this study",
                "interval": SPEAKERS,
                "design_effect": ((interval.hi - interval.lo) / (iid.hi - iid.lo)) ** 2,
            }
        )
    return pl.DataFrame(rows)


def published(content: dict[str, Any]) -> pl.DataFrame:
    """One row per published result; who was misheard is not known, so only Wilson is left."""
    rows = []
    for result in content["results"]:
        interval = stats.proportion_interval(content["rows"] - result["errors"], content["rows"])
        rows.append(
            {
                "model": result["model"],
                "name": result["name"],
                "kind": "published",
                "accuracy": interval.value,
                "lo": interval.lo,
                "hi": interval.hi,
                "errors": float(result["errors"]),
                "rows": content["rows"],
                "n": 1,
                "speakers": 30,
                "setting": result["setting"],
                "source": result["source"],
                "interval": IID,
                "design_effect": None,
            }
        )
    return pl.DataFrame(rows)


def tried(trials: pl.DataFrame) -> pl.DataFrame:
    """Cross-validated accuracy of every trial, the chosen one marked.

    Raises:
        ValueError: if a trial does not hold every speaker out exactly once.
    """
    rows = []
    for (model, trial, setting), cell in trials.group_by(
        "model", "trial", "setting", maintain_order=True
    ):
        if cell["speaker"].is_duplicated().any():
            raise ValueError(f"{model}, {setting}: a speaker is held out twice")
        interval = _over_speakers(cell)
        errors = int((cell["rows"] - cell["correct"]).sum())
        rows.append(
            {
                "model": model,
                "trial": trial,
                "setting": setting,
                "accuracy": interval.value,
                "lo": interval.lo,
                "hi": interval.hi,
                "errors": errors,
                "n": interval.n,
                "speakers": cell.height,
            }
        )
    table = pl.DataFrame(rows).sort("model", "trial")
    first_best = pl.col("trial").sort_by("errors", "trial").first().over("model")
    return table.with_columns(chosen=pl.col("trial") == first_best)


def _over_speakers(cell: pl.DataFrame) -> stats.Interval:
    ordered = cell.sort("speaker")
    return stats.two_level_interval(
        ordered["correct"].to_numpy()[None], ordered["rows"].to_numpy(), np.random.default_rng(0)
    )


def main(
    speakers: Path,
    trials: Path,
    results: Path,
    record: Path,
    more: list[Path],
    table: Path,
    tuning: Path,
) -> None:
    """Write the table of the figure and the table of the trials.

    Args:
        speakers: Parquet of the test counts per speaker.
        trials: Parquet of the cross-validated counts per speaker.
        results: YAML of the published results.
        record: the data's source record (JSON).
        more: further tables with the columns of `table` (any of them may be missing), put beside.
        table: CSV to write, one row per result.
        tuning: CSV to write, one row per trial.
    """
    data = pl.lit(json.loads(record.read_text(encoding="utf-8"))["data"]).alias("data")
    content = yaml.safe_load(results.read_text(encoding="utf-8"))
    parts = [
        ours(pl.read_parquet(speakers)),
        *(pl.read_csv(path).drop("data", strict=False) for path in more),
        published(content),
    ]
    together = pl.concat(parts, how="diagonal_relaxed").sort("accuracy", descending=True)
    write_csv(together.with_columns(data), table)
    write_csv(tried(pl.read_parquet(trials)).with_columns(data), tuning)


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        Path(snakemake.input.speakers),
        Path(snakemake.input.trials),
        Path(snakemake.input.published),
        Path(snakemake.input.record),
        [Path(path) for path in snakemake.input.more],
        Path(snakemake.output.table),
        Path(snakemake.output.tuning),
    )
