"""Get a data set: from a local folder, else from its public address, else a marked stand-in."""

import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import requests
import tenacity
from tqdm import tqdm

from nnjax.datasets.errors import DataError

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


T = TypeVar("T")

Record = dict[str, Any]
"""Where data come from (`data`, `source`) and what they are; no path of the machine."""


class WrongContentError(DataError):
    """A server sent something else than the data; another attempt or a mirror may do better."""


class StandIn(NamedTuple, Generic[T]):
    """What replaces a data set that cannot be reached.

    make: the content, from a seed.
    data: its mark, in the record and on everything made from it.
    source: where it comes from; `{seed}` is filled in.
    warning: what it is and what it is not, said aloud; `{seed}` is filled in.
    """

    make: Callable[[int], T]
    data: str
    source: str
    warning: str


class Dataset(NamedTuple, Generic[T]):
    """What has to be known of a data set to get it; `nnjax.datasets.sources` holds ours.

    name: as a reader knows it.
    data: its mark in the record.
    folder: the subfolder of a local folder in which it may lie.
    needed: what a user has to put there.
    holds: whether any file of it, whole or broken, lies in a folder.
    load: the checked content of a folder; DataError for anything wrong.
    addresses: by the ending of an address, what to download: the names `load` expects, and what
        is added to the address for each.
    describe: what the record says of the content beside mark and source.
    write: the content into some files.
    standin: what replaces it.
    """

    name: str
    data: str
    folder: str
    needed: str
    holds: Callable[[Path], bool]
    load: Callable[[Path], T]
    addresses: dict[str, dict[str, str]]
    describe: Callable[[T], Record]
    write: Callable[[T, list[Path]], None]
    standin: StandIn[T]


class Fetched(NamedTuple, Generic[T]):
    """The content of a data set and its source record."""

    content: T
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


def fetch(
    dataset: Dataset[T],
    folders: Iterable[str],
    url: Iterable[str],
    cache: str | Path,
    *,
    seed: int = 0,
    allow_standin: bool = True,
    timeout: float = 20.0,
    say: Callable[[str], None] | None = None,
) -> Fetched[T]:
    """A data set from the first local folder that has it, else an address, else its stand-in.

    A folder may hold the files itself or in a subfolder of the data set. Files that are there and
    broken are an error: nothing is skipped in silence. What was downloaded is kept in `cache` and
    read from there the next time.

    Args:
        dataset: what to get.
        folders: local folders, first choice first; see `local_folders`.
        url: addresses, first choice first, of a form that the data set knows.
        cache: folder for downloads.
        seed: of the stand-in.
        allow_standin: whether a stand-in may replace data that cannot be reached.
        timeout: seconds after which addresses that give no answer are given up, all together.
        say: takes one line for the user; standard error by default.

    Returns:
        The content and its source record.

    Raises:
        DataError: for broken local files, an address of another kind or a cache that cannot be
            written; when nothing can be reached and no stand-in is allowed.

    Example:
        >>> from nnjax.datasets.sources.text import TEXT
        >>> fetch(TEXT, [], [], "cache", say=lambda line: None).record["data"]
        'own-text'
    """
    say = say or (lambda line: print(line, file=sys.stderr))
    folders, addresses, cache = list(folders), list(url), Path(cache)
    for folder in folders:
        base = Path(os.path.expandvars(folder)).expanduser()
        for place in (base, base / dataset.folder):
            if dataset.holds(place):
                # An absolute path belongs to one machine; the record has to hold on any.
                name = "" if Path(folder).is_absolute() else f" {folder}"
                return _official(dataset, dataset.load(place), f"local folder{name}")
    for address in addresses:
        kept = _kept(cache, address)
        if dataset.holds(kept):
            try:
                return _official(dataset, dataset.load(kept), address)
            except DataError as fault:
                raise DataError(f"{fault} Delete {kept} to have that done.") from None

    say(f"{dataset.name} is not in {_listed(folders)}; downloading it.")
    failures: list[str] = []
    end = time.monotonic() + timeout
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        # Each address gets its share of the time: one that hangs leaves some for its mirrors.
        deadline = time.monotonic() + max(end - time.monotonic(), 0.0) / left
        try:
            return _official(dataset, _download(dataset, address, cache, deadline), address)
        except (WrongContentError, requests.RequestException) as fault:
            failures.append(f"{address}: {_reason(fault)}")

    why = (
        f"{dataset.name} is not in {_listed(folders)} and could not be downloaded "
        f"({'; '.join(failures) or 'no address is configured'})."
    )
    if not allow_standin:
        raise DataError(
            f"{why} Put {dataset.needed} into one of these folders, or allow the stand-in."
        )
    standin = dataset.standin
    say(
        f"WARNING: {why} THE STUDY RUNS ON {standin.warning.format(seed=seed)}; "
        "everything made from it is marked so. To use the real data, put "
        f"{dataset.needed} into one of these folders and force this step to run again."
    )
    return _recorded(dataset, standin.make(seed), standin.data, standin.source.format(seed=seed))


def write(dataset: Dataset[T], fetched: Fetched[T], *paths: str | Path) -> None:
    """Write content and record whole: under temporary names first, then renamed.

    Args:
        dataset: what was fetched.
        fetched: its content and record.
        paths: the files that the data set writes, then that of the record (JSON).

    Raises:
        DataError: when the files cannot be written.
    """
    targets = [Path(path) for path in paths]
    drafts = [path.with_name(f".{path.name}.{os.getpid()}") for path in targets]
    try:
        for path in targets:
            path.parent.mkdir(parents=True, exist_ok=True)
        dataset.write(fetched.content, drafts[:-1])
        drafts[-1].write_text(json.dumps(fetched.record, indent=2) + "\n", encoding="utf-8")
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


def _official(dataset: Dataset[T], content: T, source: str) -> Fetched[T]:
    return _recorded(dataset, content, dataset.data, source)


def _recorded(dataset: Dataset[T], content: T, data: str, source: str) -> Fetched[T]:
    return Fetched(content, {"data": data, "source": source, **dataset.describe(content)})


def _listed(folders: list[str]) -> str:
    return ", ".join(folders) or "any folder (none is configured)"


def _kept(cache: Path, address: str) -> Path:
    """The folder of the cache for one address: what lies there says where it comes from."""
    return cache / re.sub(r"[^\w.-]+", "_", address.split("://")[-1]).strip("_")


def _download(dataset: Dataset[T], address: str, cache: Path, deadline: float) -> T:
    """Download, check, and only then move into the cache under its final name."""
    ending = next((end for end in dataset.addresses if address.endswith(end)), None)
    if ending is None or not re.match("https?://.", address):
        raise DataError(
            f"{address} is no address to download {dataset.name} from: it has to begin with "
            f"http:// or https:// and to end in {' or '.join(dataset.addresses)}."
        )
    files = {name: address + added for name, added in dataset.addresses[ending].items()}
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".download-") as draft:
            attempt = Path(draft, "files")
            attempt.mkdir()
            content = _retrying(deadline)(_attempt, dataset, files, attempt, deadline)
            attempt.replace(_kept(cache, address))
            return content
    except requests.RequestException:
        raise
    except OSError as fault:
        raise DataError(
            f"The cache {cache} cannot be written ({fault.strerror or fault}). "
            "Expected a folder that this user may write to, on a disk with room."
        ) from None


def _attempt(dataset: Dataset[T], files: dict[str, str], folder: Path, deadline: float) -> T:
    for name, address in files.items():
        _get(address, folder / name, deadline)
    try:
        return dataset.load(folder)
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
