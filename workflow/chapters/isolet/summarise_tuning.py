"""How much tuning each optimizer needs: accuracy by learning rate, and the best of k trials."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nnjax import stats
from workflow.lib import job
from workflow.lib.runs.counts import GUESSING, rng
from workflow.lib.tables import data_of, write_csv

RESAMPLES = 10_000


def resampled(correct: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Accuracies of several trials in bootstrap samples of seeds and speakers.

    Args:
        correct: rows classified correctly, (trials, seeds, speakers).
        rows: rows of each speaker, (speakers,).

    Returns:
        (resamples, trials); a resample takes the same seeds and speakers in every trial.
    """
    _, seeds, speakers = correct.shape
    draw = rng()
    seed_counts = draw.multinomial(seeds, np.full(seeds, 1 / seeds), size=RESAMPLES)
    speaker_counts = draw.multinomial(speakers, np.full(speakers, 1 / speakers), size=RESAMPLES)
    hits = np.einsum("tbk,bk->bt", seed_counts @ correct, speaker_counts)
    return hits / (seeds * (speaker_counts @ rows))[:, None]


def optimizer_rows(trials: pl.DataFrame, chosen: float) -> list[dict[str, Any]]:
    """Both parts of the table for one optimizer.

    Args:
        trials: its counts by learning_rate, seed, fold and held-out speaker, of the last epoch.
        chosen: the learning rate it was given.
    """
    trials = trials.sort("learning_rate", "seed", "speaker")
    rates, seeds = sorted(set(trials["learning_rate"])), trials["seed"].n_unique()
    correct = trials["correct"].to_numpy().reshape(len(rates), seeds, -1)
    rows = trials["rows"].to_numpy().reshape(correct.shape)[0, 0]
    runs = trials.group_by("learning_rate", "seed", "fold").agg(
        guessing=pl.col("correct").sum() / pl.col("rows").sum() < GUESSING
    )
    made = []
    for rate, counts in zip(rates, correct, strict=True):
        these = runs.filter(learning_rate=rate)["guessing"]
        made.append(
            {"part": "rate", "learning_rate": rate, "trials": 1}
            | stats.two_level_interval(counts, rows, rng(), resamples=RESAMPLES)._asdict()
            | {"chosen": rate == chosen, "edge": rate in (rates[0], rates[-1])}
            | {"guessing": int(these.sum()), "runs": len(these)}
        )
    best = stats.expected_best([row["value"] for row in made])
    ends = np.quantile(stats.expected_best(resampled(correct, rows)), [0.025, 0.975], axis=0)
    lost, ran = (sum(row[column] for row in made) for column in ("guessing", "runs"))
    for k, (value, lo, hi) in enumerate(zip(best, *ends, strict=True), start=1):
        made.append(
            {"part": "best", "learning_rate": None, "trials": k, "value": value, "lo": lo, "hi": hi}
            | {"n": seeds, "chosen": False, "edge": False, "guessing": lost, "runs": ran}
        )
    return made


def table(speakers: pl.DataFrame, choices: pl.DataFrame) -> pl.DataFrame:
    """Both parts for every optimizer.

    Args:
        speakers: what `tune` counted.
        choices: what `choose` chose.
    """
    last = speakers.filter(pl.col("epoch") == pl.col("epoch").max())
    rows = []
    for (optimizer,), trials in last.group_by("optimizer", maintain_order=True):
        chosen = choices.row(by_predicate=pl.col("optimizer") == optimizer, named=True)
        made = optimizer_rows(trials, chosen["learning_rate"])
        rows += [{"optimizer": optimizer} | row for row in made]
    return pl.DataFrame(rows, infer_schema_length=None).select("part", pl.exclude("part"))


def main(speakers: Path, choices: Path, origin: Path, output: Path) -> None:
    """Write the table.

    Args:
        speakers: every trial's counts per held-out speaker, as `tune` writes them.
        choices: the chosen trials, as `choose` writes them.
        origin: where the data came from (JSON).
        output: CSV to write. part "rate": the cross-validated accuracy of every learning_rate,
            whether it is the chosen one or at an edge of the grid; part "best": the expected best
            accuracy of as many trials drawn at random. value, lo, hi (over speakers and seeds),
            n (seeds), guessing (runs that ended no better than a guess: diverged, or hardly moved)
            of runs (one per fold and seed), data.
    """
    made = table(pl.read_parquet(speakers), pl.read_parquet(choices))
    write_csv(made.with_columns(data=pl.lit(data_of(origin))), output)


job.run(main, globals().get("snakemake"))
