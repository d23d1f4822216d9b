"""How alike are two runs through the alphabet?

A run is what one speaker said once, A ... Z. Its mean residual (features minus the mean of their
letter, divided by their spread, averaged over the run) keeps the voice and loses the letter. Two
runs of one speaker correlate; where the files do not name the speaker, the correlations do.
"""

from pathlib import Path

import numpy as np
import polars as pl

from nnjax.datasets import isolet
from workflow.lib import job
from workflow.lib.tables import write_parquet

GROUPS = {
    "isolet1": (1, 30),
    "isolet2": (31, 60),
    "isolet3 and 4": (61, 120),
    "isolet5": (121, 150),
}
"""First and last speaker of each group of rows; the ids 61 ... 120 are to be proved."""


def utterances(data: isolet.Examples) -> np.ndarray:
    """Whether a row is the first or the second time that its speaker says its letter, (rows,).

    Example:
        >>> letters, speakers = np.array([0, 0, 1, 0]), np.array([1, 1, 1, 2])
        >>> utterances(isolet.Examples(np.zeros((4, 617)), letters, speakers))
        array([1, 2, 1, 1])
    """
    keys = pl.DataFrame({"speaker": data.speakers, "letter": data.labels})
    number = pl.int_range(1, pl.len() + 1).over("speaker", "letter")
    return keys.select(number.alias("utterance"))["utterance"].to_numpy()


def run_means(data: isolet.Examples) -> tuple[pl.DataFrame, np.ndarray]:
    """The mean residual of every run of a group.

    Args:
        data: the rows of one group of speakers; letter means and spreads are those of the group.

    Returns:
        speaker and utterance of every run, and the means, (runs, features).
    """
    x = data.x.astype(np.float64)
    letters, place = np.unique(data.labels, return_inverse=True)
    residuals = x - np.stack([x[data.labels == letter].mean(axis=0) for letter in letters])[place]
    residuals /= residuals.std(axis=0)
    rows = np.stack([data.speakers, utterances(data)], axis=1)
    runs, place = np.unique(rows, axis=0, return_inverse=True)
    means = np.stack([residuals[place == run].mean(axis=0) for run in range(len(runs))])
    return pl.DataFrame(runs, schema={"speaker": pl.Int64, "utterance": pl.Int64}), means


def correlations(data: isolet.Examples) -> pl.DataFrame:
    """Pearson's correlation across the features of every two different runs of a group, both ways.

    Returns:
        speaker, utterance, other_speaker, other_utterance, correlation.
    """
    runs, means = run_means(data)
    others = runs.rename(lambda name: f"other_{name}")
    return (
        runs.join(others, how="cross", maintain_order="left_right")
        .with_columns(correlation=np.corrcoef(means).ravel())
        .filter(
            (pl.col("speaker") != pl.col("other_speaker"))
            | (pl.col("utterance") != pl.col("other_utterance"))
        )
    )


def main(train: Path, test: Path, pairs: Path, letters: Path) -> None:
    """Correlate the runs of every group and count its letters.

    Args:
        train: the training rows.
        test: the test rows; they are described here, nothing is chosen.
        pairs: Parquet to write, `correlations` of every group.
        letters: Parquet to write: group, letter (1 ... 26), rows.
    """
    table = pl.concat([pl.read_parquet(path) for path in (train, test)])
    parts, counts = [], []
    for name, (first, last) in GROUPS.items():
        group = table.filter(pl.col("speaker").is_between(first, last))
        of_group = pl.lit(name).alias("group")
        parts.append(correlations(isolet.examples(group)).select(of_group, pl.all()))
        count = group.group_by("letter").agg(rows=pl.len().cast(pl.Int64)).sort("letter")
        counts.append(count.select(of_group, pl.all()))
    write_parquet(pl.concat(parts), pairs)
    write_parquet(pl.concat(counts), letters)


job.run(main, globals().get("snakemake"))
