"""Fetch a data set: from a local folder, its public source, or as a marked stand-in."""

import sys
from pathlib import Path
from typing import Any, Literal

from nnjax.datasets.errors import DataError
from nnjax.datasets.fetch import Dataset, fetch, local_folders, write
from nnjax.datasets.sources.isolet import ISOLET
from nnjax.datasets.sources.mnist import MNIST
from nnjax.datasets.sources.text import TEXT
from workflow.lib import job

DATASETS: dict[str, Dataset[Any]] = {"isolet": ISOLET, "mnist": MNIST, "text": TEXT}


def main(
    dataset: Literal["isolet", "mnist", "text"],
    places: dict[str, Any],
    origin: Path,
    train: Path | None = None,
    test: Path | None = None,
    arrays: Path | None = None,
    text: Path | None = None,
) -> None:
    """Fetch, check and write.

    Args:
        dataset: which one.
        places: where to look: folders, urls, cache, standin, standin_seed, and the project's
            folder.
        origin: JSON to write: where the data came from, and their fingerprint.
        train: Parquet of ISOLET's training rows.
        test: Parquet of its test rows.
        arrays: npz of MNIST.
        text: the text.

    Raises:
        JobError: if the data cannot be had, or a file is broken.
    """

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)
        # `run` sends messages to the log, which nobody opens unasked; a stand-in has to be seen.
        if line.startswith("WARNING") and sys.stderr is not sys.__stderr__:
            print(line, file=sys.__stderr__, flush=True)

    try:
        fetched = fetch(
            DATASETS[dataset],
            local_folders(places["folders"], places["project"]),
            places["urls"],
            places["cache"],
            seed=places["standin_seed"],
            allow_standin=places["standin"],
            say=say,
        )
        outputs = [path for path in (train, test, arrays, text) if path is not None]
        write(DATASETS[dataset], fetched, *(str(path) for path in [*outputs, origin]))
    except DataError as error:
        raise job.JobError(f"error: {error}") from None
    say(f"{fetched.origin['data']}: {fetched.origin['source']}")


job.run(main, globals().get("snakemake"))
