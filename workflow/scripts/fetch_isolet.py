"""The data of the study: ISOLET's two splits as Parquet, with a record of where they come from."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnjax.datasets.errors import DataError
from nnjax.datasets.fetch import fetch_isolet, local_folders, write

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    config_section: dict[str, Any], train: str, test: str, record: str, log: str | None = None
) -> None:
    """Fetch, write, and end with one sentence and exit status 1 when that cannot be done.

    Args:
        config_section: folders, url, cache, standin, standin_seed.
        train: path of the training rows (Parquet).
        test: path of the test rows (Parquet).
        record: path of the source record (JSON).
        log: path of a file that keeps what is said on standard error.
    """
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        print(line, file=sys.stderr, flush=True)

    try:
        fetched = fetch_isolet(
            local_folders(config_section["folders"]),
            config_section["url"],
            config_section["cache"],
            seed=config_section["standin_seed"],
            allow_standin=config_section["standin"],
            say=say,
        )
        write(fetched.table, fetched.record, train, test, record)
        say(f"{fetched.record['data']}: {fetched.record['source']}")
    except DataError as fault:
        say(f"error: {fault}")
        raise SystemExit(1) from None
    finally:
        if log:
            Path(log).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if "snakemake" in globals():
    main(snakemake.params["data"], *snakemake.output, log=snakemake.log[0])
