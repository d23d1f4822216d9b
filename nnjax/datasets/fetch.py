"""Get ISOLET: from a local folder, else from its public address, else a stand-in that says so."""

import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypedDict

import polars as pl
import requests
import tenacity
from tqdm import tqdm

from nnjax.datasets import isolet
from nnjax.datasets.errors import DataError
from nnjax.datasets.standin import standin

ADDRESSES = (
    "https://archive.ics.uci.edu/static/public/54/isolet.zip",
    "https://archive.ics.uci.edu/ml/machine-learning-databases/isolet/",
)
VARIABLE = "NNJAX_DATA"

_ATTEMPTS = 3
_PAUSE = 0.5  # seconds before the second attempt at an address, doubled before the third
_LONGEST_DOWNLOAD = 600.0  # seconds; a server that trickles must not hold up a study for ever

_REASONS: tuple[tuple[type[requests.RequestException], str], ...] = (
    (requests.exceptions.SSLError, "its certificate is not trusted here"),
    (requests.Timeout, "no answer in time"),
    (requests.exceptions.ChunkedEncodingError, "the download broke off"),
    (requests.ConnectionError, "it cannot be reached"),
)


class WrongContentError(DataError):
    """A server sent something else than ISOLET; another attempt or a mirror may do better."""


class Record(TypedDict):
    """Where a table comes from; holds no path of the machine it was made on."""

    data: str
    source: str
    fingerprint: dict[str, str]
    coded_rows: int
    rows: dict[str, int]
    speakers: dict[str, int]


class Fetched(NamedTuple):
    """A table and its source record."""

    table: pl.DataFrame
    record: Record


def local_folders(configured: Iterable[str]) -> list[str]:
    """Where to look before downloading: the configured folders, $NNJAX_DATA, data, ../shared/data.

    Args:
        configured: folders from the configuration, first choice first.

    Returns:
        Folders as the user wrote them, without repeats; `~` and `$NAME` are expanded on use.

    Example:
        >>> local_folders(["data"])[0]
        'data'
    """
    variable = [f"${VARIABLE}"] if os.environ.get(VARIABLE) else []
    return list(dict.fromkeys([*configured, *variable, "data", "../shared/data"]))


def fetch_isolet(
    folders: Iterable[str],
    url: Iterable[str],
    cache: str | Path,
    *,
    seed: int = 0,
    allow_standin: bool = True,
    timeout: float = 20.0,
    say: Callable[[str], None] | None = None,
) -> Fetched:
    """ISOLET from the first local folder that has it, else an address, else a stand-in.

    A folder may hold the files itself or in a subfolder `isolet`. Files that are there and broken
    are an error: nothing is skipped in silence. What was downloaded is kept in `cache` and read
    from there the next time.

    Args:
        folders: local folders, first choice first; see `local_folders`.
        url: addresses, first choice first; each ends in `.zip` (the archive) or `/` (a folder that
            holds the two `.data.Z`).
        cache: folder for downloads.
        seed: of the stand-in.
        allow_standin: whether a stand-in may replace data that cannot be reached.
        timeout: seconds after which addresses that give no answer are given up, all together.
        say: takes one line for the user; standard error by default.

    Returns:
        The table and its source record.

    Raises:
        DataError: for broken local files, an address of another kind or a cache that cannot be
            written; when nothing can be reached and no stand-in is allowed.

    Example:
        >>> fetch_isolet([], [], "cache", say=lambda line: None).record["source"]
        'generated from seed 0'
    """
    say = say or (lambda line: print(line, file=sys.stderr))
    folders, addresses, cache = list(folders), list(url), Path(cache)
    for folder in folders:
        base = Path(os.path.expandvars(folder)).expanduser()
        for place in (base, base / "isolet"):
            if isolet.holds(place):
                # An absolute path belongs to one machine; the record has to hold on any.
                name = "" if Path(folder).is_absolute() else f" {folder}"
                return _official(isolet.load(place), f"local folder{name}")
    for address in addresses:
        kept = _kept(cache, address)
        if isolet.holds(kept):
            try:
                return _official(isolet.load(kept), address)
            except DataError as fault:
                raise DataError(f"{fault} Delete {kept} to have that done.") from None

    say(f"ISOLET is not in {_listed(folders)}; downloading it.")
    failures: list[str] = []
    end = time.monotonic() + timeout
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        # Each address gets its share of the time: one that hangs leaves some for its mirrors.
        deadline = time.monotonic() + max(end - time.monotonic(), 0.0) / left
        try:
            return _official(_download(address, cache, deadline), address)
        except (WrongContentError, requests.RequestException) as fault:
            failures.append(f"{address}: {_reason(fault)}")

    why = (
        f"ISOLET is not in {_listed(folders)} and could not be downloaded "
        f"({'; '.join(failures) or 'no address is configured'})."
    )
    if not allow_standin:
        raise DataError(
            f"{why} Put {isolet.ARCHIVE} into one of these folders, or allow the stand-in."
        )
    say(
        f"WARNING: {why} THE STUDY RUNS ON A SYNTHETIC STAND-IN (seed {seed}), not on speech; "
        "everything made from it is marked so. To use the real data, put "
        f"{isolet.ARCHIVE} into one of these folders and force this step to run again."
    )
    return _recorded(standin(seed), "stand-in", f"generated from seed {seed}")


def write(
    table: pl.DataFrame,
    record: Record,
    train: str | Path,
    test: str | Path,
    record_file: str | Path,
) -> None:
    """Write the two splits and the record whole: under temporary names first, then renamed.

    The splits lie in files of their own, so that what reads only the training rows cannot have
    looked at the test rows.

    Args:
        table: as `isolet.load` returns it.
        record: its source record, written as JSON.
        train: path of the training rows (Parquet).
        test: path of the test rows (Parquet).
        record_file: path of the record.

    Raises:
        DataError: when the files cannot be written.
    """
    targets = [Path(train), Path(test), Path(record_file)]
    drafts = [path.with_name(f".{path.name}.{os.getpid()}") for path in targets]
    try:
        for path in targets:
            path.parent.mkdir(parents=True, exist_ok=True)
        for split, draft in zip(isolet.SPLITS, drafts, strict=False):
            table.filter(pl.col("split") == split).write_parquet(draft)
        drafts[2].write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        for draft, path in zip(drafts, targets, strict=True):
            draft.replace(path)
    except OSError as fault:
        raise DataError(
            f"{', '.join(map(str, targets))} cannot be written ({fault.strerror or fault}). "
            "Expected folders that this user may write to, on a disk with room."
        ) from None
    finally:
        for draft in drafts:
            with contextlib.suppress(OSError):
                draft.unlink()


def _official(table: pl.DataFrame, source: str) -> Fetched:
    return _recorded(table, "isolet", source)


def _recorded(table: pl.DataFrame, data: str, source: str) -> Fetched:
    counts = (
        table.group_by("split").agg(pl.len(), pl.col("speaker").n_unique()).rows_by_key("split")
    )
    record = Record(
        data=data,
        source=source,
        fingerprint={**isolet.fingerprints(table)},
        coded_rows=isolet.coded_rows(table),
        rows={split: counts[split][0][0] for split in isolet.SPLITS},
        speakers={split: counts[split][0][1] for split in isolet.SPLITS},
    )
    return Fetched(table, record)


def _listed(folders: list[str]) -> str:
    return ", ".join(folders) or "any folder (none is configured)"


def _kept(cache: Path, address: str) -> Path:
    """The folder of the cache for one address: what lies there says where it comes from."""
    return cache / re.sub(r"[^\w.-]+", "_", address.split("://")[-1]).strip("_")


def _download(address: str, cache: Path, deadline: float) -> pl.DataFrame:
    """Download, check, and only then move into the cache under its final name."""
    if not re.fullmatch(r"https?://.+(\.zip|/)", address):
        raise DataError(
            f"{address} is no address to download from: it has to begin with http:// or https:// "
            "and to end in .zip (the archive) or / (a folder with the two .data.Z)."
        )
    files = {isolet.ARCHIVE: address}
    if address.endswith("/"):
        files = {f"{name}.Z": f"{address}{name}.Z" for name in isolet.FILES.values()}
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".download-") as draft:
            attempt = Path(draft, "files")
            attempt.mkdir()
            table = _retrying(deadline)(_attempt, files, attempt, deadline)
            attempt.replace(_kept(cache, address))
            return table
    except requests.RequestException:
        raise
    except OSError as fault:
        raise DataError(
            f"The cache {cache} cannot be written ({fault.strerror or fault}). "
            "Expected a folder that this user may write to, on a disk with room."
        ) from None


def _attempt(files: dict[str, str], folder: Path, deadline: float) -> pl.DataFrame:
    for name, address in files.items():
        _get(address, folder / name, deadline)
    try:
        return isolet.load(folder)
    except DataError as fault:
        # The temporary folder is gone when the message is read.
        raise WrongContentError(str(fault).replace(f"{folder}{os.sep}", "")) from None


def _get(address: str, path: Path, deadline: float) -> None:
    left = max(deadline - time.monotonic(), 1.0)
    started = time.monotonic()
    with requests.get(address, stream=True, timeout=(min(5.0, left), min(10.0, left))) as answer:
        answer.raise_for_status()
        size = int(answer.headers.get("Content-Length", 0)) or None
        bar = tqdm(total=size, unit="B", unit_scale=True, desc=path.name, disable=None)
        with bar, path.open("wb") as out:
            for chunk in answer.iter_content(1 << 16):
                out.write(chunk)
                bar.update(len(chunk))
                if time.monotonic() - started > _LONGEST_DOWNLOAD:
                    raise requests.Timeout


def _retrying(deadline: float) -> tenacity.Retrying:
    """Three attempts; an address that gives no answer only as long as its share of time lasts."""

    def stop(state: tenacity.RetryCallState) -> bool:
        fault = state.outcome.exception() if state.outcome else None
        silent = isinstance(fault, requests.ConnectionError | requests.Timeout)
        return state.attempt_number >= _ATTEMPTS or (silent and time.monotonic() >= deadline)

    return tenacity.Retrying(
        stop=stop,
        wait=tenacity.wait_exponential(multiplier=_PAUSE),
        retry=tenacity.retry_if_exception(_may_pass),
        reraise=True,
    )


def _may_pass(fault: BaseException) -> bool:
    """Whether another attempt could end differently: not when the file is said not to exist."""
    if isinstance(fault, requests.HTTPError):
        return _status(fault) >= 500 or _status(fault) == 429
    return isinstance(fault, WrongContentError | requests.RequestException)


def _status(fault: requests.HTTPError) -> int:
    return fault.response.status_code if fault.response is not None else 500


def _reason(fault: WrongContentError | requests.RequestException) -> str:
    if isinstance(fault, WrongContentError):
        return str(fault).rstrip(".")
    if isinstance(fault, requests.HTTPError):
        return f"it answered {_status(fault)}"
    return next((words for kind, words in _REASONS if isinstance(fault, kind)), str(fault))
