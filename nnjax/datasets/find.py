"""Find the files of a data set in a folder, also under the names that others give them.

Browsers, archives and other libraries rename files and folders: `isolet (1).zip`, `ISOLET.zip`,
`train-images.idx3-ubyte`, `MNIST/raw/`. Names are compared without what such programs change. To
take a wrong file that way is an error, not a result, because the readers check the content.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from nnjax.datasets.errors import DataError

PACKINGS = ("", ".gz", ".Z", ".bz2", ".xz", ".zip")
_ADDED = (*(packing.lower() for packing in PACKINGS[1:]), ".txt")

_COPY = re.compile(r"[ _-]*\(\d+\)|[ _-]+copy\b|\.\d+$")  # `a (1).zip`, `a - copy.zip`, `a.zip.1`
_DEPTH, _ENTRIES, _SHOWN = 4, 5000, 6


def find(folder: Path, names: Sequence[str]) -> Path | None:
    """The file in a folder that has one of the names, plain or packed, or a name like it.

    Args:
        folder: may be missing. A folder in it that has the name of the file may contain the file.
        names: the names, first choice first.

    Returns:
        The path of the best match, see `first`, or None.

    Raises:
        DataError: if the folder exists but cannot be read.

    Example:
        >>> find(Path("nowhere"), ["isolet.zip"]) is None
        True
    """
    present = names_in(folder)
    best = first(present, names)
    while (name := first(present, names)) is not None:
        if not _is_folder(folder / name):
            return folder / name
        if inside := find(folder / name, names):
            return inside
        present.remove(name)
    return None if best is None else folder / best


def first(present: Iterable[str], names: Sequence[str]) -> str | None:
    """The one of the file names that are present that matches a wanted one best.

    Two names match if they agree without case, punctuation, and the endings of packings and of
    copies. Equal names come before similar ones; among equal ones the order is that of `names`,
    then that of `PACKINGS`. Hidden files, such as the `._` files of macOS, never match.

    Args:
        present: base names.
        names: the names wanted, first choice first.

    Returns:
        The best match, or None.

    Example:
        >>> first(["notes.txt", "ISOLET (1).zip"], ["isolet.zip"])
        'ISOLET (1).zip'
    """
    equal = [name + packing for name in names for packing in PACKINGS]
    keys = [_key(name) for name in names]

    def ranks(name: str) -> Iterator[tuple[int, int, str]]:
        if name in equal:
            yield equal.index(name), 0, name
        for i, key in enumerate(keys):
            if key in _forms(name):
                yield len(equal) + i, len(name), name

    found = [rank for name in present if _visible(name) for rank in ranks(name)]
    return min(found)[-1] if found else None


def places(base: Path, folders: Sequence[str]) -> list[Path]:
    """A folder, and those below it whose names, and those of the folders between, are listed.

    Args:
        base: where to begin; may be missing.
        folders: the names, compared as those of files.

    Returns:
        The base, then the others, the nearest first.

    Raises:
        DataError: if a folder cannot be read.

    Example:
        >>> places(Path("nowhere"), ["mnist", "raw"])
        [PosixPath('nowhere')]
    """
    keys = {_key(name) for name in folders}
    found = level = [base]
    for _ in range(_DEPTH - 1):
        level = [
            place / name
            for place in level
            for name in sorted(names_in(place), key=lambda name: (name not in folders, name))
            if _key(name) in keys and _is_folder(place / name)
        ]
        found = found + level
    return found


def unused(
    base: Path, names: Sequence[str], folders: Sequence[str], unfit: Mapping[str, str]
) -> list[str]:
    """What there is below a folder that does not have the data, and why it is not used.

    Args:
        base: the folder.
        names: the names of the files wanted.
        folders: those of the folders in which they are looked for, see `places`.
        unfit: reasons by the pattern of a file name.

    Returns:
        One entry a file, its path and the reason in brackets; or one that says what the folder is.

    Raises:
        DataError: if a folder cannot be read.

    Example:
        >>> unused(Path("nowhere"), ["isolet.zip"], ["isolet"], {})
        ['nowhere (no such folder)']
    """
    if not _is_folder(base):
        return [f"{base} ({'not a folder' if base.exists() else 'no such folder'})"]
    searched = places(base, folders)
    related, others = [], []
    for path in _files(base):
        reasons = [why for name, why in unfit.items() if re.search(name, path.name, re.IGNORECASE)]
        if reasons:
            related.append(f"{path} ({reasons[0]})")
        elif first([path.name], names):
            related.append(f"{path} (not in a folder that is searched)")
        elif path.parent in searched:
            others.append(f"{path} (not the name of a file of the data)")
    found = related + others or [f"{base} (has no such file)"]
    more = len(found) - _SHOWN
    return found[:_SHOWN] + ([f"{more} more in {base}"] if more > 0 else [])


def names_in(folder: Path) -> set[str]:
    """List the names in a folder; empty for a missing folder.

    Raises:
        DataError: if the folder exists but cannot be read.
    """
    try:
        return {path.name for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as fault:
        raise DataError(
            f"{folder} cannot be read ({fault.strerror}). Expected a readable folder."
        ) from None


def _forms(name: str) -> set[str]:
    """The keys of a name with and without the endings that programs add."""
    name = _COPY.sub("", unquote(name).lower())
    forms = {_key(name)}
    while ending := next((e for e in _ADDED if name.endswith(e)), None):
        name = name.removesuffix(ending)
        forms.add(_key(name))
    return forms


def _key(name: str) -> str:
    return re.sub(r"[\W_]", "", _COPY.sub("", unquote(name).lower()))


def _files(base: Path) -> Iterator[Path]:
    """The visible files below a folder, the nearest first; not all of a very large tree."""
    level, seen = [base], 0
    for _ in range(_DEPTH):
        below: list[Path] = []
        for folder in level:
            try:
                names = sorted(filter(_visible, names_in(folder)))
            except DataError:  # a folder where no data are expected
                continue
            for path in (folder / name for name in names):
                seen += 1
                if seen > _ENTRIES:
                    return
                if _is_folder(path):
                    below.append(path)
                else:
                    yield path
        level = below


def _visible(name: str) -> bool:
    """Whether a name is not hidden and can be printed in a message of one line."""
    return not name.startswith(".") and name.isprintable()


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
