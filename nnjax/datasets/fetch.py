"""Get a data set: from a local folder, its public address, or as a labelled stand-in."""

import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import requests
import tenacity
from tqdm import tqdm

from nnjax.datasets.errors import DataError
from nnjax.datasets.find import places, unused
from nnjax.datasets.unpack import LARGEST

VARIABLE = "NNJAX_DATA"

_ATTEMPTS = 3
_PAUSE = 0.5  # seconds before the second attempt at an address, doubled before the third
_LONGEST_DOWNLOAD = 600.0  # seconds; a very slow server must not block a study for ever

_REASONS: tuple[tuple[type[requests.RequestException], str], ...] = (
    (requests.exceptions.SSLError, "certificate not trusted"),
    (requests.Timeout, "no answer in time"),
    (requests.exceptions.ChunkedEncodingError, "the connection was lost during the download"),
    (requests.ConnectionError, "server unreachable"),
)


T = TypeVar("T")

Origin = dict[str, Any]
"""Where the data came from (`data`, `source`) and their fingerprint; no machine paths."""


class WrongContentError(DataError):
    """A server sent something other than the data; a retry or a mirror may succeed."""


class StandIn(NamedTuple, Generic[T]):
    """What replaces a data set that cannot be reached.

    make: generates the content from a seed.
    data: its label, in the origin and on everything derived from it.
    source: where it comes from; `{seed}` is filled in.
    warning: what it is and what it is not, for the user; `{seed}` is filled in.
    """

    make: Callable[[int], T]
    data: str
    source: str
    warning: str


class Dataset(NamedTuple, Generic[T]):
    """How to get a data set; `nnjax.datasets.sources` defines those of the study.

    name: its usual name, for messages.
    data: its label in the origin.
    folders: names of the subfolders of a local folder where it may be found, the usual one first.
    files: names of its files, and of archives of them.
    unfit: why other files, by the pattern of their names, cannot take its place.
    needed: the files a user has to provide.
    holds: whether a folder contains any of its files, intact or broken.
    load: reads and checks a folder; raises DataError for bad content.
    addresses: what to download, by the ending of the address: the file names that `load` expects,
        and the suffix to append to the address for each.
    describe: further entries of the origin, computed from the content.
    write: writes the content to files.
    standin: what replaces it.
    """

    name: str
    data: str
    folders: tuple[str, ...]
    files: tuple[str, ...]
    unfit: Mapping[str, str]
    needed: str
    holds: Callable[[Path], bool]
    load: Callable[[Path], T]
    addresses: dict[str, dict[str, str]]
    describe: Callable[[T], Origin]
    write: Callable[[T, list[Path]], None]
    standin: StandIn[T]


class Fetched(NamedTuple, Generic[T]):
    """The content of a data set and its origin."""

    content: T
    origin: Origin


def local_folders(configured: Iterable[str], base: str = ".") -> list[str]:
    """Where to look before downloading: the configured folders, $NNJAX_DATA, data, ../shared/data.

    Args:
        configured: folders from the configuration, first choice first.
        base: what relative folders are relative to.

    Returns:
        Folders without duplicates, relative ones below `base`; `~` and `$NAME` are expanded on use.

    Example:
        >>> local_folders(["mine"], "..")[::2]
        ['../mine', '../../shared/data']
    """
    variable = [f"${VARIABLE}"] if os.environ.get(VARIABLE) else []
    folders = dict.fromkeys([*configured, *variable, "data", "../shared/data"])
    return [
        folder if _expanded(folder).is_absolute() else os.path.normpath(Path(base, folder))
        for folder in folders
    ]


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
    """Get a data set from the first local folder that has it, an address, or its stand-in.

    A folder may contain the files directly or in subfolders of the data set, see `find.places`.
    Broken files are an error; nothing is skipped silently. Downloads are kept in `cache` and reused
    the next time.

    Args:
        dataset: what to get.
        folders: local folders, first choice first; see `local_folders`.
        url: addresses, first choice first, in one of the forms that the data set supports.
        cache: folder for downloads.
        seed: seed of the stand-in.
        allow_standin: whether a stand-in may replace data that cannot be reached.
        timeout: seconds to wait for unresponsive servers, shared by all addresses.
        say: receives one line at a time for the user; default: standard error.

    Returns:
        The content and its origin.

    Raises:
        DataError: for broken local files, an unsupported address, or a cache that cannot be
            written; also if nothing can be reached and no stand-in is allowed.

    Example:
        >>> from nnjax.datasets.sources.text import TEXT
        >>> fetch(TEXT, [], [], "cache", say=lambda line: None).origin["data"]
        'own-text'
    """
    say = say or (lambda line: print(line, file=sys.stderr))
    folders, addresses, cache = list(folders), list(url), Path(cache)
    for folder in folders:
        for place in places(_expanded(folder), dataset.folders):
            if dataset.holds(place):
                # The origin must not depend on the machine, so it omits absolute paths.
                name = "" if Path(folder).is_absolute() else f" {folder}"
                return _official(dataset, dataset.load(place), f"local folder{name}")
    for address in addresses:
        kept = _kept(cache, address)
        if dataset.holds(kept):
            try:
                return _official(dataset, dataset.load(kept), address)
            except DataError as fault:
                raise DataError(f"{fault} Delete {kept} to download it again.") from None

    say(f"{dataset.name} not found in {_listed(folders)}; downloading it.")
    failures: list[str] = []
    end = time.monotonic() + timeout
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        # Share the remaining time, so that one unresponsive server leaves some for the mirrors.
        deadline = time.monotonic() + max(end - time.monotonic(), 0.0) / left
        try:
            return _official(dataset, _download(dataset, address, cache, deadline), address)
        except (WrongContentError, requests.RequestException) as fault:
            failures.append(f"{address}: {_reason(fault)}")

    why = (
        f"{dataset.name} was not found in {_listed(folders)} and could not be downloaded "
        f"({'; '.join(failures) or 'no address is configured'}).{_unused(dataset, folders)}"
    )
    if not allow_standin:
        raise DataError(
            f"{why} Put {dataset.needed} into one of these folders, or allow the stand-in."
        )
    standin = dataset.standin
    say(
        f"WARNING: {why} THE STUDY RUNS ON {standin.warning.format(seed=seed)}; "
        "everything derived from it is labelled accordingly. To use the real data, put "
        f"{dataset.needed} into one of these folders and rerun this step."
    )
    return _fetched(dataset, standin.make(seed), standin.data, standin.source.format(seed=seed))


def write(dataset: Dataset[T], fetched: Fetched[T], *paths: str | Path) -> None:
    """Write content and origin atomically: to temporary files, which are then renamed.

    Args:
        dataset: what was fetched.
        fetched: its content and origin.
        paths: the files that the data set writes, then the origin (JSON).

    Raises:
        DataError: if the files cannot be written.
    """
    targets = [Path(path) for path in paths]
    drafts = [path.with_name(f".{path.name}.{os.getpid()}") for path in targets]
    try:
        for path in targets:
            path.parent.mkdir(parents=True, exist_ok=True)
        dataset.write(fetched.content, drafts[:-1])
        drafts[-1].write_text(json.dumps(fetched.origin, indent=2) + "\n", encoding="utf-8")
        for draft, path in zip(drafts, targets, strict=True):
            draft.replace(path)
    except OSError as fault:
        raise DataError(
            f"{', '.join(map(str, targets))} cannot be written ({fault.strerror or fault}). "
            "Expected writable folders and enough disk space."
        ) from None
    finally:
        for draft in drafts:
            with contextlib.suppress(OSError):
                draft.unlink()


def _official(dataset: Dataset[T], content: T, source: str) -> Fetched[T]:
    return _fetched(dataset, content, dataset.data, source)


def _fetched(dataset: Dataset[T], content: T, data: str, source: str) -> Fetched[T]:
    return Fetched(content, {"data": data, "source": source, **dataset.describe(content)})


def _expanded(folder: str) -> Path:
    return Path(os.path.expandvars(folder)).expanduser()


def _unused(dataset: Dataset[T], folders: list[str]) -> str:
    found = [
        entry
        for folder in folders
        for entry in unused(_expanded(folder), dataset.files, dataset.folders, dataset.unfit)
    ]
    return f" Not used: {'; '.join(found)}." if found else ""


def _listed(folders: list[str]) -> str:
    return ", ".join(folders) or "any folder (none is configured)"


def _kept(cache: Path, address: str) -> Path:
    """The cache folder of one address, named after the address."""
    return cache / re.sub(r"[^\w.-]+", "_", address.split("://")[-1]).strip("_")


def _download(dataset: Dataset[T], address: str, cache: Path, deadline: float) -> T:
    """Download and check, then move the files into the cache under their final name."""
    ending = next((end for end in dataset.addresses if address.endswith(end)), None)
    if ending is None or not re.match("https?://.", address):
        raise DataError(
            f"{address}: cannot download {dataset.name} from this address; expected one that "
            f"begins with http:// or https:// and ends in {' or '.join(dataset.addresses)}."
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
            "Expected a writable folder and enough disk space."
        ) from None


def _attempt(dataset: Dataset[T], files: dict[str, str], folder: Path, deadline: float) -> T:
    for name, address in files.items():
        _get(address, folder / name, deadline)
    try:
        return dataset.load(folder)
    except DataError as fault:
        # The temporary folder no longer exists when the user reads the message.
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
                if out.tell() > LARGEST:
                    raise WrongContentError(f"{path.name} has more than {LARGEST} bytes.")
                if time.monotonic() - started > _LONGEST_DOWNLOAD:
                    raise requests.Timeout


def _retrying(deadline: float) -> tenacity.Retrying:
    """Up to three attempts; unresponsive servers only until the deadline."""

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
    """Whether a retry could succeed: not after a client error such as 404."""
    if isinstance(fault, requests.HTTPError):
        return _status(fault) >= 500 or _status(fault) == 429
    return isinstance(fault, WrongContentError | requests.RequestException)


def _status(fault: requests.HTTPError) -> int:
    return fault.response.status_code if fault.response is not None else 500


def _reason(fault: WrongContentError | requests.RequestException) -> str:
    if isinstance(fault, WrongContentError):
        return str(fault).rstrip(".")
    if isinstance(fault, requests.HTTPError):
        return f"HTTP status {_status(fault)}"
    return next((words for kind, words in _REASONS if isinstance(fault, kind)), str(fault))
