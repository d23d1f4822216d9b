"""Fetch a data set: the body of the three scripts fetch_NAME.py, whose digests differ by reader."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nnjax.datasets.errors import DataError
from nnjax.datasets.fetch import Dataset, fetch, local_folders, write


def main(
    dataset: Dataset[Any],
    settings: dict[str, Any],
    outputs: Iterable[str],
    log: str | None = None,
) -> None:
    """Fetch, write, and end with one sentence and exit status 1 when that cannot be done.

    Args:
        dataset: what to fetch.
        settings: folders, url, cache, standin, standin_seed.
        outputs: paths of the files that the data set writes, then of the origin (JSON).
        log: path of a file that keeps what is said on standard error.
    """
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        print(line, file=sys.stderr, flush=True)

    try:
        fetched = fetch(
            dataset,
            local_folders(settings["folders"]),
            settings["url"],
            settings["cache"],
            seed=settings["standin_seed"],
            allow_standin=settings["standin"],
            say=say,
        )
        write(dataset, fetched, *outputs)
        say(f"{fetched.origin['data']}: {fetched.origin['source']}")
    except DataError as fault:
        say(f"error: {fault}")
        raise SystemExit(1) from None
    finally:
        if log:
            Path(log).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
